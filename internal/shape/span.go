package shape

import (
	"math"
	"math/bits"
)

// A Code is a value's place in an order, as digits of base four. It is a
// monotone function of the value: values in order have codes in lexicographic
// order, though different values may share one. No code is a proper prefix of
// another one of the same column.
//
// The rows of a set from the start of an order up to a value are described by
// few dependencies, called nodes, whose number does not depend on the rows
// (Bentley and Saxe's decomposition of a range, on the digits of the code). In
// ascending order, for the code d of the value, these are, for every digit d[i]
// above zero, the node of the rows that agree with d before i and have a smaller
// digit there, and the node of the rows with the very same code. A row bumps, for
// every digit e[i] of its own code, the nodes of the digits above it, and the
// node of its code. One node of a row and one of a range coincide if and only if the
// row lies in the range.
//
// In descending order the digits are turned over first.
//
// A range with two ends, such as a page that begins where another one ended, is
// described otherwise: a row bumps the node of every beginning of its code, and a
// range has the nodes of the fewest beginnings that hold its codes and no others,
// at most six for each digit.
//
// Every range has one node more, that of all rows of its set, which a commit bumps
// instead where its nodes would be too many.
type Code []byte

// MaxDigits bounds the length of a code. Longer ones are cut, all in one place,
// so that they stay monotone.
const MaxDigits = 64

// turn turns the order of codes over.
func (c Code) turn() {
	for i := range c {
		c[i] = 3 - c[i]
	}
}

// AppendInt appends an integer's sign and length in bits, and then its
// digits, so that small numbers have short codes.
func AppendInt(dst Code, i int64) Code {
	u, n := uint64(i), 0
	if i >= 0 {
		n = bits.Len64(u)
		dst = appendDigits(dst, uint64(128+n), 8)
	} else {
		n = bits.Len64(^u)
		dst = appendDigits(dst, uint64(127-n), 8)
	}
	n += n & 1
	return appendDigits(dst, u&(1<<n-1), n)
}

// appendDigits appends the lowest n bits of u, n being even.
func appendDigits(dst Code, u uint64, n int) Code {
	for n -= 2; n >= 0; n -= 2 {
		dst = append(dst, byte(u>>n)&3)
	}
	return dst
}

// AppendFloat appends a number in the order of floats, where -0 is 0.
func AppendFloat(dst Code, f float64) Code {
	b := math.Float64bits(f + 0)
	if b>>63 != 0 {
		b = ^b
	} else {
		b |= 1 << 63
	}
	return appendDigits(dst, b, 64)
}

// AppendText appends the bytes of a text in memcmp's order and its end, until
// there are MaxDigits. What times in ISO 8601 are made of is short.
func AppendText(dst Code, s string) Code {
	for i := 0; i < len(s) && len(dst) < MaxDigits; i++ {
		switch b := s[i]; {
		case b < ' ':
			dst = appendDigits(append(dst, 0, 0, 1), uint64(b), 8)
		case b == ' ':
			dst = append(dst, 0, 0, 2)
		case b < '-':
			dst = appendDigits(append(dst, 0, 1), uint64(b), 8)
		case b == '-':
			dst = append(dst, 0, 2)
		case b < '0':
			dst = append(dst, 0, 3, b-'-')
		case b <= '9':
			dst = appendDigits(dst, uint64(b-'0')+4, 4)
		case b == ':':
			dst = append(dst, 3, 2, 0)
		case b < 'T':
			dst = appendDigits(append(dst, 3, 2, 1), uint64(b), 8)
		case b == 'T':
			dst = append(dst, 3, 2, 2)
		default:
			dst = appendDigits(append(dst, 3, 3), uint64(b), 8)
		}
	}
	return append(dst, 0, 0, 0)
}

// Nodes start from the set's hash and are mixed along the digits of a code.

func mix(h uint64, digit uint64) uint64 {
	hi, lo := bits.Mul64(h^(digit+1)*0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo ^ h>>32
}

// The last node of a code is that of the rows with this very code. No
// digit leads to that of all rows of a set.
const (
	leaf  = 8
	whole = 9
)

// anywhere returns the node of all rows of a set.
func (s set) anywhere() uint64 { return mix(uint64(s), whole) }

// appendRangeNodes appends the nodes of the rows up to a code.
func appendRangeNodes(dst []uint64, s set, c Code) []uint64 {
	h := uint64(s)
	dst = append(dst, s.anywhere())
	for _, d := range c {
		if d > 0 {
			dst = append(dst, mix(h, 4+uint64(d)-1))
		}
		h = mix(h, uint64(d))
	}
	return append(dst, mix(h, leaf))
}

// appendRowNodes appends the nodes of the ranges that contain a row with a code.
func appendRowNodes(dst []uint64, s set, c Code) []uint64 {
	h := uint64(s)
	for _, e := range c {
		for d := e + 1; d < 4; d++ {
			dst = append(dst, mix(h, 4+uint64(d)-1))
		}
		h = mix(h, uint64(e))
	}
	return append(dst, mix(h, leaf))
}

// appendBetweenNodes appends the nodes of the rows from one code to another one,
// both included.
func appendBetweenNodes(dst []uint64, s set, low, high Code) []uint64 {
	h := uint64(s)
	dst = append(dst, s.anywhere())
	i := 0
	for ; i < min(len(low), len(high)) && low[i] == high[i]; i++ {
		h = mix(h, uint64(low[i]))
	}
	if i == len(low) || i == len(high) {
		return append(dst, mix(h, leaf)) // they are one code
	}
	if low[i] > high[i] {
		return dst // there is none
	}
	for d := low[i] + 1; d < high[i]; d++ {
		dst = append(dst, mix(mix(h, uint64(d)), leaf))
	}
	l, r := mix(h, uint64(low[i])), mix(h, uint64(high[i]))
	for _, e := range low[i+1:] {
		for d := e + 1; d < 4; d++ {
			dst = append(dst, mix(mix(l, uint64(d)), leaf))
		}
		l = mix(l, uint64(e))
	}
	for _, e := range high[i+1:] {
		for d := range e {
			dst = append(dst, mix(mix(r, uint64(d)), leaf))
		}
		r = mix(r, uint64(e))
	}
	return append(dst, mix(l, leaf), mix(r, leaf))
}

// appendBeginnings appends the nodes of the ranges with two ends that may contain a
// row with a code: those of its beginnings.
func appendBeginnings(dst []uint64, s set, c Code) []uint64 {
	h := uint64(s)
	for _, e := range c {
		h = mix(h, uint64(e))
		dst = append(dst, mix(h, leaf))
	}
	return dst
}

// maxRowNodes bounds the nodes of a row.
const maxRowNodes = 3*MaxDigits + 1

// rowNodes returns how many appendRowNodes appends.
func rowNodes(c Code) int {
	n := 1
	for _, e := range c {
		n += 3 - int(e)
	}
	return n
}
