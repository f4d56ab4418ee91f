package sqlite

import (
	"errors"
	"unsafe"

	"github.com/unstale/unstale/internal/shape"
	"modernc.org/libc"
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

var errPrepare = errors.New("unstale/sqlite: cannot prepare")

// prepared is what SQLite says of a statement that it compiled.
type prepared struct {
	explain bool
	tail    string // what follows the first statement
}

// prepare compiles the first statement of a text and drops it again. Nothing is
// executed.
func (n native) prepare(text string) (p prepared, err error) {
	sql, err := libc.CString(text)
	if err != nil {
		return p, err
	}
	defer libc.Xfree(n.tls, sql)
	out := n.tls.Alloc(16)
	defer n.tls.Free(16)
	stmt, tail := out, out+8
	*(*uintptr)(at(stmt)), *(*uintptr)(at(tail)) = 0, 0
	if rc := lib.Xsqlite3_prepare_v2(n.tls, n.db, sql, -1, stmt, tail); rc != lib.SQLITE_OK {
		return p, errPrepare
	}
	s := *(*uintptr)(at(stmt))
	if s == 0 {
		return p, errPrepare
	}
	p.explain = lib.Xsqlite3_stmt_isexplain(n.tls, s) != 0
	p.tail = libc.GoString(*(*uintptr)(at(tail)))
	lib.Xsqlite3_finalize(n.tls, s)
	return p, nil
}

// rejects reports whether the first statement of a text is in error, and not only
// for the moment. It must be none that takes effect when it is compiled.
func (n native) rejects(text string) bool {
	sql, err := libc.CString(text)
	if err != nil {
		return false
	}
	defer libc.Xfree(n.tls, sql)
	stmt := n.tls.Alloc(8)
	defer n.tls.Free(8)
	*(*uintptr)(at(stmt)) = 0
	rc := lib.Xsqlite3_prepare_v2(n.tls, n.db, sql, -1, stmt, 0)
	lib.Xsqlite3_finalize(n.tls, *(*uintptr)(at(stmt)))
	return rc == lib.SQLITE_ERROR
}

// collation returns the collation of a column of main, as declared.
func (n native) collation(table, column string) (string, error) {
	names := make([]uintptr, 3)
	for i, s := range []string{"main", table, column} {
		p, err := libc.CString(s)
		if err != nil {
			return "", err
		}
		defer libc.Xfree(n.tls, p)
		names[i] = p
	}
	out := n.tls.Alloc(8)
	defer n.tls.Free(8)
	*(*uintptr)(at(out)) = 0
	if rc := lib.Xsqlite3_table_column_metadata(n.tls, n.db, names[0], names[1], names[2], 0, out, 0, 0, 0); rc != lib.SQLITE_OK {
		return "", errDriver
	}
	return libc.GoString(*(*uintptr)(at(out))), nil
}
