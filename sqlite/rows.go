package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	"github.com/unstale/unstale/internal/adapter"
)

// rows wraps rows of the driver. A statement with RETURNING commits while its
// rows are read or closed.
type rows struct {
	ctx     context.Context
	session *session
	caller  adapter.Caller
	inner   driver.Rows
	ended   bool // all rows were read
	shown   bool // a row was read

	following *following // what its rows decide, or nil
}

var (
	_ driver.Rows                           = (*rows)(nil)
	_ driver.RowsNextResultSet              = (*rows)(nil)
	_ driver.RowsColumnTypeScanType         = (*rows)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)
	_ driver.RowsColumnTypeLength           = (*rows)(nil)
	_ driver.RowsColumnTypeNullable         = (*rows)(nil)
	_ driver.RowsColumnTypePrecisionScale   = (*rows)(nil)
)

func (r *rows) Columns() []string { return r.inner.Columns() }

func (r *rows) Next(dest []driver.Value) error {
	defer r.session.settle()
	err := r.inner.Next(dest)
	switch {
	case err == nil:
		r.shown = true
		r.following.row(r.inner)
	case errors.Is(err, io.EOF):
		r.ended = true
		r.following.look(r.inner)
		r.following.end(true)
	default:
		r.caller.Refuse(refusedFailed)
		r.session.stumbled()
	}
	return err
}

// Close also follows a context that ended while rows were left: then whoever
// reads them believes there are no more, unless he asks for the error.
func (r *rows) Close() (err error) {
	defer func() {
		r.session.leave(r.caller, err)
		r.caller.End()
	}()
	if !r.ended && (r.ctx.Err() != nil || r.session.cut()) {
		r.caller.Refuse(refusedFailed)
	}
	if !r.shown {
		r.following.look(r.inner)
		// SQLite has computed the first row all the same: that it did not fail is
		// known, and of what types its values are, to whoever asked.
		r.following.lose()
	}
	r.following.end(false)
	return r.inner.Close()
}

func (r *rows) HasNextResultSet() bool {
	n, ok := r.inner.(driver.RowsNextResultSet)
	return ok && n.HasNextResultSet()
}

func (r *rows) NextResultSet() error {
	n, ok := r.inner.(driver.RowsNextResultSet)
	if !ok {
		return io.EOF
	}
	r.ended = false
	defer r.session.settle()
	err := n.NextResultSet()
	if err != nil && !errors.Is(err, io.EOF) {
		r.caller.Refuse(refusedFailed)
	}
	return err
}

func (r *rows) ColumnTypeScanType(i int) reflect.Type {
	if t, ok := r.inner.(driver.RowsColumnTypeScanType); ok {
		return t.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.inner.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r *rows) ColumnTypeLength(i int) (length int64, ok bool) {
	if t, ok := r.inner.(driver.RowsColumnTypeLength); ok {
		return t.ColumnTypeLength(i)
	}
	return 0, false
}

func (r *rows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if t, ok := r.inner.(driver.RowsColumnTypeNullable); ok {
		return t.ColumnTypeNullable(i)
	}
	return false, false
}

func (r *rows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if t, ok := r.inner.(driver.RowsColumnTypePrecisionScale); ok {
		return t.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}
