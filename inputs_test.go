package unstale_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// An input is something of a request that a handler can answer by.
type input struct {
	name  string
	set   func(r *http.Request, value string) *http.Request
	seen  func(r *http.Request) string
	alone bool // it selects in the place; else only where a handler looks
}

func inContext(key any, value func(string) any) func(*http.Request, string) *http.Request {
	return func(r *http.Request, v string) *http.Request {
		return r.WithContext(context.WithValue(r.Context(), key, value(v)))
	}
}

// inputs are those that are neither fields nor the URL.
var inputs = []input{
	{
		"path value", func(r *http.Request, v string) *http.Request { r.SetPathValue("tenant", v); return r },
		func(r *http.Request) string { return r.PathValue("tenant") }, true,
	},
	{
		"listener", inContext(http.LocalAddrContextKey, func(v string) any { return &net.UnixAddr{Name: v} }),
		func(r *http.Request) string { return fmt.Sprint(r.Context().Value(http.LocalAddrContextKey)) }, false,
	},
	{
		"server", func() func(*http.Request, string) *http.Request {
			servers := map[string]any{"a": &http.Server{Addr: "a"}, "b": &http.Server{Addr: "b"}}
			return inContext(http.ServerContextKey, func(v string) any { return servers[v] })
		}(),
		func(r *http.Request) string { return r.Context().Value(http.ServerContextKey).(*http.Server).Addr }, false,
	},
	{
		"something in place of the server", inContext(http.ServerContextKey, func(v string) any { return v }),
		func(r *http.Request) string { return r.Context().Value(http.ServerContextKey).(string) }, false,
	},
	{
		"protocol", func(r *http.Request, v string) *http.Request {
			r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0
			if v == "b" {
				r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
			}
			return r
		},
		func(r *http.Request) string { return map[bool]string{true: "a", false: "b"}[r.ProtoMajor == 1] }, true,
	},
	{
		"pattern", func(r *http.Request, v string) *http.Request { r.Pattern = v; return r },
		func(r *http.Request) string { return r.Pattern }, true,
	},
	{
		"server name", func(r *http.Request, v string) *http.Request { r.TLS = &tls.ConnectionState{ServerName: v}; return r },
		func(r *http.Request) string { return r.TLS.ServerName }, true,
	},
	{
		"negotiated protocol", func(r *http.Request, v string) *http.Request {
			r.TLS = &tls.ConnectionState{NegotiatedProtocol: v}
			return r
		},
		func(r *http.Request) string { return r.TLS.NegotiatedProtocol }, true,
	},
	{
		"scheme", func(r *http.Request, v string) *http.Request {
			if v == "a" {
				r.TLS = &tls.ConnectionState{}
			}
			return r
		},
		func(r *http.Request) string { return map[bool]string{true: "a", false: "b"}[r.TLS != nil] }, true,
	},
	{
		"host", func(r *http.Request, v string) *http.Request { r.Host = v; return r },
		func(r *http.Request) string { return r.Host }, true,
	},
	{
		"rewritten path", func(r *http.Request, v string) *http.Request {
			r.URL.Path = "/" + v
			return r
		},
		func(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/") }, true,
	},
}

// TestInputsSelect: whatever of a request a handler answers by, it answers so from
// the cache, with an identity and without.
func TestInputsSelect(t *testing.T) {
	t.Parallel()
	for _, in := range inputs {
		for name, identity := range map[string]func(*http.Request) (string, error){"anybody": nil, "one": func(*http.Request) (string, error) { return "one", nil }} {
			t.Run(in.name+", "+name, func(t *testing.T) {
				t.Parallel()
				c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: identity})
				db := newToy(c)
				h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					db.get(r.Context(), "x")
					unstale.Identity(r.Context())
					write(w, in.seen(r))
				}))
				for round := range 3 {
					for _, value := range []string{"a", "b"} {
						serve(h, in.set(request(http.MethodGet, "/x"), value)).want(t, value, round > 0)
					}
				}
				if err := c.Invalidate(t.Context(), unstale.Pattern("http:*")); err != nil {
					t.Fatal(err)
				}
				for _, value := range []string{"a", "b"} {
					serve(h, in.set(request(http.MethodGet, "/x"), value)).want(t, value, false)
				}
			})
		}
	}
}

// TestUnseenInputs do not keep answers apart: a handler that does not look at the
// listener has one answer for all.
func TestUnseenInputs(t *testing.T) {
	t.Parallel()
	for _, in := range inputs {
		if in.alone {
			continue
		}
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) }))
		serve(h, in.set(request(http.MethodGet, "/x"), "a")).want(t, "", false)
		serve(h, in.set(request(http.MethodGet, "/x"), "b")).want(t, "", true)
	}
}

// TestLoadSeesNoListener: its key cannot know of it.
func TestLoadSeesNoListener(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	for _, value := range []string{"a", "b", "a"} {
		ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: value})
		got, err := unstale.Load(ctx, c, "k", func(ctx context.Context) (string, error) {
			db.get(ctx, "x")
			return fmt.Sprint(ctx.Value(http.LocalAddrContextKey)), nil
		})
		if err != nil || got != value {
			t.Errorf("%q, %v, want %q", got, err, value)
		}
	}
}

// TestPathValues of a ServeMux outside, of middleware, and of both.
func TestPathValues(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	inner := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		write(w, r.PathValue("id")+" "+r.PathValue("tenant")+" "+r.PathValue("none"))
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("/{id}/x", func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("tenant", r.Header.Get("User-Agent"))
		inner.ServeHTTP(w, r)
	})
	for round := range 2 {
		for _, path := range []string{"/1/x", "/2/x"} {
			for _, tenant := range []string{"a", "b"} {
				get(mux, path, "User-Agent: "+tenant).want(t, path[1:2]+" "+tenant+" ", round > 0)
			}
		}
	}
}

// TestPathValuesOfARewrite: middleware takes the tenant out of the path, so that
// nothing but a path value tells of it.
func TestPathValuesOfARewrite(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	inner := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		write(w, r.PathValue("tenant")+" "+r.URL.Path+" "+r.RequestURI)
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/{rest...}", func(w http.ResponseWriter, r *http.Request) {
		r.RequestURI = "/" + r.PathValue("rest")
		r.URL = &url.URL{Path: r.RequestURI}
		inner.ServeHTTP(w, r)
	})
	for round := range 2 {
		for _, tenant := range []string{"a", "b"} {
			get(mux, "/"+tenant+"/x").want(t, tenant+" /x /x", round > 0)
		}
	}
}

// TestPathValuesOfAnotherNetHTTP: where they cannot be listed, each fill counts as
// asking who asks.
func TestPathValuesOfAnotherNetHTTP(t *testing.T) {
	t.Parallel()
	for _, identity := range []func(*http.Request) (string, error){nil, byToken} {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: identity})
		unstale.ForgetRequests(c)
		db := newToy(c)
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "x")
			write(w, r.PathValue("tenant"))
		}))
		for _, who := range []string{"a", "b"} {
			r := request(http.MethodGet, "/")
			if identity != nil {
				r.Header.Set("Authorization", who)
			}
			r.SetPathValue("tenant", who)
			serve(h, r).want(t, who, false)
			serve(h, r).want(t, who, identity != nil)
		}
	}
}

// TestHandlersAnswerForThemselves: two handlers on one cache are two, unless they
// have one name. One invalidation of the URI concerns both.
func TestHandlersAnswerForThemselves(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	says := func(who string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				db.get(r.Context(), "x")
				write(w, who)
			}
		})
	}
	admin, public := c.Handler(says("admin")), c.Handler(says("public"))
	named, again, other := sameName(t, c, "n", says("named")), sameName(t, c, "n", says("again")), sameName(t, c, "unnamed 1", says("other"))
	for round := range 2 {
		get(admin, "/users").want(t, "admin", round > 0)
		get(public, "/users").want(t, "public", round > 0)
		get(named, "/users").want(t, "named", round > 0)
		get(again, "/users").want(t, "named", true)
		get(other, "/users").want(t, "other", round > 0)
	}
	serve(public, request(http.MethodPost, "/users"))
	get(admin, "/users").want(t, "admin", false)
	get(again, "/users").want(t, "again", false)
	if err := c.Invalidate(t.Context(), unstale.Key("http:GET example.com /users")); err != nil {
		t.Fatal(err)
	}
	get(admin, "/users").want(t, "admin", false)
	get(named, "/users").want(t, "named", false)
}

// sameName wraps next as a handler of that name.
func sameName(t *testing.T, c *unstale.Cache, name string, next http.Handler) http.Handler {
	t.Helper()
	wrap, err := c.Middleware(unstale.HandlerOptions{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return wrap(next)
}

// TestHandlersBuiltAnew for each request are told once, answer as they would, and
// leave nothing behind; one that is used twice is there for good.
func TestHandlersBuiltAnew(t *testing.T) {
	t.Parallel()
	var book logbook
	c := newCache(t, unstale.Options{Logger: book.logger()})
	db := newToy(c)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) })
	for range 500 {
		get(c.Handler(next), "/").want(t, "", false)
	}
	if n := c.Stats().Store.Entries; n > 64 {
		t.Errorf("%d entries", n)
	}
	if n := book.count("give it a HandlerOptions.Name"); n != 1 {
		t.Errorf("warned %d times", n)
	}
	if n := c.Stats().Routes[""].Bypassed["handler built anew"]; n < 400 {
		t.Errorf("%d passed", n)
	}
	late := c.Handler(next)
	get(late, "/").want(t, "", false)
	get(late, "/").want(t, "", false)
	get(late, "/").want(t, "", true)
	for range 500 {
		get(sameName(t, c, "n", next), "/")
	}
	get(sameName(t, c, "n", next), "/").want(t, "", true)
}

// TestFillSeesNothingElse of the connection and of the message.
func TestFillSeesNothingElse(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		write(w, fmt.Sprint(r.RemoteAddr, r.Close, r.TransferEncoding, r.Trailer, r.GetBody == nil, r.Response, r.ContentLength,
			r.TLS.DidResume, r.TLS.TLSUnique, r.TLS.OCSPResponse, r.TLS.HelloRetryRequest))
	}))
	plain := request(http.MethodGet, "/")
	plain.TLS = &tls.ConnectionState{}
	odd := request(http.MethodGet, "/")
	odd.RemoteAddr, odd.Close, odd.Trailer = "10.0.0.1:1", true, http.Header{"X": nil}
	odd.GetBody, odd.Response = nil, &http.Response{}
	odd.TLS = &tls.ConnectionState{DidResume: true, TLSUnique: []byte("u"), OCSPResponse: []byte("o"), HelloRetryRequest: true}
	want := serve(h, odd).body
	serve(h, plain).want(t, want, true)
	if want != "false [] map[] true <nil> 0 false [] [] false" {
		t.Errorf("a fill sees %s", want)
	}
}
