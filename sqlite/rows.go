package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/unstale/unstale/internal/adapter"
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
	ctx     context.Context
	session *session
	caller  adapter.Caller
	ended   bool // all rows were read
	shown   bool // a row was read

	following *following // what its rows decide, or nil
}

func (r *rows) Next(dest []driver.Value) error {
	defer r.session.afterCall()
	err := r.innerRows.Next(dest)
	switch {
	case err == nil:
		r.shown = true
		r.following.row(r.innerRows)
	case errors.Is(err, io.EOF):
		r.ended = true
		r.following.look(r.innerRows)
		r.following.end(true)
	default:
		r.caller.Refuse(reasonFailed)
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
		r.caller.Refuse(reasonFailed)
	}
	if !r.shown {
		r.following.look(r.innerRows)
		// SQLite has computed the first row all the same: that it did not fail is
		// known, and of what types its values are, to whoever asked.
		r.following.lose()
	}
	r.following.end(false)
	return r.innerRows.Close()
}
