package dialect

import (
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/shape"
)

func TestChangesOfAShadowTable(t *testing.T) {
	t.Parallel()
	s := NewSchema([]*Table{
		{Table: shape.Table{Name: "f"}, Virtual: true, RowID: -1, SQL: "CREATE VIRTUAL TABLE f USING fts5(a)"},
		{Table: shape.Table{Name: "f_data", Columns: []shape.Column{{Name: "id"}}}, RowID: -1, Shadow: true},
		{Table: shape.Table{Name: "f_extra", Columns: []shape.Column{{Name: "id"}}}, RowID: -1},
		{Table: shape.Table{Name: "o"}, Virtual: true, RowID: -1, SQL: "CREATE VIRTUAL TABLE o USING ours(a)"},
		{Table: shape.Table{Name: "o_data", Columns: []shape.Column{{Name: "id"}}}, RowID: -1},
		{Table: shape.Table{Name: "fx_data", Columns: []shape.Column{{Name: "id"}}}, RowID: -1},
	})
	shapes := shape.NewShapes([16]byte{1}, func() uint64 { return 1 })
	bumped := func(table string) []uint64 {
		var changes shape.Changes
		changes.Add(shape.Change{Table: &s.Tables[table].Table, New: []shape.Value{shape.Int(1)}})
		view := shapes.View()
		defer view.Release()
		return changes.Dependencies(nil, view)
	}
	var whole shape.Dependencies
	shapes.Use(&shape.Plan{Sources: []shape.Source{{Table: &s.Tables["f"].Table, Coarse: true}}}).Begin(&whole, 1, nil, nil)
	f := whole.Hashes[0]
	if !slices.Contains(bumped("f_data"), f) {
		t.Error("a change of f_data does not bump f")
	}
	for _, other := range []string{"fx_data", "f_extra"} {
		if slices.Contains(bumped(other), f) {
			t.Errorf("a change of %s bumps f", other)
		}
	}
	if len(s.Tables["f_extra"].Along) > 0 || len(s.Tables["o_data"].Along) == 0 {
		t.Error("an ordinary table belongs to a virtual one, or what may be another module's does not")
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
