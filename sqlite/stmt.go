package sqlite

import (
	"context"
	"database/sql/driver"
)

// A stmt wraps a prepared statement of the driver.
type stmt struct {
	conn  *conn
	inner driver.Stmt
	text  string
}

var (
	_ driver.Stmt              = (*stmt)(nil)
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
)

// A convertingStmt is the wrapper of a statement with a ColumnConverter.
// database/sql has no answer for a ColumnConverter that is not implemented, so
// this interface alone must be there only if the inner statement has it.
type convertingStmt struct{ *stmt }

func (s *convertingStmt) ColumnConverter(i int) driver.ValueConverter {
	return s.inner.(driver.ColumnConverter).ColumnConverter(i) //nolint:staticcheck // old drivers
}

func (s *stmt) Close() error {
	err := s.inner.Close()
	s.conn.session.settle()
	return err
}

func (s *stmt) NumInput() int { return s.inner.NumInput() }

func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	n := make([]driver.NamedValue, len(args))
	for i, v := range args {
		n[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return n
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (_ driver.Result, err error) {
	caller := s.conn.session.enter(ctx, s.text, args, false)
	defer func() {
		s.conn.session.leave(caller, err)
		caller.End()
	}()
	return s.exec(ctx, args)
}

func (s *stmt) exec(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := s.inner.(driver.StmtExecContext); ok {
		return e.ExecContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.inner.Exec(values) //nolint:staticcheck // old drivers
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (found driver.Rows, err error) {
	caller := s.conn.session.enter(ctx, s.text, args, true)
	defer func() { s.conn.session.leaveOpen(caller, found, err) }()
	inner, err := s.query(ctx, args)
	if err != nil {
		return nil, err
	}
	return &rows{ctx: ctx, session: s.conn.session, caller: caller, inner: inner, following: s.conn.session.taken()}, nil
}

func (s *stmt) query(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := s.inner.(driver.StmtQueryContext); ok {
		return q.QueryContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return s.inner.Query(values) //nolint:staticcheck // old drivers
}

// CheckNamedValue asks the statement, then the connection.
func (s *stmt) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := s.inner.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}
