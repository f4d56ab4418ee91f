package sqlite

import (
	"bytes"
	"math"
	"unsafe"

	"github.com/unstale/unstale/internal/shape"
	lib "modernc.org/sqlite/lib"
)

// maxImageValue is the size in bytes above which a text or a blob is not held in a
// row image.
const maxImageValue = 64 << 10

// columns returns the number of columns of the row that the pre-update hook
// reports.
func (n native) columns() int { return int(lib.Xsqlite3_preupdate_count(n.tls, n.db)) }

// row returns the images of the row that the pre-update hook reports, for which room
// says what they must hold, and the columns that an update changes. It is called from
// within the hook.
//
// The driver's own Old and New are not used: they cut text at its first NUL
// byte, and give the value of another column for a virtual generated one.
func (n native) row(room *shape.Room, t *shape.Table, op int32) (old, new []shape.Value, differs shape.ColumnSet) {
	out := n.tls.Alloc(int(unsafe.Sizeof(uintptr(0))))
	defer n.tls.Free(int(unsafe.Sizeof(uintptr(0))))
	utf8 := n.handle().Fenc == lib.SQLITE_UTF8
	image := room.Row(len(t.Columns))
	if op != opInsert {
		old = image
	}
	if op != opDelete {
		new = image // until they differ in what is kept
	}
	for c := range t.Columns {
		var was, is uintptr
		if op != opInsert {
			was = n.asked(out, lib.Xsqlite3_preupdate_old(n.tls, n.db, int32(c), out))
		}
		if op != opDelete {
			is = n.asked(out, lib.Xsqlite3_preupdate_new(n.tls, n.db, int32(c), out))
		}
		same := op == opUpdate && n.same(was, is, utf8)
		if op == opUpdate && !same && t.Columns[c].Generated != shape.Virtual {
			differs.Add(c)
		}
		if !room.Keep.Has(c) {
			continue
		}
		if old != nil {
			old[c] = n.value(room, was, utf8)
		}
		switch {
		case new == nil:
		case same:
			new[c] = old[c]
		default:
			if old != nil && &old[0] == &new[0] {
				new = room.Row(len(old))
				copy(new, old[:c])
			}
			new[c] = n.value(room, is, utf8)
		}
	}
	return old, new, differs
}

// asked returns the sqlite3_value at out, or 0 if asking for it failed.
func (native) asked(out uintptr, rc int32) (v uintptr) {
	if rc == lib.SQLITE_OK {
		v = *(*uintptr)(at(out))
	}
	*(*uintptr)(at(out)) = 0
	return v
}

// same reports whether two sqlite3_values are stored identically, however large they
// are.
func (n native) same(a, b uintptr, utf8 bool) bool {
	if a == 0 || b == 0 {
		return false
	}
	kind := lib.Xsqlite3_value_type(n.tls, a)
	if kind != lib.Xsqlite3_value_type(n.tls, b) {
		return false
	}
	switch kind {
	case lib.SQLITE_NULL:
		return true
	case lib.SQLITE_INTEGER:
		return lib.Xsqlite3_value_int64(n.tls, a) == lib.Xsqlite3_value_int64(n.tls, b)
	case lib.SQLITE_FLOAT:
		return math.Float64bits(lib.Xsqlite3_value_double(n.tls, a)) == math.Float64bits(lib.Xsqlite3_value_double(n.tls, b))
	}
	x, okX := n.stored(a, utf8)
	y, okY := n.stored(b, utf8)
	return okX && okY && bytes.Equal(x, y)
}

// stored returns the bytes of a text or blob as they are stored, or ok false if there
// is no room for them. They are nobody's to keep.
func (n native) stored(v uintptr, utf8 bool) (b []byte, ok bool) {
	p := lib.Xsqlite3_value_blob(n.tls, v)
	count := lib.Xsqlite3_value_bytes
	if !utf8 && lib.Xsqlite3_value_type(n.tls, v) == lib.SQLITE_TEXT {
		count = lib.Xsqlite3_value_bytes16 // which converts nothing
	}
	size := count(n.tls, v)
	if p == 0 {
		return nil, size == 0
	}
	return unsafe.Slice((*byte)(at(p)), size), true
}

// value decodes an sqlite3_value, or 0. raw says that it is nobody else's and that its
// database has texts in UTF-8. What is too large is unknown.
func (n native) value(room *shape.Room, v uintptr, raw bool) shape.Value {
	if v == 0 {
		return shape.Value{}
	}
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
			return shape.Text(room.Text(b))
		}
	case lib.SQLITE_BLOB:
		p := lib.Xsqlite3_value_blob(n.tls, v)
		if b, ok := n.bytes(v, p); ok {
			return shape.Blob(room.Text(b))
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
