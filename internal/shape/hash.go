package shape

import (
	"encoding/binary"
	"hash/maphash"
)

// A hasher hashes dependencies with one seed. What it hashes is an injective
// encoding: every part carries its kind and length.
type hasher struct{ seed maphash.Seed }

// The kinds of dependencies. The first byte of what is hashed.
const (
	depTable  = 't'
	depCoarse = 'c'
	depSet    = 's'

	depParents = 'p'
)

func (h hasher) table(t *Table) uint64  { return h.named(depTable, t.Name) }
func (h hasher) coarse(t *Table) uint64 { return h.named(depCoarse, t.Name) }

func (h hasher) named(kind byte, name string) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	m.WriteByte(kind)
	m.WriteString(name)
	return m.Sum64()
}

// A set is the hash of a shape and values for its columns: the dependency of
// what reads the rows with these values, or where its nodes start.
type set uint64

// begin starts the hash of a shape's sets.
func (h hasher) begin(table string, k shapeKey) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	m.WriteByte(depSet)
	writeUint(&m, uint64(len(table)))
	m.WriteString(table)
	writeUint(&m, uint64(len(k.columns)))
	for _, c := range k.columns {
		writeUint(&m, uint64(c))
	}
	writeUint(&m, uint64(k.watched))
	writeUint(&m, uint64(k.order))
	m.WriteByte(k.direction())
	return m.Sum64()
}

// add adds the value of a column to the hash of a set. ok is false where it is
// not certain which values equal this one.
func (h hasher) add(set uint64, v Value, c *Column) (_ uint64, ok bool) {
	v = v.canonical()
	var m maphash.Hash
	m.SetSeed(h.seed)
	writeUint(&m, set)
	m.WriteByte(byte(v.kind))
	switch v.kind {
	case KindUnknown:
		return 0, false
	case KindInt, KindFloat:
		writeUint(&m, v.num)
	case KindText:
		if v.text, ok = c.fold(v.text); !ok {
			return 0, false
		}
		m.WriteString(v.text)
	case KindBlob:
		m.WriteString(v.text)
	}
	return m.Sum64(), true
}

func writeUint(m *maphash.Hash, n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	m.Write(b[:])
}
