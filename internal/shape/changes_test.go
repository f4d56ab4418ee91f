package shape

import (
	"database/sql/driver"
	"slices"
	"strings"
	"testing"
)

// people is a table with a shape on its key, one on two columns, and a virtual
// generated column.
func people() *Table {
	return &Table{
		Name: "p",
		Columns: []Column{
			{Name: "id", Type: numbers{}, NotNull: true}, {Name: "name", Type: texts{}}, {Name: "age", Type: numbers{}}, {Name: "g", Generated: Virtual},
		},
		Keys: []Key{{Columns: []int{0}}},
	}
}

// columnsOf returns a set of columns.
func columnsOf(list ...int) (s ColumnSet) {
	for _, c := range list {
		s.Add(c)
	}
	return s
}

// byColumns is a source of the rows with some values in columns, read for the
// watched ones.
func byColumns(t *Table, columns []int, watched ...int) Source {
	s := Source{Table: t, Watched: columnsOf(watched...)}
	if len(columns) > 0 {
		s.Sets = []Selection{{Columns: columns}}
		for _, c := range columns {
			s.Sets[0].Values = append(s.Sets[0].Values, Operand{Type: t.Columns[c].Type, Number: c + 1})
		}
	}
	return s
}

// register makes the shapes of sources known, as a first run of their query does.
func register(shapes *Shapes, args []driver.NamedValue, list ...Source) {
	shapes.Use(&Plan{Sources: list}).Begin(new(Dependencies), 1, args, nil)
}

func TestChanges(t *testing.T) {
	t.Parallel()
	table := people()
	row := func(id, name, age Value) []Value { return []Value{id, name, age, {}} }
	ann := row(Int(1), Text("ann"), Int(30))
	older := row(Int(1), Text("ann"), Int(31))
	moved := row(Int(2), Text("ann"), Int(30))
	renamed := row(Int(1), Text("bob"), Int(30))
	nameless := row(Int(1), Null(), Int(30))

	for _, test := range []struct {
		name    string
		limit   int
		changes []Change
		want    string
	}{
		{"nothing", 0, nil, ""},
		{"insert", 0, []Change{{New: ann}}, "table, [1]{*}, [ann 30]{}, {age}"},
		{"delete", 0, []Change{{Old: ann}}, "table, [1]{*}, [ann 30]{}, {age}"},
		{"the same again", 0, []Change{{Old: ann, New: ann}}, ""},
		{"another rowid", 0, []Change{{Old: ann, New: ann, Moved: true}}, "table, [1]{*}, [ann 30]{}, {age}"},
		{"a column of a shape", 0, []Change{{Old: ann, New: older}}, "table, [1]{*}, [ann 30]{}, [ann 31]{}, {age}"},
		{"the key", 0, []Change{{Old: ann, New: moved}}, "table, [1]{*}, [2]{*}"},
		{"a column that nobody watches", 0, []Change{{Old: ann, New: renamed}}, "table, [1]{*}, [ann 30]{}, [bob 30]{}"},
		{"NULL is a value", 0, []Change{{Old: nameless, New: ann}}, "table, [1]{*}, [NULL 30]{}, [ann 30]{}"},
		{"equal but stored otherwise", 0, []Change{{Old: ann, New: row(Float(1), Text("ann"), Int(30))}}, "table, [1]{*}"},
		{"an unknown value in a column of a shape", 0, []Change{{Old: row(Int(1), Text("ann"), Value{}), New: ann}}, "table, coarse"},
		{"a row of another schema", 0, []Change{{New: ann[:2]}}, "table, coarse"},
		{"no image at all", 0, []Change{{}}, "table, coarse"},
		{"up to the limit", 2, []Change{{New: nameless}, {Old: nameless}}, "table, [1]{*}, [NULL 30]{}, {age}"},
		{"above the limit", 2, []Change{{New: nameless}, {Old: nameless}, {New: ann}}, "table, coarse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
			register(shapes, []driver.NamedValue{{Ordinal: 1, Value: int64(0)}, {Ordinal: 2, Value: "x"}, {Ordinal: 3, Value: int64(0)}},
				byColumns(table, []int{0}, 0, 1, 2), byColumns(table, []int{1, 2}), byColumns(table, nil, 2))
			book := map[uint64]string{shapes.hasher.table(table): "table", shapes.hasher.coarse(table): "coarse"}
			for _, sh := range shapes.byTable["p"] {
				for _, image := range [][]Value{ann, older, moved, renamed, nameless} {
					s, _ := sh.of(shapes.hasher, table, image)
					var values []string
					for _, c := range sh.columns {
						values = append(values, strings.Trim(Operand{Literal: image[c]}.String(), `"`))
					}
					name := table.names(sh.watched)
					if len(values) > 0 {
						name = "[" + strings.Join(values, " ") + "]" + name
					}
					book[sh.watching(uint64(s))] = name
				}
			}

			changes := Changes{Limit: test.limit}
			for _, ch := range test.changes {
				ch.Table = table
				changes.Add(ch)
			}
			view := shapes.View()
			defer view.Release()
			var got []string
			for _, hash := range changes.Dependencies(nil, view) {
				got = append(got, book[hash])
			}
			want := strings.Split(test.want, ", ")
			slices.Sort(got)
			slices.Sort(want)
			if s := strings.Join(got, ", "); s != strings.Join(want, ", ") {
				t.Errorf("\n got %s\nwant %s", s, test.want)
			}
			if changes.Empty() != (test.want == "") {
				t.Errorf("Empty() = %t", changes.Empty())
			}
			changes.Reset()
			if !changes.Empty() || changes.Rows() != 0 || changes.Room(table, shapes) == nil {
				t.Error("Reset leaves something behind")
			}
		})
	}
}

func TestChangesWantNoMoreImages(t *testing.T) {
	t.Parallel()
	table := people()
	changes := Changes{Limit: 1}
	image := []Value{Int(1), Null(), Null(), {}}
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	for i, want := range []bool{true, true, false, false} {
		if got := changes.Room(table, shapes) != nil; got != want {
			t.Errorf("after %d rows images are wanted: %t", i, got)
		}
		changes.Add(Change{Table: table, New: image})
	}
	if changes.Rows() != 4 {
		t.Errorf("Rows() = %d, want 4", changes.Rows())
	}
}

// TestSummary: changes in words, each table before a second row of one.
func TestSummary(t *testing.T) {
	t.Parallel()
	tables := map[string]*Table{
		"a": {Name: "a", Columns: make([]Column, 20), Keys: []Key{{Columns: []int{1, 0}}}},
		"b": {Name: "b", Columns: []Column{{Name: "id"}}, Keys: []Key{{Columns: []int{0}}}},
		"c": {Name: "c", Columns: []Column{{Name: "x"}}},
	}
	for i := range 20 {
		tables["a"].Columns[i].Name = string(rune('a' + i))
	}
	wide := func(v ...Value) []Value { return append(v, make([]Value, 20-len(v))...) }
	long := strings.Repeat("é", 40)
	add := func(c *Changes, n int, table string, change Change) {
		change.Table = tables[table]
		for range n {
			c.Add(change)
		}
	}
	for _, test := range []struct {
		name  string
		fill  func(c *Changes)
		limit int
		want  string
		more  int
	}{
		{"nothing", func(*Changes) {}, 8, "", 0},
		{"values", func(c *Changes) {
			for _, v := range []Value{Null(), Int(-1), Float(1.5), Text(long), Blob(long), Text("\xff"), {}} {
				add(c, 1, "a", Change{New: wide(v, Int(7))})
			}
		}, 8, "insert a 7 NULL; insert a 7 -1; insert a 7 1.5; insert a 7 " + long[:64] + "…; insert a 7 x'" + strings.Repeat("c3a9", 32) + "'…; insert a 7 ; insert a 7 ?", 0},
		{"columns", func(c *Changes) {
			add(c, 1, "a", Change{Old: wide(Int(1), Int(2)), New: wide(Int(3), Int(2))})
		}, 8, "update a 2 3 a c d e f g h i j k l m n o p q …", 0}, // what is unknown may differ
		{"no key", func(c *Changes) { add(c, 1, "c", Change{Old: []Value{Int(1)}}) }, 8, "delete c ", 0},
		{"each table", func(c *Changes) {
			add(c, 9, "b", Change{New: []Value{Int(1)}})
			add(c, 3, "c", Change{New: []Value{Int(1)}})
			c.AddUnknown(tables["a"])
		}, 5, " a  (rows unknown); insert b 1; insert b 1; insert c ; insert c ", 13 - 4},
		{"more tables than room", func(c *Changes) {
			add(c, 1, "b", Change{New: []Value{Int(1)}})
			c.AddUnknown(tables["c"])
			c.AddUnknown(tables["a"])
		}, 2, " a  (rows unknown); insert b 1", 2},
		{"beyond the limit", func(c *Changes) { c.Limit = 3; add(c, 4, "b", Change{New: []Value{Int(1)}}) }, 8, " b  (too many rows)", 4},
	} {
		var c Changes
		test.fill(&c)
		var got []string
		more := c.Summary(test.limit, func(table, operation, key string, columns []string, coarse string) {
			if coarse != "" {
				columns = append(columns, "("+coarse+")")
			}
			got = append(got, strings.Join(append([]string{operation, table, key}, columns...), " "))
		})
		if s := strings.Join(got, "; "); s != test.want || more != test.more {
			t.Errorf("%s: %q and %d more, want %q and %d", test.name, s, more, test.want, test.more)
		}
	}
}
