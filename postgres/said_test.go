package postgres_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// A logbook is a logger that keeps what it was told.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) waitFor(t *testing.T, texts ...string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		l.mu.Lock()
		said := l.buf.String()
		l.mu.Unlock()
		missing := ""
		for _, text := range texts {
			if !strings.Contains(said, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%q is not said:\n%s", missing, said)
		}
	}
}

// TestSaid: where the cache cannot work, or not for all, the log says so in a sentence,
// and the service runs.
func TestSaid(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `CREATE TABLE item (n int); CREATE MATERIALIZED VIEW mat AS SELECT * FROM item; CREATE ROLE app LOGIN; GRANT SELECT ON item TO app`)
	say := func(role string, texts ...string) {
		t.Helper()
		var book logbook
		cache, err := unstale.New(unstale.Options{Slots: 1 << 16, Logger: slog.New(slog.NewTextHandler(&book, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer cache.Close()
		pool, err := postgres.NewPool(t.Context(), server.DSN(role, "postgres"), cache)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		var n int
		if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM item`).Scan(&n); err != nil {
			t.Error(err)
		}
		book.waitFor(t, texts...)
	}
	say("postgres", "run unstale postgres setup")
	if err := postgres.Setup(t.Context(), server.DSN("postgres", "postgres"), postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	say("postgres", "cached strictly", "followed=1", "public.mat (no ordinary table)")
	say("app", "with -grant")
}
