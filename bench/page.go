package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// pageSize is the size of the body that hits are measured with.
const pageSize = 4 << 10

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
		if _, err = p.db.ExecContext(ctx, `INSERT INTO page VALUES (?, ?)`, id, text(seed+uint64(id), pageSize)); err != nil {
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

// text returns n letters, the same for the same seed.
func text(seed uint64, n int) string {
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
	answerText(w, body)
}

func (p *pages) many(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	for id := range rowsOfMany {
		var body string
		if err := p.db.QueryRowContext(r.Context(), `SELECT body FROM page WHERE id = ?`, id).Scan(&body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b.WriteString(body[:pageSize/rowsOfMany])
	}
	answerText(w, b.String())
}

func answerText(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, body)
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

// A plain is a handler that sets a header and writes a body, both known
// beforehand: the least that a server can do to give an answer.
type plain struct {
	header http.Header
	names  []string
	body   []byte
}

// newPlain returns a handler that answers what an answer was.
func newPlain(a *answer) *plain {
	p := &plain{header: a.header.Clone(), body: a.body}
	for name := range p.header {
		p.names = append(p.names, name)
	}
	return p
}

// set gives the header value by value, as a handler does.
func (p *plain) set(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	for _, name := range p.names {
		h.Set(name, p.header[name][0])
	}
	_, _ = w.Write(p.body)
}

// share gives the header in slices made beforehand, which saves net/http's
// allocations and is more than most handlers go to.
func (p *plain) share(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	for _, name := range p.names {
		h[name] = p.header[name]
	}
	_, _ = w.Write(p.body)
}

// An answer is what a handler gave in process.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// serve makes of a hit in process the one that net/http's own writer gets: with a
// length, with ranges, and with a tag that stands for these bytes alone.
func (a *answer) serve() {
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	a.header.Set("Accept-Ranges", "bytes")
	a.header.Set("Etag", strings.TrimPrefix(a.header.Get("Etag"), "W/"))
}

// ask answers a request in process and keeps the answer.
func ask(h http.Handler, r *http.Request) *answer {
	a := &answer{header: make(http.Header)}
	h.ServeHTTP(a, r)
	return a
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}

// hit reports whether the answer came from the cache.
func (a *answer) hit() bool {
	return a.status != 0 && strings.HasPrefix(a.header.Get("Cache-Status"), "unstale;hit")
}
