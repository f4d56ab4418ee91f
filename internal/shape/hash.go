package shape

import (
	"encoding/binary"
	"math/bits"
)

// A hasher hashes dependencies with a key. The same key gives the same hashes in
// every process and every build.
//
// Hashes are SipHash-1-3: values whose hashes are equal more often than by chance
// are found by nobody who does not know the key, or sees hashes. Where two are
// equal, a change of one invalidates what depends on the other, too.
type hasher struct{ k0, k1 uint64 }

func hasherOf(key [16]byte) hasher {
	return hasher{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// The kinds of dependencies. The first word of what is hashed, but of a set's
// value, which is that of the set so far.
const (
	depTable  = 't'
	depCoarse = 'c'
	depSet    = 's'

	depParents = 'p'
	depUntil   = 'u'
	depWatched = 'w'
)

func (h hasher) table(t *Table) uint64     { return h.sum(depTable, 0, 0, t.Name) }
func (h hasher) coarse(t *Table) uint64    { return h.sum(depCoarse, 0, 0, t.Name) }
func (h hasher) until(moment int64) uint64 { return h.sum(depUntil, uint64(moment), 0, "") }
func (h hasher) parents() uint64           { return h.sum(depParents, 0, 0, "") }

// A set is the hash of a family of shapes and values for its columns: the rows
// with these values, or where the nodes of their order start.
type set uint64

// watch returns the hash of what a shape watches, which makes a dependency of a set.
func (h hasher) watch(watched ColumnSet) uint64 { return h.sum(depWatched, uint64(watched), 0, "") }

// begin starts the hash of a family's sets.
func (h hasher) begin(table string, k shapeKey) set {
	s := h.sum(depSet, uint64(len(k.columns)), 0, table)
	for _, c := range k.columns {
		s = h.sum(s, uint64(c), 0, "")
	}
	return set(h.sum(s, uint64(k.order), k.direction(), ""))
}

// add adds the value of a column to the hash of a set. ok is false where it is
// not certain which values equal this one.
func (h hasher) add(s set, v Value, t Type) (_ set, ok bool) {
	if t == nil {
		return 0, false
	}
	if v, ok = t.Key(v); !ok || v.kind == KindUnknown {
		return 0, false
	}
	return set(h.sum(uint64(s), uint64(v.kind), v.num, v.text)), true
}

// sum returns the hash of three words and a text, in this order, the words in
// little endian.
func (h hasher) sum(a, b, c uint64, s string) uint64 {
	v0, v1, v2, v3 := h.k0^0x736f6d6570736575, h.k1^0x646f72616e646f6d, h.k0^0x6c7967656e657261, h.k1^0x7465646279746573
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^a)
	v0, v1, v2, v3 = sipRound(v0^a, v1, v2, v3^b)
	v0, v1, v2, v3 = sipRound(v0^b, v1, v2, v3^c)
	v0 ^= c
	last := uint64(24+len(s)) << 56
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^w)
		v0 ^= w
	}
	for i := range len(s) {
		last |= uint64(s[i]) << (8 * i)
	}
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^last)
	v0, v1, v2, v3 = sipRound(v0^last, v1, v2^0xff, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (_, _, _, _ uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32) + v3
	v2 += v1
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	return v0, v1, bits.RotateLeft64(v2, 32), v3
}
