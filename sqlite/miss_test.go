package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/unstale/unstale"
)

// Ways to ask a handler of one query.
const (
	handlerAlone = "off"
	answerStored = "stored"       // what is asked for has changed
	answerNever  = "never stored" // nothing is stored of what is asked for
)

// pagesMissed is how many pages there are.
const pagesMissed = 1000

// misses returns a function that asks a handler of one query for something that is
// not in the cache, and one that does so for the first time in a while, which the
// other one needs after each pagesMissed calls.
func misses(tb testing.TB, way string) (ask, renew func()) {
	tb.Helper()
	c, err := unstale.New(unstale.Options{Off: way == handlerAlone, MaxBytes: 8 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	db, err := Open(filepath.Join(tb.TempDir(), "miss.db"), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	exec := func(query string, args ...any) {
		if _, err := db.ExecContext(outside(tb), query, args...); err != nil {
			tb.Fatal(err)
		}
	}
	exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
	exec("INSERT INTO t VALUES (1, 'one')")
	query, err := db.PrepareContext(outside(tb), "SELECT v FROM t WHERE id = ?")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = query.Close() })
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v sql.RawBytes
		rows, err := query.QueryContext(r.Context(), 1)
		if err != nil {
			tb.Error(err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := rows.Scan(&v); err != nil {
				tb.Error(err)
			}
		}
		w.Header().Set("Content-Type", "text/plain")
		if way != answerStored {
			w.Header().Set("Cache-Control", "no-store")
		}
		_, _ = w.Write(v)
	}))
	ctx, cancel := context.WithCancel(tb.Context()) // that of a client's connection
	tb.Cleanup(cancel)
	requests := make([]*http.Request, pagesMissed)
	for i := range requests {
		requests[i] = httptest.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("/page/%d", i), http.NoBody)
	}
	w, n := discarded{}, 0
	ask = func() {
		clear(w)
		if way == answerStored {
			n++
		}
		h.ServeHTTP(w, requests[n%pagesMissed])
	}
	return ask, func() { exec("UPDATE t SET v = ?", fmt.Sprint("v", n)) }
}

// discarded is a ResponseWriter that keeps nothing but fields.
type discarded http.Header

func (d discarded) Header() http.Header         { return http.Header(d) }
func (d discarded) WriteHeader(int)             {}
func (d discarded) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkMiss compares a handler of one query without a cache to the same handler
// where its answer is stored, and where it never is.
func BenchmarkMiss(b *testing.B) {
	for _, way := range []string{handlerAlone, answerStored, answerNever} {
		b.Run(way, func(b *testing.B) {
			ask, renew := misses(b, way)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if ask(); n%pagesMissed == 0 && way == answerStored {
					b.StopTimer()
					renew()
					b.StartTimer()
				}
				n++
			}
		})
	}
}

// TestMissAllocates bounds what the cache allocates for a handler of one query: 5
// and 58, and some room, because what the runtime and database/sql do beside varies.
func TestMissAllocates(t *testing.T) {
	count := func(way string) float64 {
		ask, _ := misses(t, way)
		ask()
		return testing.AllocsPerRun(pagesMissed/2, ask)
	}
	handler := count(handlerAlone)
	for way, most := range map[string]float64{answerNever: 7, answerStored: 64} {
		if n := count(way) - handler; n > most {
			t.Errorf("%s: %.0f allocations beside the handler's %.0f, want at most %.0f", way, n, handler, most)
		}
	}
}
