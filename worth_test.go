package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// A slowSource takes its time to say that nothing has changed.
type slowSource struct{ takes atomic.Int64 }

func (s *slowSource) CatchUp(context.Context) error {
	time.Sleep(time.Duration(s.takes.Load()))
	return nil
}

// A weighed service has handlers that take a while, made from a source that takes a while.
type weighed struct {
	c      *unstale.Cache
	h      http.Handler
	source slowSource
	takes  time.Duration // the handler
	runs   int

	mu sync.Mutex
}

func newWeighed(t *testing.T, o unstale.Options) *weighed {
	t.Helper()
	s := &weighed{c: newCache(t, o)}
	s.c.Follow(&s.source)
	s.h = s.c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.runs++
		s.mu.Unlock()
		time.Sleep(s.takes)
		unstale.DependOn(r.Context(), "x")
		fmt.Fprint(w, "made")
	}))
	return s
}

// ask asks n times for one page, by so many clients, and returns how many were hits and
// what a request took. Before each a change makes what is stored fall, if changed says so.
func (s *weighed) ask(n, clients int, changed func(i int) bool) (hits int, each time.Duration) {
	began := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := range n / clients {
				if changed != nil && changed(i) {
					_ = s.c.Invalidate(background(), unstale.Tag("x"))
				}
				if get(s.h, "/").hit() {
					s.mu.Lock()
					hits++
					s.mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return hits, time.Since(began) / time.Duration(n/clients)
}

// TestWorth: what is stored is served where that is cheaper than the handler.
func TestWorth(t *testing.T) {
	t.Parallel()
	always := func(int) bool { return true }
	for _, test := range []struct {
		name        string
		look, takes time.Duration
		clients     int
		changed     func(int) bool
		unweighed   bool
		least, most float64 // share of hits
		over        float64 // what a request takes at most, of what the handler does
	}{
		{name: "a dear look", look: 200 * time.Microsecond, takes: 50 * time.Microsecond, clients: 1, most: 0.03, over: 1.05},
		{name: "a cheap look", look: 200 * time.Microsecond, takes: 5 * time.Millisecond, clients: 1, least: 0.98, most: 1, over: 0.08},
		{name: "a look that many share", look: 200 * time.Microsecond, takes: 50 * time.Microsecond, clients: 64, least: 0.9, most: 1, over: 9},
		{name: "a page that always falls", look: 200 * time.Microsecond, takes: 300 * time.Microsecond, clients: 1, changed: always, most: 0.03, over: 1.05},
		{name: "a dear look, not weighed", look: 200 * time.Microsecond, takes: 50 * time.Microsecond, clients: 1, unweighed: true, least: 1, most: 1, over: 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newWeighed(t, unstale.Options{WeighLooks: !test.unweighed})
				s.source.takes.Store(int64(test.look))
				s.takes = test.takes
				s.ask(40*test.clients, test.clients, test.changed) // while nothing is known
				hits, each := s.ask(3200, test.clients, test.changed)
				if share := float64(hits) / 3200; share < test.least || share > test.most {
					t.Errorf("%.3f of the requests were hits", share)
				}
				if over := float64(each) / float64(test.takes); over > test.over {
					t.Errorf("a request takes %v, %.2f of the handler", each, over)
				}
			})
		})
	}
}

// TestWorthChanges: what is measured follows what is.
func TestWorthChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newWeighed(t, unstale.Options{WeighLooks: true})
		for _, phase := range []struct {
			look, takes time.Duration
			falls, hits bool // before each request what is stored falls
		}{
			{200 * time.Microsecond, 10 * time.Millisecond, false, true}, // as when connections are made
			{200 * time.Microsecond, 50 * time.Microsecond, false, false},
			{200 * time.Microsecond, 2 * time.Millisecond, false, true},
			{200 * time.Microsecond, 2 * time.Millisecond, true, false}, // it never holds
			{200 * time.Microsecond, 2 * time.Millisecond, false, true},
			{3 * time.Millisecond, 2 * time.Millisecond, false, false},
			{200 * time.Microsecond, 2 * time.Millisecond, false, true},
		} {
			s.source.takes.Store(int64(phase.look))
			s.takes = phase.takes
			falls := func(int) bool { return phase.falls }
			s.ask(4096, 1, falls)
			time.Sleep(2 * time.Second) // the source is asked once a second at least
			s.ask(1024, 1, falls)
			hits, _ := s.ask(1000, 1, falls)
			if phase.hits != (hits > 900) || !phase.hits && hits > 100 {
				t.Errorf("looks of %v, handler of %v: %d hits of 1000", phase.look, phase.takes, hits)
			}
		}
	})
}
