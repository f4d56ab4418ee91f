package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// frame returns a message.
func frame(kind byte, body []byte) []byte {
	b := []byte{kind, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[1:], uint32(len(body)+4))
	return append(b, body...)
}

// cut returns what a framing says of pieces.
func cut(f *framing, pieces ...[]byte) (said []string, ok bool) {
	for _, p := range pieces {
		if !f.read(p, func(kind byte, body []byte, whole bool) {
			said = append(said, fmt.Sprintf("%c %q %t", max(kind, '-'), body, whole))
		}) {
			return said, false
		}
	}
	return said, true
}

// TestFraming: however a stream is cut into pieces, its messages are the same.
func TestFraming(t *testing.T) {
	t.Parallel()
	kept := func(kind byte) int {
		return map[byte]int{'Q': 100, 'D': 3}[kind]
	}
	stream := slices.Concat(frame(0, []byte("start"))[1:], frame('Q', []byte("SELECT 1\x00")), frame('S', nil), frame('D', []byte("abcdef")),
		frame('d', bytes.Repeat([]byte("x"), 5000)), frame('Q', nil), frame('Z', []byte("I")))
	want := []string{`- "" false`, `Q "SELECT 1\x00" true`, `S "" true`, `D "abc" false`, `d "" false`, `Q "" true`, `Z "" false`}
	check := func(what string, pieces ...[]byte) {
		t.Helper()
		if got, ok := cut(&framing{untyped: true, most: kept}, pieces...); !ok || !slices.Equal(got, want) {
			t.Fatalf("%s: %q %t, want %q", what, got, ok, want)
		}
	}
	check("whole", stream)
	for i := range stream {
		check(fmt.Sprint("cut at ", i), stream[:i], stream[i:])
	}
	single := make([][]byte, len(stream))
	for i := range stream {
		single[i] = stream[i : i+1]
	}
	check("byte by byte", single...)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 40))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		check(fmt.Sprint("seed ", seed), pieces...)
	}
	for _, length := range []uint32{0, 3, 1<<30 + 1, 1<<32 - 1} {
		b := []byte{'D', 0, 0, 0, 0}
		binary.BigEndian.PutUint32(b[1:], length)
		if _, ok := cut(&framing{most: kept}, b, make([]byte, 10)); ok {
			t.Errorf("a length of %d is one", length)
		}
	}
}

// TestLargeRowIsNotKept: of a row of nearly a gigabyte no more is kept than is wanted.
func TestLargeRowIsNotKept(t *testing.T) {
	t.Parallel()
	f := &framing{most: func(byte) int { return maxBody }}
	head := []byte{'D', 0, 0, 0, 0}
	const length = 1<<30 - 8
	binary.BigEndian.PutUint32(head[1:], length+4)
	ends := 0
	piece := make([]byte, 1<<20)
	for left := length + len(head); left > 0; left -= len(piece) {
		if left == length+len(head) {
			copy(piece, head)
		} else {
			clear(piece[:5])
		}
		if !f.read(piece[:min(len(piece), left)], func(_ byte, body []byte, whole bool) {
			ends++
			if len(body) != maxBody || whole || cap(body) > 2*maxBody {
				t.Errorf("%d bytes, whole %t, in %d", len(body), whole, cap(body))
			}
		}) {
			t.Fatal("it is no message")
		}
	}
	if ends != 1 || cap(f.body) > maxBody {
		t.Errorf("%d messages, and %d bytes are kept afterwards", ends, cap(f.body))
	}
}

func FuzzFraming(f *testing.F) {
	f.Add(slices.Concat(frame('Q', []byte("SELECT 1\x00")), frame('D', []byte("abc"))), 3)
	f.Fuzz(func(t *testing.T, stream []byte, at int) {
		most := func(byte) int { return 64 }
		whole, okWhole := cut(&framing{most: most}, stream)
		at = min(max(at, 0), len(stream))
		parts, okParts := cut(&framing{most: most}, stream[:at], stream[at:])
		if okWhole != okParts || !slices.Equal(whole, parts) {
			t.Errorf("%q %t, cut at %d %q %t", whole, okWhole, at, parts, okParts)
		}
	})
}
