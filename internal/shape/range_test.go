package shape

import (
	"database/sql/driver"
	"math/rand/v2"
	"testing"
)

// What lies between bounds falls by a row if and only if the row does, whichever bounds
// are known, and of those that hold together the tightest, of those one of which holds
// the widest.
func TestRange(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	table := events()
	inside := 0
	for range 2000 {
		shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
		s := byColumns(table, []int{1})
		s.Broad, s.Watched = s.Sets, columnsOf(3)
		s.Range = &Range{Column: 4}
		args := []driver.NamedValue{{Ordinal: 2, Value: int64(1)}}
		low, high := int64(-1), int64(1000)
		bound := func() (b Bound, least, most int64) {
			least, most = 1000, -1
			for range 1 + r.IntN(2) {
				v := r.Int64N(60)
				b = append(b, Operand{Type: numbers{}, Number: len(args) + 2})
				args = append(args, driver.NamedValue{Ordinal: len(args) + 2, Value: v})
				least, most = min(least, v), max(most, v)
			}
			return b, least, most
		}
		for range r.IntN(3) {
			b, least, _ := bound()
			s.Range.Low, low = append(s.Range.Low, b), max(low, least)
		}
		for range r.IntN(3) {
			b, _, most := bound()
			s.Range.High, high = append(s.Range.High, b), min(high, most)
		}
		if r.IntN(4) == 0 { // of another type
			s.Range.Low = append(s.Range.Low, Bound{{Type: numbers{}, Number: 99}})
			args = append(args, driver.NamedValue{Ordinal: 99, Value: "x"})
		}
		var on Dependencies
		shapes.Use(&Plan{Sources: []Source{s}}).Begin(&on, 1, args, nil)
		owner, at := 1+r.IntN(2), r.IntN(60)
		var changes Changes
		changes.Add(Change{Table: table, New: event(1, owner, at)})
		in := owner == 1 && low <= int64(at) && int64(at) <= high
		if in {
			inside++
		}
		if got := meets(changes.touch(shapes), on.Hashes); got != in {
			t.Fatalf("%s: owner %d, %d of %v, falls %t", s.Range.String(table), owner, at, args, got)
		}
	}
	if inside < 200 {
		t.Errorf("%d rows lie in ranges", inside)
	}
}

// A run of parameters is each of them.
func TestRunOfParameters(t *testing.T) {
	t.Parallel()
	table := people()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	s := byColumns(table, []int{0}, 1)
	s.Sets[0].Values[0].Number, s.Sets[0].Values[0].Last = 1, 100
	var args []driver.NamedValue
	for i := range 100 {
		args = append(args, driver.NamedValue{Ordinal: i + 1, Value: int64(i)})
	}
	var on Dependencies
	shapes.Use(&Plan{Sources: []Source{s}}).Begin(&on, 1, args, nil)
	for id := range 120 {
		var changes Changes
		changes.Add(Change{Table: table, New: []Value{Int(int64(id)), Null(), Null(), {}}})
		if got := meets(changes.touch(shapes), on.Hashes); got != (id < 100) {
			t.Errorf("row %d: falls %t", id, got)
		}
	}
	args[50].Value = "x"
	var all Dependencies
	shapes.Use(&Plan{Sources: []Source{s}}).Begin(&all, 1, args, nil)
	var changes Changes
	changes.Add(Change{Table: table, New: []Value{Int(500), Null(), Null(), {}}})
	if !meets(changes.touch(shapes), all.Hashes) {
		t.Error("an argument does not fit, and another row does not matter")
	}
}

// A guard fails if it certainly does not hold.
func TestGuards(t *testing.T) {
	t.Parallel()
	p := &Plan{Guards: []Guard{
		{Operand: Operand{Type: numbers{}, Number: 1}},
		{Operand: Operand{Type: numbers{}, Number: 2}, Equals: Int(0)},
		{Operand: Operand{Type: numbers{}, Name: "n"}},
	}}
	for _, test := range []struct {
		first, second, named any
		want                 uint
	}{
		{nil, int64(0), nil, 0},
		{int64(1), int64(0), nil, 1},
		{nil, int64(1), nil, 2},
		{"another type", "another type", nil, 0},
		{int64(0), int64(7), int64(7), 7},
	} {
		args := []driver.NamedValue{{Ordinal: 1, Value: test.first}, {Ordinal: 2, Value: test.second}, {Ordinal: 3, Name: "n", Value: test.named}}
		if got := p.Failing(args); got != test.want {
			t.Errorf("%v: %b, want %b", test, got, test.want)
		}
		if got := len(p.Fail(test.want)); got != bitsOf(test.want) {
			t.Errorf("%b: %d guards fail", test.want, got)
		}
	}
	if got := p.Failing(nil); got != 0 {
		t.Errorf("without arguments: %b", got)
	}
}

func bitsOf(mask uint) (n int) {
	for ; mask > 0; mask >>= 1 {
		n += int(mask & 1)
	}
	return n
}

// Many ways of filtering a list do not make it depend on the whole table: where there is
// no room for all of them, one column selects.
func TestManyFilters(t *testing.T) {
	t.Parallel()
	table := events()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	var args []driver.NamedValue
	for c := range table.Columns {
		value := int64(7)
		if c >= 4 {
			value = 9
		}
		args = append(args, driver.NamedValue{Ordinal: c + 1, Value: value})
	}
	lists, single := 0, 0
	for filters := range 1 << 8 {
		for _, title := range []int{0, 1} {
			columns := []int{1}
			for c := range 8 {
				if filters>>c&1 == 1 {
					columns = append(columns, 4+c)
				}
			}
			s := byColumns(table, columns, 3)
			s.Watched = columnsOf(2 + title)
			s.Broad = s.Sets
			var on Dependencies
			shapes.Use(&Plan{Sources: []Source{s}}).Begin(&on, 1, args, nil)
			meet := func(owner, i int) bool {
				var changes Changes
				changes.Add(Change{Table: table, New: event(1, owner, i)})
				return meets(changes.touch(shapes), on.Hashes)
			}
			if !meet(7, 9) {
				t.Fatalf("filters %b: a row that matches does not count", filters)
			}
			if meet(8, 8) {
				t.Fatalf("filters %b: a row of which nothing matches counts", filters)
			}
			if lists++; on.Counts[0].Coarse == coarseShapes {
				single++
			}
		}
	}
	if n := len(shapes.byTable["ev"]); n > shapes.Bounds.Shapes+shapes.Bounds.Single || single == 0 {
		t.Errorf("%d lists have %d shapes; %d of them select by one column", lists, n, single)
	}
}
