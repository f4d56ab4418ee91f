// Package unstaletest helps to test a service that is cached by unstale.
//
// Verify is the strongest help: it recomputes every hit and fails the test if the
// stored answer differs, which is how an input that nobody declared (a clock, a
// file, a package variable) shows. WantHit and WantMiss assert what the cache did
// with one answer.
package unstaletest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// Verify returns what cache.Middleware(o) does, watched: each time the cache answers from a
// stored response, next runs as well, and t fails if it answers something else
// although nothing that the stored response is known to depend on has changed.
//
// A GET must be free of side effects for this, since it may run where it would
// not have. Fields that name the moment or the request, such as Date, are not
// compared. t must not have ended when the last request does.
func Verify(t testing.TB, cache *unstale.Cache, o unstale.HandlerOptions) func(http.Handler) http.Handler {
	t.Helper()
	o.Verify = func(d unstale.Difference) {
		t.Errorf("unstaletest: the stored answer is not what the handler answers now, though nothing it is known to depend on has changed\n\tkey:  %s\n\twhat: %s", d.Key, d.What)
	}
	wrap, err := cache.Middleware(o)
	if err != nil {
		t.Fatal(err)
	}
	return wrap
}

// WithIdentity returns a context in which [unstale.Identity] is id, outside of any
// cache: for tests of handlers and middleware that ask who asks.
func WithIdentity(ctx context.Context, id string) context.Context {
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		panic(err) // no option is bad
	}
	wrap, err := off.Middleware(unstale.HandlerOptions{Identity: func(*http.Request) (string, error) { return id, nil }})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
	return ctx
}

// Hit reports whether an answer with this header came from a stored response.
func Hit(h http.Header) bool {
	_, status, found := strings.Cut(member(h), ";")
	if !found {
		return false
	}
	for p := range strings.SplitSeq(status, ";") {
		if strings.TrimSpace(p) == "hit" {
			return true
		}
	}
	return false
}

// WantHit fails t unless the answer came from a stored response.
func WantHit(t testing.TB, res *http.Response) {
	t.Helper()
	if !Hit(res.Header) {
		t.Errorf("unstaletest: %s: want a hit, got %q", where(res), member(res.Header))
	}
}

// WantMiss fails t unless the handler ran for the answer.
func WantMiss(t testing.TB, res *http.Response) {
	t.Helper()
	if m := member(res.Header); m == "" || Hit(res.Header) {
		t.Errorf("unstaletest: %s: want a miss, got %q", where(res), m)
	}
}

// member returns what unstale said in Cache-Status, or "".
func member(h http.Header) string {
	for _, line := range h.Values("Cache-Status") {
		for m := range strings.SplitSeq(line, ",") {
			if m = strings.TrimSpace(m); m == "unstale" || strings.HasPrefix(m, "unstale;") {
				return m
			}
		}
	}
	return ""
}

func where(res *http.Response) string {
	if res.Request == nil {
		return "answer"
	}
	return res.Request.Method + " " + res.Request.URL.Path
}
