package unstaletest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/unstaletest"
)

// failures is a testing.TB that records instead of failing.
type failures struct {
	testing.TB
	messages []string
}

func (f *failures) Helper() {}
func (f *failures) Errorf(format string, args ...any) {
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func serve(t *testing.T, tb testing.TB, h http.HandlerFunc) (cache *unstale.Cache, get func() *http.Response) {
	t.Helper()
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	watched := unstaletest.Verify(tb, cache, unstale.HandlerOptions{})(h)
	t.Cleanup(func() { cache.Close() })
	return cache, func() *http.Response {
		w := httptest.NewRecorder()
		watched.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/cards/1", nil))
		return w.Result()
	}
}

func TestVerifyFindsHiddenInput(t *testing.T) {
	f := &failures{TB: t}
	var hidden atomic.Int64
	_, get := serve(t, f, func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "cards")
		fmt.Fprintf(w, "card of %d", hidden.Load())
	})
	unstaletest.WantMiss(t, get())
	unstaletest.WantHit(t, get())
	if len(f.messages) != 0 {
		t.Fatalf("reported although nothing changed: %q", f.messages)
	}
	hidden.Store(1)
	res := get()
	body, _ := io.ReadAll(res.Body)
	if string(body) != "card of 0" {
		t.Errorf("served %q: Verify must serve what the cache would", body)
	}
	if len(f.messages) != 1 || !strings.Contains(f.messages[0], `body from byte 8: "1", stored "0"`) {
		t.Errorf("reported %q", f.messages)
	}
}

func TestVerifyFindsHiddenHeader(t *testing.T) {
	f := &failures{TB: t}
	var n atomic.Int64
	_, get := serve(t, f, func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "cards")
		w.Header().Set("X-Version", fmt.Sprint(n.Add(1)))
	})
	get()
	get()
	if len(f.messages) != 1 || !strings.Contains(f.messages[0], "X-Version") {
		t.Errorf("reported %q", f.messages)
	}
}

func TestVerifyPassesOverTheMoment(t *testing.T) {
	var n atomic.Int64
	_, get := serve(t, t, func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "cards")
		w.Header().Set("Date", fmt.Sprintf("Fri, 02 Jan 2026 12:00:%02d GMT", n.Add(1)))
		w.Header().Set("X-Request-Id", fmt.Sprint(n.Load()))
	})
	get()
	unstaletest.WantHit(t, get())
	if n.Load() != 2 {
		t.Errorf("ran %d times", n.Load())
	}
}

func TestVerifyBelievesDeclaredChanges(t *testing.T) {
	var version atomic.Int64
	var cache *unstale.Cache
	cache, get := serve(t, t, func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "cards")
		v := version.Load()
		if v == 1 { // the change comes while a hit is being recomputed
			version.Store(2)
			if err := cache.Invalidate(r.Context(), unstale.Tag("cards")); err != nil {
				t.Error(err)
			}
		}
		fmt.Fprint(w, v)
	})
	get()
	version.Store(1)
	get()
}

func TestWant(t *testing.T) {
	for _, c := range []struct {
		status    string
		hit, miss bool // whether WantHit, WantMiss are content
	}{
		{`unstale;hit;ttl=299`, true, false},
		{`unstale;fwd=uri-miss;stored;detail="cold"`, false, true},
		{`inner;hit, unstale;fwd=stale`, false, true},
		{`unstale;fwd=miss, cdn;hit`, false, true},
		{``, false, false},
	} {
		res := &http.Response{Header: http.Header{"Cache-Status": {c.status}}}
		f := &failures{TB: t}
		unstaletest.WantHit(f, res)
		if (len(f.messages) == 0) != c.hit {
			t.Errorf("WantHit(%q): %q", c.status, f.messages)
		}
		f = &failures{TB: t}
		unstaletest.WantMiss(f, res)
		if (len(f.messages) == 0) != c.miss {
			t.Errorf("WantMiss(%q): %q", c.status, f.messages)
		}
	}
}

// TestWithIdentity: a handler that asks is told, and a cache around it is none the
// wiser.
func TestWithIdentity(t *testing.T) {
	ctx := unstaletest.WithIdentity(t.Context(), "alice")
	if who := unstale.Identity(ctx); who != "alice" {
		t.Errorf("%q", who)
	}
	if who := unstale.Identity(unstaletest.WithIdentity(ctx, "bob")); who != "bob" {
		t.Errorf("%q", who)
	}
	if who := unstale.Identity(t.Context()); who != "" {
		t.Errorf("%q", who)
	}
}
