package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// patient waits for a source on a machine however busy.
var patient = unstale.Options{LookWait: time.Minute}

// asked is a source that does not answer at once.
type asked func(ctx context.Context) error

func (a asked) CatchUp(ctx context.Context) error { return a(ctx) }

// A remote is a database of others: what they write is told when it is asked.
type remote struct {
	*toy
	looks  atomic.Int64
	answer atomic.Pointer[func(ctx context.Context) error] // what a look does before it tells; nil: nothing

	untold []string // names that were written; toy.mu guards it
}

func newRemote(c *unstale.Cache, name string) *remote {
	r := &remote{toy: &toy{seed: maphash.MakeSeed(), rows: make(map[string]string)}}
	r.Database = c.Database(name, asked(r.catchUp))
	return r
}

func (r *remote) catchUp(ctx context.Context) error {
	r.looks.Add(1)
	r.mu.Lock()
	untold := r.untold // what is visible now
	r.untold = nil
	r.mu.Unlock()
	if f := r.answer.Load(); f != nil {
		if err := (*f)(ctx); err != nil {
			r.mu.Lock()
			r.untold = append(untold, r.untold...)
			r.mu.Unlock()
			return err
		}
	}
	for _, name := range untold {
		r.Mark(r.commit(name)).Settle()
	}
	return nil
}

// answers sets what a look does before it tells what was visible when it was sent.
func (r *remote) answers(f func(ctx context.Context) error) {
	if f == nil {
		r.answer.Store(nil)
		return
	}
	r.answer.Store(&f)
}

// write is a commit by somebody else.
func (r *remote) write(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows[name] = value
	r.untold = append(r.untold, name)
}

// remotePage is a handler that shows what a database holds under the names of a path,
// and counts its runs.
func remotePage(c *unstale.Cache, dbs map[string]*remote, runs *atomic.Int64) http.Handler {
	return c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		runs.Add(1)
		for _, name := range strings.Split(r.URL.Path[1:], "/") {
			write(w, dbs[name].get(r.Context(), "x"))
		}
	}))
}

// TestCatchUp: what others have written is in the next answer, and an answer that is
// made from one source neither asks another one nor falls with it.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	a, b := newRemote(c, "a"), newRemote(c, "b")
	var runs atomic.Int64
	h := remotePage(c, map[string]*remote{"a": a, "b": b}, &runs)
	a.write("x", "1")
	b.write("x", "1")
	for _, path := range []string{"/a", "/b", "/a/b"} {
		get(h, path)
		if r := get(h, path); !r.hit() {
			get(h, path).want(t, r.body, true) // what was written before the first look falls once more
		}
	}
	a.write("x", "2")
	get(h, "/a").want(t, "2", false)
	get(h, "/a").want(t, "2", true)
	get(h, "/b").want(t, "1", true)
	get(h, "/a/b").want(t, "21", false)
	get(h, "/a/b").want(t, "21", true)

	before := b.looks.Load()
	get(h, "/a").want(t, "2", true)
	if n := b.looks.Load(); n != before {
		t.Errorf("asked %d times for what is made from another one", n-before)
	}
	for what, drop := range map[string]func(){
		"lost":   func() { a.Lost("gap") },
		"schema": func() { a.MarkAll("schema change").Settle() },
		"closed": func() { a.Close() },
	} {
		get(h, "/a")
		get(h, "/a/b")
		drop()
		get(h, "/b").want(t, "1", true)
		for _, path := range []string{"/a", "/a/b"} {
			if r := get(h, path); r.hit() {
				t.Errorf("%s: %s is served", what, path)
			}
		}
		if what == "closed" {
			break
		}
	}
}

// TestSchemaInFlux: while everything of one database is in flux, what is made from
// another one is served.
func TestSchemaInFlux(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	a, b := newRemote(c, "a"), newRemote(c, "b")
	var runs atomic.Int64
	h := remotePage(c, map[string]*remote{"a": a, "b": b}, &runs)
	get(h, "/a")
	get(h, "/b")
	f := a.MarkAll("schema change")
	get(h, "/b").want(t, "", true)
	if r := get(h, "/a"); r.hit() || !strings.Contains(r.status, "flux") {
		t.Errorf("in flux: %s", r.status)
	}
	f.Settle()
	a.Close()
	for range 2 {
		if r := get(h, "/a"); r.hit() || !strings.Contains(r.status, "source closed") && !strings.Contains(r.status, "invalidated") {
			t.Errorf("after closing: %s", r.status)
		}
	}
	// Its place is somebody else's now.
	d := newRemote(c, "d")
	h = remotePage(c, map[string]*remote{"d": d}, &runs)
	get(h, "/d")
	get(h, "/d").want(t, "", true)
}

// TestOneLookServesMany, but only those who came before it was sent.
func TestOneLookServesMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{LookWait: time.Hour})
		a := newRemote(c, "a")
		var runs atomic.Int64
		h := remotePage(c, map[string]*remote{"a": a}, &runs)
		a.write("x", "1")
		get(h, "/a")
		synctest.Wait()
		get(h, "/a")
		get(h, "/a").want(t, "1", true)

		goOn := make(chan bool)
		a.answers(func(context.Context) error { <-goOn; return nil })
		before := a.looks.Load()
		var early, late sync.WaitGroup
		early.Go(func() { get(h, "/a").want(t, "1", true) }) // whose look is sent now
		synctest.Wait()
		a.write("x", "2")
		for range 20 {
			late.Go(func() {
				if r := get(h, "/a"); r.body != "2" {
					t.Errorf("%q after 2 was written (%s)", r.body, r.status)
				}
			})
		}
		for want := range int64(2) { // one is under way, and one is queued
			synctest.Wait()
			if n := a.looks.Load() - before; n != want+1 {
				t.Errorf("%d looks, want %d", n, want+1)
			}
			goOn <- true
		}
		close(goOn) // those who join the fill look again
		early.Wait()
		late.Wait()
	})
}

// TestNobodyVouches has a source fail in every way: the handler answers, and what is
// stored stays.
func TestNobodyVouches(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		answer func(ctx context.Context) error
		reason string
	}{
		"error": {func(context.Context) error { return errors.New("no connection") }, "source failed"},
		"panic": {func(context.Context) error { panic("no connection") }, "source failed"},
		"late":  {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "source late"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var book logbook
				c := newCache(t, unstale.Options{Logger: book.logger()})
				a := newRemote(c, "a")
				var runs atomic.Int64
				h := remotePage(c, map[string]*remote{"a": a}, &runs)
				a.write("x", "1")
				get(h, "/a")
				synctest.Wait()
				get(h, "/a")
				get(h, "/a").want(t, "1", true)
				tag := get(h, "/a").header.Get("Etag")

				a.answers(s.answer)
				a.write("x", "2")
				for i := range 3 {
					began := time.Now()
					r := get(h, "/a")
					r.want(t, "2", false)
					if !strings.Contains(r.status, s.reason) {
						t.Errorf("status %q", r.status)
					}
					if took := time.Since(began); took > unstale.DefaultLookWait || i > 0 && took > 0 {
						t.Errorf("waited %v at request %d", took, i)
					}
				}
				if r := get(h, "/a", "Cache-Control: only-if-cached"); r.code != http.StatusGatewayTimeout || !strings.Contains(r.status, s.reason) {
					t.Errorf("only-if-cached: %d %s", r.code, r.status)
				}
				n := runs.Load()
				if r := serve(h, request(http.MethodHead, "/a")); r.hit() || runs.Load() != n+1 {
					t.Errorf("HEAD: %s", r.status)
				}
				if r := get(h, "/a", "If-None-Match: "+tag); r.code != http.StatusOK || r.body != "2" {
					t.Errorf("the old tag: %d %q", r.code, r.body)
				}
				if r := get(h, "/a", "If-None-Match: "+get(h, "/a").header.Get("Etag")); r.code != http.StatusNotModified {
					t.Errorf("the new tag: %d", r.code)
				}
				if v := load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) { return a.get(ctx, "x"), nil }); v != "2" {
					t.Errorf("Load gave %q", v)
				}
				looks := c.Stats().Looks
				if s.reason == "source late" && looks.Late == 0 || s.reason == "source failed" && looks.Failed == 0 {
					t.Errorf("%+v", looks)
				}

				a.answers(nil)
				time.Sleep(12 * time.Second) // the late look ends, and one asks again
				synctest.Wait()
				get(h, "/a") // the last ones fell with what is told only now
				get(h, "/a").want(t, "2", true)
				if s.reason == "source failed" && (book.count("cannot be asked") != 1 || book.count("answers again") != 1) {
					t.Errorf("log:\n%s", book.String())
				}
			})
		})
	}
}

// TestLag: that a source answers too late is said once it has lasted, and so is its end.
func TestLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		c := newCache(t, unstale.Options{Logger: book.logger()})
		a := newRemote(c, "a")
		var runs atomic.Int64
		h := remotePage(c, map[string]*remote{"a": a}, &runs)
		ask := func(n int) {
			for range n {
				get(h, "/a")
				time.Sleep(100 * time.Millisecond)
			}
		}
		ask(3)
		slow := func(context.Context) error { time.Sleep(5 * unstale.DefaultLookWait); return nil }
		for range 3 { // moments, each of which ends
			a.answers(slow)
			ask(3)
			a.answers(nil)
			ask(9)
		}
		if text := book.String(); strings.Contains(text, "a source") {
			t.Errorf("moments are said:\n%s", text)
		}
		a.answers(slow)
		ask(50)
		if book.count("a source answers too late") != 1 || book.count("in time again") != 0 {
			t.Errorf("while it lasts:\n%s", book.String())
		}
		a.answers(nil)
		ask(10)
		if book.count("a source answers too late") != 1 || book.count("in time again") != 1 {
			t.Errorf("when it has ended:\n%s", book.String())
		}
	})
}

// TestNothingIsDropped by a source that failed for a while.
func TestNothingIsDropped(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	a := newRemote(c, "a")
	var runs atomic.Int64
	h := remotePage(c, map[string]*remote{"a": a}, &runs)
	get(h, "/a")
	a.answers(func(context.Context) error { return errors.New("no connection") })
	if r := get(h, "/a", "Cache-Control: only-if-cached"); r.code != http.StatusGatewayTimeout {
		t.Errorf("%d", r.code)
	}
	a.answers(nil)
	get(h, "/a").want(t, "", true)
	if runs.Load() != 1 {
		t.Errorf("%d runs", runs.Load())
	}
}

// TestUnvouchedShareFills: a database that is late has two fills of a page at most,
// and everybody gets what was made after they came.
func TestUnvouchedShareFills(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"handler", "load"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, unstale.Options{})
				a := newRemote(c, "a")
				var running, most, runs atomic.Int64
				work := func(ctx context.Context) string {
					runs.Add(1)
					n := running.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					v := a.get(ctx, "x")
					time.Sleep(100 * time.Millisecond)
					running.Add(-1)
					return v
				}
				h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, work(r.Context())) }))
				ask := func() string { return get(h, "/a").body }
				if kind == "load" {
					ask = func() string {
						return load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) { return work(ctx), nil })
					}
				}
				a.write("x", "0")
				ask()
				a.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
				before := runs.Load()
				var all sync.WaitGroup
				for i := range 200 {
					time.Sleep(5 * time.Millisecond)
					if i%10 == 0 {
						a.write("x", fmt.Sprint(i))
					}
					least := i - i%10
					all.Go(func() {
						var got int
						_, _ = fmt.Sscan(ask(), &got)
						if got < least {
							t.Errorf("got %d after %d was written", got, least)
						}
					})
				}
				all.Wait()
				if most.Load() > 2 {
					t.Errorf("%d fills at a time", most.Load())
				}
				if n := runs.Load() - before; n > 30 {
					t.Errorf("%d fills for 200 requests in a second", n)
				}
			})
		})
	}
}

// TestEveryLoadLooks, also one whose request has looked before: what it took from
// somebody else's fill since may be newer than that look.
func TestEveryLoadLooks(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	a := newRemote(c, "a")
	part := func(ctx context.Context, name string) string {
		return load(ctx, t, c, name, func(ctx context.Context) (string, error) { return a.get(ctx, name), nil })
	}
	both := func(v string) {
		a.write("x", v)
		a.write("y", v)
	}
	both("old")
	part(t.Context(), "y")
	part(t.Context(), "y")
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.NoStore(r.Context())
		part(r.Context(), "y") // looks
		both("new")
		x := part(r.Context(), "x") // cold
		write(w, x+","+part(r.Context(), "y"))
	}))
	if r := get(h, "/"); r.body != "new,new" {
		t.Errorf("%q", r.body)
	}
}

// TestIdleSourceIsAsked once a second, so that a fill falls for nothing that was
// written long before it.
func TestIdleSourceIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		a := newRemote(c, "a")
		var runs atomic.Int64
		h := remotePage(c, map[string]*remote{"a": a}, &runs)
		a.write("x", "1")
		time.Sleep(2 * time.Second)
		get(h, "/a").want(t, "1", false)
		get(h, "/a").want(t, "1", true)
		before := a.looks.Load()
		time.Sleep(time.Minute)
		if n := a.looks.Load() - before; n < 29 || n > 61 {
			t.Errorf("%d looks in a minute", n)
		}
		a.Close()
		synctest.Wait() // for the look that was under way
		before = a.looks.Load()
		time.Sleep(time.Minute)
		if n := a.looks.Load() - before; n != 0 {
			t.Errorf("%d looks at a closed one", n)
		}
	})
}

// TestFirstLookIsAtOnce: what is read before it falls with it, so that nobody has to
// wait for an idle second.
func TestFirstLookIsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		began := time.Now()
		a := newRemote(c, "a")
		for a.looks.Load() == 0 {
			time.Sleep(time.Microsecond)
		}
		if took := time.Since(began); took > time.Millisecond {
			t.Errorf("the first look was sent after %v", took)
		}
	})
}

// A setting is a source that people follow.
type setting struct {
	c     *unstale.Cache
	value atomic.Pointer[string]
	told  atomic.Pointer[string]
	looks atomic.Int64
}

func (s *setting) set(v string) { s.value.Store(&v) }

func (s *setting) CatchUp(ctx context.Context) error {
	s.looks.Add(1)
	if v := s.value.Load(); v != s.told.Load() {
		if err := s.c.Invalidate(ctx, unstale.Tag("setting")); err != nil {
			return err
		}
		s.told.Store(v)
	}
	return nil
}

// TestFollow: what depends on a tag is served after its source was asked.
func TestFollow(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	s := &setting{c: c}
	s.set("1")
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			unstale.DependOn(r.Context(), "other", "setting")
			write(w, *s.value.Load())
			return
		}
		unstale.DependOn(r.Context(), "other")
	}))
	get(h, "/").want(t, "1", false)
	get(h, "/").want(t, "1", true)
	stop := c.Follow(s, "setting", "another")
	get(h, "/").want(t, "1", false) // made before it was followed
	get(h, "/")                     // the first look tells
	get(h, "/").want(t, "1", true)
	get(h, "/other")
	for _, v := range []string{"2", "3"} {
		s.set(v)
		before := s.looks.Load()
		get(h, "/other").want(t, "", true)
		if s.looks.Load() != before {
			t.Error("asked for what does not depend on it")
		}
		get(h, "/").want(t, v, false)
		get(h, "/").want(t, v, true)
	}
	stop()
	stop()
	get(h, "/").want(t, "3", false)
	before := s.looks.Load()
	get(h, "/").want(t, "3", true)
	if s.looks.Load() != before {
		t.Error("asked when it was no longer followed")
	}

	// Without tags, as a bus.
	stop = c.Follow(s)
	get(h, "/other").want(t, "", true)
	if s.looks.Load() == before {
		t.Error("a bus was not asked")
	}
	stop()
	get(h, "/other").want(t, "", false)
}

// bus is a source by which other caches tell what they invalidate.
type bus struct{ asked }

func (bus) ID() string { return "bus" }

// TestSharedSourceIsAskedAlways, because others may invalidate anything by it.
func TestSharedSourceIsAskedAlways(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	var looks atomic.Int64
	var failed atomic.Bool
	c.Database("bus", bus{func(context.Context) error {
		looks.Add(1)
		if failed.Load() {
			return errors.New("no connection")
		}
		return nil
	}})
	h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { unstale.DependOn(r.Context(), "tag") }))
	get(h, "/")
	before := looks.Load() // the first is sent at once
	get(h, "/").want(t, "", true)
	if looks.Load() == before {
		t.Error("it was not asked")
	}
	failed.Store(true)
	get(h, "/").want(t, "", false)
}

// TestVerificationLooksBeforeItBlames: what somebody else has written since the
// answer was judged is no mistake.
func TestVerificationLooksBeforeItBlames(t *testing.T) {
	t.Parallel()
	c, wrap := newService(t, patient, unstale.HandlerOptions{
		Verify: func(d unstale.Difference) { t.Errorf("reported: %s", d.What) },
	})
	a := newRemote(c, "a")
	var before func()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once(&before)
		write(w, a.get(r.Context(), "x"))
	})
	h := wrap(handler)
	get(h, "/")
	get(h, "/").want(t, "", true)
	before = func() { a.write("x", "2") } // after the look
	get(h, "/").want(t, "", true)
	get(h, "/").want(t, "2", false)

	c, wrap = newService(t, patient, unstale.HandlerOptions{
		Route: func(*http.Request) string { return "r" }, Policies: map[string]unstale.Policy{"r": {Mode: unstale.ModeReportOnly}},
	})
	a = newRemote(c, "a")
	h = wrap(handler)
	get(h, "/")
	get(h, "/")
	before = func() { a.write("x", "3") }
	get(h, "/")
	if s := c.Stats().Routes["r"]; s.WouldDiffer != 0 || s.WouldHit == 0 {
		t.Errorf("%+v", s)
	}
	a.answers(func(context.Context) error { return errors.New("no connection") })
	if r := get(h, "/"); !strings.Contains(r.status, "source failed") {
		t.Errorf("report only: %s", r.status)
	}
}

// TestPromptHitAllocations: asking a source that answers at once allocates nothing.
func TestPromptHitAllocations(t *testing.T) {
	c := newCache(t, patient)
	db := c.Database("prompt", prompt(func() {}))
	h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		db.Caller(r.Context(), nil).DependOn(adapter.Dependencies{AsOf: db.Seq(), Hashes: []uint64{1}})
	}))
	r, w := request(http.MethodGet, "/x"), &discard{header: make(http.Header)}
	n := testing.AllocsPerRun(200, func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	})
	if n > 3 {
		t.Errorf("%v allocations", n)
	}
}
