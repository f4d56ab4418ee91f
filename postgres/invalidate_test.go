package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

// TestInvalidate: what is named falls on every node exactly with the transaction, also
// what is made from no database.
func TestInvalidate(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE item (n int); INSERT INTO item VALUES (1); CREATE ROLE worker LOGIN; CREATE ROLE other LOGIN`, nil)
	s.server.Psql("postgres", `GRANT USAGE ON SCHEMA unstale TO worker; GRANT EXECUTE ON FUNCTION unstale.invalidate TO worker`)
	db, err := postgres.Open(s.dsn, s.cache)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := unstale.New(unstale.Options{Slots: 1 << 16, LookWait: time.Minute, Prefix: "other"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	pool, err := postgres.NewPool(t.Context(), s.dsn, other)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	nodes := map[string]http.Handler{}
	for name, c := range map[string]*unstale.Cache{"here": s.cache, "there": other} {
		nodes[name] = c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			unstale.DependOn(r.Context(), unstale.Tag(r.URL.Path))
			fmt.Fprint(w, "page")
		}))
	}
	get := func(node, path string) (hit bool) {
		w := httptest.NewRecorder()
		nodes[node].ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
		return strings.Contains(w.Header().Get("Cache-Status"), ";hit")
	}
	stored := func() {
		t.Helper()
		for node := range nodes {
			for _, path := range []string{"/a", "/b"} {
				for end := time.Now().Add(20 * time.Second); !get(node, path); time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("%s%s is not stored", node, path)
					}
				}
			}
		}
	}
	want := func(what string, a, b bool) {
		t.Helper()
		for node := range nodes {
			if got := get(node, "/a"); got != a {
				t.Errorf("%s: %s/a is a hit: %t", what, node, got)
			}
			if got := get(node, "/b"); got != b {
				t.Errorf("%s: %s/b is a hit: %t", what, node, got)
			}
		}
	}
	all := [][]unstale.Target{{unstale.Tag("/a")}, {unstale.Key("http:GET example.com /a")}, {unstale.Pattern("*example.com /{id}", "a")}}

	for i, targets := range append(all, []unstale.Target{all[0][0], all[2][0]}) {
		what := fmt.Sprint("pgx ", i)
		stored()
		tx, err := s.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := postgres.Invalidate(t.Context(), tx.Exec, targets...); err != nil {
			t.Fatal(err)
		}
		want(what+", open", true, true)
		if i == 0 {
			err = tx.Rollback(t.Context())
			want(what+", rolled back", true, true)
		} else {
			err = tx.Commit(t.Context())
			want(what, false, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		stored()
		sqlTx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		var gormConnPool interface { // what gorm has of a transaction
			ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		} = sqlTx
		if err := postgres.Invalidate(t.Context(), gormConnPool.ExecContext, targets...); err != nil {
			t.Fatal(err)
		}
		want("database/sql, open", true, true)
		if err := sqlTx.Commit(); err != nil {
			t.Fatal(err)
		}
		want("database/sql", false, true)
	}
	stored()
	if err := postgres.Invalidate(t.Context(), s.pool.Exec, unstale.Tag("/a")); err != nil {
		t.Fatal(err)
	}
	want("pool", false, true)
	stored()
	s.server.Psql("postgres", `BEGIN; SAVEPOINT s; SELECT unstale.invalidate('[["tag", "/a"]]'); ROLLBACK TO s; SELECT unstale.invalidate('[["tag", "/b"]]'); COMMIT`)
	want("psql, a savepoint rolled back", true, false)
	stored()
	s.server.Psql("postgres", `SELECT count(unstale.invalidate('[["tag", "/x"]]')) FROM generate_series(1, 20000)`)
	want("more than a look has", false, false)

	worker, err := pgx.Connect(t.Context(), s.server.DSN("worker", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close(context.Background())
	stored()
	if err := postgres.Invalidate(t.Context(), worker.Exec, unstale.Tag("/a")); err != nil {
		t.Error(err)
	}
	want("a role that may do nothing else", false, true)
	for _, sql := range []string{`SELECT * FROM unstale.outbox`, `SELECT * FROM unstale.look('0', '{}', 1)`, `INSERT INTO unstale.outbox (relation, operation) VALUES (0, 'n')`} {
		if _, err := worker.Exec(t.Context(), sql); !code(err, "42501") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, text := range []string{`{}`, `[]`, `[["tag"]]`, `[["tag", ""]]`, `[["tags", "a"]]`, `["tag"]`, `[null]`, `"tag"`, `x`, `[["tag", "` + strings.Repeat("x", unstale.MaxTargetsBytes) + `"]]`} {
		if _, err := worker.Exec(t.Context(), `SELECT unstale.invalidate($1)`, text); err == nil {
			t.Errorf("%.40s is accepted", text)
		}
	}
	stranger, err := pgx.Connect(t.Context(), s.server.DSN("other", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close(context.Background())
	if err := postgres.Invalidate(t.Context(), stranger.Exec, unstale.Tag("/a")); err == nil || !strings.Contains(err.Error(), "-grant") {
		t.Errorf("a role without any right: %v", err)
	}
	stored()
	many := make([]unstale.Target, unstale.MaxTargets+1)
	for i := range many {
		many[i] = unstale.Tag("/a")
	}
	for _, targets := range [][]unstale.Target{nil, {unstale.Tag("")}, {unstale.Tag("/a"), nil}, {unstale.Pattern("{id")}, {unstale.Tag("\xff")}, many,
		{unstale.Tag("/a"), unstale.Tag(strings.Repeat("x", unstale.MaxTargetsBytes))}} {
		if err := postgres.Invalidate(t.Context(), s.pool.Exec, targets...); err == nil {
			t.Errorf("%.40v is accepted", targets)
		}
	}
	want("bad targets", true, true)
}

func code(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// TestInvalidateLeavesTheSession as it was: what is read there afterwards is stored.
func TestInvalidateLeavesTheSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE item (n int); INSERT INTO item VALUES (1)`, func(s *site, w http.ResponseWriter, r *http.Request) error {
		var n int
		err := s.pool.QueryRow(r.Context(), `SELECT n FROM item`).Scan(&n)
		fmt.Fprint(w, n)
		return err
	})
	s.settle("/")
	for range 3 {
		conn, err := s.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := postgres.Invalidate(t.Context(), conn.Exec, unstale.Pattern("*/")); err != nil {
			t.Error(err)
		}
		conn.Release()
		s.want("/", "1", false)
		s.want("/", "1", true)
	}
}
