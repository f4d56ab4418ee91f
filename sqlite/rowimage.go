package sqlite

import (
	"unsafe"

	"github.com/unstale/unstale/internal/shape"
	lib "modernc.org/sqlite/lib"
)

// maxImageValue is the size in bytes above which a text or a blob in a row image
// is not looked at: it counts as changed by every update of its row.
const maxImageValue = 64 << 10

// columns returns the number of columns of the row that the pre-update hook
// reports.
func (n native) columns() int { return int(lib.Xsqlite3_preupdate_count(n.tls, n.db)) }

// image returns the old or new values of the row that the pre-update hook
// reports. It is called from within the hook.
//
// The driver's own Old and New are not used: they cut text at its first NUL
// byte, and give the value of another column for a virtual generated one.
func (n native) image(room *imageRoom, columns int, new bool) []shape.Value {
	values := room.row(columns)
	utf8 := n.handle().Fenc == lib.SQLITE_UTF8
	out := n.tls.Alloc(int(unsafe.Sizeof(uintptr(0))))
	defer n.tls.Free(int(unsafe.Sizeof(uintptr(0))))
	for i := range values {
		*(*uintptr)(at(out)) = 0
		var rc int32
		if new {
			rc = lib.Xsqlite3_preupdate_new(n.tls, n.db, int32(i), out)
		} else {
			rc = lib.Xsqlite3_preupdate_old(n.tls, n.db, int32(i), out)
		}
		if v := *(*uintptr)(at(out)); rc == lib.SQLITE_OK && v != 0 {
			values[i] = n.value(room, v, utf8)
		}
	}
	return values
}

// value decodes an sqlite3_value. raw says that it is nobody else's and that its
// database has texts in UTF-8. What is too large is unknown.
func (n native) value(room *imageRoom, v uintptr, raw bool) shape.Value {
	switch lib.Xsqlite3_value_type(n.tls, v) {
	case lib.SQLITE_NULL:
		return shape.Null()
	case lib.SQLITE_INTEGER:
		return shape.Int(lib.Xsqlite3_value_int64(n.tls, v))
	case lib.SQLITE_FLOAT:
		return shape.Float(lib.Xsqlite3_value_double(n.tls, v))
	case lib.SQLITE_TEXT:
		var p uintptr
		if raw {
			p = lib.Xsqlite3_value_blob(n.tls, v) // the same bytes, without a copy for the NUL at their end
		} else {
			p = lib.Xsqlite3_value_text(n.tls, v)
		}
		if b, ok := n.bytes(v, p); ok {
			return shape.Text(room.text(b))
		}
	case lib.SQLITE_BLOB:
		p := lib.Xsqlite3_value_blob(n.tls, v)
		if b, ok := n.bytes(v, p); ok {
			return shape.Blob(room.text(b))
		}
	}
	return shape.Value{}
}

// column returns a column of the row at which a statement stands.
func (n native) column(stmt uintptr, i int) shape.Value {
	return n.value(nil, lib.Xsqlite3_column_value(n.tls, stmt, int32(i)), false)
}

// bytes returns the bytes at p of a text or blob, which must be copied.
func (n native) bytes(v, p uintptr) (b []byte, ok bool) {
	size := lib.Xsqlite3_value_bytes(n.tls, v)
	if size == 0 {
		return nil, true
	}
	if p == 0 || size < 0 || size > maxImageValue {
		return nil, false
	}
	return unsafe.Slice((*byte)(at(p)), size), true
}

// An imageRoom is where the row images of one transaction lie: in few large
// pieces, because a transaction may change many rows. What was handed out is
// never written to again, and lives as long as somebody holds it. The zero value
// is ready for use; a nil one has each text by itself.
type imageRoom struct {
	values []shape.Value // the rest of the piece in use
	bytes  []byte        // likewise; what is before its length is taken
	next   int           // how many values the next piece has
}

// Bounds of the pieces.
const (
	minImageValues = 16
	maxImageValues = 4096
	minImageBytes  = 256
	maxImageBytes  = 64 << 10
)

// row returns room for the values of a row. They are Unknown.
func (r *imageRoom) row(columns int) []shape.Value {
	if len(r.values) < columns {
		r.next = min(max(2*r.next, minImageValues), maxImageValues)
		r.values = make([]shape.Value, max(r.next, columns))
	}
	row := r.values[:columns:columns]
	r.values = r.values[columns:]
	return row
}

// text returns a copy of b.
func (r *imageRoom) text(b []byte) string {
	if r == nil {
		return string(b)
	}
	if cap(r.bytes)-len(r.bytes) < len(b) {
		if len(b) > maxImageBytes/8 {
			return string(b) // rather than leave the rest of a piece unused
		}
		r.bytes = make([]byte, 0, min(max(2*cap(r.bytes), minImageBytes, 2*len(b)), maxImageBytes))
	}
	start := len(r.bytes)
	r.bytes = append(r.bytes, b...)
	return unsafe.String(unsafe.SliceData(r.bytes[start:]), len(b))
}
