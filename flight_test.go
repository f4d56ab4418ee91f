package unstale_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// waitUntil polls a condition that no channel tells of.
func waitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(eventually); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// waitFor waits until n requests want the result of a fill under way.
func waitFor(t *testing.T, c *unstale.Cache, n int) {
	t.Helper()
	waitUntil(t, fmt.Sprint(n, " requests that wait"), func() bool { return unstale.Waiting(c) == n })
}

// gate is a handler that is told when to go on, once for each run.
type gate struct {
	runs    atomic.Int64
	started chan context.Context
	proceed chan func(w http.ResponseWriter, r *http.Request)
}

func newGate() *gate {
	return &gate{started: make(chan context.Context, 100), proceed: make(chan func(http.ResponseWriter, *http.Request), 100)}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unstale.DependOn(r.Context(), "x")
	g.runs.Add(1)
	g.started <- r.Context()
	select {
	case f := <-g.proceed:
		f(w, r)
	case <-time.After(eventually):
		http.Error(w, "nobody told the handler to go on", http.StatusInternalServerError)
	}
}

func (g *gate) wait(t *testing.T) context.Context {
	t.Helper()
	select {
	case ctx := <-g.started:
		return ctx
	case <-time.After(eventually):
		t.Fatal("the handler did not run")
		return nil
	}
}

func say(s string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) }
}

// clients send GETs and keep their answers.
type clients struct {
	t  *testing.T
	s  *server
	wg sync.WaitGroup

	mu      sync.Mutex
	answers []answer
}

func (b *clients) get(ctx context.Context, path string, fields ...string) {
	b.wg.Go(func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.s.URL+path, nil)
		if err != nil {
			b.t.Error(err)
			return
		}
		for i := 0; i < len(fields); i += 2 {
			req.Header.Set(fields[i], fields[i+1])
		}
		a := b.s.send(req)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.answers = append(b.answers, a)
	})
}

func (b *clients) wait() []answer {
	b.wg.Wait()
	return b.answers
}

func TestStampedeRunsTheHandlerOnce(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	b := clients{t: t, s: s}
	for range 50 {
		b.get(t.Context(), "/")
	}
	waitFor(t, c, 50)
	g.proceed <- say("once")
	collapsed := 0
	for _, a := range b.wait() {
		if a.code != http.StatusOK || a.body != "once" {
			t.Errorf("%d %q", a.code, a.body)
		}
		if a.status(t).collapsed {
			collapsed++
		}
	}
	if n := g.runs.Load(); n != 1 || collapsed != 49 {
		t.Errorf("%d runs, %d joined", n, collapsed)
	}
	if st := c.Stats().Routes[""]; st.Joined != 49 || st.MissCount() != 1 || st.Stored != 1 {
		t.Errorf("%+v", st)
	}
}

// A request that begins after an invalidation must not be answered from a fill
// that began before it, whatever the invalidation named.
func TestNobodyJoinsAnOlderFlight(t *testing.T) {
	for name, target := range map[string]unstale.Target{
		"tag":     unstale.Tag("x"),
		"pattern": unstale.Pattern("*/{p}", "p"),
		"key":     nil, // made below
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			release := make(chan struct{})
			s, c := cached(t, known(func(w http.ResponseWriter, _ *http.Request) {
				n := runs.Add(1)
				<-release
				if n == 1 {
					io.WriteString(w, "old")
				} else {
					io.WriteString(w, "new")
				}
			}))
			if target == nil {
				target = unstale.Key("http:GET " + s.Listener.Addr().String() + " /p")
			}
			earlier, later := clients{t: t, s: s}, clients{t: t, s: s}
			earlier.get(t.Context(), "/p")
			waitUntil(t, "the first fill", func() bool { return runs.Load() == 1 })
			if err := c.Invalidate(t.Context(), target); err != nil {
				t.Fatal(err)
			}
			later.get(t.Context(), "/p")
			// It may wait for the first fill, as long as it does not take its result.
			waitUntil(t, "the second request", func() bool { return runs.Load() == 2 || unstale.Waiting(c) == 2 })
			close(release)
			earlier.wait()
			if a := later.wait()[0]; a.body != "new" {
				t.Errorf("%q", a.body)
			}
			if a := s.get("/p").wantHit(t); a.body != "new" {
				t.Errorf("stored: %q", a.body)
			}
		})
	}
}

// A fill that overlaps an invalidation answers its own client, which asked
// before, and nobody else.
func TestOverlappedFillsAreNotStored(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	b := clients{t: t, s: s}
	b.get(t.Context(), "/")
	g.wait(t)
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	g.proceed <- say("old")
	if a := b.wait()[0]; a.body != "old" {
		t.Errorf("%q", a.body)
	} else {
		a.wantRefused(t, "changed")
	}
	g.proceed <- say("new")
	if a := s.get("/").wantMiss(t); a.body != "new" {
		t.Errorf("%q", a.body)
	}
}

func TestFillsOutliveTheirLeader(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	leader, joiner := clients{t: t, s: s}, clients{t: t, s: s}
	leader.get(ctx, "/")
	fill := g.wait(t)
	joiner.get(t.Context(), "/")
	waitFor(t, c, 2)
	cancel()
	leader.wait()
	waitFor(t, c, 1)
	if fill.Err() != nil {
		t.Error("the fill ended although somebody waits for it")
	}
	g.proceed <- say("done")
	if a := joiner.wait()[0]; a.body != "done" {
		t.Errorf("%q", a.body)
	}
	s.get("/").wantHit(t)
	if n := g.runs.Load(); n != 1 {
		t.Errorf("%d runs", n)
	}
}

func TestFillsEndWhenNobodyWaits(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	b := clients{t: t, s: s}
	b.get(ctx, "/")
	fill := g.wait(t)
	b.get(ctx, "/")
	waitFor(t, c, 2)
	cancel()
	b.wait()
	within(t, "the end of the fill's context", fill.Done())
	later := clients{t: t, s: s}
	later.get(t.Context(), "/") // does not join what was given up
	g.wait(t)
	g.proceed <- say("given up")
	g.proceed <- say("given up")
	later.wait()
	if n := g.runs.Load(); n != 2 {
		t.Errorf("%d runs", n)
	}
	// Nobody waits for the fill that was given up, so it may end later.
	waitUntil(t, "one answer refused because the client left", func() bool { return c.Stats().Refused["client left"] == 1 })
}

// A panic leaves no entry and no waiting request; who waited runs the handler.
func TestPanicsReleaseWhoWaits(t *testing.T) {
	for _, value := range []any{http.ErrAbortHandler, "oops"} {
		g := newGate()
		s, c := cached(t, g)
		b := clients{t: t, s: s}
		for range 10 {
			b.get(t.Context(), "/")
		}
		waitFor(t, c, 10)
		g.proceed <- func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "half"); panic(value) }
		for range 9 {
			g.proceed <- say("whole")
		}
		failed := 0
		for _, a := range b.wait() {
			if a.failed {
				failed++
			} else if a.body != "whole" {
				t.Errorf("%q", a.body)
			}
		}
		if failed != 1 {
			t.Errorf("%d failed", failed)
		}
		waitFor(t, c, 0)
		if a := s.get("/").wantHit(t); a.body != "whole" {
			t.Errorf("%q", a.body)
		}
		if n := c.Stats().OpenFills; n != 0 {
			t.Errorf("%d fills open", n)
		}
	}
}

// Requests that turn out to select another answer wait, but are not given what
// is not theirs.
func TestJoinersGetTheirOwn(t *testing.T) {
	for _, field := range []string{"Accept-Language", "Authorization"} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			if n := joinersOf(t, field); n != 4 {
				t.Errorf("%d runs for 4 answers", n)
			}
		})
	}
}

// Who looks just before an answer is stored, and for a flight just after that has
// landed, looks once more.
func TestNobodyFillsWhatWasJustStored(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, field  string
		stale, loads bool
	}{
		{name: "a page"},
		{name: "a page that was stale", stale: true},
		{name: "a variant", field: "Accept-Language"},
		{name: "for whom it is", field: "Authorization"},
		{name: "a function", loads: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := &hookStore{Store: newMemory(t)}
			c, handler := newService(t, unstale.Options{Store: store}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
			runs := 0
			h := handler(known(func(w http.ResponseWriter, r *http.Request) {
				runs++
				switch test.field {
				case "Authorization":
					unstale.Identity(r.Context())
				case "Accept-Language":
					w.Header().Set("Vary", test.field)
				}
				fmt.Fprint(w, "made")
			}))
			ask := func() {
				if !test.loads {
					get(h, "/", "Accept-Language: de", "Authorization: alice")
					return
				}
				if _, err := unstale.Load(background(), c, "function", func(ctx context.Context) (string, error) {
					unstale.DependOn(ctx, "x")
					runs++
					return "made", nil
				}); err != nil {
					t.Error(err)
				}
			}
			want := 1
			if test.stale {
				ask()
				_ = c.Invalidate(background(), unstale.Tag("x"))
				want = 2
			}
			store.afterGet = func() { // somebody else is faster
				store.afterGet = nil
				ask()
			}
			ask()
			if runs != want {
				t.Errorf("%d runs, want %d", runs, want)
			}
		})
	}
}

// joinersOf has 20 requests wait that four answers are for, and returns how often the
// handler ran.
func joinersOf(t *testing.T, field string) int64 {
	t.Helper()
	var runs atomic.Int64
	proceed := make(chan struct{})
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	s := newServer(t, handler(known(func(w http.ResponseWriter, r *http.Request) {
		runs.Add(1)
		<-proceed
		if field == "Authorization" {
			fmt.Fprint(w, "for ", unstale.Identity(r.Context()))
			return
		}
		w.Header().Set("Vary", field)
		fmt.Fprint(w, "for ", r.Header.Get(field))
	})))
	var all [4]clients
	for i := range all {
		all[i] = clients{t: t, s: s}
		for range 5 {
			all[i].get(t.Context(), "/", field, fmt.Sprint("u", i))
		}
	}
	waitFor(t, c, 20)
	close(proceed)
	for i := range all {
		for _, a := range all[i].wait() {
			if want := fmt.Sprint("for u", i); a.body != want {
				t.Errorf("%q, want %q", a.body, want)
			}
		}
	}
	return runs.Load()
}

// What is not stored is not queued for again: nobody waits for more than the
// one run that was under way.
func TestNobodyQueuesForWhatIsNotStored(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	b := clients{t: t, s: s}
	for range 10 {
		b.get(t.Context(), "/")
	}
	waitFor(t, c, 10)
	g.wait(t)
	private := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "no-store") }
	g.proceed <- private
	for range 9 {
		g.wait(t) // all at once, since none has been told to go on
	}
	for range 9 {
		g.proceed <- private
	}
	b.wait()
}

// A joiner whose own directives refuse what the flight left runs the handler.
func TestJoinersKeepTheirDirectives(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	b, fussy := clients{t: t, s: s}, clients{t: t, s: s}
	b.get(t.Context(), "/")
	g.wait(t)
	fussy.get(t.Context(), "/", "Cache-Control", "min-fresh=100000")
	waitFor(t, c, 2)
	g.proceed <- say("1")
	g.wait(t)
	g.proceed <- say("2")
	b.wait()
	if a := fussy.wait()[0]; a.body != "2" || a.status(t).fwd != "request" {
		t.Errorf("%q %q", a.body, a.header["Cache-Status"])
	}
}

// A handler that is wrapped twice, or asks itself, does not wait for itself.
func TestNestedHandlers(t *testing.T) {
	c := newCache(t, unstale.Options{})
	mux := http.NewServeMux()
	var inner counter
	h := c.Handler(mux)
	mux.Handle("/twice", c.Handler(&inner))
	mux.Handle("/part", &inner)
	mux.HandleFunc("/whole", func(w http.ResponseWriter, r *http.Request) {
		part := r.Clone(r.Context())
		part.URL.Path, part.RequestURI = "/part", "/part"
		io.WriteString(w, "whole of ")
		h.ServeHTTP(w, part)
	})
	s := newServer(t, h)
	if a := s.get("/twice"); a.body != "n=1" || len(a.header["Cache-Status"]) != 1 {
		t.Errorf("%q %q", a.body, a.header["Cache-Status"])
	}
	s.get("/twice").wantHit(t)
	s.get("/part")
	if a := s.get("/whole"); a.body != "whole of n=3" {
		t.Errorf("%q", a.body)
	}
	s.get("/whole").wantHit(t)
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/whole").wantMiss(t); a.body != "whole of n=4" {
		t.Errorf("%q: what the part depends on, the whole does", a.body)
	}
}
