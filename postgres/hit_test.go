package postgres_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// A site is a server that is set up, and a service on it.
type site struct {
	*testing.T
	server *testenv.Postgres
	dsn    string
	cache  *unstale.Cache
	pool   *pgxpool.Pool
	h      http.Handler
}

func newSite(t *testing.T, schema string, handler func(s *site, w http.ResponseWriter, r *http.Request) error) *site {
	t.Helper()
	s := &site{T: t, server: testenv.StartPostgres(t)}
	s.dsn = s.server.DSN("postgres", "postgres")
	s.server.Psql("postgres", schema)
	if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.cache, err = unstale.New(unstale.Options{Slots: 1 << 16, LookWait: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if s.pool, err = postgres.NewPool(t.Context(), s.dsn, s.cache); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.pool.Close()
		if err := s.cache.Close(); err != nil {
			t.Error(err)
		}
	})
	s.h = s.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handler(s, w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	return s
}

// get has the service answer, and returns the body and what Cache-Status says.
func (s *site) get(path string) (body, status string) {
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
	return w.Body.String(), w.Header().Get("Cache-Status")
}

// truth is what the handler answers now.
func (s *site) truth(path string) string {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
	r.Header.Set("Cache-Control", "no-store")
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w.Body.String()
}

// settle asks until the answer is a hit, which it is when looks are answered and
// connections have proved themselves.
func (s *site) settle(path string) {
	s.Helper()
	status := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, status = s.get(path); strings.Contains(status, ";hit") {
			return
		}
	}
	s.Fatalf("%s is no hit: %s; %+v, %+v", path, status, s.cache.Stats().Refused, s.cache.Stats().Invalidations)
}

func (s *site) want(path, body string, hit bool) {
	s.Helper()
	got, status := s.get(path)
	if got != body || strings.Contains(status, ";hit") != hit {
		s.Errorf("%s: %q (%s), want %q, hit %t", path, got, status, body, hit)
	}
}

// TestHit: what psql writes makes an answer fall at once.
func TestHit(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, name text, other text); INSERT INTO item VALUES (1, 'one'), (2, 'two')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var name string
			err := s.pool.QueryRow(r.Context(), `SELECT name FROM item WHERE id = $1`, strings.TrimPrefix(r.URL.Path, "/")).Scan(&name)
			fmt.Fprint(w, name)
			return err
		})
	s.settle("/1")
	s.settle("/2")
	s.want("/1", "one", true)
	for i := range 20 {
		name := fmt.Sprint("new ", i)
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = '%s' WHERE id = 1`, name))
		s.want("/1", name, false)
		s.want("/1", name, true)
	}
}
