package sqlite

import (
	"context"
	"database/sql/driver"
)

// An innerStmt is what a prepared statement of the driver is.
type innerStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// A stmt wraps a prepared statement of the driver.
type stmt struct {
	innerStmt
	session *session
	text    string
}

func (s *stmt) Close() error {
	defer s.session.afterCall()
	return s.innerStmt.Close()
}

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

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.session.exec(ctx, s.text, args, func() (driver.Result, error) { return s.innerStmt.ExecContext(ctx, args) })
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.session.query(ctx, s.text, args, func() (driver.Rows, error) { return s.innerStmt.QueryContext(ctx, args) })
}

// exec runs a statement.
func (s *session) exec(ctx context.Context, text string, args []driver.NamedValue, run func() (driver.Result, error)) (_ driver.Result, err error) {
	caller := s.enter(ctx, text, args, false)
	// Deferred, here and below, because a function of the application may panic
	// within the statement, and nothing must stay in flux then.
	defer func() {
		s.leave(caller, err)
		caller.End()
	}()
	return run()
}

// query runs a statement whose rows are read.
func (s *session) query(ctx context.Context, text string, args []driver.NamedValue, run func() (driver.Rows, error)) (found driver.Rows, err error) {
	caller := s.enter(ctx, text, args, true)
	defer func() {
		s.leave(caller, err)
		if found == nil { // after a panic, too: there will be no rows
			caller.End()
		}
	}()
	opened, err := run()
	if err != nil {
		return nil, err
	}
	inner, err := offered[innerRows](opened)
	if err != nil {
		return nil, err
	}
	return &rows{ctx: ctx, session: s, caller: caller, innerRows: inner, following: s.taken()}, nil
}
