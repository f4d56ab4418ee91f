package shape

import (
	"strings"
	"testing"
)

// TestRoom hands out rows and texts of all sizes and sees that none of them
// overwrites another one, or reaches beyond its end.
func TestRoom(t *testing.T) {
	t.Parallel()
	var room Room
	var rows [][]Value
	var texts, want []string
	buffer := make([]byte, 2*maxRoomBytes)
	for i := range 3000 {
		row := room.Row(i % 50)
		for j := range row {
			if row[j] != (Value{}) {
				t.Fatalf("row %d begins with %v", i, row[j])
			}
			row[j] = Int(int64(i))
		}
		if len(row) != i%50 || cap(row) != len(row) {
			t.Fatalf("a row of %d and %d, want %d", len(row), cap(row), i%50)
		}
		rows = append(rows, row)
		b := buffer[:i*i%(maxRoomBytes/4)]
		if i == 2000 {
			b = buffer
		}
		for j := range b {
			b[j] = byte('a' + i%26)
		}
		texts, want = append(texts, room.Text(b)), append(want, strings.Repeat(string(rune('a'+i%26)), len(b)))
	}
	for i, row := range rows {
		for _, v := range row {
			if v != Int(int64(i)) {
				t.Fatalf("row %d holds %v", i, v)
			}
		}
		if texts[i] != want[i] {
			t.Fatalf("text %d is not what it was", i)
		}
	}
}

// The images of a transaction are bounded in bytes, of all tables together. A table
// that has too many gives its share back.
func TestImagesAreBounded(t *testing.T) {
	t.Parallel()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	big, small := people(), events()
	register(shapes, one(int64(1)), byColumns(big, []int{0}, 1), byColumns(small, []int{0}, 3))
	var changes Changes
	add := func(table *Table, text []byte) bool {
		room := changes.Room(table, shapes)
		if room == nil {
			changes.AddUnknown(table)
			return false
		}
		row := room.Row(len(table.Columns))
		row[0], row[3] = Int(1), Text(room.Text(text))
		changes.Add(Change{Table: table, New: row})
		return true
	}
	text, kept := make([]byte, 60_000), 0
	for range 2 {
		for range 1000 {
			if add(big, text) {
				kept += len(text)
			}
			if changes.bytes > maxImages+len(text)+maxRoomBytes+maxRoomValues*40 {
				t.Fatalf("%d bytes", changes.bytes)
			}
			if !add(small, nil) {
				t.Fatal("a table with few bytes is coarse")
			}
		}
		if kept < maxImages*9/10 || kept > maxImages+len(text) {
			t.Errorf("%d bytes of text were kept", kept)
		}
		if changes.bytes > maxImages/8 {
			t.Errorf("%d bytes are counted after all is coarse", changes.bytes)
		}
		touched := changes.touch(shapes)
		if !touched[shapes.hasher.coarse(big)] || touched[shapes.hasher.coarse(small)] {
			t.Error("the wrong table is coarse")
		}
		if got := changes.Coarse(); len(got) != 1 || got[0] != coarseBytes {
			t.Errorf("%q", got)
		}
		changes.Reset()
		kept = 0
	}
}

// An image holds the values that select or order rows for somebody, and the first key.
func TestKept(t *testing.T) {
	t.Parallel()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	table := events()
	register(shapes, one("x"), byColumns(table, nil, 5), byColumns(table, []int{1}, 6))
	list{order: 2, watched: columnsOf(7)}.upTo(shapes, table, 0)
	var changes Changes
	if got, want := changes.Room(table, shapes).Keep, columnsOf(0, 1, 2); got != want {
		t.Errorf("%b are kept, want %b", got, want)
	}
	if !changes.Empty() {
		t.Error("to ask for room is a change")
	}
	if touched := changes.touch(shapes); len(touched) != 0 {
		t.Errorf("to ask for room touches %d", len(touched))
	}
}
