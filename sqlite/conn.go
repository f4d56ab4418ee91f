package sqlite

import (
	"context"
	"database/sql/driver"

	modernc "modernc.org/sqlite"
)

// An innerConn is what a connection of the driver is.
type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	modernc.ExecQuerierContext
	modernc.HookRegisterer
	modernc.AuthorizerRegisterer
}

// A conn wraps a connection of the driver. It has the same interfaces of
// database/sql/driver.
type conn struct {
	inner   innerConn
	session *session
}

// Unwrap returns the driver's connection, for sql.Conn.Raw. Whatever may be done
// with it is past any tracking: everything stored is invalidated, and nothing
// read on this connection is cached any longer.
func (c *conn) Unwrap() driver.Conn {
	c.session.unwrap()
	return c.inner
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.session.prepare(query)
	defer c.session.afterCall()
	prepared, err := c.inner.PrepareContext(ctx, query)
	if err != nil {
		c.session.Failed(ctx)
		return nil, err
	}
	inner, err := offered[innerStmt](prepared)
	if err != nil {
		return nil, err
	}
	return &stmt{innerStmt: inner, session: c.session, text: query}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.session.exec(ctx, query, args, func() (driver.Result, error) { return c.inner.ExecContext(ctx, query, args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.session.query(ctx, query, args, func() (driver.Rows, error) { return c.inner.QueryContext(ctx, query, args) })
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (_ driver.Tx, err error) {
	c.session.afterCall()
	t := &tx{session: c.session, end: c.session.Begin(ctx)}
	defer func() {
		if t.inner == nil { // after a panic, too
			t.leave(err)
		}
	}()
	if t.inner, err = c.inner.BeginTx(ctx, opts); err != nil {
		return nil, err
	}
	c.session.afterCall()
	return t, nil
}

func (c *conn) Ping(ctx context.Context) error {
	defer c.session.afterCall()
	err := c.inner.Ping(ctx)
	if err != nil {
		c.session.Failed(ctx)
	}
	return err
}

func (c *conn) ResetSession(ctx context.Context) error {
	c.session.afterCall()
	c.session.Take(ctx)
	return c.inner.ResetSession(ctx)
}

// IsValid is also the first that is called when a connection returns to the
// pool, such as from sql.Conn.Raw.
func (c *conn) IsValid() bool {
	c.session.afterCall()
	c.session.GiveBack()
	return c.inner.IsValid()
}

func (c *conn) Close() error {
	c.session.afterCall()
	err := c.inner.Close()
	c.session.ended()
	return err
}
