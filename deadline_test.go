package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
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
