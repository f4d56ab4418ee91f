package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// checkParents reports whether every foreign key has its parent.
func (c *Connector) checkParents(ctx context.Context) (_ bool, err error) {
	inner, err := c.open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, inner.Close()) }()
	rows, err := inner.QueryContext(ctx, "PRAGMA main.foreign_key_check", nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	err = rows.Next(make([]driver.Value, len(rows.Columns())))
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}
