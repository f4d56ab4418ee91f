package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unstale/unstale"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An env is a cache with a database, and a way to read through both.
type env struct {
	testing.TB
	cache *unstale.Cache
	path  string
	db    *sql.DB
	inner *database
}

func newCache(t testing.TB) *unstale.Cache {
	c, err := unstale.New(unstale.Options{Slots: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// newEnv opens a database in a file of its own and runs the statements.
func newEnv(t testing.TB, statements ...string) *env {
	return openEnv(t, newCache(t), filepath.Join(t.TempDir(), "test.db"), Config{}, statements...)
}

func openEnv(t testing.TB, c *unstale.Cache, path string, config Config, statements ...string) *env {
	t.Helper()
	connector, err := NewConnector(path, c, config)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{TB: t, cache: c, path: path, db: sql.OpenDB(connector), inner: connector.db}
	t.Cleanup(func() {
		if err := e.db.Close(); err != nil {
			t.Error(err)
		}
		if n := e.inner.InFlux(); n != 0 {
			t.Errorf("%d commits are still in flux", n)
		}
		if n := c.Stats().OpenFills; n != 0 {
			t.Errorf("%d fills are still open", n)
		}
	})
	for _, s := range statements {
		e.exec(s)
	}
	return e
}

// exec executes on behalf of nobody's request.
func (e *env) exec(query string, args ...any) {
	e.Helper()
	if _, err := e.db.ExecContext(outside(e), query, args...); err != nil {
		e.Fatalf("%s: %v", query, err)
	}
}

// outside is a context that is known to belong to no fill.
func outside(t testing.TB) context.Context {
	return unstale.Outside(t.Context())
}

// A querier is a *sql.DB, a *sql.Tx or a *sql.Conn.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// read returns the rows of a query as text.
func read(ctx context.Context, q querier, query string, args ...any) (string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = fmt.Sprint(*v.(*any))
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	return strings.Join(lines, ";"), rows.Err()
}

// inRequest runs code in the course of a request that nothing is filled for: what it
// loads has nothing to do with the transactions of the test.
func (e *env) inRequest(code func(ctx context.Context)) {
	e.Helper()
	h := e.cache.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { code(r.Context()) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(e.Context(), http.MethodOptions, "/", http.NoBody))
}

// load reads through the cache. ran says whether the query ran.
func (e *env) load(query string, args ...any) (result string, ran bool) {
	e.Helper()
	var err error
	e.inRequest(func(ctx context.Context) {
		result, err = unstale.Load(ctx, e.cache, key(query, args), func(ctx context.Context) (string, error) {
			ran = true
			return read(ctx, e.db, query, args...)
		})
	})
	if err != nil {
		e.Fatalf("%s: %v", query, err)
	}
	return result, ran
}

// warm reads until the answer comes from the cache.
func (e *env) warm(query string, args ...any) {
	e.Helper()
	e.load(query, args...)
	e.load(query, args...) // the first may also have depended on the whole table
	if _, ran := e.load(query, args...); ran {
		e.Fatalf("%s is not cached: %v", query, e.cache.Stats().Refused)
	}
}

// hit demands that the answer is served from the cache.
func (e *env) hit(query string, args ...any) {
	e.Helper()
	if _, ran := e.load(query, args...); ran {
		e.Errorf("%s %v: a miss, want a hit", query, args)
	}
}

// miss demands that the answer is computed anew, and is want.
func (e *env) miss(want, query string, args ...any) {
	e.Helper()
	got, ran := e.load(query, args...)
	if got != want {
		e.Errorf("%s %v: %q, want %q", query, args, got, want)
	}
	if !ran {
		e.Errorf("%s %v: a hit, want a miss", query, args)
	}
}

// uncached demands that the answer is never stored.
func (e *env) uncached(query string, args ...any) {
	e.Helper()
	for range 3 {
		if _, ran := e.load(query, args...); !ran {
			e.Errorf("%s %v: cached", query, args)
			return
		}
	}
}

// lost returns how often everything was invalidated for a cause.
func (e *env) lost(cause string) uint64 { return e.cache.Stats().Invalidations[cause] }

// A testConn is one connection of the pool.
type testConn struct {
	*sql.Conn
	env *env
}

func (e *env) conn() testConn {
	e.Helper()
	c, err := e.db.Conn(outside(e))
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { _ = c.Close() })
	return testConn{c, e}
}

func (c testConn) exec(query string) {
	c.env.Helper()
	if _, err := c.ExecContext(outside(c.env), query); err != nil {
		c.env.Fatalf("%s: %v", query, err)
	}
}

// fail demands that a statement fails.
func (c testConn) fail(query string) {
	c.env.Helper()
	if _, err := c.ExecContext(outside(c.env), query); err == nil {
		c.env.Fatalf("%s: did not fail", query)
	}
}

func (c testConn) session() (s *session) {
	c.env.Helper()
	if err := c.Raw(func(dc any) error {
		s = dc.(*conn).session
		return nil
	}); err != nil {
		c.env.Fatal(err)
	}
	return s
}

// key is the key under which env.load stores the answer of a query.
func key(query string, args []any) string { return unstale.Escape(fmt.Sprint(query, args)) }
