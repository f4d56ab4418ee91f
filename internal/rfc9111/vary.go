package rfc9111

import (
	"slices"
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
