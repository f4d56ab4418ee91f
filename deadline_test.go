package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// TestDeadlines: whoever has one is answered by it, as without the cache, whether
// they lead a fill that others wait for or wait for somebody else's; who has more
// time gets the answer.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, leader := range []time.Duration{200 * time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, unstale.Options{})
			h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
					if !errors.Is(r.Context().Err(), context.DeadlineExceeded) {
						t.Errorf("the handler sees %v", r.Context().Err())
					}
					w.WriteHeader(http.StatusGatewayTimeout)
				case <-time.After(3 * time.Second):
					write(w, "late")
				}
			}))
			var all sync.WaitGroup
			for i, within := range []time.Duration{leader, 200 * time.Millisecond, time.Minute, time.Minute} {
				all.Go(func() {
					time.Sleep(time.Duration(i) * 50 * time.Millisecond)
					ctx, cancel := context.WithTimeout(t.Context(), within)
					defer cancel()
					start := time.Now()
					r := serve(h, request(http.MethodGet, "/").WithContext(ctx))
					took := time.Since(start)
					if within < time.Second {
						if r.code != http.StatusGatewayTimeout || took != within {
							t.Errorf("client %d: %d after %v, want 504 after %v", i, r.code, took, within)
						}
					} else if r.code != http.StatusOK || r.body != "late" || took > 4*time.Second {
						t.Errorf("client %d: %d %q after %v", i, r.code, r.body, took)
					}
				})
			}
			all.Wait()
			get(h, "/").want(t, "late", true)
		})
	}
}

// TestManyWhoWaitForMany: the search for who waits for whom visits each flight
// once. Layers of Load, of which each function waits for all of the next layer,
// would otherwise take five times as long with each layer.
func TestManyWhoWaitForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		const layers, keys = 20, 5
		var layer func(ctx context.Context, n int)
		layer = func(ctx context.Context, n int) {
			if n == layers {
				time.Sleep(time.Second)
				return
			}
			var all sync.WaitGroup
			for k := range keys {
				all.Go(func() {
					load(ctx, t, c, fmt.Sprint(n, "-", k), func(ctx context.Context) (int, error) {
						unstale.DependOn(ctx, "x")
						layer(ctx, n+1)
						return 0, nil
					})
				})
			}
			all.Wait()
		}
		layer(t.Context(), 0)
	})
}

// TestLeadersWithoutTime: who waited for a fill whose leader's time is over begins
// anew at that moment, whether the handler minds the time or not, and all of them
// together, once.
func TestLeadersWithoutTime(t *testing.T) {
	t.Parallel()
	const short, minute, takes = 200 * time.Millisecond, time.Minute, 3 * time.Second
	for _, test := range []struct {
		name    string
		leaders []time.Duration // what time they have, and then ten others have a minute
		minds   bool
		runs    int64         // at most: who wakes first leads next
		took    time.Duration // by the last one, at most
	}{
		{"one", []time.Duration{short}, true, 2, short + takes},
		{"one that takes no notice", []time.Duration{short}, false, 2, short + takes},
		{"two, one after the other", []time.Duration{short, 2 * short}, true, 12, 2*short + takes},
	} {
		for _, where := range []string{"requests", "Load"} {
			t.Run(test.name+", "+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCache(t, unstale.Options{})
					var runs atomic.Int64
					answer := func(ctx context.Context) (string, error) {
						unstale.DependOn(ctx, "x")
						runs.Add(1)
						done := ctx.Done()
						if !test.minds {
							done = nil
						}
						select {
						case <-done:
							return "", ctx.Err()
						case <-time.After(takes):
							return "v", nil
						}
					}
					h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if v, err := answer(r.Context()); err != nil {
							w.WriteHeader(http.StatusGatewayTimeout)
						} else {
							write(w, v)
						}
					}))
					ask := func(ctx context.Context) bool {
						if where == "Load" {
							v, err := unstale.Load(ctx, c, "k", answer)
							return err == nil && v == "v"
						}
						return serve(h, request(http.MethodGet, "/").WithContext(ctx)).body == "v"
					}
					start := time.Now()
					var all sync.WaitGroup
					for i := range 10 + len(test.leaders) {
						time := minute
						if i < len(test.leaders) {
							time = test.leaders[i]
						}
						all.Go(func() {
							ctx, cancel := context.WithTimeout(t.Context(), time)
							defer cancel()
							if ok := ask(ctx); !ok && time == minute {
								t.Errorf("client %d: no answer", i)
							}
						})
						synctest.Wait()
					}
					all.Wait()
					if took, n := time.Since(start), runs.Load(); took > test.took || n > test.runs {
						t.Errorf("%d runs in %v, want at most %d in %v", n, took, test.runs, test.took)
					}
				})
			})
		}
	}
}

// TestJoinWait: nobody waits for somebody else's fill longer than the operator says,
// or by default, be it that it waits in turn for what nobody knows of.
func TestJoinWait(t *testing.T) {
	t.Parallel()
	for wait, o := range map[time.Duration]unstale.Options{
		unstale.DefaultJoinWait: {},
		time.Second:             {JoinWait: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, o)
			open := make(chan struct{}, 1) // a lock
			long := func(ctx context.Context) (string, error) {
				unstale.DependOn(ctx, "x")
				<-open
				open <- struct{}{}
				return "v", nil
			}
			h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				v, _ := long(r.Context())
				write(w, v)
			}))
			for where, ask := range map[string]func() string{
				"requests": func() string { return get(h, "/").body },
				"Load":     func() string { return load(t.Context(), t, c, "k", long) },
			} {
				start := time.Now()
				var all sync.WaitGroup
				all.Go(func() { ask() })
				synctest.Wait()
				for range 3 {
					all.Go(func() {
						if v := ask(); v != "v" {
							t.Errorf("%s: %q", where, v)
						}
					})
				}
				time.Sleep(wait - time.Nanosecond)
				synctest.Wait()
				if n := unstale.Waiting(c); n != 4 {
					t.Errorf("%s: %d wait, want 4", where, n)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if n := c.Stats().OpenFills; n != 4 {
					t.Errorf("%s: %d fills after %v, want 4", where, n, time.Since(start))
				}
				open <- struct{}{}
				all.Wait()
				<-open
			}
		})
	}
}

// TestWaitingWithoutAContext: functions that wait for each other, where nobody can
// know of it.
func TestWaitingWithoutAContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		var call func(ctx context.Context, key, other string) string
		call = func(ctx context.Context, key, other string) string {
			return load(ctx, t, c, key, func(ctx context.Context) (string, error) {
				unstale.DependOn(ctx, "x")
				time.Sleep(time.Second)
				if other == "" {
					return key, nil
				}
				return key + call(context.Background(), other, ""), nil
			})
		}
		start := time.Now()
		var all sync.WaitGroup
		for _, keys := range []string{"ab", "ba"} {
			all.Go(func() {
				if v := call(t.Context(), keys[:1], keys[1:]); v != keys {
					t.Errorf("%q, want %q", v, keys)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > 2*unstale.DefaultJoinWait {
			t.Errorf("it took %v", took)
		}
	})
}
