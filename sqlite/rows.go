package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqltrack"
	lib "modernc.org/sqlite/lib"
)

// innerRows are what rows of the driver are.
type innerRows interface {
	driver.Rows
	driver.RowsColumnTypeScanType
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
}

// rows wraps rows of the driver. A statement with RETURNING commits while its
// rows are read or closed.
type rows struct {
	innerRows
	session *session
	call    sqltrack.Call
	stmt    uintptr // the SQLite statement
}

func (r *rows) Next(dest []driver.Value) error {
	defer r.session.afterCall()
	err := r.innerRows.Next(dest)
	switch {
	case err == nil:
		r.look()
		r.row()
	case errors.Is(err, io.EOF):
		r.look()
		r.call.End()
	default:
		r.call.Fail()
		r.session.stumble(err)
	}
	return err
}

// row tells the call of the row that was just returned, as SQLite has it: the
// driver's own values are converted, and cut at NUL bytes.
func (r *rows) row() {
	n, columns := r.session.native, 0
	if r.call.Follows() {
		columns = int(lib.Xsqlite3_column_count(n.tls, r.stmt))
	}
	r.call.Row(columns, func(column int) shape.Value { return n.column(r.stmt, column) })
}

// look looks whether the last step of the query looked at the clock. It must be
// called between any two steps.
func (r *rows) look() {
	if r.call.Clocked() {
		r.call.Looked(r.stmt == 0 || r.session.native.clocked(r.stmt))
	}
}

func (r *rows) Close() (err error) {
	if !r.call.Shown() {
		r.look() // SQLite has computed the first row all the same
	}
	if r.call.Weighed() && r.stmt != 0 {
		r.call.Took(r.session.native.steps(r.stmt))
	}
	defer func() { r.session.leave(&r.call, err) }()
	return r.innerRows.Close()
}

// Probe implements sqltrack.Conn. Work is counted in steps of SQLite's machine.
func (s *session) Probe(ctx context.Context, sql string, args []driver.NamedValue, limit, work int) (all [][]shape.Value, took int, ok bool) {
	if ctx.Err() != nil {
		return nil, 0, false
	}
	return s.native.probe(sql, args, limit, work)
}

// statementOf returns the SQLite statement behind rows of the driver, or 0.
func statementOf(r driver.Rows) uintptr {
	v := reflect.ValueOf(r)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return 0
	}
	stmt := v.Elem().FieldByName("pstmt")
	if !stmt.IsValid() || stmt.Kind() != reflect.Uintptr {
		return 0
	}
	return uintptr(stmt.Uint())
}
