package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
)

// A conn wraps a connection of the driver. It has every optional interface of
// database/sql/driver and gives the documented answer for "not implemented"
// where the inner connection lacks one.
type conn struct {
	inner   driver.Conn
	session *session
}

var (
	_ driver.Conn               = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

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
	defer c.session.settle()
	inner, err := prepareContext(ctx, c.inner, query)
	if err != nil {
		c.session.refuse(ctx)
		return nil, err
	}
	s := &stmt{conn: c, inner: inner, text: query}
	if _, ok := inner.(driver.ColumnConverter); ok { //nolint:staticcheck // old drivers
		return &convertingStmt{s}, nil
	}
	return s, nil
}

func prepareContext(ctx context.Context, c driver.Conn, query string) (driver.Stmt, error) {
	if p, ok := c.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	s, err := c.Prepare(query)
	if err == nil && ctx.Err() != nil {
		_ = s.Close()
		return nil, ctx.Err()
	}
	return s, err
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (_ driver.Result, err error) {
	run, err := execer(c.inner)
	if err != nil {
		return nil, err
	}
	caller := c.session.enter(ctx, query, args, false)
	// Deferred, here and below, because a function of the application may panic
	// within the statement, and nothing must stay in flux then.
	defer func() {
		c.session.leave(caller, err)
		caller.End()
	}()
	return run(ctx, query, args)
}

// execer returns how the connection executes without preparing, or ErrSkip.
func execer(c driver.Conn) (func(context.Context, string, []driver.NamedValue) (driver.Result, error), error) {
	if e, ok := c.(driver.ExecerContext); ok {
		return e.ExecContext, nil
	}
	e, ok := c.(driver.Execer) //nolint:staticcheck // old drivers
	if !ok {
		return nil, driver.ErrSkip
	}
	return func(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
		values, err := unnamed(ctx, args)
		if err != nil {
			return nil, err
		}
		return e.Exec(query, values)
	}, nil
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (found driver.Rows, err error) {
	run, err := queryer(c.inner)
	if err != nil {
		return nil, err
	}
	caller := c.session.enter(ctx, query, args, true)
	defer func() { c.session.leaveOpen(caller, found, err) }()
	inner, err := run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &rows{ctx: ctx, session: c.session, caller: caller, inner: inner, following: c.session.taken()}, nil
}

// queryer returns how the connection queries without preparing, or ErrSkip.
func queryer(c driver.Conn) (func(context.Context, string, []driver.NamedValue) (driver.Rows, error), error) {
	if q, ok := c.(driver.QueryerContext); ok {
		return q.QueryContext, nil
	}
	q, ok := c.(driver.Queryer) //nolint:staticcheck // old drivers
	if !ok {
		return nil, driver.ErrSkip
	}
	return func(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
		values, err := unnamed(ctx, args)
		if err != nil {
			return nil, err
		}
		return q.Query(query, values)
	}, nil
}

// unnamed turns arguments into what calls without a context take.
func unnamed(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (_ driver.Tx, err error) {
	caller := c.session.enter(ctx, "BEGIN", nil, false)
	defer func() { c.session.leave(caller, err) }()
	inner, err := beginTx(ctx, c.inner, opts)
	if err != nil {
		return nil, err
	}
	return &tx{inner: inner, session: c.session, caller: caller, ended: c.session.begun(ctx, caller)}, nil
}

func beginTx(ctx context.Context, c driver.Conn, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	if opts.Isolation != 0 {
		return nil, errors.New("sql: driver does not support non-default isolation level")
	}
	if opts.ReadOnly {
		return nil, errors.New("sql: driver does not support read-only transactions")
	}
	t, err := c.Begin() //nolint:staticcheck // old drivers
	if err == nil && ctx.Err() != nil {
		_ = t.Rollback()
		return nil, ctx.Err()
	}
	return t, err
}

// CheckNamedValue asks the connection; its statements ask here, too.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *conn) Ping(ctx context.Context) error {
	p, ok := c.inner.(driver.Pinger)
	if !ok {
		return nil
	}
	defer c.session.settle()
	err := p.Ping(ctx)
	if err != nil {
		c.session.refuse(ctx)
	}
	return err
}

func (c *conn) ResetSession(ctx context.Context) error {
	c.session.settle()
	r, ok := c.inner.(driver.SessionResetter)
	if !ok {
		return nil
	}
	return r.ResetSession(ctx)
}

// IsValid is also the first that is called when a connection returns to the
// pool, such as from sql.Conn.Raw.
func (c *conn) IsValid() bool {
	c.session.settle()
	v, ok := c.inner.(driver.Validator)
	return !ok || v.IsValid()
}

func (c *conn) Close() error {
	c.session.settle()
	err := c.inner.Close()
	c.session.ended()
	return err
}
