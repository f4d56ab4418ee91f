package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// TestOwnWrites: a fill that wrote, or that the adapter refuses, is not stored.
func TestOwnWrites(t *testing.T) {
	t.Parallel()
	var book logbook
	c := newCache(t, unstale.Options{Logger: book.logger()})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		switch r.URL.Path {
		case "/wrote":
			db.caller(r.Context()).Wrote(false)
		case "/refused":
			db.caller(r.Context()).Refuse("failed read", "")
		case "/outside":
			db.caller(unstale.Outside(r.Context())).Wrote(false)
			db.caller(unstale.Outside(r.Context())).Refuse("nobody's", "")
			db.get(unstale.Outside(r.Context()), "y")
		}
	}))
	for range 2 {
		for _, path := range []string{"/wrote", "/refused"} {
			if r := get(h, path); r.hit() || !strings.Contains(r.status, "not stored") {
				t.Errorf("%s: %s", path, r.status)
			}
		}
	}
	get(h, "/outside").want(t, "", false)
	get(h, "/outside").want(t, "", true)
	db.set("y", "1") // was read outside
	get(h, "/outside").want(t, "", true)
	s := c.Stats()
	if s.Refused["failed read"] != 2 || s.Refused["wrote"] != 2 {
		t.Errorf("refused: %v", s.Refused)
	}
	if n := book.count("a GET wrote"); n != 1 || !strings.Contains(book.String(), "adapter_test.go:") {
		t.Errorf("reported %d times:\n%s", n, book.String())
	}
	for site, n := range s.WritesInGET {
		if n != 2 || !strings.Contains(site, "adapter_test.go:") {
			t.Errorf("%d writes at %s", n, site)
		}
	}
}

// TestUntrackedRead: what is computed while somebody reads without a context may
// be made of it.
func TestUntrackedRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		c := newCache(t, unstale.Options{Logger: book.logger()})
		db := newToy(c)
		db.untracked() // concerns nobody
		open := make(chan struct{})
		var line int
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "x")
			switch r.URL.Path {
			case "/itself":
				_, _, line, _ = runtime.Caller(0)
				db.caller(context.Background()).Refuse("past the adapter", "")
			case "/slow":
				<-open
			}
		}))
		get(h, "/other").want(t, "", false)
		for range 2 {
			get(h, "/itself").want(t, "", false)
		}
		get(h, "/other").want(t, "", true)
		var slow sync.WaitGroup
		slow.Go(func() { get(h, "/slow").want(t, "", false) })
		synctest.Wait()
		get(h, "/itself").want(t, "", false)
		close(open)
		slow.Wait()
		get(h, "/slow").want(t, "", false)
		get(h, "/slow").want(t, "", true)
		db.untracked()
		get(h, "/slow").want(t, "", true)

		place := fmt.Sprintf("adapter_test.go:%d", line+1)
		if n := book.count("without the request's context"); n != 1 || book.count(place) != 1 {
			t.Errorf("reported %d times, want once at %s:\n%s", n, place, book.String())
		}
		s := c.Stats()
		if len(s.UntrackedReads) != 1 || s.Refused["untracked read"] != 4 {
			t.Errorf("%v; refused %v", s.UntrackedReads, s.Refused)
		}
	})
}

// TestBackgroundReads: a thousand a second, marked as such, leave the hit rate as
// it was.
func TestBackgroundReads(t *testing.T) {
	t.Parallel()
	rate := func(background bool) (hits, misses uint64) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, unstale.Options{})
			db := newToy(c)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var jobs sync.WaitGroup
			if background {
				jobs.Go(func() {
					job := unstale.Outside(ctx)
					for ctx.Err() == nil {
						db.get(job, "x")
						load(job, t, c, "job", func(ctx context.Context) (string, error) { return db.get(ctx, "x"), nil })
						time.Sleep(time.Millisecond)
					}
				})
			}
			h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				db.get(r.Context(), "x")
				time.Sleep(10 * time.Millisecond) // many background reads
				db.get(r.Context(), "y")
			}))
			for i := range 1000 {
				get(h, fmt.Sprint("/", i%7))
				if i%100 == 99 {
					db.set("y", "")
				}
				time.Sleep(3 * time.Millisecond)
			}
			s := c.Stats()
			hits, misses = s.Routes[""].Hits, s.Routes[""].MissCount()
			stop()
			jobs.Wait()
		})
		return hits, misses
	}
	hits, misses := rate(false)
	h, m := rate(true)
	if h != hits || m != misses || hits < 900 {
		t.Errorf("%d hits and %d misses with background reads, %d and %d without", h, m, hits, misses)
	}
}

// TestFlux: what is in flux is neither served nor stored, and what settles
// without a change has changed all the same.
func TestFlux(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { db.get(r.Context(), "x") }))
	for name, mark := range map[string]func() adapter.Flux{
		"a value":    func() adapter.Flux { return db.Mark(db.commit("x")) },
		"everything": func() adapter.Flux { return db.MarkAll("schema change") },
	} {
		get(h, "/")
		if r := get(h, "/"); !r.hit() {
			t.Errorf("%s: %s", name, r.status)
		}
		f := mark()
		for range 2 {
			if r := get(h, "/"); r.hit() || !strings.Contains(r.status, "flux") {
				t.Errorf("%s in flux: %s", name, r.status)
			}
		}
		f.Settle()
		f.Settle()
		get(h, "/").want(t, "", false)
		get(h, "/").want(t, "", true)
	}
	f := db.Mark(db.commit("another"))
	get(h, "/").want(t, "", true)
	f.Settle()
	get(h, "/").want(t, "", true)
	db.Lost("missed something")
	get(h, "/").want(t, "", false)
	get(h, "/").want(t, "", true)
	if n := unstale.InFlux(c); n != 0 {
		t.Errorf("%d in flux", n)
	}
	s := c.Stats()
	for cause, n := range map[string]uint64{"write": 2, "schema change": 1, "missed something": 1} {
		if s.Invalidations[cause] != n {
			t.Errorf("%s: %d, want %d", cause, s.Invalidations[cause], n)
		}
	}
	db.Close()
	get(h, "/").want(t, "", false)
}

// TestOldSnapshot: what was read in a transaction is as old as the transaction.
func TestOldSnapshot(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	began := db.Seq()
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asOf := db.Seq()
		if r.URL.Path == "/old" {
			asOf = began
		}
		db.caller(r.Context()).DependOn(adapter.Dependencies{AsOf: asOf, Hashes: db.hash("x")})
		load(r.Context(), t, c, r.URL.Path, func(ctx context.Context) (int, error) {
			db.caller(ctx).DependOn(adapter.Dependencies{AsOf: asOf, Hashes: db.hash("x")})
			return 0, nil
		})
	}))
	get(h, "/old").want(t, "", false)
	get(h, "/old").want(t, "", true)
	db.set("x", "1")
	for range 2 {
		get(h, "/old").want(t, "", false)
	}
	get(h, "/new").want(t, "", false)
	get(h, "/new").want(t, "", true)
}

// TestPoll: a database is asked before anything stored is believed.
func TestPoll(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	var db adapter.Database
	changed := false
	db = c.Database("polled", prompt(func() {
		if changed {
			changed = false
			db.Lost("foreign write")
		}
	}))
	n := 0
	part := func(ctx context.Context) int {
		return load(ctx, t, c, "k", func(ctx context.Context) (int, error) {
			db.Caller(ctx, nil).DependOn(adapter.Dependencies{AsOf: db.Seq(), Hashes: []uint64{1}})
			n++
			return n, nil
		})
	}
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, fmt.Sprint(part(r.Context()))) }))
	get(h, "/").want(t, "1", false)
	get(h, "/").want(t, "1", true)
	changed = true
	get(h, "/").want(t, "2", false)
	changed = true
	if v := part(t.Context()); v != 3 {
		t.Errorf("Load gave %d", v)
	}
	db.Close()
	changed = true
	get(h, "/")
	if !changed {
		t.Error("a closed database was polled")
	}
}

// TestPollJoined: who waited for somebody's run asks again before believing it.
func TestPollJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		var db adapter.Database
		var changed atomic.Bool
		db = c.Database("polled", prompt(func() {
			if changed.CompareAndSwap(true, false) {
				db.Lost("foreign write")
			}
		}))
		open := make(chan struct{})
		var runs atomic.Int64
		call := func() int64 {
			return load(t.Context(), t, c, "k", func(ctx context.Context) (int64, error) {
				db.Caller(ctx, nil).DependOn(adapter.Dependencies{AsOf: db.Seq(), Hashes: []uint64{1}})
				n := runs.Add(1)
				<-open
				return n, nil
			})
		}
		var both sync.WaitGroup
		both.Go(func() { call() })
		synctest.Wait()
		both.Go(func() {
			if n := call(); n != 2 {
				t.Errorf("got the result of run %d", n)
			}
		})
		synctest.Wait()
		changed.Store(true)
		close(open)
		both.Wait()
	})
}

// TestDeclared: tags and ends, wherever they are named.
func TestDeclared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		n := 0
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			n++
			switch r.URL.Path {
			case "/tags":
				unstale.DependOn(ctx, "a", "b")
			case "/past":
				unstale.ExpireAt(ctx, time.Now())
			case "/zero":
				unstale.DependOn(ctx, "a")
				unstale.ExpireAt(ctx, time.Time{})
			case "/far":
				unstale.ExpireAfter(ctx, 1000*time.Hour)
			case "/wall":
				unstale.ExpireAt(ctx, time.Now().Add(3*time.Second).Round(0))
			case "/nostore":
				unstale.DependOn(ctx, "a")
				unstale.NoStore(ctx)
			case "/outside":
				unstale.DependOn(ctx, "a")
				unstale.DependOn(unstale.Outside(ctx), "b")
				unstale.NoStore(unstale.Outside(ctx))
				unstale.ExpireAfter(unstale.Outside(ctx), 0)
			case "/none":
				unstale.DependOn(ctx)
			}
			write(w, fmt.Sprint(n))
		}))
		for _, step := range []struct {
			path   string
			wait   time.Duration
			drop   unstale.Tag
			stored bool // before
			valid  bool // after
		}{
			{path: "/tags", drop: "a", stored: true},
			{path: "/tags", drop: "b", stored: true},
			{path: "/tags", drop: "c", stored: true, valid: true},
			{path: "/past"},
			{path: "/zero"},
			{path: "/none"},
			{path: "/far", wait: unstale.DefaultTTL - 1, stored: true, valid: true},
			{path: "/far", wait: 1, stored: true},
			{path: "/wall", wait: 3*time.Second - 1, stored: true, valid: true},
			{path: "/wall", wait: 1, stored: true},
			{path: "/nostore"},
			{path: "/outside", drop: "b", stored: true, valid: true},
			{path: "/outside", drop: "a", stored: true},
		} {
			get(h, step.path)
			if r := get(h, step.path); r.hit() != step.stored {
				t.Errorf("%s: %s, want a hit: %t", step.path, r.status, step.stored)
			}
			time.Sleep(step.wait)
			if step.drop != "" {
				c.InvalidateAsync(step.drop)
			}
			if r := get(h, step.path); r.hit() != step.valid {
				t.Errorf("%s after %v and %q: %s, want a hit: %t", step.path, step.wait, step.drop, r.status, step.valid)
			}
		}
	})
}

// TestDeclaredWithinLoad concerns whoever uses the result, too.
func TestDeclaredWithinLoad(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		load(r.Context(), t, c, "k", func(ctx context.Context) (int, error) {
			unstale.DependOn(ctx, "inner")
			return 0, nil
		})
		unstale.DependOn(r.Context(), "outer")
	}))
	runs := 0
	inner := func() {
		load(t.Context(), t, c, "k", func(ctx context.Context) (int, error) {
			runs++
			unstale.DependOn(ctx, "inner")
			return 0, nil
		})
	}
	get(h, "/").want(t, "", false)
	get(h, "/").want(t, "", true)
	c.InvalidateAsync(unstale.Tag("outer"))
	inner()
	if runs != 0 {
		t.Error("a part depends on what uses it")
	}
	get(h, "/").want(t, "", false)
	c.InvalidateAsync(unstale.Tag("inner"))
	get(h, "/").want(t, "", false)
}

// TestManyDependencies: a fill keeps no more than it may, and nothing in vain.
func TestManyDependencies(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := db.caller(r.Context())
		n := uint64(1000)
		if r.URL.Path == "/many" {
			n = 70_000
		}
		for i := range n {
			caller.DependOn(adapter.Dependencies{AsOf: db.Seq(), Hashes: []uint64{i, 7}})
		}
		for range 1000 {
			load(r.Context(), t, c, "k", func(ctx context.Context) (string, error) { return db.get(ctx, "x"), nil })
		}
	}))
	get(h, "/few").want(t, "", false)
	get(h, "/few").want(t, "", true)
	for range 2 {
		get(h, "/many").want(t, "", false)
	}
	if n := c.Stats().Refused["too many dependencies"]; n != 1 { // the second is not recorded
		t.Errorf("refused: %v", c.Stats().Refused)
	}
	if n := c.Stats().Store.Bytes; n > 10_000 {
		t.Errorf("%d bytes for a thousand dependencies and one used result", n)
	}
	db.Mark(adapter.Commit{Touched: []uint64{999}}).Settle()
	get(h, "/few").want(t, "", false)
}

// TestSharedStore: two caches on one store know nothing of each other's entries.
func TestSharedStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		one, two := newCache(t, unstale.Options{Store: store}), newCache(t, unstale.Options{Store: store})
		db := newToy(one)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) })
		first, second := one.Handler(h), two.Handler(h)
		db.set("x", "old")
		for range 20 {
			db.set("y", "") // the one's numbers are ahead of the other's
		}
		get(first, "/").want(t, "old", false)
		db.set("x", "new")
		get(second, "/").want(t, "new", false)
		get(first, "/").want(t, "new", false)
		get(first, "/").want(t, "new", true)

		// What one has tried against its patterns says nothing about the other's.
		for range 100 {
			two.InvalidateAsync(unstale.Tag("y"))
		}
		two.InvalidateAsync(unstale.Pattern("nothing"))
		synctest.Wait() // for its sweeper
		get(first, "/").want(t, "new", true)
		one.InvalidateAsync(unstale.Pattern("http:*"))
		get(first, "/").want(t, "new", false)
	})
}

// TestNoDependenciesSayNothing: a statement that reads no table, such as SELECT
// random(), tells nothing of what its answer is made of.
func TestNoDependenciesSayNothing(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := db.caller(r.Context())
		caller.DependOn(adapter.Dependencies{AsOf: db.Seq()})
		caller.Later(adapter.Dependencies{})(adapter.Dependencies{AsOf: db.Seq()})
		if r.URL.Path == "/both" {
			db.get(r.Context(), "x")
		}
	}))
	for range 2 {
		if r := get(h, "/"); !strings.Contains(r.status, "nothing known") {
			t.Errorf("%s", r.status)
		}
	}
	get(h, "/both").want(t, "", false)
	get(h, "/both").want(t, "", true)
}
