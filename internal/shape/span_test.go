package shape

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
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
