package shape

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// ordered returns random values and a comparison that orders them as SQLite does
// in a column.
func ordered(r *rand.Rand, c *Column) []Value {
	texts := []string{"", " ", "a", "A", "a ", "a  ", "B", "b", "-", ".", "/", "0", "9", ":", ";", "S", "T", "U", "\x00", "\x01", "\xff", "é",
		"2026-11-23", "2026-11-23 18:39:11", "2026-11-23T18:39:11.123Z", "2026-11-23 18:39:12", "2026-11-24", "12", "1200", strings.Repeat("x", 80), strings.Repeat("x", 80) + "y"}
	list := []Value{Null(), Int(0), Int(-1), Int(1), Int(math.MaxInt64), Int(math.MinInt64), Int(1<<53 + 1), Float(0.5), Float(-0.5), Float(math.Copysign(0, -1)),
		Float(1e300), Float(-1e300), Float(math.Inf(1)), Float(math.Inf(-1)), Blob(""), Blob("\x00"), Blob("a")}
	for _, s := range texts {
		list = append(list, Text(s))
	}
	for range 300 {
		list = append(list, Int(r.Int64N(2000)-1000), Int(int64(r.Uint64())>>r.IntN(64)), Float(r.NormFloat64()*1000))
		b := make([]byte, r.IntN(6))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		list = append(list, Text(string(b)), Blob(string(b)), Text(texts[r.IntN(len(texts))]+texts[r.IntN(len(texts))]))
	}
	list = slices.DeleteFunc(list, func(v Value) bool { _, ok := appendCode(nil, v, c); return !ok })
	slices.SortFunc(list, func(x, y Value) int { return compareValues(x, y, c) })
	return list
}

// compareValues compares as SQLite sorts.
func compareValues(x, y Value, c *Column) int {
	class := func(v Value) int {
		return map[Kind]int{KindNull: 0, KindInt: 1, KindFloat: 1, KindText: 2, KindBlob: 3}[v.kind]
	}
	if d := cmp.Compare(class(x), class(y)); d != 0 {
		return d
	}
	switch class(x) {
	case 1:
		if x.kind == KindInt && y.kind == KindInt {
			return cmp.Compare(int64(x.num), int64(y.num))
		}
		number := func(v Value) float64 {
			if v.kind == KindInt {
				return float64(int64(v.num))
			}
			return math.Float64frombits(v.num)
		}
		return cmp.Compare(number(x), number(y))
	case 2:
		a, _ := c.fold(x.text)
		b, _ := c.fold(y.text)
		return strings.Compare(a, b)
	case 3:
		return strings.Compare(x.text, y.text)
	}
	return 0
}

func TestCodesFollowTheOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, affinity := range []Affinity{AffinityInteger, AffinityReal, AffinityNumeric, AffinityText, AffinityBlob} {
		for _, collation := range []string{"", "NOCASE", "RTRIM"} {
			c := &Column{Affinity: affinity, Collation: collation}
			list := ordered(r, c)
			var last Code
			differ := 0
			for i, v := range list {
				d, ok := appendCode(nil, v, c)
				if !ok || len(d) > maxDigits {
					t.Fatalf("no code, or a long one, of %v", v)
				}
				if i > 0 {
					if bytes.Compare(last, d) > 0 {
						t.Fatalf("affinity %d %s: the code of %v is above that of %v", affinity, collation, list[i-1], v)
					}
					if !bytes.Equal(last, d) {
						differ++
						if bytes.HasPrefix(d, last) {
							t.Fatalf("the code of %v is a prefix of that of %v", list[i-1], v)
						}
					}
				}
				last = d
			}
			if differ < len(list)/2 {
				t.Errorf("affinity %d %s: only %d codes in %d values", affinity, collation, differ, len(list))
			}
		}
	}
}

// A row bumps a node of a range if and only if it lies in the range.
func TestNodesMeetWhereTheRowIsInRange(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	c := &Column{Affinity: AffinityInteger}
	list := ordered(r, c)
	for range 20_000 {
		x, y := list[r.IntN(len(list))], list[r.IntN(len(list))]
		for _, descending := range []bool{false, true} {
			row, _ := appendCode(nil, x, c)
			bound, _ := appendCode(nil, y, c)
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
			if len(nodes) > maxDigits+1 {
				t.Fatalf("%d nodes", len(nodes))
			}
		}
	}
}

// Times in seconds apart have codes apart, in all ways of keeping them.
func TestCodesTellTimesApart(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct {
		affinity Affinity
		x, y     Value
	}{
		{AffinityText, Text("2026-11-23 18:39:11.001"), Text("2026-11-23 18:39:11.002")},
		{AffinityNumeric, Text("2026-11-23T18:39:11.001Z"), Text("2026-11-23T18:39:11.002Z")},
		{AffinityInteger, Int(1_795_458_351_000_001), Int(1_795_458_351_000_002)},
		{AffinityNumeric, Int(1_795_458_351), Int(1_795_458_352)},
		{AffinityReal, Float(2461368.277210648), Float(2461368.277222222)},
	} {
		c := &Column{Affinity: pair.affinity}
		x, _ := appendCode(nil, pair.x, c)
		y, _ := appendCode(nil, pair.y, c)
		if bytes.Compare(x, y) >= 0 {
			t.Errorf("%v and %v have the codes %v and %v", pair.x, pair.y, x, y)
		}
	}
}
