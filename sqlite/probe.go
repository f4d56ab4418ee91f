package sqlite

import (
	"database/sql/driver"
	"unsafe"

	"github.com/unstale/unstale/internal/shape"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// steps returns how many steps of SQLite's machine a statement has taken since it was
// asked last.
func (n native) steps(stmt uintptr) int {
	return int(lib.Xsqlite3_stmt_status(n.tls, stmt, lib.SQLITE_STMTSTATUS_VM_STEP, 1))
}

// probe runs a query of our own and returns its rows as SQLite has them, one more than
// limit if there are more, and how many steps that took; or false if it failed, or
// would have taken more steps than work. It goes past the driver, which has a use of
// its own for what SQLite calls between steps, within its calls.
func (n native) probe(sql string, args []driver.NamedValue, limit, work int) (all [][]shape.Value, took int, ok bool) {
	stmt, err := n.prepare(sql)
	if err != nil {
		return nil, 0, false
	}
	defer lib.Xsqlite3_finalize(n.tls, stmt)
	for _, a := range args {
		if !n.bind(stmt, a) {
			return nil, 0, false
		}
	}
	h := n.handle()
	handler, arg, every := h.FxProgress, h.FpProgressArg, h.FnProgressOps
	end := enough // as the library calls functions
	lib.Xsqlite3_progress_handler(n.tls, n.db, int32(work), *(*uintptr)(unsafe.Pointer(&end)), 0)
	defer lib.Xsqlite3_progress_handler(n.tls, n.db, int32(every), handler, arg)
	for {
		switch lib.Xsqlite3_step(n.tls, stmt) {
		case lib.SQLITE_ROW:
		case lib.SQLITE_DONE:
			return all, n.steps(stmt), true
		case lib.SQLITE_INTERRUPT:
			return nil, max(n.steps(stmt), work), false
		default:
			return nil, 0, false
		}
		row := make([]shape.Value, lib.Xsqlite3_column_count(n.tls, stmt))
		for i := range row {
			row[i] = n.column(stmt, i)
		}
		if all = append(all, row); len(all) > limit {
			return all, n.steps(stmt), true
		}
	}
}

// enough ends what runs.
func enough(*libc.TLS, uintptr) int32 { return 1 }

// prepare compiles the first statement of a text.
func (n native) prepare(text string) (stmt uintptr, err error) {
	sql, err := libc.CString(text)
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(n.tls, sql)
	out := n.tls.Alloc(8)
	defer n.tls.Free(8)
	*(*uintptr)(at(out)) = 0
	rc := lib.Xsqlite3_prepare_v2(n.tls, n.db, sql, -1, out, 0)
	if stmt = *(*uintptr)(at(out)); rc != lib.SQLITE_OK || stmt == 0 {
		return 0, errCompile
	}
	return stmt, nil
}

// bind binds an argument of the kinds that a shape.Value gives.
func (n native) bind(stmt uintptr, a driver.NamedValue) bool {
	i := int32(a.Ordinal)
	switch v := a.Value.(type) {
	case nil:
		return lib.Xsqlite3_bind_null(n.tls, stmt, i) == lib.SQLITE_OK
	case int64:
		return lib.Xsqlite3_bind_int64(n.tls, stmt, i, v) == lib.SQLITE_OK
	case float64:
		return lib.Xsqlite3_bind_double(n.tls, stmt, i, v) == lib.SQLITE_OK
	case string:
		return n.bindBytes(stmt, i, []byte(v), lib.Xsqlite3_bind_text)
	case []byte:
		return n.bindBytes(stmt, i, v, lib.Xsqlite3_bind_blob)
	}
	return false
}

// bindBytes binds a copy of bytes.
func (n native) bindBytes(stmt uintptr, i int32, b []byte, bind func(*libc.TLS, uintptr, int32, uintptr, int32, uintptr) int32) bool {
	p := libc.Xmalloc(n.tls, libc.Tsize_t(len(b)+1))
	if p == 0 {
		return false
	}
	defer libc.Xfree(n.tls, p)
	copy(unsafe.Slice((*byte)(at(p)), len(b)), b)
	const transient = ^uintptr(0) // SQLITE_TRANSIENT: SQLite makes a copy
	return bind(n.tls, stmt, i, p, int32(len(b)), transient) == lib.SQLITE_OK
}
