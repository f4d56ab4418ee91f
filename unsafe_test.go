package unstale_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/unstale/unstale"
)

// resource answers GET with what a counter says, and other methods as told.
func resource(unsafe http.HandlerFunc) http.Handler {
	var c counter
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Vary", "Accept")
			c.ServeHTTP(w, r)
			return
		}
		unsafe(w, r)
	})
}

// Which of some URIs an unsafe request makes fall.
func TestUnsafeMethods(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method string
		answer func(w http.ResponseWriter, host string)
		falls  string // of the paths /a?x=1, /b and /c: those that fall
	}{
		{"POST", "POST", func(http.ResponseWriter, string) {}, "a"},
		{"PUT", "PUT", func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNoContent) }, "a"},
		{"DELETE", "DELETE", func(w http.ResponseWriter, _ string) { io.WriteString(w, "gone") }, "a"},
		{"PATCH", "PATCH", func(w http.ResponseWriter, _ string) { w.(http.Flusher).Flush() }, "a"},
		{"an unknown method", "FROBNICATE", func(http.ResponseWriter, string) {}, "a"},
		{"redirect", "POST", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "/b")
			w.WriteHeader(http.StatusSeeOther)
		}, "ab"},
		{"created", "POST", func(w http.ResponseWriter, host string) {
			w.Header().Set("Location", "http://"+host+"/b")
			w.Header().Set("Content-Location", "c")
			w.WriteHeader(http.StatusCreated)
		}, "abc"},
		{"location elsewhere", "POST", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "http://other.example/b")
			w.Header().Set("Content-Location", "//other.example/c")
			w.WriteHeader(http.StatusCreated)
		}, "a"},
		{"refused", "POST", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "/b")
			w.WriteHeader(http.StatusConflict)
		}, ""},
		{"failed", "DELETE", func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusInternalServerError) }, ""},
		{"panicked", "POST", func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }, "a"},
		{"OPTIONS", "OPTIONS", func(http.ResponseWriter, string) {}, ""},
		{"QUERY", "QUERY", func(http.ResponseWriter, string) {}, ""},
		{"TRACE", "TRACE", func(http.ResponseWriter, string) {}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := cached(t, resource(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path = "/rewritten"; r.URL.RawQuery != "" { // in place, as some middleware does
					r.URL.RawQuery = ""
				}
				tt.answer(w, r.Host)
			}))
			paths := map[string]string{"a": "/a?x=1", "b": "/b", "c": "/c"}
			for range 2 {
				for _, path := range paths {
					s.get(path, "Accept: 1")
					s.get(path, "Accept: 2")
				}
			}
			if a := s.do(tt.method, "/a?x=%31"); !a.failed && a.status(t).fwd != "method" {
				t.Errorf("Cache-Status %q", a.header["Cache-Status"])
			}
			for name, path := range paths {
				for _, variant := range []string{"Accept: 1", "Accept: 2"} {
					falls := false
					for _, f := range tt.falls {
						falls = falls || string(f) == name
					}
					if hit := s.get(path, variant).status(t).hit; hit == falls {
						t.Errorf("%s, %s: hit %t", path, variant, hit)
					}
				}
			}
		})
	}
}

// TestUnsafePaths: an unsafe request changes what its path names, under every query,
// and other URIs that its answer names, as they are named.
func TestUnsafePaths(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(resource(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Location", "/list?page=1")
		if r.FormValue("fail") != "" {
			w.WriteHeader(http.StatusConflict)
		}
	}))
	targets := []string{"/a", "/a?x=1", "/a?y=2&x=1", "/a?", "/a/b?x=1", "/a%3Fx=1", "/b?x=1", "/list", "/list?page=1", "/list?page=2"}
	for _, tt := range []struct {
		what  string
		do    func()
		falls []string
	}{
		{"with a query of its own", func() { serve(h, request("PATCH", "/a?mask=title")) }, []string{"/a", "/a?x=1", "/a?y=2&x=1", "/a?", "/list?page=1"}},
		{"without", func() { serve(h, request("PUT", "/a")) }, []string{"/a", "/a?x=1", "/a?y=2&x=1", "/a?", "/list?page=1"}},
		{"of a path that nobody asked for", func() { serve(h, request("DELETE", "/c?x=1")) }, []string{"/list?page=1"}},
		{"that failed", func() { serve(h, request("PATCH", "/a?fail=1")) }, nil},
		{"by another host", func() { serve(h, request("PUT", "http://other.example/a")) }, nil},
		{"no request, but a key", func() { c.InvalidateAsync(unstale.Key("http:GET example.com /a")) }, []string{"/a", "/a?"}},
		{"no request, but a longer key", func() { c.InvalidateAsync(unstale.Key("http:GET example.com /a?x=1")) }, []string{"/a?x=1"}},
	} {
		for range 2 {
			for _, target := range targets {
				get(h, target)
			}
		}
		tt.do()
		var falls []string
		for _, target := range targets {
			fell := false
			if r := get(h, target); !r.hit() {
				fell = true
			}
			if fell || target == "/a?" && slices.Contains(falls, "/a") { // which are one
				falls = append(falls, target)
			}
		}
		if !slices.Equal(falls, tt.falls) {
			t.Errorf("a request %s: %q fell, want %q", tt.what, falls, tt.falls)
		}
	}
}

// TestUnsafeRequestsEndPassing: what is remembered of a URI of which nothing was
// stored is forgotten when an unsafe request has changed it, whatever its query.
func TestUnsafeRequestsEndPassing(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/a", "/a?x=1"} {
		c := newCache(t, unstale.Options{})
		var there atomic.Bool
		h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method != http.MethodGet:
				there.Store(true)
			case !there.Load():
				w.WriteHeader(http.StatusFound)
			}
		}))
		get(h, target)
		if r := get(h, target); !strings.Contains(r.status, "lately not stored") {
			t.Fatalf("%s", r.status)
		}
		serve(h, request("POST", "/a?y=2"))
		get(h, target).want(t, "", false)
		get(h, target).want(t, "", true)
	}
}

// A client that has seen the beginning of the answer to its write sees the
// effect in its next GET, and what was made between then and the end of the
// answer falls again.
func TestUnsafeMethodsInvalidateBeforeAndAfter(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"header": func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"body":   func(w http.ResponseWriter) { io.WriteString(w, "begun") },
		"copy":   func(w http.ResponseWriter) { io.Copy(w, iotest.OneByteReader(zerosOf(1000))) },
		"flush":  func(http.ResponseWriter) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proceed := make(chan struct{})
			s, c := cached(t, resource(func(w http.ResponseWriter, _ *http.Request) {
				begin(w)
				_ = http.NewResponseController(w).Flush()
				<-proceed
			}))
			s.get("/a")
			s.get("/a").wantHit(t)
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/a", nil)
			res, err := s.client.Do(req) // returns with the header
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if a := s.get("/a").wantMiss(t); a.body != "n=2" {
				t.Errorf("%q", a.body)
			}
			s.get("/a").wantHit(t)
			close(proceed)
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Fatal(err)
			}
			if a := s.get("/a").wantMiss(t); a.body != "n=3" {
				t.Errorf("%q", a.body)
			}
			if n := c.Stats().Invalidations["unsafe method"]; n != 1 {
				t.Errorf("one request counted as %d invalidations", n)
			}
		})
	}
}

func zerosOf(n int64) io.Reader { return io.LimitReader(zeros{}, n) }

// A source that fails before its first byte leaves the status to the handler.
func TestUnsafeCopyOfABrokenSource(t *testing.T) {
	s, _ := cached(t, resource(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.Copy(w, iotest.ErrReader(fmt.Errorf("broken"))); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	}))
	if a := s.do(http.MethodPost, "/"); a.code != http.StatusBadGateway || a.body != "broken\n" {
		t.Errorf("%d %q", a.code, a.body)
	}
}

// The fill that an unsafe request overtakes is not stored.
func TestUnsafeMethodsOvertakeFills(t *testing.T) {
	g := newGate()
	c := newCache(t, unstale.Options{})
	s := newServer(t, c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			g.ServeHTTP(w, r)
		}
	})))
	b := clients{t: t, s: s}
	b.get(t.Context(), "/")
	g.wait(t)
	s.do(http.MethodPost, "/")
	g.proceed <- say("old")
	b.wait()
	g.proceed <- say("new")
	if a := s.get("/").wantMiss(t); a.body != "new" {
		t.Errorf("%q", a.body)
	}
}

// TestUnsafeFlush: a flush that cannot be done neither sends the header nor
// invalidates.
func TestUnsafeFlush(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	inner := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			write(w, db.get(r.Context(), "x"))
			return
		}
		if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("flushed: %v", err)
		}
		http.Error(w, "refused", http.StatusConflict)
	}))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
	get(h, "/").want(t, "", false)
	if r := serve(h, request(http.MethodPost, "/")); r.code != http.StatusConflict {
		t.Errorf("%d", r.code)
	}
	get(h, "/").want(t, "", true)
}
