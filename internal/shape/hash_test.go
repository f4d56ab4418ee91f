package shape

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// siphash is SipHash-c-d as its authors describe it.
func siphash(c, d int, key, message []byte) uint64 {
	k0, k1 := binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	rounds := func(n int) {
		for range n {
			v[0] += v[1]
			v[1] = bits.RotateLeft64(v[1], 13)
			v[1] ^= v[0]
			v[0] = bits.RotateLeft64(v[0], 32)
			v[2] += v[3]
			v[3] = bits.RotateLeft64(v[3], 16)
			v[3] ^= v[2]
			v[0] += v[3]
			v[3] = bits.RotateLeft64(v[3], 21)
			v[3] ^= v[0]
			v[2] += v[1]
			v[1] = bits.RotateLeft64(v[1], 17)
			v[1] ^= v[2]
			v[2] = bits.RotateLeft64(v[2], 32)
		}
	}
	padded := append(slices.Clone(message), make([]byte, 7-len(message)%8)...)
	for m := range slices.Chunk(append(padded, byte(len(message))), 8) {
		word := binary.LittleEndian.Uint64(m)
		v[3] ^= word
		rounds(c)
		v[0] ^= word
	}
	v[2] ^= 0xff
	rounds(d)
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

// testKey is the key of the vectors in the paper on SipHash.
var testKey = func() (key [16]byte) {
	for i := range key {
		key[i] = byte(i)
	}
	return key
}()

func TestSumIsSipHash(t *testing.T) {
	t.Parallel()
	if got := siphash(2, 4, testKey[:], []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}); got != 0xa129ca6149be45e5 {
		t.Fatalf("%#x is not the vector of the paper", got)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 600 {
		a, b, c, text := r.Uint64(), r.Uint64(), r.Uint64(), make([]byte, n)
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		var message []byte
		for _, w := range []uint64{a, b, c} {
			message = binary.LittleEndian.AppendUint64(message, w)
		}
		message = append(message, text...)
		if got, want := hasherOf(testKey).sum(a, b, c, string(text)), siphash(1, 3, testKey[:], message); got != want {
			t.Fatalf("%d bytes of text: %#x, want %#x", n, got, want)
		}
	}
}

// Hashes mean the same to other processes and builds, so they must not change.
func TestHashesStay(t *testing.T) {
	t.Parallel()
	table := people()
	h := hasherOf(testKey)
	sets := func(k shapeKey, image ...Value) uint64 {
		sh := newShape(h, table.Name, k)
		s, ok := sh.of(h, table, image)
		if !ok {
			t.Fatal("no set")
		}
		return sh.watching(uint64(s))
	}
	one := shapeKey{columns: []int{0}, watched: columnsOf(1, 2), order: noOrder}
	two := shapeKey{columns: []int{0, 1}, watched: columnsOf(2), order: 2, descending: true}
	end, _ := (&Column{Type: numbers{}}).place(nil, Int(100))
	for _, test := range []struct {
		name string
		got  []uint64
		want string
	}{
		{"table, coarse, parents", []uint64{h.table(table), h.coarse(table), h.parents()}, "[9ff4906788b15e81 7c09453810b33073 223747d2d7e1e0bf]"},
		{"one column", []uint64{sets(one, Int(1)), sets(one, Float(1)), sets(one, Int(-1)), sets(one, Float(1.5)), sets(one, Null())}, "[ad594aa629558068 ad594aa629558068 ff840b6fc30824a3 3a318dce953252df 8d5258219f37d62a]"},
		{"two columns", []uint64{sets(two, Int(1), Text(""), Null()), sets(two, Int(1), Text("a longer text"), Null()), sets(two, Int(1), Blob("x"), Null())}, "[c1e0e2b6d3624ad e8c8d4eb7e2fe855 c5baca658f391c4b]"},
		{"an order", appendRangeNodes(nil, set(h.table(table)), end), "[e19100c56d6140c1 f79cae1748b6166a 3bbfdeaab1554f82 283d3c335aeceda7 7f045d31ac138eed b3dedb245e795791 fce0492b1ca8aebf b4681ed5d089ae88 2ec8cb8579a639d5]"},
	} {
		if got := fmt.Sprintf("%x", test.got); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}

// Each bit of what is hashed, and of the key, changes half of the hash.
func TestHashesAvalanche(t *testing.T) {
	t.Parallel()
	const inputs, trials = 4*64 + 128, 4000
	r := rand.New(rand.NewPCG(2, 2))
	var flips [inputs][64]int
	for range trials {
		words := [6]uint64{}
		for i := range words {
			words[i] = r.Uint64() >> r.IntN(64) // small numbers, too
		}
		sum := func(w [6]uint64) uint64 {
			return hasher{w[4], w[5]}.sum(w[0], w[1], w[2], string(binary.LittleEndian.AppendUint64(nil, w[3])))
		}
		before := sum(words)
		for i := range inputs {
			w := words
			w[i/64] ^= 1 << (i % 64)
			for d := before ^ sum(w); d != 0; d &= d - 1 {
				flips[i][bits.TrailingZeros64(d)]++
			}
		}
	}
	for i := range inputs {
		for o, n := range flips[i] {
			if n < trials*44/100 || n > trials*56/100 { // more than 7 standard deviations
				t.Errorf("bit %d of the input changes bit %d of the hash in %d of %d cases", i, o, n, trials)
			}
		}
	}
}

func BenchmarkSum(b *testing.B) {
	h, seed := hasherOf(testKey), maphash.MakeSeed()
	for _, text := range []string{"", "ann@example.org", "2026-11-23T18:39:11.123Z, and a line of text that is longer"} {
		b.Run(fmt.Sprintf("siphash/%d", len(text)), func(b *testing.B) {
			s := uint64(1)
			for b.Loop() {
				s = h.sum(s, 2, 3, text)
			}
		})
		b.Run(fmt.Sprintf("maphash/%d", len(text)), func(b *testing.B) {
			s := uint64(1)
			for b.Loop() {
				var m maphash.Hash
				m.SetSeed(seed)
				var w [8]byte
				binary.LittleEndian.PutUint64(w[:], s)
				m.Write(w[:])
				m.WriteByte(2)
				if text == "" {
					m.Write(w[:])
				}
				m.WriteString(text)
				s = m.Sum64()
			}
		})
	}
}
