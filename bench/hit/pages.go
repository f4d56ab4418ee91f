package hit

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
)

// PageSize is the size of the body that hits are measured with.
const PageSize = 4 << 10

// A pages is a cached site on a captured SQLite file. /page answers a page that
// is one row, /many one that is made of as many rows as the table holds, /own
// one that is kept for each identity.
type pages struct {
	*harness.Captured
	cached http.Handler
}

// rowsOfMany is how many rows the answer of /many is made of.
const rowsOfMany = 16

func newPages(seed uint64) (_ *pages, err error) {
	captured, err := harness.Capture(unstale.Options{TTL: 24 * time.Hour}, nil)
	if err != nil {
		return nil, err
	}
	p := &pages{Captured: captured}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	ctx := unstale.Outside(context.Background())
	if _, err = p.ExecContext(ctx, `CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	for id := range rowsOfMany {
		if _, err = p.ExecContext(ctx, `INSERT INTO page VALUES (?, ?)`, id, Text(seed+uint64(id), PageSize)); err != nil {
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
	cached, err := p.Cache.Middleware(unstale.HandlerOptions{
		Identity: func(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil },
		Policies: map[string]unstale.Policy{"": {Shared: true}},
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
	if err := p.QueryRowContext(r.Context(), `SELECT body FROM page WHERE id = ?`, 0).Scan(&body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	harness.WriteText(w, body)
}

func (p *pages) many(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	for id := range rowsOfMany {
		var body string
		if err := p.QueryRowContext(r.Context(), `SELECT body FROM page WHERE id = ?`, id).Scan(&body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b.WriteString(body[:PageSize/rowsOfMany])
	}
	harness.WriteText(w, b.String())
}
