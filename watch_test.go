package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// twoRoutes names the first segment of a path.
func twoRoutes(r *http.Request) string {
	route, _, _ := strings.Cut(r.URL.Path[1:], "/")
	return route
}

// Nothing of what a watcher sees is recorded while nobody watches, and all of it is
// while somebody does.
func TestWatch(t *testing.T) {
	c, wrap := newService(t, unstale.Options{}, unstale.HandlerOptions{Route: twoRoutes})
	var says atomic.Value
	says.Store("one")
	s := newServer(t, wrap(known(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * time.Millisecond)
		fmt.Fprint(w, says.Load())
	})))
	fall := func() {
		if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
			t.Fatal(err)
		}
	}
	round := func() {
		for _, path := range []string{"/a/1", "/a/2", "/b/1"} {
			s.get(path).wantMiss(t)
			s.get(path).wantHit(t)
		}
	}
	round()
	fall()
	round()
	for route, r := range c.Stats().Routes {
		if r.Saved != 0 || len(r.HitTime.Counts)+len(r.FillTime.Counts) != 0 || r.Fell+r.FellInVain != 0 {
			t.Errorf("while nobody watches, of %q: %+v", route, r)
		}
	}
	w := c.Watch()
	if got := w.Writes(); len(got) != 0 {
		t.Errorf("while nobody watched: %+v", got)
	}
	fall() // in vain
	round()
	says.Store("two")
	fall()
	round()
	stats := c.Stats().Routes["a"]
	if stats.Saved < 8*time.Millisecond || stats.Saved > time.Minute {
		t.Errorf("4 hits on what takes 2 ms save %v", stats.Saved)
	}
	if q := stats.FillTime.Quantile(.5); q < time.Millisecond {
		t.Errorf("fills take %v", q)
	}
	if stats.Fell != 4 || stats.FellInVain != 2 {
		t.Errorf("fell %d, in vain %d", stats.Fell, stats.FellInVain)
	}
	falls := w.Falls(2)
	if len(falls) != 2 || falls[0].Fell != 3 || falls[0].InVain != 0 || falls[1].Fell != 3 || falls[1].InVain != 3 {
		t.Fatalf("%+v", falls)
	}
	if r := falls[1].Routes; len(r) != 2 || r[0] != (unstale.RouteFall{Route: "a", Fell: 2, InVain: 2}) || r[1] != (unstale.RouteFall{Route: "b", Fell: 1, InVain: 1}) {
		t.Errorf("%+v", r)
	}
	if got := w.Writes(); len(got) != 1 || got[0] != (unstale.WriteStats{Write: "invalidation by tag", Changes: 2, Fell: 6, InVain: 3}) {
		t.Errorf("%+v", got)
	}
	if got := w.Entries(1000); got["a"] != 2 || got["b"] != 1 {
		t.Errorf("%v", got)
	}
	other := c.Watch()
	w.Close()
	w.Close()
	saved := c.Stats().Routes["a"].Saved
	s.get("/a/1").wantHit(t)
	if c.Stats().Routes["a"].Saved == saved {
		t.Error("nothing is recorded although another one watches")
	}
	other.Close()
	before := c.Stats().Routes["a"].Saved
	s.get("/a/1").wantHit(t)
	if got := c.Stats().Routes["a"].Saved; got != before {
		t.Error("hits are recorded although nobody watches any more")
	}
}

// Hits are timed, one in so many.
func TestHitTimes(t *testing.T) {
	s, c := cached(t, new(counter))
	c.Watch()
	for range 3 * 64 {
		s.get("/x")
	}
	var n uint64
	for _, k := range c.Stats().Routes[""].HitTime.Counts {
		n += k
	}
	if n < 2 || n > 4 {
		t.Errorf("%d of 191 hits are timed", n)
	}
}

// What is recorded of changes is bounded, however many there are.
func TestWatchIsBounded(t *testing.T) {
	c, wrap := newService(t, unstale.Options{}, unstale.HandlerOptions{Route: twoRoutes})
	w := c.Watch()
	h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x", unstale.Tag(r.URL.Path))
		fmt.Fprint(w, 1)
	}))
	ask := func(path string) { h.ServeHTTP(&discard{header: make(http.Header)}, request(http.MethodGet, path)) }
	for i := range 40 {
		ask(fmt.Sprint("/r", i))
	}
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		ask(fmt.Sprint("/r", i))
	}
	f := w.Falls(1)
	if len(f) != 1 || f[0].Fell != 40 || len(f[0].Routes) != 17 || f[0].Routes[16] != (unstale.RouteFall{Route: "other", Fell: 24, InVain: 24}) {
		t.Fatalf("%+v", f)
	}
	for range 1000 { // which the store forgets, not
		if err := c.Invalidate(t.Context(), unstale.Tag("/r1")); err != nil {
			t.Fatal(err)
		}
		ask("/r1")
	}
	if n := unstale.Watched(c); n != 256 {
		t.Errorf("%d changes are kept", n)
	}
	if got := w.Falls(1 << 20)[0]; got.Fell != 1 {
		t.Errorf("%+v", got)
	}
	d := c.Database("main", nil)
	for i := range 600 {
		d.MarkAll(fmt.Sprint("cause ", i)).Settle()
	}
	if got := w.Writes(); len(got) != 501 || got[500].Write != "other" || got[500].Changes != 101 {
		t.Errorf("%d kinds, the last %+v", len(got), got[len(got)-1])
	}
}

// An answer that fell has fallen once, however often it is asked for until it is
// made anew.
func TestAnswersFallOnce(t *testing.T) {
	c, wrap := newService(t, unstale.Options{}, unstale.HandlerOptions{Route: twoRoutes})
	c.Watch()
	h := wrap(known(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, 1) }))
	ask := func(fields ...string) {
		h.ServeHTTP(&discard{header: make(http.Header)}, request(http.MethodGet, "/a", fields...))
	}
	ask()
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ask("Cache-Control: only-if-cached")
	}
	ask()
	if r := c.Stats().Routes["a"]; r.Fell != 1 || r.FellInVain != 1 {
		t.Errorf("fell %d, in vain %d", r.Fell, r.FellInVain)
	}
}

// Answers that another process has made are none of a route's, nor of Load.
func TestFallsFromElsewhere(t *testing.T) {
	c := newCache(t, unstale.Options{})
	w := c.Watch()
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	unstale.FallFromElsewhere(c, w.Falls(1)[0].Change)
	if got := w.Falls(1)[0].Routes; len(got) != 1 || got[0] != (unstale.RouteFall{Route: "(elsewhere)", Fell: 1}) {
		t.Errorf("%+v", got)
	}
}

// A source that is down is degraded since then, and no longer when it answers.
func TestSourcesAreWatched(t *testing.T) {
	c := newCache(t, unstale.Options{})
	var down atomic.Bool
	defer c.Follow(asked(func(context.Context) error {
		if down.Load() {
			return errors.New("down")
		}
		return nil
	}), "x")()
	s := newServer(t, c.Handler(new(counter)))
	s.get("/x")
	s.get("/x").wantHit(t)
	if got := c.Stats().Sources; len(got) != 1 || !got[0].Degraded.IsZero() || got[0].Prompt || got[0].LookTime.Quantile(1) == 0 {
		t.Fatalf("%+v", got)
	}
	down.Store(true)
	before := time.Now()
	s.get("/x").wantMiss(t)
	if got := c.Stats().Sources[0]; got.Degraded.Before(before) || got.Failed == 0 {
		t.Errorf("%+v", got)
	}
	since := c.Stats().Sources[0].Degraded
	s.get("/x")
	if got := c.Stats().Sources[0].Degraded; got != since {
		t.Errorf("degraded since %v, and then since %v", since, got)
	}
	down.Store(false)
	s.get("/x")
	if got := c.Stats().Sources[0]; !got.Degraded.IsZero() {
		t.Errorf("%+v", got)
	}
	if got := c.Watch().Claims(); len(got) != 1 || got[0].Tier != "declared" {
		t.Errorf("%+v", got)
	}
}

// A watcher of a cache that is off, or of none, sees nothing; that of one that is
// closed is told.
func TestWatchersEnd(t *testing.T) {
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*unstale.Cache{nil, off} {
		w := c.Watch()
		if len(w.Falls(1))+len(w.Writes())+len(w.Entries(1))+len(w.Claims())+len(w.Verifications()) != 0 || w.Ended() != nil {
			t.Error("a cache that is off is watched")
		}
		w.Close()
	}
	c, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := c.Watch()
	select {
	case <-w.Ended():
		t.Error("it has ended")
	default:
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-w.Ended():
	default:
		t.Error("the cache is closed, and nobody is told")
	}
}

func TestQuantile(t *testing.T) {
	h := unstale.Histogram{Bounds: []time.Duration{10, 100}, Counts: []uint64{5, 5, 0}}
	for q, want := range map[float64]time.Duration{0: 0, .25: 5, .5: 10, .75: 55, 1: 100} {
		if got := h.Quantile(q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	h.Counts[2] = 90
	if got := h.Quantile(.99); got != 100 {
		t.Errorf("beyond the last bound: %d", got)
	}
	if got := (unstale.Histogram{}).Quantile(.5); got != 0 {
		t.Error(got)
	}
}

// BenchmarkHandlerHits is hits beside each other, as long as nobody watches and while
// somebody does.
func BenchmarkHandlerHits(b *testing.B) {
	for _, watched := range []bool{false, true} {
		b.Run(fmt.Sprintf("watched=%t", watched), func(b *testing.B) {
			c := newCache(b, unstale.Options{})
			if watched {
				defer c.Watch().Close()
			}
			body := []byte(strings.Repeat("x", 4<<10))
			h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r, w := request(http.MethodGet, "/api/persona/public?page=1"), &discard{header: make(http.Header)}
				for pb.Next() {
					clear(w.header)
					h.ServeHTTP(w, r)
				}
			})
		})
	}
}
