package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/unstale/unstale"
)

// TestAttributeByGoroutine: what a handler's goroutine reads without a context, or
// one that it started, concerns its answer alone.
func TestAttributeByGoroutine(t *testing.T) {
	t.Parallel()
	started := func(code func()) {
		var all sync.WaitGroup
		all.Go(code)
		all.Wait()
	}
	for name, tt := range map[string]struct {
		read   func(read func()) // within the handler of /reads, while /waits is open
		after  bool              // read calls its argument when the fill has ended
		others bool              // the answer that waits depends on it, too
		off    bool
	}{
		"on its own":             {read: func(read func()) { read() }},
		"on one that it started": {read: started},
		"on one of those":        {read: func(read func()) { started(func() { started(read) }) }},
		"with labels of its own": {read: func(read func()) {
			pprof.Do(context.Background(), pprof.Labels("a", "b"), func(context.Context) { read() })
		}},
		"labels, and on another": {read: func(read func()) {
			pprof.Do(context.Background(), pprof.Labels("a", "b"), func(context.Context) { started(read) })
		}, others: true},
		"when the fill has ended": {read: started, after: true, others: true},
		"without the option":      {read: func(read func()) { read() }, others: true, off: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, unstale.Options{AttributeByGoroutine: !tt.off})
				db := newToy(c)
				open, ended := make(chan struct{}), make(chan struct{})
				h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					db.get(r.Context(), "known")
					switch {
					case r.URL.Path == "/waits":
						<-open
					case tt.after:
						go tt.read(func() {
							<-ended
							db.get(context.Background(), "x")
						})
					default:
						tt.read(func() { db.get(context.Background(), "x") })
					}
				}))
				go get(h, "/waits")
				synctest.Wait()
				get(h, "/reads")
				close(ended)
				synctest.Wait()
				close(open)
				synctest.Wait()
				get(h, "/waits").want(t, "", true)
				get(h, "/reads").want(t, "", true)
				db.set("x", "1")
				get(h, "/waits").want(t, "", !tt.others)
				get(h, "/reads").want(t, "", tt.after)
			})
		})
	}
}

// TestWriteByGoroutine: a write without a context refuses the fill whose goroutine
// it runs on, and no other.
func TestWriteByGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{AttributeByGoroutine: true})
		db := newToy(c)
		open := make(chan struct{})
		h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "known")
			if r.URL.Path == "/waits" {
				<-open
				return
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				caller := db.caller(context.Background()).Begin()
				defer caller.End()
				caller.Wrote(false)
			}()
			<-done
		}))
		go get(h, "/waits")
		synctest.Wait()
		get(h, "/writes")
		close(open)
		synctest.Wait()
		get(h, "/waits").want(t, "", true)
		get(h, "/writes").want(t, "", false)
	})
}

// TestIdentityByGoroutine: what who asks was found from, without a context,
// concerns everything that asked.
func TestIdentityByGoroutine(t *testing.T) {
	t.Parallel()
	var db *toy
	c, handler := newService(t, unstale.Options{AttributeByGoroutine: true}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(*http.Request) (string, error) {
		return db.get(context.Background(), "who"), nil
	}})
	db = newToy(c)
	db.set("who", "alice")
	var owner string
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "known")
		unstale.Identity(r.Context())
		_, err := unstale.Load(r.Context(), c, "own", func(ctx context.Context) (string, error) {
			unstale.DependOn(ctx, "x")
			return unstale.Identity(ctx), nil
		})
		if err != nil {
			t.Error(err)
		}
		own, err := unstale.Load(r.Context(), c, "own", func(context.Context) (string, error) { return "made anew", nil })
		if err != nil {
			t.Error(err)
		}
		owner = own
		write(w, own)
	}))
	get(h, "/").want(t, "alice", false)
	get(h, "/").want(t, "alice", true)
	db.set("who", "bob")
	get(h, "/").want(t, "bob", false)
	if owner != "bob" {
		t.Errorf("%q", owner)
	}
}

// TestReadOutlivesItsFill: what a statement says when the fill has ended in which it
// began counts for all: its rows may be for the answer around.
func TestReadOutlivesItsFill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{AttributeByGoroutine: true})
		db := newToy(c)
		n := 0
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "known")
			n++
			begun, loaded, result := make(chan struct{}), make(chan struct{}), make(chan string)
			_, err := unstale.Load(r.Context(), c, fmt.Sprint("starts ", n), func(ctx context.Context) (int, error) {
				unstale.DependOn(ctx, "tag")
				go func() {
					read := db.unmarked()
					defer read.End()
					close(begun)
					<-loaded
					read.says("x")
					result <- db.peek("x")
				}()
				<-begun
				return 1, nil
			})
			if err != nil {
				t.Error(err)
			}
			close(loaded)
			write(w, <-result)
		}))
		db.set("x", "old")
		get(h, "/").want(t, "old", false)
		get(h, "/").want(t, "old", true)
		db.set("x", "new")
		get(h, "/").want(t, "new", false)
	})
}
