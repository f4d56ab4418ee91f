package sqldep

import (
	"hash/maphash"
	"slices"
	"strings"
	"testing"
)

// people is a table with a shape on its key, one on two columns, and a virtual
// generated column.
func people() *Table {
	return NewSchema([]*Table{{
		Name: "P",
		Columns: []Column{
			{Name: "ID", Affinity: AffinityInteger}, {Name: "name", Affinity: AffinityText}, {Name: "age"}, {Name: "g", Generated: Virtual},
		},
		RowID: 0,
	}}).Tables["p"]
}

// A phrasebook tells what a hash stands for.
type phrasebook map[uint64]string

func (p phrasebook) sets(h hasher, t *Table, columns []int, images ...[]Value) {
	for _, image := range images {
		var key []string
		for _, c := range columns {
			key = append(key, operand{literal: image[c].canonical()}.String())
		}
		s, name := h.row(t.Name, columns, image), "["+strings.Join(key, " ")+"]"
		p[h.member(s)] = name + " member"
		p[h.touch(s)] = name
		for i, c := range t.Columns {
			p[h.column(s, i)] = name + " " + c.Name
		}
	}
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
		{"insert", 0, []Change{{New: ann}}, "table, all member, all, [1] member, [1], [\"ann\" 30] member, [\"ann\" 30]"},
		{"delete", 0, []Change{{Old: ann}}, "table, all member, all, [1] member, [1], [\"ann\" 30] member, [\"ann\" 30]"},
		{"the same again", 0, []Change{{Old: ann, New: ann}}, ""},
		{"another rowid", 0, []Change{{Old: ann, New: ann, Moved: true}}, "table"},
		{"a column", 0, []Change{{Old: ann, New: older}}, "table, all age, all, [1] age, [1], [\"ann\" 30] member, [\"ann\" 30], [\"ann\" 31] member, [\"ann\" 31]"},
		{"the key", 0, []Change{{Old: ann, New: moved}}, "table, all id, all, [1] member, [1], [2] member, [2], [\"ann\" 30] id, [\"ann\" 30]"},
		{"two columns", 0, []Change{{Old: older, New: renamed}}, "table, all name, all age, all, [1] name, [1] age, [1], [\"ann\" 31] member, [\"ann\" 31], [\"bob\" 30] member, [\"bob\" 30]"},
		{"NULL is in no set", 0, []Change{{Old: nameless, New: ann}}, "table, all name, all, [1] name, [1], [\"ann\" 30] member, [\"ann\" 30]"},
		{"NULL stays in no set", 0, []Change{{Old: nameless}}, "table, all member, all, [1] member, [1]"},
		{"equal but stored otherwise", 0, []Change{{Old: ann, New: row(Float(1), Text("ann"), Int(30))}}, "table, all id, all, [1] id, [1], [\"ann\" 30] id, [\"ann\" 30]"},
		{"an unknown value in a column of a shape", 0, []Change{{Old: row(Int(1), Text("ann"), Value{}), New: ann}}, "table, coarse"},
		{"a row of another schema", 0, []Change{{New: ann[:2]}}, "table, coarse"},
		{"no image at all", 0, []Change{{}}, "table, coarse"},
		{"up to the limit", 2, []Change{{New: nameless}, {Old: nameless}}, "table, all member, all, [1] member, [1], [1] member, [1]"},
		{"above the limit", 2, []Change{{New: nameless}, {Old: nameless}, {New: ann}}, "table, coarse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			shapes := NewShapes(maphash.MakeSeed(), func() uint64 { return 1 })
			shapes.Use(&Plan{reads: []read{{table: table, rows: []row1{{columns: []int{0}}}}, {table: table, rows: []row1{{columns: []int{1, 2}}}}}})
			h := shapes.hasher
			book := phrasebook{h.table(table): "table", h.coarse(table): "coarse"}
			images := [][]Value{ann, older, moved, renamed, nameless}
			book.sets(h, table, []int{0}, images...)
			book.sets(h, table, []int{1, 2}, images...)
			book[h.member(h.whole("p"))] = "all member"
			book[h.touch(h.whole("p"))] = "all"
			for i, c := range table.Columns {
				book[h.column(h.whole("p"), i)] = "all " + c.Name
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
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("\n got %s\nwant %s", s, test.want)
			}
			if changes.Empty() != (test.want == "") {
				t.Errorf("Empty() = %t", changes.Empty())
			}
			changes.Reset()
			if !changes.Empty() || changes.Rows() != 0 || !changes.Wants(table) {
				t.Error("Reset leaves something behind")
			}
		})
	}
}

// row1 is the type row, which a variable of the tests above hides.
type row1 = row

func TestChangesWantNoMoreImages(t *testing.T) {
	t.Parallel()
	table := people()
	changes := Changes{Limit: 1}
	image := []Value{Int(1), Null(), Null(), {}}
	for i, want := range []bool{true, true, false, false} {
		if got := changes.Wants(table); got != want {
			t.Errorf("after %d rows Wants() = %t", i, got)
		}
		changes.Add(Change{Table: table, New: image})
	}
	if changes.Rows() != 4 {
		t.Errorf("Rows() = %d, want 4", changes.Rows())
	}
}

func TestChangesOfAShadowTable(t *testing.T) {
	t.Parallel()
	s := NewSchema([]*Table{
		{Name: "f", Virtual: true, RowID: -1, SQL: "CREATE VIRTUAL TABLE f USING fts5(a)"},
		{Name: "f_data", Columns: []Column{{Name: "id"}}, RowID: -1},
		{Name: "fx_data", Columns: []Column{{Name: "id"}}, RowID: -1},
	})
	shapes := NewShapes(maphash.MakeSeed(), func() uint64 { return 1 })
	bumped := func(table string) []uint64 {
		var changes Changes
		changes.Add(Change{Table: s.Tables[table], New: []Value{Int(1)}})
		view := shapes.View()
		defer view.Release()
		return changes.Dependencies(nil, view)
	}
	f := shapes.hasher.table(s.Tables["f"])
	if !slices.Contains(bumped("f_data"), f) {
		t.Error("a change of f_data does not bump f")
	}
	if slices.Contains(bumped("fx_data"), f) {
		t.Error("a change of fx_data bumps f")
	}
}

func TestVirtualContent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sql     string
		content string
		opaque  bool
	}{
		{"CREATE VIRTUAL TABLE f USING fts5(a, b)", "", false},
		{"CREATE VIRTUAL TABLE f USING FTS5(a, content='')", "", false},
		{"CREATE VIRTUAL TABLE f USING fts5(content, x)", "", false},
		{"CREATE VIRTUAL TABLE f USING fts5(a, content='My Cards', content_rowid=id)", "my cards", false},
		{"CREATE VIRTUAL TABLE f USING fts4(content = \"t\", a)", "t", false},
		{"CREATE VIRTUAL TABLE f USING fts5(a, con='t')", "t", false},
		{"CREATE VIRTUAL TABLE r USING rtree(id, x, y)", "", false},
		{"CREATE VIRTUAL TABLE v USING fts5vocab('f', 'row')", "", true},
		{"CREATE VIRTUAL TABLE v USING mine(a)", "", true},
		{"CREATE VIRTUAL TABLE v USING", "", true},
		{"", "", true},
	} {
		content, opaque := virtualContent(test.sql)
		if strings.Join(content, ",") != test.content || opaque != test.opaque {
			t.Errorf("%s: content %q, opaque %t", test.sql, content, opaque)
		}
	}
}
