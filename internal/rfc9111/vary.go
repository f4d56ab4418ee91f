package rfc9111

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// ParseVary returns the field names that all lines of a Vary field list:
// lower-case, sorted, each once. star says that no other request will match,
// because of a "*" or because something in it is no field name; fields is nil
// then.
func ParseVary(values []string) (fields []string, star bool) {
	for member := range members(values) {
		if member == "*" || !isToken(member) {
			return nil, true
		}
		fields = append(fields, strings.ToLower(member))
	}
	slices.Sort(fields)
	return slices.Compact(fields), false
}

// VaryKey encodes what a request header h has in the given fields, which come
// from ParseVary. Two requests have the same key exactly if they have the same
// lines in each of them; an absent field differs from an empty one.
//
// RFC 9111 §4.1 would also let field lines match that differ in whitespace or in
// how they are split. A handler that takes the first line of two would answer
// such requests differently, so here they differ.
//
// net/http keeps Host outside the header; a cache's key contains it anyway.
func VaryKey(fields []string, h http.Header) string {
	if len(fields) == 0 {
		return ""
	}
	var b []byte
	for _, f := range fields {
		lines := h[http.CanonicalHeaderKey(f)]
		b = append(b, f...)
		b = append(b, '=')
		b = strconv.AppendInt(b, int64(len(lines)), 10)
		b = append(b, ';')
		for _, line := range lines {
			b = strconv.AppendInt(b, int64(len(line)), 10)
			b = append(b, ':')
			b = append(b, line...)
		}
	}
	return string(b)
}
