package sqldep

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
)

// What stands in a set's dependencies for its membership, and for membership
// and all columns together.
const (
	memberColumn = ^uint64(0)
	touchColumn  = ^uint64(0) - 1
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

// A set is the hash of a shape and values for its columns, from which those of
// the set's dependencies follow.
type set uint64

// begin starts a set's hash; the values must follow in the order of columns.
func (h hasher) begin(m *maphash.Hash, table string, columns []int) {
	m.SetSeed(h.seed)
	m.WriteByte(depSet)
	writeUint(m, uint64(len(table)))
	m.WriteString(table)
	writeUint(m, uint64(len(columns)))
	for _, c := range columns {
		writeUint(m, uint64(c))
	}
}

// add adds a value to a set's hash.
func (h hasher) add(m *maphash.Hash, v Value) {
	v = v.canonical()
	m.WriteByte(byte(v.kind))
	switch v.kind {
	case kindInt, kindFloat:
		writeUint(m, v.num)
	case kindText, kindBlob:
		writeUint(m, uint64(len(v.text)))
		m.WriteString(v.text)
	}
}

// whole is the set of all rows of a table.
func (h hasher) whole(table string) set {
	var m maphash.Hash
	h.begin(&m, table, nil)
	return set(m.Sum64())
}

// row is the set of the rows that carry the same values as the image in columns.
func (h hasher) row(table string, columns []int, image []Value) set {
	var m maphash.Hash
	h.begin(&m, table, columns)
	for _, c := range columns {
		h.add(&m, image[c])
	}
	return set(m.Sum64())
}

func (h hasher) member(s set) uint64 { return h.of(s, memberColumn) }

func (h hasher) touch(s set) uint64 { return h.of(s, touchColumn) }

func (h hasher) column(s set, c int) uint64 { return h.of(s, uint64(c)) }

func (h hasher) of(s set, what uint64) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(s))
	binary.LittleEndian.PutUint64(b[8:], what)
	return maphash.Bytes(h.seed, b[:])
}

func writeUint(m *maphash.Hash, n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	m.Write(b[:])
}
