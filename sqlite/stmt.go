package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/unstale/unstale/internal/sqltrack"
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
	call := s.enter(ctx, new(sqltrack.Call), text, args, false)
	// Deferred, here and below, because a function of the application may panic
	// within the statement, and nothing must stay in flux then.
	defer func() { s.leave(call, err) }()
	return run()
}

// query runs a statement whose rows are read.
func (s *session) query(ctx context.Context, text string, args []driver.NamedValue, run func() (driver.Rows, error)) (found driver.Rows, err error) {
	r := &rows{session: s}
	call := s.enter(ctx, &r.call, text, args, true)
	defer func() {
		if found == nil { // after a panic, too
			s.leave(call, err)
		} else {
			s.afterCall()
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
	r.innerRows, r.stmt = inner, statementOf(opened)
	return r, nil
}
