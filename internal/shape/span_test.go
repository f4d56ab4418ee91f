package shape

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A row bumps a node of a range if and only if it lies in the range.
func TestNodesMeetWhereTheRowIsInRange(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	c := &Column{Type: numbers{}}
	list := []Value{Null(), Int(0), Int(-1), Int(1), Int(math.MaxInt64), Int(math.MinInt64)}
	for range 300 {
		list = append(list, Int(r.Int64N(2000)-1000), Int(int64(r.Uint64())>>r.IntN(64)))
	}
	for range 20_000 {
		x, y := list[r.IntN(len(list))], list[r.IntN(len(list))]
		for _, descending := range []bool{false, true} {
			row, _ := c.place(nil, x)
			bound, _ := c.place(nil, y)
			in := bytes.Compare(row, bound) <= 0
			if descending {
				in = bytes.Compare(row, bound) >= 0
				row.turn()
				bound.turn()
			}
			nodes := appendRangeNodes(nil, 7, bound)
			met := slices.ContainsFunc(appendRowNodes(nil, 7, row), func(n uint64) bool { return slices.Contains(nodes, n) })
			if met != in {
				t.Fatalf("row %v, range up to %v, descending %t: in range %t, but a common node %t", x, y, descending, in, met)
			}
			if len(nodes) > MaxDigits+1 {
				t.Fatalf("%d nodes", len(nodes))
			}
		}
	}
}

// A row bumps a node of a range with two ends if and only if it lies between them.
func TestNodesMeetWhereTheRowIsBetween(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	numbers, texts := &Column{Type: numbers{}}, &Column{Type: texts{}}
	place := func(c *Column, v Value) Code {
		code, _ := c.place(nil, v)
		return code
	}
	var codes [][]Code
	codes = append(codes, nil, nil)
	for range 300 {
		codes[0] = append(codes[0], place(numbers, Int(r.Int64N(2000)-1000)), place(numbers, Int(int64(r.Uint64())>>r.IntN(64))))
		codes[1] = append(codes[1], place(texts, noon(r.IntN(5000))), place(texts, Text(strings.Repeat("é\x00a"[:r.IntN(5)], r.IntN(20)))))
	}
	between := 0
	for i := range 40_000 {
		list := codes[i%2]
		row, low, high := list[r.IntN(len(list))], list[r.IntN(len(list))], list[r.IntN(len(list))]
		in := bytes.Compare(low, row) <= 0 && bytes.Compare(row, high) <= 0
		if in {
			between++
		}
		nodes := appendBetweenNodes(nil, 7, low, high)
		met := slices.ContainsFunc(appendBeginnings(nil, 7, row), func(n uint64) bool { return slices.Contains(nodes, n) })
		if met != in {
			t.Fatalf("row %v, range from %v to %v: in range %t, but a common node %t", row, low, high, in, met)
		}
		if len(nodes) > 6*MaxDigits {
			t.Fatalf("%d nodes", len(nodes))
		}
	}
	if between < 1000 {
		t.Errorf("%d rows lie between", between)
	}
}
