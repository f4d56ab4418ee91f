package shape

import (
	"database/sql/driver"
	"testing"
)

// wide is a table of ten columns with three shapes in use.
func wide() (*Table, *Shapes, *Query) {
	t := &Table{Name: "wide", Keys: []Key{{Columns: []int{0}}, {Columns: []int{1}}, {Columns: []int{2, 3}}}}
	for _, name := range []string{"id", "a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		t.Columns = append(t.Columns, Column{Name: name, Type: texts{}, NotNull: true})
	}
	t.Columns[0].Type = numbers{}
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	use := func(columns ...int) *Query {
		src := byColumns(t, columns, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		for i := range columns {
			src.Sets[0].Values[i].Number = i + 1
		}
		q := shapes.Use(&Plan{Sources: []Source{src}})
		q.Begin(new(Dependencies), 1, []driver.NamedValue{{Ordinal: 1, Value: "x"}, {Ordinal: 2, Value: "x"}}, nil)
		return q
	}
	use(1)
	use(2, 3)
	return t, shapes, use(0)
}

func wideRow(d string) []Value {
	row := []Value{Int(4711)}
	for _, s := range []string{"4711-4711-4711-4711", "bbbbbb", "cccccc", d, "e", "f", "g", "h", "i"} {
		row = append(row, Text(s))
	}
	return row
}

// again makes room for the dependencies of another run.
func (d *Dependencies) again() *Dependencies {
	d.Hashes, d.Counts = d.Hashes[:0], d.Counts[:0]
	return d
}

func BenchmarkQueryDependencies(b *testing.B) {
	_, _, q := wide()
	args := one(int64(4711))
	var d Dependencies
	b.ReportAllocs()
	for b.Loop() {
		q.Begin(d.again(), 1, args, nil)
	}
	b.ReportMetric(float64(len(d.Hashes)), "deps")
}

// A changed row with eight shapes: by values alone, or two of them by an order.
func BenchmarkChangesDependencies(b *testing.B) {
	for name, ordered := range map[string]bool{"values": false, "two ordered": true} {
		b.Run(name, func(b *testing.B) { changeRow(b, ordered) })
	}
}

func changeRow(b *testing.B, ordered bool) {
	t, shapes, _ := wide()
	args := []driver.NamedValue{{Ordinal: 1, Value: int64(1)}, {Ordinal: 2, Value: "x"}, {Ordinal: 3, Value: "x"}, {Ordinal: 4, Value: "x"}, {Ordinal: 5, Value: "x"}}
	for _, columns := range [][]int{{1}, {2}, {3}} {
		register(shapes, args, byColumns(t, columns, 4, 5))
	}
	for _, descending := range []bool{false, true} {
		if !ordered {
			columns := []int{1, 2}
			if descending {
				columns = []int{1, 3}
			}
			register(shapes, args, byColumns(t, columns, 4, 5))
			continue
		}
		s := byColumns(t, []int{1}, 4, 5)
		s.Span = &Span{Column: 4, Descending: descending, End: ResultOperand(0)}
		var d Dependencies
		run := shapes.Use(&Plan{Sources: []Source{s}}).Begin(&d, 1, args, nil)
		run.Row(func(int) Value { return Text("2026-11-23 18:39:11") })
		run.End(&d, true, true)
	}
	var changes Changes
	changes.Add(Change{Table: t, Old: wideRow("2026-11-23 18:39:11"), New: wideRow("2026-11-24 01:01:01")})
	dst := make([]uint64, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		view := shapes.View()
		dst = changes.Dependencies(dst[:0], view)
		view.Release()
	}
	b.ReportMetric(float64(len(shapes.byTable[t.Name])), "shapes")
	b.ReportMetric(float64(len(dst)), "deps")
}

// The path of every read allocates nothing of its own, that of a commit once for
// each table.
func TestDependenciesDoNotAllocate(t *testing.T) {
	table, shapes, q := wide()
	args := one(int64(4711))
	var d Dependencies
	if n := testing.AllocsPerRun(100, func() { q.Begin(d.again(), 1, args, nil) }); n > 0 {
		t.Errorf("Query.Begin allocates %v times", n)
	}
	var changes Changes
	changes.Add(Change{Table: table, Old: wideRow("old"), New: wideRow("new")})
	view := shapes.View()
	defer view.Release()
	dst := make([]uint64, 0, 64)
	if n := testing.AllocsPerRun(100, func() { dst = changes.Dependencies(dst[:0], view) }); n > 1 {
		t.Errorf("Changes.Dependencies allocates %v times", n)
	}
}
