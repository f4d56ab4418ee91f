package unstale_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// TestEndsWhileItsRequestWaits: an entry whose life ends while its request waits for
// a look is not served.
func TestEndsWhileItsRequestWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{LookWait: time.Minute})
		a := newRemote(c, "a")
		end := time.Now().Add(10 * time.Second)
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			unstale.ExpireAt(r.Context(), end)
			v := a.get(r.Context(), "x")
			if time.Now().Before(end) {
				v = "muted"
			}
			write(w, v)
		}))
		get(h, "/")
		synctest.Wait()
		get(h, "/").want(t, "muted", true)
		a.answers(func(context.Context) error { time.Sleep(5 * time.Second); return nil })
		time.Sleep(8500 * time.Millisecond)
		get(h, "/").want(t, "", false)
		a.answers(nil)
		time.Sleep(10 * time.Second)
	})
}

// TestEndsWhileItIsFoundOutWhoAsks: what somebody saw before noon is not for whoever
// is found to be them after noon.
func TestEndsWhileItIsFoundOutWhoAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		noon := time.Now().Add(10 * time.Second)
		c, wrap := newService(t, unstale.Options{LookWait: time.Minute}, unstale.HandlerOptions{
			Policies: sharedRoute,
			Identity: func(r *http.Request) (string, error) {
				time.Sleep(time.Second)
				if r.Header.Get("Authorization") == "bob" || !time.Now().Before(noon) {
					return "B", nil
				}
				unstale.ExpireAt(r.Context(), noon)
				return "A", nil
			},
		})
		a := newRemote(c, "a")
		h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.get(r.Context(), "x")
			unstale.ExpireAt(r.Context(), noon)
			if unstale.Identity(r.Context()) == "B" && time.Now().Before(noon) {
				write(w, "secret")
			}
		}))
		get(h, "/", "Authorization: bob")
		synctest.Wait()
		get(h, "/", "Authorization: bob").want(t, "secret", true)
		time.Sleep(time.Until(noon) - 500*time.Millisecond)
		get(h, "/", "Authorization: eve").want(t, "", false)
	})
}

// TestSharedSourceIsLost: what a source may tell of anything is lost with it.
func TestSharedSourceIsLost(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"lost", "everything", "closed"} {
		c := newCache(t, patient)
		db := c.Database("bus", bus{func(context.Context) error { return nil }})
		v := "1"
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			unstale.DependOn(r.Context(), "tag")
			write(w, v)
		}))
		get(h, "/")
		get(h, "/").want(t, "1", true)
		v = "2" // by somebody whose message is lost
		switch how {
		case "lost":
			db.Lost("gap")
		case "everything":
			db.MarkAll("gap").Settle()
		case "closed":
			db.Close()
		}
		if r := get(h, "/"); r.body != "2" {
			t.Errorf("%s: %q (%s)", how, r.body, r.status)
		}
	}
}

// TestStopsAmidRequests: nothing is served between the last look and the moment at
// which everything falls.
func TestStopsAmidRequests(t *testing.T) {
	t.Parallel()
	for range 200 {
		c, err := unstale.New(unstale.Options{Slots: 16, LookWait: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		s := &setting{c: c}
		s.set("1")
		stop := c.Follow(s)
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			unstale.DependOn(r.Context(), "setting")
			write(w, *s.value.Load())
		}))
		get(h, "/")
		get(h, "/")
		start := make(chan bool)
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				<-start
				for range 100 {
					if r := get(h, "/"); r.body != "2" {
						t.Errorf("%q (%s)", r.body, r.status)
						return
					}
				}
			})
		}
		s.set("2")
		close(start)
		stop()
		readers.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFollowsAnyTag: a tag without a name is one.
func TestFollowsAnyTag(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	s := &setting{c: c}
	s.set("1")
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "setting")
		write(w, *s.value.Load())
	}))
	get(h, "/")
	defer c.Follow(s, "setting", "")()
	s.set("2")
	if r := get(h, "/"); r.body != "2" {
		t.Errorf("%q (%s)", r.body, r.status)
	}
}

// TestLooksEnd with the cache, also those of a source that was closed before; a
// cache that is off sends none.
func TestLooksEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		off, err := unstale.New(unstale.Options{Off: true})
		if err != nil {
			t.Fatal(err)
		}
		off.Database("off", asked(func(context.Context) error { t.Error("a cache that is off looks"); return nil }))
		c, err := unstale.New(unstale.Options{Slots: 16})
		if err != nil {
			t.Fatal(err)
		}
		var running atomic.Bool
		db := c.Database("x", asked(func(ctx context.Context) error {
			running.Store(true)
			<-ctx.Done()
			time.Sleep(time.Second)
			running.Store(false)
			return nil
		}))
		time.Sleep(5 * time.Second)
		if !running.Load() {
			t.Error("nobody looks")
		}
		db.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if running.Load() {
			t.Error("CatchUp runs when the cache has been closed")
		}
	})
}

// TestUnvouchedLeave: clients that give up do not let more fills run.
func TestUnvouchedLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		a := newRemote(c, "a")
		var running, most atomic.Int64
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			v := a.get(r.Context(), "x")
			time.Sleep(10 * time.Second) // whoever waits
			write(w, v)
		}))
		get(h, "/a")
		a.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		time.Sleep(30 * time.Second)
		most.Store(0)
		var all sync.WaitGroup
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			all.Go(func() { serve(h, request(http.MethodGet, "/a").WithContext(ctx)) })
			time.Sleep(time.Second)
			cancel()
		}
		all.Wait()
		if most.Load() > 2 {
			t.Errorf("%d fills at a time", most.Load())
		}
	})
}

// TestLookReadsForNobody: what a source reads of a captured database while it looks
// is no answer's.
func TestLookReadsForNobody(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient)
	d := newToy(c)
	defer c.Follow(asked(func(ctx context.Context) error { d.get(ctx, "version"); return nil }), "tag")()
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "tag")
		write(w, "1")
	}))
	get(h, "/")
	get(h, "/").want(t, "1", true)
	if n := c.Stats().UnmarkedReads; n > 0 {
		t.Errorf("%d reads by looks", n)
	}
}

// TestLooksMayTakeTheirTime: each look may take LookWait, the one included for whose
// end a request has to wait before its own is sent.
func TestLooksMayTakeTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		a := newRemote(c, "a")
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			write(w, a.get(r.Context(), "x"))
			time.Sleep(time.Millisecond)
		}))
		get(h, "/a")
		time.Sleep(2 * time.Second)
		get(h, "/a").want(t, "", true)
		a.answers(func(context.Context) error { time.Sleep(18 * time.Millisecond); return nil })
		var all sync.WaitGroup
		var misses atomic.Int64
		for range 1000 {
			time.Sleep(time.Millisecond)
			all.Go(func() {
				if r := get(h, "/a"); !r.hit() {
					misses.Add(1)
				}
			})
		}
		all.Wait()
		if n := misses.Load(); n > 10 {
			t.Errorf("%d of 1000 were misses", n)
		}
	})
}
