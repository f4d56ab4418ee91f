package shape

import (
	"testing"
)

func FuzzKind(f *testing.F) {
	f.Add(marshalKind("public.item", shapeKey{columns: []int{0, Folded(2)}, watched: 5, order: noOrder}))
	f.Add(marshalKind("t", shapeKey{watched: allColumns, order: 3, descending: true, between: true}))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		table, k, err := unmarshalKind(text)
		if err == nil && marshalKind(table, k) != text {
			t.Errorf("%q is read as %s %+v", text, table, k)
		}
	})
}

// TestAdopt: what others rely on is described in full only if commits have been described by it since.
func TestAdopt(t *testing.T) {
	t.Parallel()
	table := &Table{Name: "t", Columns: make([]Column, 3)}
	tables := func(name string) *Table {
		if name == "t" {
			return table
		}
		return nil
	}
	seq := uint64(10)
	s := NewShapes([16]byte{}, func() uint64 { return seq })
	k := shapeKey{columns: []int{1}, watched: 4, order: noOrder}
	kind := marshalKind("t", k)
	adopt := func(asOf uint64, want int, kinds ...string) {
		t.Helper()
		if besides, ok := s.Adopt(tables, kinds, asOf); !ok || len(besides) != want {
			t.Errorf("as of %d: %d, %v", asOf, len(besides), ok)
		}
	}
	adopt(9, 1, kind) // it is born
	adopt(9, 1, kind) // later than that
	adopt(10, 0, kind)
	adopt(10, 0)
	seq = 20
	view := s.View()
	other := marshalKind("t", shapeKey{columns: []int{2}, watched: 4, order: noOrder})
	adopt(30, 1, kind, other) // a commit does not know it
	seq = 25
	view.Release()
	adopt(24, 1, other)
	adopt(25, 0, other)
	for _, none := range []string{
		"", "x", kind + "x", kind[:len(kind)-1], marshalKind("u", k), marshalKind("t", shapeKey{columns: []int{3}, order: noOrder}),
		marshalKind("t", shapeKey{order: 3}), marshalKind("t", shapeKey{columns: []int{Folded(3)}, order: noOrder}),
	} {
		if _, ok := s.Adopt(tables, []string{none}, 100); ok {
			t.Errorf("%q is a kind", none)
		}
	}
	s.Bounds.Shapes = 2
	adopt(100, 1, marshalKind("t", shapeKey{watched: 1, order: noOrder})) // there is no room
	s.Bounds.Shapes, s.Bounds.Many, s.Bounds.Watched = 100, 1, 1
	adopt(100, 1, marshalKind("t", shapeKey{columns: []int{1}, watched: 2, order: noOrder})) // one that watches more takes its place
}
