package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// queue has clients ask for one URI again and again, whose handler takes 100 ms,
// and returns how long each waited for its answer.
func queue(h http.Handler, clients, rounds int) (waits [][]time.Duration) {
	waits = make([][]time.Duration, rounds)
	for round := range rounds {
		waits[round] = make([]time.Duration, clients)
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				defer func() { _ = recover() }()
				start := time.Now()
				defer func() { waits[round][client] = time.Since(start) }()
				get(h, "/")
			})
		}
		all.Wait()
	}
	return waits
}

// TestWhatIsNeverStoredIsNotWaitedFor: of the first clients all but one have waited
// in vain; later ones ask as without a cache.
func TestWhatIsNeverStoredIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for reason, does := range map[string]func(http.ResponseWriter, *http.Request){
		"no-store requested":    func(_ http.ResponseWriter, r *http.Request) { unstale.NoStore(r.Context()) },
		"no-store":              func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "no-store") },
		"private":               func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "private") },
		"set-cookie":            func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "a=b") },
		"vary":                  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "*") },
		"varies by credentials": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "Cookie") },
		"status":                func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"expired at once":       func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=0") },
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, unstale.Options{})
				h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
					does(w, r)
					time.Sleep(100 * time.Millisecond)
				}))
				for round, waits := range queue(h, 20, 4) {
					for client, wait := range waits {
						if most := 100 * time.Millisecond; wait > most && (round > 0 || wait > 2*most) {
							t.Errorf("round %d, client %d: %v", round, client, wait)
						}
					}
				}
				if n := c.Stats().Routes[""].Bypassed["lately not stored: "+reason]; n < 3*20 {
					t.Errorf("%d of %d passed: %v", n, 80, c.Stats().Routes[""])
				}
				time.Sleep(10 * time.Second)
				if r := get(h, "/"); !strings.Contains(r.status, "not stored: "+reason) || strings.Contains(r.status, "lately") {
					t.Errorf("later: %s", r.status)
				}
			})
		})
	}
}

// TestVainWaitsEndTheQueue: who waited for a fill that a write overtook, or that
// panicked, waits for no other one.
func TestVainWaitsEndTheQueue(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"writes", "panics", "server errors"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, unstale.Options{})
				h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(100 * time.Millisecond)
					switch what {
					case "writes":
						c.InvalidateAsync(unstale.Tag("x"))
					case "panics":
						panic(http.ErrAbortHandler)
					default:
						w.WriteHeader(http.StatusServiceUnavailable)
					}
				}))
				for round, waits := range queue(h, 20, 3) {
					for client, wait := range waits {
						if wait > 200*time.Millisecond {
							t.Errorf("round %d, client %d: %v", round, client, wait)
						}
					}
				}
			})
		})
	}
}

// TestUnstoredVariants: what is not stored for one client is stored for another.
func TestUnstoredVariants(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"User-Agent", "X-Unknown", "Authorization"} {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "User-Agent")
			who := r.Header.Get(by)
			if by == "Authorization" {
				who = unstale.Identity(r.Context())
			}
			if who == "private" {
				w.Header().Set("Cache-Control", "private")
			}
			write(w, who)
		}))
		for round := range 3 {
			for _, who := range []string{"private", "one", "two"} {
				r := get(h, "/", by+": "+who)
				r.want(t, who, round > 0 && who != "private")
				if lately := strings.Contains(r.status, "lately not stored: private"); lately != (round > 0 && who == "private") {
					t.Errorf("%s, round %d, %s: %s", by, round, who, r.status)
				}
			}
		}
	}
}

// TestUnstoredUntilItChanges: what was not to be stored may be when what it was
// made of has changed.
func TestUnstoredUntilItChanges(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if db.get(r.Context(), unstale.Identity(r.Context())) == "" {
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	for range 2 {
		get(h, "/", "Authorization: ann").want(t, "", false)
	}
	db.set("ann", "moderator")
	get(h, "/", "Authorization: ann").want(t, "", false)
	get(h, "/", "Authorization: ann").want(t, "", true)
	db.set("ann", "")
	for range 2 {
		get(h, "/", "Authorization: ann").want(t, "", false)
	}
	if n := c.Stats().Routes[""].Bypassed["lately not stored: no-store"]; n != 2 {
		t.Errorf("%d passed", n)
	}
}

// TestUnstoredIsBounded, and one that is forgotten is filled again.
func TestUnstoredIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for i := range 10_000 {
		get(h, fmt.Sprint("/", i))
	}
	if n := unstale.Unstored(c); n != 4096 {
		t.Errorf("%d are remembered", n)
	}
}

// TestLoadsThatAreNeverStored run side by side.
func TestLoadsThatAreNeverStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		for round := range 3 {
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					start := time.Now()
					load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) {
						unstale.DependOn(ctx, "x")
						unstale.NoStore(ctx)
						time.Sleep(100 * time.Millisecond)
						return "v", nil
					})
					if wait := time.Since(start); wait > 100*time.Millisecond && (round > 0 || wait > 200*time.Millisecond) {
						t.Errorf("round %d: %v", round, wait)
					}
				})
			}
			all.Wait()
		}
	})
}
