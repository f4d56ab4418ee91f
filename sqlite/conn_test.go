package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	modernc "modernc.org/sqlite"
)

// A secret is an argument with an opinion of its own on what it is.
type secret string

func (s secret) Value() (driver.Value, error) { return "a secret " + string(s), nil }

// exercise uses a database through database/sql in every way and returns what it
// saw.
func exercise(t *testing.T, db *sql.DB) (seen []string) {
	t.Helper()
	note := func(format string, args ...any) { seen = append(seen, fmt.Sprintf(format, args...)) }
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	look := func(rows *sql.Rows, err error) {
		note("query: %v", err)
		if err != nil {
			return
		}
		columns, err := rows.Columns()
		note("columns: %q %v", columns, err)
		types, err := rows.ColumnTypes()
		note("types: %v", err)
		for _, c := range types {
			length, hasLength := c.Length()
			precision, scale, decimal := c.DecimalSize()
			nullable, known := c.Nullable()
			note("type: %v %q %v %v %v %v %v %v %v", c.ScanType(), c.DatabaseTypeName(), length, hasLength, precision, scale, decimal, nullable, known)
		}
		for {
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				err := rows.Scan(values...)
				for _, v := range values {
					note("scan: %v %#v", err, *v.(*any))
				}
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
			id, idErr := r.LastInsertId()
			note("affected: %v %v %v %v", n, err, id, idErr)
		}
	}
	note("ping: %v", db.PingContext(ctx))
	exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR(8) NOT NULL, c DECIMAL(5, 2), d BLOB, e DATETIME, f BOOLEAN)")
	moment := time.Date(2024, 2, 3, 4, 5, 6, 7000, time.UTC)
	exec("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", 1, "one", 1.5, []byte{0, 1}, moment, true)
	exec("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", 2, secret("x"), nil, nil, nil, false)
	exec("INSERT INTO t (a, b) VALUES ($n, $b)", sql.Named("n", 3), sql.Named("b", "three"))
	exec("INSERT INTO t (a, b) VALUES (?, ?)", 4)                    // too few
	exec("INSERT INTO t (a, b) VALUES (?, ?)", struct{}{}, "struct") // not a value
	exec("INSERT INTO t (a, b) VALUES (1, 'twice')")
	exec("nonsense")
	exec("UPDATE t SET c = 2; DELETE FROM t WHERE a = 3")
	for _, q := range []string{
		"SELECT * FROM t", "SELECT a, b FROM t WHERE a = ?", "SELECT count(*), max(c) FROM t; SELECT 1", "SELECT nothing FROM t",
		"INSERT INTO t (a, b) VALUES (?, 'returned') RETURNING a, b",
	} {
		look(db.QueryContext(ctx, q))
		look(db.QueryContext(ctx, q, 9))
	}
	for _, o := range []*sql.TxOptions{nil, {ReadOnly: true}, {Isolation: sql.LevelSerializable}, {Isolation: sql.LevelReadCommitted}} {
		tx, err := db.BeginTx(ctx, o)
		note("begin: %v", err)
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE t SET c = 3")
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
	_, err = db.PrepareContext(ctx, "nonsense")
	note("prepare: %v", err)
	s, err := db.PrepareContext(ctx, "SELECT b FROM t WHERE a = ? OR b = ?")
	note("prepare: %v", err)
	if err == nil {
		for _, args := range [][]any{{1, "s"}, {"s", secret("x")}, {1}, {sql.Named("x", 1), 2}} {
			_, err = s.ExecContext(ctx, args...)
			note("stmt exec: %v", err)
			look(s.QueryContext(ctx, args...))
		}
		note("stmt close: %v", s.Close())
	}
	note("raw: %v", func() error {
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Raw(func(dc any) error { // what database/sql has not called for long
			s, err := dc.(driver.Conn).Prepare("SELECT b FROM t WHERE a = ?")
			if err != nil {
				return err
			}
			defer s.Close()
			rows, err := s.Query([]driver.Value{int64(1)}) //nolint:staticcheck // it is still there
			if err != nil {
				return err
			}
			defer rows.Close()
			row := make([]driver.Value, 1)
			note("row: %v %v %v", rows.Next(row), row, s.NumInput())
			_, err = s.Exec([]driver.Value{int64(1)}) //nolint:staticcheck // it is still there
			return err
		})
	}())
	note("close: %v", db.Close())
	return seen
}

// The wrapper is invisible: through database/sql a wrapped driver behaves as the
// driver itself.
func TestWrapperIsInvisible(t *testing.T) {
	t.Parallel()
	connector, err := NewConnector(filepath.Join(t.TempDir(), "a.db"), nil, Config{Driver: new(modernc.Driver)})
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := NewConnector(filepath.Join(t.TempDir(), "b.db"), newCache(t), Config{Driver: new(modernc.Driver)})
	if err != nil {
		t.Fatal(err)
	}
	want, got := exercise(t, sql.OpenDB(connector)), exercise(t, sql.OpenDB(wrapped))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("line %d: wrapped %q, unwrapped %q", i, got[i], want[i])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	if len(want) < 100 {
		t.Errorf("only %q", want)
	}
}

// A statement belongs to whoever asks, by whatever method of the driver's it runs.
func TestStatementsWithoutContext(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	const query = "SELECT sum FROM orders WHERE id = 1"
	e.warm(query)
	c := e.conn()
	if err := c.Raw(func(dc any) error {
		s, err := dc.(driver.Conn).Prepare("UPDATE orders SET sum = ? WHERE id = 1")
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Exec([]driver.Value{int64(77)}) //nolint:staticcheck // it is still there
		return err
	}); err != nil {
		t.Fatal(err)
	}
	e.miss("77", query)
	if e.fill("old interfaces", func(context.Context) error {
		return c.Raw(func(dc any) error {
			s, err := dc.(driver.Conn).Prepare("SELECT sum FROM orders WHERE id = 2")
			if err != nil {
				return err
			}
			defer s.Close()
			rows, err := s.Query(nil) //nolint:staticcheck // it is still there
			if err != nil {
				return err
			}
			return rows.Close()
		})
	}) && e.cache.Stats().UnmarkedReads == 0 {
		t.Error("nobody noticed a read")
	}
}
