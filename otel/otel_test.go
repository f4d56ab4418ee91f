package otel_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/otel"
)

// A span keeps its attributes.
type span struct {
	noop.Span
	off bool
	set map[string]string
}

func (s *span) IsRecording() bool { return !s.off }
func (s *span) SetAttributes(list ...attribute.KeyValue) {
	for _, a := range list {
		s.set[string(a.Key)] = a.Value.String()
	}
}

func TestHandler(t *testing.T) {
	cache, err := unstale.New(unstale.Options{Slots: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	route := func(*http.Request) string { return "GET /cards/{id}" }
	wrap, err := cache.Middleware(unstale.HandlerOptions{Route: route, ExplainTo: func(*http.Request) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	h := otel.Handler(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "secret")
		if r.URL.Path == "/private" {
			w.Header().Set("Cache-Control", "private")
		}
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, "card")
	})), route)
	ask := func(path string, off bool) map[string]string {
		s := &span{off: off, set: map[string]string{}}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r = r.WithContext(trace.ContextWithSpan(r.Context(), s))
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), r)
		}()
		return s.set
	}
	want := func(got map[string]string, hit, reason string) {
		t.Helper()
		expected := map[string]string{"unstale.hit": hit, "unstale.route": "GET /cards/{id}"}
		if reason != "" {
			expected["unstale.reason"] = reason
		}
		if !maps.Equal(got, expected) {
			t.Errorf("%v, want %v", got, expected)
		}
	}
	want(ask("/x", false), "false", "cold")
	want(ask("/x", false), "true", "")
	if err := cache.Invalidate(t.Context(), unstale.Tag("secret")); err != nil {
		t.Fatal(err)
	}
	want(ask("/x", false), "false", "changed") // without the cause, which Cache-Status has
	want(ask("/private", false), "false", "not stored: private")
	if got := ask("/x", true); len(got) != 0 {
		t.Errorf("of a span that is not recorded: %v", got)
	}
	ask("/panic", false)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil)) // without a span
}

// Of several caches the nearest one counts, and others do not.
func TestSeveral(t *testing.T) {
	for said, hit := range map[[2]string]string{
		{"unstale;fwd=uri-miss", "unstale;hit;ttl=1"}: "true",
		{"unstale;hit;ttl=1", "cdn;fwd=miss"}:         "true",
		{"unstale;hit", "unstale;fwd=stale"}:          "false",
		{"unstale2;hit", "cdn;hit"}:                   "",
	} {
		s := &span{set: map[string]string{}}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		otel.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Cache-Status"] = said[:] }), nil).
			ServeHTTP(httptest.NewRecorder(), r.WithContext(trace.ContextWithSpan(r.Context(), s)))
		if s.set["unstale.hit"] != hit {
			t.Errorf("%q: %v", said, s.set)
		}
	}
}

func Example() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	mux := http.NewServeMux()
	route := func(r *http.Request) string { return r.Pattern }
	handler := otel.Handler(cache.Handler(mux), route)
	_ = handler // of a server whose spans stand outside
	// Output:
}
