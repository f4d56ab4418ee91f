package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// TestWithin: an answer of a bounded route is no older than the bound, whatever the
// source does, and a strict route beside it, who asks, and Load are as ever.
func TestWithin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const within = 1500 * time.Millisecond // an idle source is asked once a second
		c, wrap := newService(t, unstale.Options{}, unstale.HandlerOptions{
			Route: func(r *http.Request) string { return strings.Split(r.URL.Path, "/")[1] },
			Policies: map[string]unstale.Policy{
				"bounded": {Within: within, Shared: true}, "own": {Within: within, Shared: true}, "strict": {Shared: true}, "load": {Within: within, Shared: true},
			},
			Identity: func(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil },
		})
		a := newRemote(c, "a")
		h := wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/own":
				_ = unstale.Identity(r.Context())
			case "/load":
				unstale.NoStore(r.Context())
				write(w, load(r.Context(), t, c, "k", func(ctx context.Context) (string, error) { return a.get(ctx, "x"), nil }))
				return
			}
			write(w, a.get(r.Context(), "x"))
		}))
		var wrote []time.Time // when each value was
		put := func() {
			a.write("x", fmt.Sprint(len(wrote)))
			wrote = append(wrote, time.Now())
		}
		ask := func(path string, most time.Duration) reply {
			t.Helper()
			r := get(h, path, "Authorization: bob")
			var v int
			if _, err := fmt.Sscan(r.body, &v); err != nil {
				t.Fatalf("%s: %q", path, r.body)
			}
			if v+1 < len(wrote) {
				if age := time.Since(wrote[v+1]); age > most || most == 0 {
					t.Errorf("%s: %v old, at most %v (%s)", path, age, most, r.status)
				}
			}
			return r
		}
		put()
		old := 0
		for i := range 400 {
			time.Sleep(17 * time.Millisecond)
			if i%3 == 0 {
				put()
			}
			if i > 100 && i%50 == 0 { // and now and then a while with no answer
				a.answers(func(context.Context) error { return errors.New("away") })
			} else if i%50 == 20 {
				a.answers(nil)
			}
			before := a.looks.Load()
			r := ask("/bounded", within)
			if r.hit() && strings.Contains(r.status, "within 1.5s") {
				old++
				if a.looks.Load() != before {
					t.Error("it waited for a look all the same")
				}
			}
			if i%7 == 0 {
				time.Sleep(2 * time.Second) // so that an older look is the rule
				for _, path := range []string{"/strict", "/own", "/load"} {
					put() // which nobody was told
					ask(path, 0)
				}
			}
		}
		if old < 50 {
			t.Errorf("%d answers on an older look", old)
		}
		s := c.Stats()
		if n := s.Routes["bounded"].Bounded; n != uint64(old) || s.Routes["own"].Bounded+s.Routes["strict"].Bounded+s.Routes["load"].Bounded != 0 {
			t.Errorf("%d are counted of %d: %+v", n, old, s.Routes)
		}
		a.answers(func(context.Context) error { return errors.New("away") })
		ask("/bounded", within)
		time.Sleep(within + time.Second)
		if r := get(h, "/bounded", "Authorization: bob"); r.hit() {
			t.Errorf("served for longer than the bound: %s", r.status)
		}
	})
}

// TestWithinIsSaid when a service starts, and a negative one is refused.
func TestWithinIsSaid(t *testing.T) {
	t.Parallel()
	var book strings.Builder
	c := newCache(t, unstale.Options{Logger: slog.New(slog.NewTextHandler(&book, nil))})
	if _, err := c.Middleware(unstale.HandlerOptions{Policy: unstale.Policy{Within: -1}}); err == nil {
		t.Error("a negative one is accepted")
	}
	if book.Len() != 0 {
		t.Errorf("of nothing it is said: %s", book.String())
	}
	if _, err := c.Middleware(unstale.HandlerOptions{Route: func(*http.Request) string { return "" }, Policies: map[string]unstale.Policy{"list": {Within: time.Second}, "page": {}}}); err != nil {
		t.Fatal(err)
	}
	if said := book.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "route=list within=1s") {
		t.Errorf("said: %s", said)
	}
}
