package unstale_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// verified waits in a bubble until what was drawn is done.
func verified(c *unstale.Cache) unstale.VerifyStats {
	synctest.Wait()
	return c.Stats().Verified
}

// TestVerifyShareFinds: an input that nobody declared is reported, and what was
// made from it falls.
func TestVerifyShareFinds(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "setting")
	var global atomic.Int64
	set := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	set("setting 1")
	begin := time.Now()
	for _, tt := range []struct {
		name   string
		answer func(c *unstale.Cache, w http.ResponseWriter, r *http.Request)
		change func()
		logged string
	}{
		{"a clock", func(_ *unstale.Cache, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "second %d", time.Since(begin)/time.Second)
		}, func() { time.Sleep(time.Second) }, "body from byte"},
		{"a file", func(_ *unstale.Cache, w http.ResponseWriter, _ *http.Request) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(text)
		}, func() { set("setting 2") }, `stored \"1\"`},
		{"a counter", func(_ *unstale.Cache, w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "n=%d", global.Load())
		}, func() { global.Add(1) }, "body from byte 2"},
		{"a counter in a field", func(_ *unstale.Cache, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Count", fmt.Sprint(global.Load()))
		}, func() { global.Add(1) }, "field X-Count"},
		{"a counter in a result of Load", func(c *unstale.Cache, w http.ResponseWriter, r *http.Request) {
			n, err := unstale.Load(r.Context(), c, "count", func(ctx context.Context) (int64, error) {
				unstale.DependOn(ctx, "x")
				return global.Load(), nil
			})
			fmt.Fprint(w, "n=", n, err)
		}, func() { global.Add(1) }, "body from byte 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var book logbook
				c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{VerifyShare: 1})
				h := handler(known(func(w http.ResponseWriter, r *http.Request) { tt.answer(c, w, r) }))
				first := get(h, "/a")
				get(h, "/a").want(t, first.body, true)
				if s := verified(c); s != (unstale.VerifyStats{Same: 1}) {
					t.Fatalf("nothing has changed: %+v", s)
				}
				tt.change()
				if r := get(h, "/a"); !r.hit() || r.body != first.body {
					t.Errorf("%q: the client is served from the cache", r.status)
				}
				if s := verified(c); s != (unstale.VerifyStats{Same: 1, Differed: 1}) {
					t.Fatalf("%+v", s)
				}
				if n := c.Stats().Invalidations["difference"]; n != 1 {
					t.Errorf("%d entries fell", n)
				}
				if !strings.Contains(book.String(), tt.logged) || !strings.Contains(book.String(), "http:GET example.com /a") ||
					!strings.Contains(book.String(), `made_of="tag x"`) {
					t.Errorf("logged\n%s", book.String())
				}
				after := get(h, "/a")
				if after.hit() || after.body == first.body && after.header.Get("X-Count") == first.header.Get("X-Count") {
					t.Errorf("%q (%s) after the difference", after.body, after.status)
				}
				get(h, "/a").want(t, after.body, true)
				if s := verified(c); s != (unstale.VerifyStats{Same: 2, Differed: 1}) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestVerifyShareAmidWrites: what changes through the database is never taken
// for a hidden input, however the writes fall.
func TestVerifyShareAmidWrites(t *testing.T) {
	t.Parallel()
	var book logbook
	c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{VerifyShare: 1})
	path := filepath.Join(t.TempDir(), "amid.db")
	db, err := sqlite.Open(path, c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	foreign, err := sqlite.Open(path, nil) // as another process writes
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	outside := unstale.Outside(t.Context())
	if _, err := db.ExecContext(outside, `CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);
		INSERT INTO item VALUES (1, 0), (2, 0)`); err != nil {
		t.Fatal(err)
	}
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for id := range 2 { // two statements, between which anything may happen
			var n int
			if err := db.QueryRowContext(r.Context(), `SELECT n FROM item WHERE id = ?`, id+1).Scan(&n); err != nil && r.Context().Err() == nil {
				t.Error(err)
			}
			fmt.Fprint(w, n, " ")
		}
	}))
	done := func() uint64 { s := c.Stats().Verified; return s.Same + s.Differed + s.Undecided }
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var writes atomic.Int64
	var readers, writer sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil && (done() < 600 || c.Stats().Verified.Undecided < 20) {
				get(h, "/")
			}
		})
	}
	writer.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			to := db
			if i%4 == 0 {
				to = foreign
			}
			if _, err := to.ExecContext(outside, `UPDATE item SET n = ?`, i); err != nil {
				t.Error(err)
			}
			writes.Add(1)
			for from := done(); ctx.Err() == nil && done() < from+uint64(i%5); {
				runtime.Gosched() // now close together, now not
			}
		}
	})
	readers.Wait()
	stop()
	writer.Wait()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	s := c.Stats().Verified
	t.Logf("%d writes, %+v", writes.Load(), s)
	if s.Differed > 0 || s.Same == 0 || s.Undecided == 0 || writes.Load() < 10 {
		t.Errorf("%+v\n%.2000s", s, book.String())
	}
}

// TestVerifyShareMeanwhile: a write falls between the answer and the
// recomputation's own read.
func TestVerifyShareMeanwhile(t *testing.T) {
	t.Parallel()
	for _, foreign := range []bool{false, true} {
		var book logbook
		c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{VerifyShare: 1})
		path := filepath.Join(t.TempDir(), "meanwhile.db")
		db, err := sqlite.Open(path, c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		writer := db
		if foreign {
			if writer, err = sqlite.Open(path, nil); err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
		}
		outside := unstale.Outside(t.Context())
		if _, err := db.ExecContext(outside, `CREATE TABLE item (n INTEGER NOT NULL); INSERT INTO item VALUES (0)`); err != nil {
			t.Fatal(err)
		}
		runs := 0
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if runs++; runs > 1 {
				if _, err := writer.ExecContext(outside, `UPDATE item SET n = n + 1`); err != nil {
					t.Error(err)
				}
			}
			var n int
			if err := db.QueryRowContext(r.Context(), `SELECT n FROM item`).Scan(&n); err != nil {
				t.Error(err)
			}
			fmt.Fprint(w, n)
		}))
		get(h, "/").want(t, "0", false)
		get(h, "/").want(t, "0", true)
		for deadline := time.Now().Add(20 * time.Second); c.Stats().Verified == (unstale.VerifyStats{}) && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		if s := c.Stats().Verified; s != (unstale.VerifyStats{Undecided: 1}) {
			t.Errorf("foreign %t: %+v\n%s", foreign, s, book.String())
		}
	}
}

// TestVerifyShareUndecided: what the recomputation itself is to blame for is no
// difference, and nothing of it reaches a client.
func TestVerifyShareUndecided(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		again  func(w http.ResponseWriter, r *http.Request)
		logged string
	}{
		{"fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "pool", http.StatusServiceUnavailable) }, ""},
		{"panics", func(http.ResponseWriter, *http.Request) { panic("broken") }, "panic=broken"},
		{"aborts", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
		{"does not want to be stored", func(_ http.ResponseWriter, r *http.Request) { unstale.NoStore(r.Context()) }, ""},
		{"streams", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil { // without end
				fmt.Fprint(w, "more")
				w.(http.Flusher).Flush()
			}
		}, ""},
		{"waits", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ""},
		{"is cut short", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var book logbook
				c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{VerifyShare: 1})
				runs := 0
				h := handler(known(func(w http.ResponseWriter, r *http.Request) {
					if runs++; runs > 1 {
						tt.again(w, r)
						return
					}
					write(w, "first")
				}))
				get(h, "/")
				get(h, "/").want(t, "first", true)
				time.Sleep(2 * time.Minute) // after which every recomputation has ended
				if s := verified(c); s != (unstale.VerifyStats{Undecided: 1}) || runs != 2 {
					t.Errorf("%+v after %d runs", s, runs)
				}
				if !strings.Contains(book.String(), tt.logged) || strings.Contains(book.String(), "differs") ||
					tt.logged == "" && strings.Contains(book.String(), "level=ERROR") {
					t.Errorf("logged\n%s", book.String())
				}
			})
		})
	}
}

// TestVerifyShareIsBounded: what is drawn while enough others run is skipped, and
// Close ends those.
func TestVerifyShareIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{VerifyShare: 1})
		var running, most atomic.Int64
		var filled atomic.Bool
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			if filled.Load() {
				most.Store(max(most.Load(), running.Add(1)))
				<-r.Context().Done()
				running.Add(-1)
			}
			write(w, "x")
		}))
		get(h, "/")
		filled.Store(true)
		for range 10 {
			get(h, "/").want(t, "x", true)
			synctest.Wait()
		}
		if s := c.Stats().Verified; s.Skipped != 8 || most.Load() != 2 {
			t.Errorf("%+v, at most %d at once", s, most.Load())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if s := c.Stats().Verified; s.Undecided != 2 || running.Load() != 0 {
			t.Errorf("%+v, %d run after Close", s, running.Load())
		}
		get(h, "/").want(t, "x", true)
		if s := c.Stats().Verified; s.Skipped != 9 {
			t.Errorf("after Close: %+v", s)
		}
	})
}

// TestVerifyShareAsks: the recomputation is for who asked, credentials stay out
// of it, and what was made for one identity stays out of the log.
func TestVerifyShareAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{Policies: sharedRoute, VerifyShare: 1, Identity: byToken})
		var hidden atomic.Int64
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			if r.Header["Authorization"] != nil || r.Method != http.MethodGet || r.Header["Range"] != nil {
				t.Errorf("%s with %v", r.Method, r.Header)
			}
			fmt.Fprintf(w, "%s: balance %d", unstale.Identity(r.Context()), hidden.Load())
		}))
		for _, who := range []string{"anna", "bert"} {
			get(h, "/", "Authorization: "+who)
			serve(h, request(http.MethodHead, "/", "Authorization: "+who, "Range: bytes=0-1"))
			get(h, "/", "Authorization: "+who).want(t, who+": balance 0", true)
			synctest.Wait()
		}
		if s := verified(c); s != (unstale.VerifyStats{Same: 4}) {
			t.Errorf("%+v", s)
		}
		hidden.Store(4711)
		get(h, "/", "Authorization: bert")
		if s := verified(c); s.Differed != 1 {
			t.Errorf("%+v", s)
		}
		if log := book.String(); strings.Contains(log, "bert") || strings.Contains(log, "4711") || !strings.Contains(log, "body from byte") {
			t.Errorf("logged\n%s", log)
		}
	})
}

// TestVerifyShareLeavesAlone: what may be out of date is not drawn.
func TestVerifyShareLeavesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{Logger: slog.New(slog.DiscardHandler)}, unstale.HandlerOptions{
			VerifyShare: 1,
			Route:       byPath,
			Policies:    map[string]unstale.Policy{"weather": {TTL: time.Minute}, "off": {Mode: unstale.ModeOff}, "report": {Mode: unstale.ModeReportOnly}},
		})
		n := 0
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n++
			switch r.URL.Path {
			case "/weather/":
			case "/within/":
				_, err := unstale.Load(r.Context(), c, "k", func(ctx context.Context) (int, error) {
					unstale.ExpireAfter(ctx, time.Minute)
					return n, nil
				})
				if err != nil {
					t.Error(err)
				}
			default:
				unstale.ExpireAfter(r.Context(), time.Minute)
			}
			fmt.Fprint(w, n)
		}))
		for _, path := range []string{"/weather/", "/after/", "/within/", "/off/", "/report/"} {
			first := get(h, path)
			if again := get(h, path); again.hit() && again.body != first.body {
				t.Errorf("%s: %q", path, again.body)
			}
		}
		if s := verified(c); s != (unstale.VerifyStats{}) {
			t.Errorf("%+v", s)
		}
		if hits := c.Stats().Routes["weather"].Hits + c.Stats().Routes["after"].Hits + c.Stats().Routes["within"].Hits; hits != 3 {
			t.Errorf("%d hits", hits)
		}
	})
}

// TestVerifyShareOverHTTP: a real server reuses what belonged to the request.
func TestVerifyShareOverHTTP(t *testing.T) {
	c, handler := newService(t, unstale.Options{Logger: slog.New(slog.DiscardHandler)}, unstale.HandlerOptions{VerifyShare: 0.5})
	s := newServer(t, handler(known(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "X-Word")
		io.WriteString(w, r.URL.RequestURI()+r.Header.Get("X-Word"))
	})))
	const n = 400
	for i := range n {
		word := fmt.Sprint(i % 7)
		if a := s.get("/a?x="+word, "X-Word: "+word); a.body != "/a?x="+word+word {
			t.Fatalf("%q", a.body)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	v := c.Stats().Verified
	if drawn := v.Same + v.Differed + v.Undecided + v.Skipped; v.Differed > 0 || v.Same == 0 || drawn < n/4 || drawn > n*3/4 {
		t.Errorf("%+v of %d hits at a share of a half", v, n-7)
	}
}

// TestVerifyShareIsIdle: a hit that is not drawn allocates nothing for it.
func TestVerifyShareIsIdle(t *testing.T) {
	allocations := func(share float64) float64 {
		var h counter
		c, wrap := newService(t, unstale.Options{}, unstale.HandlerOptions{VerifyShare: share})
		handler := wrap(&h)
		r, w := request(http.MethodGet, "/"), &discard{header: make(http.Header)}
		n := testing.AllocsPerRun(500, func() {
			clear(w.header)
			handler.ServeHTTP(w, r)
		})
		if v := c.Stats().Verified; v != (unstale.VerifyStats{}) {
			t.Fatalf("%+v", v)
		}
		return n
	}
	off, rare := allocations(0), allocations(1e-300)
	if off != rare || off > 7 {
		t.Errorf("%v allocations a hit without, %v with a share that is never drawn", off, rare)
	}
}
