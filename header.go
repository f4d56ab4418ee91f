package unstale

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/unstale/unstale/internal/rfc9111"
)

// outside is what stood in a header before the handler ran, by name as it stood.
type outside map[string]outsideField

type outsideField struct {
	values []string // copied
	first  *string  // the first of them as the handler finds them: who sets a field makes another one
}

// whatStands returns what stands in a header that a handler is about to be given.
func whatStands(h http.Header) outside {
	if len(h) == 0 {
		return nil
	}
	o := make(outside, len(h))
	for name, values := range h {
		f := outsideField{values: slices.Clone(values)}
		if len(values) > 0 {
			f.first = &values[0]
		}
		o[name] = f
	}
	return o
}

// header returns a copy of what stands there.
func (o outside) header() http.Header {
	h := make(http.Header, len(o))
	for name, f := range o {
		h[name] = slices.Clone(f.values)
	}
	return h
}

// untouched reports whether the handler has left the field alone.
func (f outsideField) untouched(values []string) bool {
	if len(values) == 0 || len(f.values) == 0 {
		return len(values) == len(f.values)
	}
	return &values[0] == f.first && slices.Equal(values, f.values)
}

// difference returns what a handler made of a header in which o stood, and the
// fields that it touched as they are now, under canonical names: an "ETag" written
// past http.Header's methods is the entity tag that it means to be. Both are
// copies.
func (o outside) difference(h http.Header) (lines storedHeader, touched http.Header) {
	touched = make(http.Header)
	var added map[string]int // how many of the values stood there before
	if len(o) > 0 {
		added = make(map[string]int)
	}
	var room [16]string
	names, size := room[:0], 0
	for name, values := range h {
		names, size = append(names, name), size+len(values)
	}
	slices.Sort(names)
	copied := make([]string, 0, size) // in which the values of most fields lie
	for _, name := range names {
		values := h[name]
		before, stood := o[name]
		if stood && before.untouched(values) {
			continue
		}
		canonical := http.CanonicalHeaderKey(name)
		if n := len(before.values); n > 0 && len(values) > n && slices.Equal(values[:n], before.values) {
			added[canonical] = n
		}
		if beside, ok := o[canonical]; ok && name != canonical && touched[canonical] == nil && beside.untouched(h[canonical]) {
			touched[canonical] = slices.Clone(beside.values) // net/http sends both spellings
			added[canonical] = len(beside.values)
		}
		if there := touched[canonical]; len(there) > 0 || len(values) == 0 {
			touched[canonical] = append(there, values...)
			continue
		}
		start := len(copied)
		copied = append(copied, values...)
		touched[canonical] = slices.Clip(copied[start:])
	}
	lines = make(storedHeader, 0, size)
	for name, values := range touched {
		lines = appendField(lines, name, values, added[name])
	}
	for name, before := range o {
		if values, left := h[name]; left && name != http.CanonicalHeaderKey(name) && !before.untouched(values) {
			lines = append(lines, headerLine{name: name, does: lineDeletes}) // it is set under its canonical name
		}
	}
	for name := range o {
		_, left := h[name]
		_, replaced := touched[http.CanonicalHeaderKey(name)] // by another spelling
		if !left && !replaced {
			lines = append(lines, headerLine{name: name, does: lineDeletes})
		}
	}
	slices.SortStableFunc(lines, func(a, b headerLine) int { return strings.Compare(a.name, b.name) })
	return lines, touched
}

// appendField appends the lines of a field, of whose values the first ones stood
// there before.
func appendField(lines storedHeader, name string, values []string, before int) storedHeader {
	if len(values) == 0 {
		return append(lines, headerLine{name: name, does: lineEmpties})
	}
	for i, v := range values[before:] {
		does := lineAdds
		if before == 0 && i == 0 {
			does = lineSets
		}
		lines = append(lines, headerLine{name: name, value: v, does: does})
	}
	return lines
}

// replayed returns what of the header is replayed on a hit, where the handler
// made these fields. Its values share no memory with theirs.
func (s storedHeader) replayed(touched http.Header) storedHeader {
	kept := rfc9111.StoredHeader(touched)
	size := 0
	out := make(storedHeader, 0, len(s))
	for _, line := range s {
		_, ok := kept[line.name]
		switch {
		case line.does == lineDeletes:
			ok = true
		case line.does == lineEmpties && !ok: // not replayed, but neither is what stood there
			line.does, ok = lineDeletes, true
		}
		if ok {
			out = append(out, line)
			size += len(line.value)
		}
	}
	var text strings.Builder
	text.Grow(size)
	for i := range out {
		at := text.Len()
		text.WriteString(out[i].value)
		out[i].value = text.String()[at:]
	}
	return slices.Clip(out)
}

// get returns the first value of a field that the handler set, or "".
func (s storedHeader) get(name string) string {
	for i := range s {
		if s[i].name == name {
			return s[i].value
		}
	}
	return ""
}

// applyTo makes of dst what the handler made of the header that it found. dst
// gets copies, because handlers outside may edit what they find there. The list
// returned is empty and has room for so many values of the caller's own: it lies
// behind those of the header, because allocations count on a hit.
func (s storedHeader) applyTo(dst http.Header, more int) []string {
	room := make([]string, 0, len(s)+more)
	for i := 0; i < len(s); {
		name, does, start := s[i].name, s[i].does, len(room)
		switch does {
		case lineEmpties:
			dst[name] = nil
			i++
			continue
		case lineDeletes:
			delete(dst, name)
			i++
			continue
		}
		for first := i; i < len(s) && s[i].name == name && (i == first || s[i].does == lineAdds); i++ {
			room = append(room, s[i].value)
		}
		values := room[start:len(room):len(room)]
		if does == lineAdds {
			if old := dst[name]; len(old) > 0 {
				values = append(old[:len(old):len(old)], values...)
			}
		}
		dst[name] = values
	}
	return room[len(room):]
}

// repeated returns the fields outside of which an answer repeats a value, as they
// stand there: reads of a header cannot be seen, and who repeats a value has read
// it. Short ones say nothing, since they occur everywhere, but for a field that is
// made of its own value.
func (o outside) repeated(touched http.Header, body []byte) (list storedHeader) {
	for name, field := range o {
		if field.repeatedIn(name, touched, body) {
			list = appendField(list, name, field.values, 0)
		}
	}
	return list
}

// minRepeated is the length in bytes from which a value is looked for.
const minRepeated = 8

func (f outsideField) repeatedIn(name string, touched http.Header, body []byte) bool {
	own, ok := touched[http.CanonicalHeaderKey(name)]
	if ok && slices.Equal(own, f.values) {
		own = nil // set to what stood there
	} else if n := len(f.values); ok && len(own) > n && slices.Equal(own[:n], f.values) {
		own = own[n:] // added to
	}
	for _, value := range f.values {
		contains := func(s string) bool { return value != "" && strings.Contains(s, value) }
		if slices.ContainsFunc(own, contains) {
			return true
		}
		if len(value) < minRepeated {
			continue
		}
		if bytes.Contains(body, []byte(value)) {
			return true
		}
		for other, values := range touched {
			if http.CanonicalHeaderKey(name) != other && slices.ContainsFunc(values, contains) {
				return true
			}
		}
	}
	return false
}

// standsIn reports whether each field of the list stands in a header, as a whole.
func (s storedHeader) standsIn(h http.Header) bool {
	for i := 0; i < len(s); {
		first := i
		for i++; i < len(s) && s[i].name == s[first].name; i++ {
		}
		values := h[s[first].name]
		if len(values) != i-first {
			return false
		}
		for j, v := range values {
			if s[first+j].value != v {
				return false
			}
		}
	}
	return true
}
