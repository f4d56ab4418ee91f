package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// nodes returns the address of several caches of one database, which answer by turns,
// and stops them with the test. handle makes a node's handler.
func nodes(t *testing.T, dsn string, n int, handle func(*unstale.Cache, *pgxpool.Pool) http.Handler) string {
	t.Helper()
	var turn atomic.Uint64
	var list []http.Handler
	for range n {
		cache, err := unstale.New(unstale.Options{Slots: 1 << 16, LookWait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		pool, err := postgres.NewPool(t.Context(), dsn, cache)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pool.Close(); _ = cache.Close() })
		list = append(list, handle(cache, pool))
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list[turn.Add(1)%uint64(n)].ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// items are rows that are read alone and in pairs.
func items(pool *pgxpool.Pool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /items/{key}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := pool.Exec(r.Context(), `UPDATE item SET version = $2 WHERE id = $1`, r.PathValue("key"), r.FormValue("version")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /items/{key}", func(w http.ResponseWriter, r *http.Request) {
		rows, err := pool.Query(r.Context(), `SELECT id, version FROM item WHERE id IN ($1, $2) ORDER BY id`, r.PathValue("key"), cmp.Or(r.FormValue("and"), r.PathValue("key")))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var id, version int64
		if _, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error {
			_, err := fmt.Fprintf(w, "item %d is %d\n", id, version)
			return err
		}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// keeping keeps what a GET was answered for so long.
func keeping(h http.Handler, long time.Duration) http.Handler {
	type kept struct {
		body string
		at   time.Time
	}
	var mu sync.Mutex
	all := make(map[string]kept)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			h.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		k, ok := all[r.URL.String()]
		mu.Unlock()
		if !ok || time.Since(k.at) > long {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			k = kept{answer.Body.String(), time.Now()}
			mu.Lock()
			all[r.URL.String()] = k
			mu.Unlock()
		}
		fmt.Fprint(w, k.body)
	})
}

// TestCheckNodes checks three nodes behind one address, and the same with caches that
// keep what they have for a while, as caches do, which it finds out.
func TestCheckNodes(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `CREATE TABLE item (id int8 PRIMARY KEY, version int8 NOT NULL); INSERT INTO item SELECT i, 0 FROM generate_series(0, 19) i`)
	dsn := server.DSN("postgres", "postgres")
	if err := postgres.Setup(t.Context(), dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	check := func(base string) (code int, out string) {
		var stdout, stderr strings.Builder
		code = run(t.Context(), []string{"check", "-write", "PUT " + base + "/items/{key}?version={version}", "-read", base + "/items/{key}", "-read", base + "/items/{key}?and={other}",
			"-version", `re:item {key} is (\d+)`, "-other", `re:item {other} is (\d+)`, "-keys=20", "-duration=3s", "-quiet"}, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	var served atomic.Pointer[unstale.Cache]
	code, out := check(nodes(t, dsn, 3, func(c *unstale.Cache, pool *pgxpool.Pool) http.Handler {
		served.Store(c)
		return c.Handler(items(pool))
	}))
	if code != exitOK {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if hits := hitsOf(served.Load()); hits < 20 {
		t.Errorf("%d hits of a node: the check shows little\n%s", hits, out)
	}
	code, out = check(nodes(t, dsn, 3, func(_ *unstale.Cache, pool *pgxpool.Pool) http.Handler {
		return keeping(items(pool), 50*time.Millisecond)
	}))
	if code != exitWrong {
		t.Errorf("caches that keep answers: exit code %d\n%s", code, out)
	}
}

// hitsOf returns how many answers came from a cache.
func hitsOf(c *unstale.Cache) (n uint64) {
	for _, r := range c.Stats().Routes {
		n += r.Hits
	}
	return n
}
