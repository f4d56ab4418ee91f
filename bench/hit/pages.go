package hit

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/sqlite"
)

// PageSize is the size of the body that hits are measured with.
const PageSize = 4 << 10

// A pages is a cached site on a captured SQLite file. /page answers a page that
// is one row, /many one that is made of as many rows as the table holds, /own
// one that is kept for each identity.
type pages struct {
	dir    string
	cache  *unstale.Cache
	db     *sql.DB
	cached http.Handler
}

// rowsOfMany is how many rows the answer of /many is made of.
const rowsOfMany = 16

func newPages(seed uint64) (_ *pages, err error) {
	p := new(pages)
	if p.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	p.cache, err = unstale.New(unstale.Options{
		TTL: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if p.db, err = sqlite.Open(filepath.Join(p.dir, "pages.db"), p.cache); err != nil {
		return nil, err
	}
	ctx := unstale.Outside(context.Background())
	if _, err = p.db.ExecContext(ctx, `CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	for id := range rowsOfMany {
		if _, err = p.db.ExecContext(ctx, `INSERT INTO page VALUES (?, ?)`, id, Text(seed+uint64(id), PageSize)); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", p.page)
	mux.HandleFunc("GET /many", p.many)
	mux.HandleFunc("GET /own", func(w http.ResponseWriter, r *http.Request) {
		if unstale.Identity(r.Context()) == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		p.page(w, r)
	})
	cached, err := p.cache.Middleware(unstale.HandlerOptions{
		Identity: func(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil },
	})
	if err != nil {
		return nil, err
	}
	p.cached = cached(mux)
	return p, nil
}

// Text returns n letters, the same for the same seed.
func Text(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return string(b)
}

func (p *pages) page(w http.ResponseWriter, r *http.Request) {
	var body string
	if err := p.db.QueryRowContext(r.Context(), `SELECT body FROM page WHERE id = ?`, 0).Scan(&body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	harness.WriteText(w, body)
}

func (p *pages) many(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	for id := range rowsOfMany {
		var body string
		if err := p.db.QueryRowContext(r.Context(), `SELECT body FROM page WHERE id = ?`, id).Scan(&body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b.WriteString(body[:PageSize/rowsOfMany])
	}
	harness.WriteText(w, b.String())
}

// close ends the site and removes its files.
func (p *pages) close() error {
	var err error
	if p.db != nil {
		err = p.db.Close()
	}
	if p.cache != nil {
		err = errors.Join(err, p.cache.Close())
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}
