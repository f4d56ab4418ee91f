package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// TestWhoAsksIsReadBeforeTheLook: one transaction hides an answer from a group and
// puts somebody into the group. Whoever is found to be in it since must not be
// given the answer, which without a cache nobody could see any more.
func TestWhoAsksIsReadBeforeTheLook(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"handler", "load"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			s := newStrangers(t, by)
			get(s.h, "/", "Authorization: bob").want(t, "B:SECRET", false)
			get(s.h, "/", "Authorization: bob").want(t, "B:SECRET", by == "handler")
			get(s.h, "/", "Authorization: eve").want(t, "A:-", false)
			s.beforeIdentity = func() { s.write("B", "hidden") } // after her request arrived, and whatever looked then
			if r := get(s.h, "/", "Authorization: eve"); strings.Contains(r.body, "SECRET") {
				t.Errorf("she is given %q (%s)", r.body, r.status)
			}
		})
	}
}

// TestWhoJoinsLooks, after he was found to be entitled: before he joins where it
// is known by then that the answer depends on who asks, and else when the answer
// is there.
func TestWhoJoinsLooks(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("known: %t", known), func(t *testing.T) {
			t.Parallel()
			joinStrangers(t, known)
		})
	}
}

func joinStrangers(t *testing.T, known bool) {
	s := newStrangers(t, "handler")
	if known {
		get(s.h, "/", "Authorization: bob").want(t, "B:SECRET", false)
		s.Lost("for a fill")
	}
	begun, goOn := make(chan bool), make(chan bool)
	s.afterReading = func() { close(begun); <-goOn }
	var bob sync.WaitGroup
	bob.Go(func() { get(s.h, "/", "Authorization: bob").want(t, "B:SECRET", false) })
	<-begun
	s.beforeIdentity = func() { s.write("B", "hidden") }
	answered := make(chan bool)
	go func() {
		defer close(answered)
		if r := get(s.h, "/", "Authorization: eve"); strings.Contains(r.body, "SECRET") {
			t.Errorf("she is given %q (%s)", r.body, r.status)
		}
	}()
	for waits := false; !waits; { // for bob's fill, or for none
		select {
		case <-answered:
			waits = true
		default:
			waits = unstale.Waiting(s.c) == 2
		}
	}
	close(goOn)
	<-answered
	bob.Wait()
}

// strangers is a database that others write: nobody tells of it, until a poll
// notices. bob is in group B, eve in a group that changes, and B sees the secret.
type strangers struct {
	adapter.Database
	c *unstale.Cache
	h http.Handler

	mu      sync.Mutex
	eve     string
	secret  string
	changed bool

	beforeIdentity func() // once
	afterReading   func() // once
}

func newStrangers(t *testing.T, by string) *strangers {
	s := &strangers{eve: "A", secret: "SECRET"}
	var handler func(http.Handler) http.Handler
	s.c, handler = newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		if r.Header.Get("Authorization") == "bob" {
			return "B", nil
		}
		once(&s.beforeIdentity)
		s.Caller(r.Context(), nil).DependOn(adapter.Dependencies{AsOf: s.Seq(), Hashes: []uint64{1}})
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.eve, nil
	}})
	s.Database = s.c.Database("strangers", prompt(s.look))
	page := func(ctx context.Context) (string, error) {
		who := unstale.Identity(ctx)
		s.Caller(ctx, nil).DependOn(adapter.Dependencies{AsOf: s.Seq(), Hashes: []uint64{2}})
		s.mu.Lock()
		text := who + ":-"
		if who == "B" {
			text = "B:" + s.secret
		}
		s.mu.Unlock()
		once(&s.afterReading)
		return text, nil
	}
	s.h = handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if by == "handler" {
			text, _ := page(r.Context())
			write(w, text)
			return
		}
		unstale.NoStore(r.Context())
		write(w, load(r.Context(), t, s.c, "page", page))
	}))
	return s
}

func once(f *func()) {
	if g := *f; g != nil {
		*f = nil
		g()
	}
}

// write is a commit of somebody else's.
func (s *strangers) write(eve, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eve, s.secret, s.changed = eve, secret, true
}

func (s *strangers) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed {
		s.changed = false
		s.Lost("foreign")
	}
}
