package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

func TestFlightsForgetWhoHasLanded(t *testing.T) {
	t.Parallel()
	if n := unstale.FlightUsers(1000); n > 2 {
		t.Errorf("a flight remembers %d that wait for it, want 2 at most", n)
	}
}

// TestLoadStampede: fifty callers, one run.
func TestLoadStampede(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		open := make(chan struct{})
		var runs, done atomic.Int64
		for range 50 {
			go func() {
				v := load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) {
					runs.Add(1)
					db.get(ctx, "x")
					<-open
					return "v", nil
				})
				if v == "v" {
					done.Add(1)
				}
			}()
		}
		synctest.Wait()
		close(open)
		synctest.Wait()
		if runs.Load() != 1 || done.Load() != 50 {
			t.Errorf("%d runs for %d callers", runs.Load(), done.Load())
		}
		if s := c.Stats().Loads; s.Misses != 1 || s.Joined != 49 || s.Hits != 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

// TestLoadOvertaken: nobody joins a run that began before something it depends
// on changed, and who had joined it is not answered with it.
func TestLoadOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		gates := []chan struct{}{make(chan struct{}), make(chan struct{})}
		var runs atomic.Int64
		results := make(chan string, 3)
		call := func() {
			results <- load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) {
				n := runs.Add(1)
				v := db.get(ctx, "x")
				<-gates[min(n, 2)-1]
				return v, nil
			})
		}
		db.set("x", "old")
		go call()
		synctest.Wait()
		go call() // joins
		synctest.Wait()
		db.set("x", "new")
		go call() // runs its own
		synctest.Wait()
		if n := runs.Load(); n != 2 {
			t.Fatalf("%d runs: somebody joined one that was overtaken", n)
		}
		close(gates[1])
		synctest.Wait()
		if v := <-results; v != "new" {
			t.Errorf("after the write: %q", v)
		}
		close(gates[0])
		synctest.Wait()
		got := map[string]int{<-results: 1}
		got[<-results]++
		if !reflect.DeepEqual(got, map[string]int{"old": 1, "new": 1}) {
			t.Errorf("those of before the write got %v", got)
		}
		if v := load(t.Context(), t, c, "k", func(context.Context) (string, error) { return "third", nil }); v != "new" {
			t.Errorf("stored is %q", v)
		}
	})
}

// TestLoadPanics: the panic is the leader's, those who wait run their own, and
// what recovers is not stored.
func TestLoadPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		var runs, recovered, fine atomic.Int64
		open := make(chan struct{})
		for range 5 {
			go func() {
				defer func() {
					if recover() != nil {
						recovered.Add(1)
					}
				}()
				load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) {
					n := runs.Add(1)
					db.get(ctx, "x")
					<-open
					if n == 1 {
						panic("no such luck")
					}
					return "v", nil
				})
				fine.Add(1)
			}()
		}
		synctest.Wait()
		close(open)
		synctest.Wait()
		if recovered.Load() != 1 || fine.Load() != 4 {
			t.Errorf("%d panicked, %d got a result", recovered.Load(), fine.Load())
		}
		if n := c.Stats().OpenFills; n != 0 {
			t.Errorf("%d fills open", n)
		}
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { _ = recover(); write(w, "recovered") }()
			db.get(r.Context(), "own")
			load(r.Context(), t, c, "other", func(ctx context.Context) (string, error) {
				if db.get(ctx, "x") == "" {
					panic("no such luck")
				}
				return "", nil
			})
		}))
		get(h, "/").want(t, "recovered", false)
		get(h, "/").want(t, "recovered", false)
	})
}

// TestLoadLeave: a run goes on as long as somebody waits for it.
func TestLoadLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		gave := errors.New("gave up")
		call := func(ctx context.Context, open chan struct{}) (result chan error) {
			result = make(chan error, 1)
			go func() {
				_, err := unstale.Load(ctx, c, "k", func(ctx context.Context) (string, error) {
					db.get(ctx, "x")
					select {
					case <-open:
						return "v", nil
					case <-ctx.Done():
						return "", context.Cause(ctx)
					}
				})
				result <- err
			}()
			synctest.Wait()
			return result
		}
		leader, leave := context.WithCancelCause(t.Context())
		joiner, leaveJoined := context.WithCancelCause(t.Context())
		open := make(chan struct{})
		first, second, third := call(leader, open), call(joiner, nil), call(t.Context(), nil)

		leaveJoined(gave)
		if err := <-second; !errors.Is(err, gave) {
			t.Errorf("who left while waiting got %v", err)
		}
		leave(gave)
		synctest.Wait()
		select {
		case <-third:
			t.Error("the run ended although somebody waits")
		default:
		}
		close(open)
		if err := <-third; err != nil {
			t.Errorf("who stayed got %v", err)
		}
		<-first

		// Now everybody leaves.
		c.InvalidateAsync(unstale.Key("k"))
		leader, leave = context.WithCancelCause(t.Context())
		first = call(leader, nil)
		leave(gave)
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("a run that nobody waits for ended with %v", err)
		}
		half := make(chan string, 1)
		ctx, leave := context.WithCancelCause(t.Context())
		go func() {
			half <- load(ctx, t, c, "k", func(ctx context.Context) (string, error) {
				db.get(ctx, "x")
				<-ctx.Done()
				return "half of it", nil
			})
		}()
		synctest.Wait()
		leave(gave)
		if v := <-half; v != "half of it" {
			t.Errorf("who left got %q", v)
		}
		if n := c.Stats().OpenFills; n != 0 {
			t.Errorf("%d fills open", n)
		}
		if v := load(t.Context(), t, c, "k", func(context.Context) (string, error) { return "fresh", nil }); v != "fresh" {
			t.Errorf("a run that was cut short was stored: %q", v)
		}
	})
}

// TestLoadDeserted: nobody joins a run that has been told to end.
func TestLoadDeserted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		stuck := make(chan struct{})
		var runs atomic.Int64
		call := func(ctx context.Context) int64 {
			return load(ctx, t, c, "k", func(ctx context.Context) (int64, error) {
				unstale.DependOn(ctx, "x")
				n := runs.Add(1)
				if n == 1 {
					<-stuck // it does not listen
				}
				return n, nil
			})
		}
		ctx, leave := context.WithCancel(t.Context())
		var first sync.WaitGroup
		first.Go(func() { call(ctx) })
		synctest.Wait()
		leave()
		synctest.Wait()
		if n := call(t.Context()); n != 2 {
			t.Errorf("got the result of run %d", n)
		}
		close(stuck)
		first.Wait()
		if n := call(t.Context()); n != 2 {
			t.Errorf("stored is the result of run %d", n)
		}
	})
}

// TestLoadGivenUp: a handler that answers without a result it gave up on makes
// nothing to be stored.
func TestLoadGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		open := make(chan struct{})
		slow := func(ctx context.Context) error {
			_, err := unstale.Load(ctx, c, "slow", func(ctx context.Context) (string, error) {
				db.get(ctx, "x")
				<-open
				return "", nil
			})
			return err
		}
		go func() { _ = slow(t.Context()) }()
		synctest.Wait()
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "own")
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			write(w, fmt.Sprint(slow(ctx)))
		}))
		get(h, "/").want(t, "context deadline exceeded", false)
		close(open)
		synctest.Wait()
		get(h, "/").want(t, "<nil>", false)
	})
}

// TestLoadWithinItself runs, as without the cache, instead of waiting for itself.
func TestLoadWithinItself(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	var sum func(ctx context.Context, key string, depth int) (int, error)
	sum = func(ctx context.Context, key string, depth int) (int, error) {
		return unstale.Load(ctx, c, key, func(ctx context.Context) (int, error) {
			db.get(ctx, "x")
			if depth == 0 {
				return 1, nil
			}
			next := map[string]string{"a": "b", "b": "a", "self": "self"}[key]
			n, err := sum(ctx, next, depth-1)
			return n + 1, err
		})
	}
	for _, key := range []string{"self", "a"} {
		if n, err := sum(t.Context(), key, 5); n != 6 || err != nil {
			t.Errorf("%s: %d, %v", key, n, err)
		}
	}
	// And two that wait for each other.
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		open := make(chan struct{})
		done := make(chan string, 2)
		var both func(ctx context.Context, key, other string) string
		both = func(ctx context.Context, key, other string) string {
			return load(ctx, t, c, key, func(ctx context.Context) (string, error) {
				db.get(ctx, "x")
				if other == "" {
					return key, nil
				}
				<-open
				return key + both(ctx, other, ""), nil
			})
		}
		go func() { done <- both(t.Context(), "c", "d") }()
		go func() { done <- both(t.Context(), "d", "c") }()
		synctest.Wait()
		close(open)
		<-done
		<-done
	})
}
