package postgres

import (
	"encoding/binary"
	"strings"
)

// A framing cuts one direction of a connection into messages, of which it keeps no
// more than their beginnings: a type, a length and so many bytes
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
type framing struct {
	untyped bool // the next message has no type: it is the first of a client
	most    func(kind byte) int

	head   [5]byte
	have   int // of head
	kind   byte
	length int    // of the body
	left   int    // bytes of the body that are still to come
	body   []byte // its beginning
	keep   int    // how much of it is wanted
}

// maxBody bounds what is kept of a message.
const maxBody = 1 << 20

// read calls message for each message that ends in b. whole is false where body is only
// its beginning.
func (f *framing) read(b []byte, message func(kind byte, body []byte, whole bool)) (ok bool) {
	for len(b) > 0 || f.have == f.headLen() && f.left == 0 {
		if n := f.headLen(); f.have < n {
			copied := copy(f.head[f.have:n], b)
			f.have, b = f.have+copied, b[copied:]
			if f.have < n {
				return true
			}
			length := int(binary.BigEndian.Uint32(f.head[n-4 : n]))
			if length < 4 || length > 1<<30 {
				return false
			}
			if f.kind = f.head[0]; f.untyped {
				f.kind = 0
			}
			f.length, f.left, f.keep, f.body = length-4, length-4, min(length-4, f.most(f.kind)), f.body[:0]
			continue
		}
		n := min(f.left, len(b))
		if want := min(n, f.keep-len(f.body)); want > 0 {
			f.body = append(f.body, b[:want]...)
		}
		f.left, b = f.left-n, b[n:]
		if f.left > 0 {
			return true
		}
		message(f.kind, f.body, len(f.body) == f.length)
		f.have, f.untyped = 0, false
		if cap(f.body) > maxBody/8 {
			f.body = nil
		}
	}
	return true
}

func (f *framing) headLen() int {
	if f.untyped {
		return 4
	}
	return 5
}

// A message is read from its beginning. Where it ends too early ok is false.
type message struct {
	rest []byte
	ok   bool
}

func (m *message) text() string {
	i := strings.IndexByte(string(m.rest), 0)
	if i < 0 {
		m.ok = false
		return ""
	}
	s := string(m.rest[:i])
	m.rest = m.rest[i+1:]
	return s
}

func (m *message) take(n int) []byte {
	if n < 0 || n > len(m.rest) {
		m.ok = false
		return nil
	}
	b := m.rest[:n:n]
	m.rest = m.rest[n:]
	return b
}

func (m *message) byte() byte {
	if b := m.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (m *message) int16() int {
	if b := m.take(2); b != nil {
		return int(int16(binary.BigEndian.Uint16(b)))
	}
	return 0
}

func (m *message) int32() int {
	if b := m.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

// parse reads a Parse message.
func (m *message) parse() (name, sql string, types []uint32) {
	name, sql = m.text(), m.text()
	for range m.int16() {
		types = append(types, uint32(m.int32()))
	}
	return name, sql, types
}

// bind reads a Bind message. Parameters are copies. results are the formats of the
// columns: none for text, one for all.
func (m *message) bind() (portal, statement string, parameters []*parameter, results []int) {
	portal, statement = m.text(), m.text()
	var formats []int
	for range m.int16() {
		formats = append(formats, m.int16())
	}
	for i := range m.int16() {
		p := new(parameter)
		switch {
		case len(formats) == 1:
			p.binary = formats[0] == 1
		case i < len(formats):
			p.binary = formats[i] == 1
		}
		if n := m.int32(); n >= 0 {
			p.bytes = append([]byte{}, m.take(n)...)
		}
		if !m.ok {
			return portal, statement, nil, nil
		}
		parameters = append(parameters, p)
	}
	for range m.int16() {
		results = append(results, m.int16())
	}
	return portal, statement, parameters, results
}

// row reads a DataRow message, or the beginning of one: the values of columns, nil for
// NULL. Those of which not all is there are missing.
func (m *message) row(values [][]byte) [][]byte {
	values = values[:0]
	for range m.int16() {
		n := m.int32()
		if n < 0 && m.ok {
			values = append(values, nil)
			continue
		}
		b := m.take(n)
		if !m.ok {
			break
		}
		values = append(values, b)
	}
	return values
}
