package shape

import (
	"unsafe"
)

// A Room is where the row images of a table lie that one transaction changes: in few
// large pieces, because there may be many. What was handed out is never written to
// again by the room, and lives as long as somebody holds it. A nil Room has each text
// by itself.
type Room struct {
	// Keep are the columns whose values images must hold: those that select or order
	// rows for somebody, and those of the first key. Of any other column it is enough
	// to know whether an update changed it.
	Keep ColumnSet

	values []Value // the rest of the piece in use
	bytes  []byte  // likewise; what is before its length is taken
	next   int     // how many values the next piece has
	taken  int     // the bytes of all pieces
}

// Bounds of the pieces.
const (
	minRoomValues = 16
	maxRoomValues = 4096
	minRoomBytes  = 256
	maxRoomBytes  = 64 << 10
)

// Row returns room for the values of a row. They are Unknown.
func (r *Room) Row(columns int) []Value {
	if len(r.values) < columns {
		r.next = min(max(2*r.next, minRoomValues), maxRoomValues)
		r.values = make([]Value, max(r.next, columns))
		r.taken += len(r.values) * int(unsafe.Sizeof(Value{}))
	}
	row := r.values[:columns:columns]
	r.values = r.values[columns:]
	return row
}

// Text returns a copy of b.
func (r *Room) Text(b []byte) string {
	if r == nil {
		return string(b)
	}
	if cap(r.bytes)-len(r.bytes) < len(b) {
		if len(b) > maxRoomBytes/8 { // rather than leave the rest of a piece unused
			r.taken += len(b)
			return string(b)
		}
		r.bytes = make([]byte, 0, min(max(2*cap(r.bytes), minRoomBytes, 2*len(b)), maxRoomBytes))
		r.taken += cap(r.bytes)
	}
	start := len(r.bytes)
	r.bytes = append(r.bytes, b...)
	return unsafe.String(unsafe.SliceData(r.bytes[start:]), len(b))
}
