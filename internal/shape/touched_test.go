package shape

import (
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// events is a table with a time by which it is listed, an owner, and eight columns
// more, of which lists show some.
func events() *Table {
	t := &Table{Name: "ev", Keys: []Key{{Columns: []int{0}}}, Columns: []Column{
		{Name: "id", Type: numbers{}, NotNull: true}, {Name: "owner", Type: numbers{}}, {Name: "at", Type: texts{}}, {Name: "title", Type: texts{}},
	}}
	for i := range 8 {
		t.Columns = append(t.Columns, Column{Name: fmt.Sprint("c", i), Type: numbers{}})
	}
	return t
}

// noon is a time some seconds after noon.
func noon(after int) Value {
	return Text(fmt.Sprintf("2026-11-30T%02d:%02d:%02dZ", 12+after/3600, after/60%60, after%60))
}

// event is a row of events; c0 to c7 and the time are in one order.
func event(id, owner, i int) []Value {
	row := []Value{Int(int64(id)), Int(int64(owner)), noon(i), Text("title")}
	for range 8 {
		row = append(row, Int(int64(i)))
	}
	return row
}

// A list is a query of the first rows of events by a column, of all or of an
// owner's, and shows some columns.
type list struct {
	order      int
	descending bool
	watched    ColumnSet
	owner      int // 0: all
	from       int // of a page: the i-th, at which another one ended; 0: it is the first
}

// lists returns lists no two of which are alike: with all of 256 sets of columns and,
// as far as there are enough, by all of 18 orders.
func lists(n int, owned bool) (all []list) {
	for i := range n {
		l := list{order: []int{2, 4, 5, 6, 7, 8, 9, 10, 11}[i%9], descending: i%2 == 0}
		for b := range 8 {
			if i>>b&1 == 1 {
				l.watched.Add(4 + b)
			}
		}
		if owned {
			l.owner = 1
		}
		all = append(all, l)
	}
	return all
}

// upTo returns what the list depends on whose last row is the i-th.
func (l list) upTo(shapes *Shapes, t *Table, i int) []uint64 {
	s, args := byColumns(t, nil), []driver.NamedValue(nil)
	if l.owner != 0 {
		s, args = byColumns(t, []int{1}), []driver.NamedValue{{Ordinal: 2, Value: int64(l.owner)}}
	}
	s.Watched = l.watched
	s.Span = &Span{Column: l.order, Descending: l.descending, End: ResultOperand(0)}
	if l.from > 0 {
		ended := []Bound{{{Literal: event(0, 0, l.from)[l.order]}}}
		if s.Range = (&Range{Column: l.order, Low: ended}); l.descending {
			s.Range = &Range{Column: l.order, High: ended}
		}
	}
	var d Dependencies
	run := shapes.Use(&Plan{Sources: []Source{s}, Width: 1}).Begin(&d, 1, args, nil)
	run.Row(func(int) Value { return event(0, 0, i)[l.order] })
	run.End(&d, false, true)
	return d.Hashes
}

// meets reports whether one of some dependencies is touched.
func meets(touched map[uint64]bool, on []uint64) bool {
	return slices.ContainsFunc(on, func(d uint64) bool { return touched[d] })
}

func (c *Changes) touch(shapes *Shapes) map[uint64]bool {
	view := shapes.View()
	defer view.Release()
	m := make(map[uint64]bool)
	for _, d := range c.Dependencies(nil, view) {
		m[d] = true
	}
	return m
}

// What is computed for one commit is bounded, whatever its rows and the lists that
// are known. A list that none of the rows is on stays, one that some row is on falls.
func TestTouchedIsBounded(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{1000, 3000, 10_000} {
		for _, n := range []int{1, 16, 64, 250} {
			for _, owners := range []int{0, 100} {
				table := events()
				shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
				var far, near [][]uint64
				for _, l := range lists(n, owners > 0) {
					before, after := 0, 12_000
					if l.descending {
						before, after = after, before
					}
					far, near = append(far, l.upTo(shapes, table, before)), append(near, l.upTo(shapes, table, after))
					if l.owner = -1; owners > 0 { // who has no row
						far[len(far)-1] = l.upTo(shapes, table, after)
					}
				}
				var changes Changes
				for i := range rows {
					changes.Add(Change{Table: table, New: event(i, 1+i%max(owners, 1), 1000+i)})
				}
				touched := changes.touch(shapes)
				p := &changes.placing
				t.Logf("%d rows, %d lists, %d owners: %d dependencies, coarse %q", rows, n, owners, len(touched), changes.Coarse())
				if len(touched) > shapes.Bounds.Touched+2 || p.images > shapes.Bounds.Placed {
					t.Errorf("%d rows, %d lists, %d owners: %d dependencies", rows, n, owners, len(touched))
				}
				if owners == 0 || rows == 1000 {
					if slices.ContainsFunc(far, func(on []uint64) bool { return meets(touched, on) }) {
						t.Errorf("%d rows, %d lists, %d owners: a list falls that none of them is on", rows, n, owners)
					}
				}
				for _, on := range near {
					if !meets(touched, on) {
						t.Errorf("%d rows, %d lists, %d owners: a list stays that some of them are on", rows, n, owners)
						break
					}
				}
			}
		}
	}
}

// Of many rows in one set, the first alone tells which ranges fall that have one end, and
// every one which have two.
func TestTouchedAsByEachRow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	table := events()
	for range 300 {
		shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
		var on [][]uint64
		for _, l := range lists(30, false) {
			l.owner, l.from = r.IntN(4), r.IntN(60)*r.IntN(2)
			on = append(on, l.upTo(shapes, table, r.IntN(60)))
		}
		var all Changes
		each := make(map[uint64]bool)
		for range 1 + r.IntN(20) {
			ch := Change{Table: table, Old: event(1, 1+r.IntN(3), r.IntN(60)), New: event(1, 1+r.IntN(3), r.IntN(60))}
			switch r.IntN(4) {
			case 0:
				ch.Old = nil
			case 1:
				ch.New = nil
			case 2: // another column alone
				ch.New = slices.Clone(ch.Old)
				ch.New[4+r.IntN(8)] = Int(99)
			}
			var one Changes
			one.Add(ch)
			all.Add(ch)
			for d := range one.touch(shapes) {
				each[d] = true
			}
		}
		touched := all.touch(shapes)
		for i := range on {
			if got, want := meets(touched, on[i]), meets(each, on[i]); got != want {
				t.Fatalf("list %d: falls %t, by each row %t", i, got, want)
			}
		}
	}
}

// Many rows in few sets are few dependencies, in whatever order they come.
func TestTouchedCountsSetsOnce(t *testing.T) {
	t.Parallel()
	table := events()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	args := []driver.NamedValue{{Ordinal: 2, Value: int64(1)}}
	for c := range 32 {
		s := byColumns(table, []int{1}, 4)
		s.Watched |= ColumnSet(c) << 5
		register(shapes, args, s)
	}
	var changes Changes
	for i := range DefaultBulkLimit {
		changes.Add(Change{Table: table, New: event(i, i%7, i)})
	}
	if touched := changes.touch(shapes); len(changes.Coarse()) > 0 || len(touched) != 1+7*32 {
		t.Errorf("%d dependencies, coarse %q", len(touched), changes.Coarse())
	}
}

// A table with many rows takes no precision from one with few.
func TestTouchedFewFirst(t *testing.T) {
	t.Parallel()
	for range 20 { // whatever the order of a map
		few, many := people(), events()
		shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
		register(shapes, one(int64(1)), byColumns(few, []int{0}, 1))
		for _, l := range lists(250, true) {
			l.upTo(shapes, many, 0)
		}
		register(shapes, one(int64(1)), byColumns(many, []int{0}, 3))
		var changes Changes
		for i := range DefaultBulkLimit {
			changes.Add(Change{Table: many, New: event(i, i, i)})
		}
		changes.Add(Change{Table: few, New: []Value{Int(1), Null(), Null(), {}}})
		touched := changes.touch(shapes)
		if touched[shapes.hasher.coarse(few)] || !touched[shapes.hasher.coarse(many)] {
			t.Fatalf("few rows are coarse: %t, many: %t", touched[shapes.hasher.coarse(few)], touched[shapes.hasher.coarse(many)])
		}
		if got := changes.Coarse(); !slices.Equal(got, []string{coarseSets}) {
			t.Fatalf("%q", got)
		}
	}
}

// A commit of events, beside lists of all and of one owner. The dependencies are as
// many as there are changes for.
func BenchmarkTouched(b *testing.B) {
	for _, rows := range []int{1000, 10_000} {
		for _, n := range []int{1, 16, 64, 250} {
			for _, owned := range []bool{false, true} {
				b.Run(fmt.Sprintf("rows=%d/lists=%d/owned=%t", rows, n, owned), func(b *testing.B) {
					table := events()
					shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
					for _, l := range lists(n, owned) {
						l.upTo(shapes, table, 0)
					}
					var changes Changes
					for i := range rows {
						changes.Add(Change{Table: table, New: event(i, i%100, i)})
					}
					var touched []uint64
					for b.Loop() {
						view := shapes.View()
						touched = changes.Dependencies(touched[:0], view)
						view.Release()
					}
					b.ReportMetric(float64(len(touched)), "deps")
				})
			}
		}
	}
}
