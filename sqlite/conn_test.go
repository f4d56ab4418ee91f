package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"
)

// A fake driver, bare: nothing but what every driver must have. It notes what
// it is asked.
type (
	bareConn struct{ calls *[]string }
	bareStmt struct{ c *bareConn }
	bareTx   struct{ c *bareConn }
	bareRows struct {
		c    *bareConn
		left int
	}
)

func (c *bareConn) note(format string, args ...any) {
	*c.calls = append(*c.calls, fmt.Sprintf(format, args...))
}

func (c *bareConn) Prepare(q string) (driver.Stmt, error) {
	c.note("Prepare %s", q)
	return &bareStmt{c}, nil
}
func (c *bareConn) Close() error              { c.note("Close"); return nil }
func (c *bareConn) Begin() (driver.Tx, error) { c.note("Begin"); return &bareTx{c}, nil }
func (t *bareTx) Commit() error               { t.c.note("Commit"); return nil }
func (t *bareTx) Rollback() error             { t.c.note("Rollback"); return nil }
func (s *bareStmt) Close() error              { s.c.note("Stmt.Close"); return nil }
func (s *bareStmt) NumInput() int             { return -1 }
func (s *bareStmt) Exec(a []driver.Value) (driver.Result, error) {
	s.c.note("Stmt.Exec %v", a)
	return driver.RowsAffected(1), nil
}

func (s *bareStmt) Query(a []driver.Value) (driver.Rows, error) {
	s.c.note("Stmt.Query %v", a)
	return &bareRows{s.c, 1}, nil
}
func (r *bareRows) Columns() []string { return []string{"a"} }
func (r *bareRows) Close() error      { r.c.note("Rows.Close"); return nil }
func (r *bareRows) Next(d []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	d[0] = int64(7)
	return nil
}

// The same driver, with everything that a driver may have.
type (
	fullConn struct{ bareConn }
	fullStmt struct {
		bareStmt
		*fullConn
	}
	fullRows struct {
		bareRows
		sets int
	}
)

func (c *fullConn) PrepareContext(_ context.Context, q string) (driver.Stmt, error) {
	c.note("PrepareContext %s", q)
	return &fullStmt{bareStmt{&c.bareConn}, c}, nil
}

func (c *fullConn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.note("BeginTx %v %v", o.Isolation, o.ReadOnly)
	return &bareTx{&c.bareConn}, nil
}

func (c *fullConn) ExecContext(_ context.Context, q string, a []driver.NamedValue) (driver.Result, error) {
	if q == "skip" {
		return nil, driver.ErrSkip
	}
	c.note("ExecContext %s %v", q, a)
	return driver.RowsAffected(2), nil
}

func (c *fullConn) QueryContext(_ context.Context, q string, a []driver.NamedValue) (driver.Rows, error) {
	if q == "skip" {
		return nil, driver.ErrSkip
	}
	c.note("QueryContext %s %v", q, a)
	return &fullRows{bareRows{&c.bareConn, 1}, 1}, nil
}

func (c *fullConn) CheckNamedValue(v *driver.NamedValue) error {
	c.note("CheckNamedValue %v", v.Value)
	if s, ok := v.Value.(secret); ok {
		v.Value = "checked " + string(s)
		return nil
	}
	return driver.ErrSkip
}
func (c *fullConn) Ping(context.Context) error         { c.note("Ping"); return nil }
func (c *fullConn) ResetSession(context.Context) error { c.note("ResetSession"); return nil }
func (c *fullConn) IsValid() bool                      { c.note("IsValid"); return true }

func (s *fullStmt) Close() error  { return s.bareStmt.Close() }
func (s *fullStmt) NumInput() int { return 1 }
func (s *fullStmt) ExecContext(_ context.Context, a []driver.NamedValue) (driver.Result, error) {
	s.bareStmt.c.note("Stmt.ExecContext %v", a)
	return driver.RowsAffected(3), nil
}

func (s *fullStmt) QueryContext(_ context.Context, a []driver.NamedValue) (driver.Rows, error) {
	s.bareStmt.c.note("Stmt.QueryContext %v", a)
	return &fullRows{bareRows{s.bareStmt.c, 1}, 1}, nil
}

func (s *fullStmt) ColumnConverter(i int) driver.ValueConverter {
	s.bareStmt.c.note("ColumnConverter %d", i)
	return driver.DefaultParameterConverter
}
func (r *fullRows) HasNextResultSet() bool                            { return r.sets > 0 }
func (r *fullRows) NextResultSet() error                              { r.sets--; r.left = 1; r.c.note("NextResultSet"); return nil }
func (r *fullRows) ColumnTypeScanType(int) reflect.Type               { return reflect.TypeFor[int64]() }
func (r *fullRows) ColumnTypeDatabaseTypeName(int) string             { return "INTEGER" }
func (r *fullRows) ColumnTypeLength(int) (int64, bool)                { return 8, true }
func (r *fullRows) ColumnTypeNullable(int) (bool, bool)               { return true, true }
func (r *fullRows) ColumnTypePrecisionScale(int) (int64, int64, bool) { return 1, 2, true }

type secret string

type connectorFunc func() driver.Conn

func (f connectorFunc) Connect(context.Context) (driver.Conn, error) { return f(), nil }
func (f connectorFunc) Driver() driver.Driver                        { return nil }

// exercise uses a driver through database/sql in every way and returns what it
// saw, from above and from below.
func exercise(t *testing.T, open func(*[]string) driver.Conn) []string {
	t.Helper()
	var seen []string
	note := func(format string, args ...any) { seen = append(seen, fmt.Sprintf("  "+format, args...)) }
	db := sql.OpenDB(connectorFunc(func() driver.Conn { return open(&seen) }))
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	query := func(q string, args ...any) {
		rows, err := db.QueryContext(ctx, q, args...)
		note("query: %v", err)
		if err != nil {
			return
		}
		types, err := rows.ColumnTypes()
		if err == nil {
			length, hasLength := types[0].Length()
			precision, scale, decimal := types[0].DecimalSize()
			nullable, known := types[0].Nullable()
			note("types: %v %q %v %v %v %v %v %v %v", types[0].ScanType(), types[0].DatabaseTypeName(), length, hasLength, precision, scale, decimal, nullable, known)
		}
		for {
			for rows.Next() {
				var v any
				note("scan: %v %v", rows.Scan(&v), v)
			}
			if !rows.NextResultSet() {
				break
			}
			note("next result set")
		}
		note("rows: %v %v", rows.Err(), rows.Close())
	}
	exec := func(q string, args ...any) {
		r, err := db.ExecContext(ctx, q, args...)
		note("exec: %v", err)
		if err == nil {
			n, err := r.RowsAffected()
			note("affected: %v %v", n, err)
		}
	}
	note("ping: %v", db.PingContext(ctx))
	for _, q := range []string{"text", "skip"} {
		exec(q, 1)
		exec(q, secret("x"))
		exec(q, sql.Named("n", 1))
		query(q, 1)
		query(q, "s")
	}
	for _, o := range []*sql.TxOptions{nil, {ReadOnly: true}, {Isolation: sql.LevelSerializable}} {
		tx, err := db.BeginTx(ctx, o)
		note("begin: %v", err)
		if err == nil {
			_, err = tx.ExecContext(ctx, "text")
			note("exec in tx: %v, commit: %v", err, tx.Commit())
		}
		if tx, err = db.BeginTx(ctx, o); err == nil {
			note("rollback: %v", tx.Rollback())
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := db.BeginTx(cancelled, nil)
	note("begin cancelled: %v", err)
	s, err := db.PrepareContext(ctx, "prepared")
	note("prepare: %v", err)
	for _, arg := range []any{1, "s", secret("x")} {
		_, err = s.ExecContext(ctx, arg)
		note("stmt exec: %v", err)
		rows, err := s.QueryContext(ctx, arg)
		note("stmt query: %v", err)
		if err == nil {
			note("closed: %v", rows.Close())
		}
	}
	note("stmt close: %v", s.Close())
	note("close: %v", db.Close())
	return seen
}

// The wrapper is invisible: through database/sql a wrapped driver behaves as the
// driver itself, whatever optional interfaces it has.
func TestWrapperIsInvisible(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*[]string) driver.Conn{
		"bare": func(calls *[]string) driver.Conn { return &bareConn{calls} },
		"full": func(calls *[]string) driver.Conn { return &fullConn{bareConn{calls}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := exercise(t, open)
			got := exercise(t, func(calls *[]string) driver.Conn { return &conn{inner: open(calls)} })
			if !slices.Equal(got, want) {
				for i := range max(len(got), len(want)) {
					g, w := "", ""
					if i < len(got) {
						g = got[i]
					}
					if i < len(want) {
						w = want[i]
					}
					if g != w {
						t.Fatalf("line %d: wrapped %q, unwrapped %q\n%q\n%q", i, g, w, got, want)
					}
				}
			}
		})
	}
}

// What the interfaces say directly, without database/sql in between.
func TestAnswersForWhatIsNotImplemented(t *testing.T) {
	t.Parallel()
	var calls []string
	c := &conn{inner: &bareConn{&calls}}
	ctx := t.Context()
	if _, err := c.ExecContext(ctx, "x", nil); !errors.Is(err, driver.ErrSkip) {
		t.Errorf("ExecContext: %v", err)
	}
	if _, err := c.QueryContext(ctx, "x", nil); !errors.Is(err, driver.ErrSkip) {
		t.Errorf("QueryContext: %v", err)
	}
	if err := c.CheckNamedValue(&driver.NamedValue{}); !errors.Is(err, driver.ErrSkip) {
		t.Errorf("CheckNamedValue: %v", err)
	}
	if err := c.ResetSession(ctx); err != nil {
		t.Errorf("ResetSession: %v", err)
	}
	if !c.IsValid() {
		t.Error("not valid")
	}
	if c.Unwrap() != c.inner {
		t.Error("Unwrap gives something else")
	}
	s, err := c.Prepare("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.(driver.ColumnConverter); ok { //nolint:staticcheck // old drivers
		t.Error("a ColumnConverter that the statement lacks")
	}
}
