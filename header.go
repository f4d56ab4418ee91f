package unstale

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A storedHeader is a header as entries keep it: one line after the other, those
// of one field in their order, sorted by name. Lines and values lie side by side
// in memory, so that a hit on an entry that was not asked for lately waits for
// few places of it, and a list is walked faster than a map.
type storedHeader []headerLine

type headerLine struct {
	name, value string
	absent      bool // the field is there without a value, for net/http not to add it
}

// newStoredHeader returns a copy of h that shares no memory with its values.
func newStoredHeader(h http.Header) storedHeader {
	count, size := 0, 0
	for _, values := range h {
		count += max(1, len(values))
		for _, v := range values {
			size += len(v)
		}
	}
	var text strings.Builder
	text.Grow(size)
	s := make(storedHeader, 0, count)
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if len(h[name]) == 0 {
			s = append(s, headerLine{name: name, absent: true})
		}
		for _, v := range h[name] {
			at := text.Len()
			text.WriteString(v)
			s = append(s, headerLine{name: name, value: text.String()[at:]})
		}
	}
	return s
}

// get returns the first value of a field, or "".
func (s storedHeader) get(name string) string {
	for i := range s {
		if s[i].name == name {
			return s[i].value
		}
	}
	return ""
}

// addTo adds the fields to those that handlers outside have set for this
// request. Fields that are lists are added to, others replaced. dst gets copies,
// because handlers outside may edit what they find there. The list returned is
// empty and has room for so many values of the caller's own: it lies behind
// those of the header, because allocations count on a hit.
func (s storedHeader) addTo(dst http.Header, more int) []string {
	room, alone := make([]string, 0, len(s)+more), len(dst) == 0
	for i := 0; i < len(s); {
		name, start := s[i].name, len(room)
		var values []string
		if s[i].absent {
			i++
		} else {
			for ; i < len(s) && s[i].name == name; i++ {
				room = append(room, s[i].value)
			}
			values = room[start:len(room):len(room)]
		}
		if !alone {
			if old := dst[name]; len(old) > 0 && listField(name) {
				dst[name] = append(old[:len(old):len(old)], values...)
				continue
			}
		}
		dst[name] = values
	}
	return room[len(room):]
}

// mergeHeader is addTo for a header that is not stored.
func mergeHeader(dst, src http.Header) { newStoredHeader(src).addTo(dst, 0) }

func listField(name string) bool {
	switch name {
	case "Vary", "Link", "Set-Cookie", "Cache-Status", "Server-Timing", "Warning", "Via":
		return true
	}
	return false
}
