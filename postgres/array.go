package postgres

import (
	"encoding/binary"
	"strings"
)

// Elements implements shape.List, of an array of any dimensions: the elements, as
// parameters of their type.
func (p *parameter) Elements() (list []any, ok bool) {
	typ := elements[p.typ]
	switch {
	case typ == 0:
		return nil, false
	case p.bytes == nil:
		return nil, true // nothing equals an element of NULL
	case p.binary:
		return p.binaryElements(typ)
	}
	return p.textElements(typ)
}

// maxDimensions is what arrays of the server have at most.
const maxDimensions = 6

func (p *parameter) binaryElements(typ uint32) (list []any, ok bool) {
	m := message{rest: p.bytes, ok: true}
	dimensions := m.int32()
	m.int32() // whether there are NULLs
	if of := m.int32(); uint32(of) != typ || dimensions < 0 || dimensions > maxDimensions {
		return nil, false
	}
	for range dimensions {
		m.take(8)
	}
	for m.ok && len(m.rest) > 0 {
		e := &parameter{typ: typ, binary: true}
		if len(m.rest) < 4 {
			return nil, false
		}
		if n := int32(binary.BigEndian.Uint32(m.take(4))); n >= 0 {
			e.bytes = m.take(int(n))
		}
		list = append(list, e)
	}
	return list, m.ok
}

// textElements reads an array of one dimension as it is written: {1,NULL,"a b"}.
func (p *parameter) textElements(typ uint32) (list []any, ok bool) {
	s := string(p.bytes)
	if !strings.HasPrefix(s, "{") || !strings.HasSuffix(s, "}") {
		return nil, false
	}
	s = s[1 : len(s)-1]
	if strings.TrimSpace(s) == "" {
		return nil, true
	}
	for {
		var b strings.Builder
		i := 0
		if quoted := strings.HasPrefix(s, `"`); quoted {
			for i = 1; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
				if i < len(s) {
					b.WriteByte(s[i])
				}
			}
			i++
			if i > len(s) || i < len(s) && s[i] != ',' {
				return nil, false
			}
			list = append(list, &parameter{typ: typ, bytes: []byte(b.String())})
		} else {
			for i < len(s) && s[i] != ',' {
				i++
			}
			word := s[:i]
			switch {
			case word == "" || strings.ContainsAny(word, "{}\"\\ \t\r\n"):
				return nil, false // of more dimensions, or with spaces that may not count
			case strings.EqualFold(word, "null"):
				list = append(list, &parameter{typ: typ})
			default:
				list = append(list, &parameter{typ: typ, bytes: []byte(word)})
			}
		}
		if i == len(s) {
			return list, true
		}
		s = s[i+1:]
	}
}
