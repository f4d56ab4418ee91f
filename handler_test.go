package unstale_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/unstale/unstale"
)

func newCache(t testing.TB, o unstale.Options) *unstale.Cache {
	t.Helper()
	if o.Slots == 0 {
		o.Slots = 1 << 20 // the race detector takes long to clear more
	}
	c, err := unstale.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// sharedRoute declares that what was made without asking who asks is for all.
var sharedRoute = map[string]unstale.Policy{"": {Shared: true}}

// newService returns a cache, and what wraps handlers with the options.
func newService(t testing.TB, o unstale.Options, h unstale.HandlerOptions) (*unstale.Cache, func(http.Handler) http.Handler) {
	t.Helper()
	c := newCache(t, o)
	wrap, err := c.Middleware(h)
	if err != nil {
		t.Fatal(err)
	}
	return c, wrap
}

func TestHitMissInvalidate(t *testing.T) {
	c := newCache(t, unstale.Options{})
	n := 0
	srv := httptest.NewServer(c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		n++
		fmt.Fprintf(w, "n=%d", n)
	})))
	defer srv.Close()
	get := func() (string, string) {
		res, err := http.Get(srv.URL + "/a?b=1")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		t.Log(res.Status, res.Header, string(b))
		return string(b), res.Header.Get("Cache-Status")
	}
	get()
	if b, s := get(); b != "n=1" {
		t.Fatal(b, s)
	}
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	if b, s := get(); b != "n=2" {
		t.Fatal(b, s)
	}
	if err := c.Invalidate(t.Context(), unstale.Pattern("http:*/{x}*", "a")); err != nil {
		t.Fatal(err)
	}
	if b, s := get(); b != "n=3" {
		t.Fatal(b, s)
	}
	if b, s := get(); b != "n=3" {
		t.Fatal(b, s)
	}
}
