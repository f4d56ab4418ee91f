package unstale_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/unstale/unstale"
)

// TestFillSeesNoCredentials, wherever a handler may look.
func TestFillSeesNoCredentials(t *testing.T) {
	t.Parallel()
	var identified atomic.Int64
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
		Credentials: []string{"x-tenant"}, Policies: sharedRoute,
		Identity: func(r *http.Request) (string, error) {
			if r.Header.Get("Authorization") == "" || r.Header.Get("X-Tenant") == "" || r.RemoteAddr == "" ||
				len(r.TLS.PeerCertificates) == 0 || len(r.Cookies()) != 1 {
				t.Errorf("Identity was not given the request as it came: %v", r)
			}
			identified.Add(1)
			return "me", nil
		},
	})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		for _, name := range []string{
			"Authorization", "Cookie", "Proxy-Authorization", "X-Tenant", "X-Api-Key", "X-Forwarded-User",
			"X-Forwarded-For", "Forwarded", "X-Real-Ip",
		} {
			if v := r.Header[name]; v != nil {
				t.Errorf("a fill sees %s: %q", name, v)
			}
		}
		if _, _, ok := r.BasicAuth(); ok || len(r.Cookies()) > 0 || r.RemoteAddr != "" {
			t.Error("a fill sees basic authentication, a cookie or an address")
		}
		if r.TLS == nil || r.TLS.PeerCertificates != nil || r.TLS.VerifiedChains != nil {
			t.Error("a fill sees a certificate, or no TLS")
		}
		if r.Form != nil || r.PostForm != nil || r.MultipartForm != nil {
			t.Error("a fill sees a form that was parsed before")
		}
		if err := r.ParseForm(); err != nil || r.Form.Get("q") != "1" {
			t.Errorf("a form in a fill: %v, %v", r.Form, err)
		}
		write(w, unstale.Identity(r.Context()))
	}))
	r := request(http.MethodGet, "https://example.com/?q=1", "Authorization: Basic YTpi", "Cookie: session=1",
		"Proxy-Authorization: x", "X-Tenant: k", "X-Api-Key: k", "X-Forwarded-User: u", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-Ip: 10.0.0.1")
	r.TLS = &tls.ConnectionState{
		PeerCertificates: []*x509.Certificate{{}}, VerifiedChains: [][]*x509.Certificate{{{}}},
	}
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	serve(h, r).want(t, "me", false)
	serve(h, r).want(t, "me", true)
	if identified.Load() != 2 || r.Header.Get("Authorization") == "" || r.RemoteAddr == "" || r.Form == nil {
		t.Errorf("Identity ran %d times, and the client's request is %v", identified.Load(), r)
	}
}

// TestWithoutIdentity requests that carry credentials pass by, unless those never
// matter.
func TestWithoutIdentity(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Credentials: []string{"x-tenant"}, IgnoreCookies: []string{"_ga", "_gid"}})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		who := r.Header.Get("Authorization") + r.Header.Get("X-Api-Key") + r.Header.Get("X-Tenant") + r.Header.Get("Cookie")
		write(w, who+unstale.Identity(r.Context()))
	}))
	certified := request(http.MethodGet, "/")
	certified.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	for _, step := range []struct {
		r       *http.Request
		body    string
		hit     bool
		through bool
	}{
		{r: request("GET", "/", "Authorization: a"), body: "a", through: true},
		{r: request("GET", "/", "Authorization: a"), body: "a", through: true},
		{r: request("GET", "/")},
		{r: request("GET", "/"), hit: true},
		{r: request("GET", "/", "Authorization: a"), body: "a", through: true},
		{r: request("GET", "/", "X-Api-Key: k"), body: "k", through: true},
		{r: request("GET", "/", "X-Tenant: t"), body: "t", through: true},
		{r: request("GET", "/", "X-Forwarded-User: u"), through: true},
		{r: request("GET", "/", "Cookie: _ga=1; session=1"), body: "_ga=1; session=1", through: true},
		{r: request("GET", "/", "Cookie: _ga=1; _gid=2"), hit: true},
		{r: request("GET", "/", "Cookie: _ga=1", "Cookie: session=1"), body: "_ga=1", through: true},
		{r: request("GET", "/", `Cookie: ses(sion="a b`), body: `ses(sion="a b`, through: true},
		{r: request("GET", "/", "Cookie: session"), body: "session", through: true},
		{r: request("GET", "/", "Cookie: "), hit: true},
		{r: request("GET", "/", "X-Forwarded-For: 10.0.0.1"), hit: true},
		{r: certified, through: true},
	} {
		r := serve(h, step.r)
		r.want(t, step.body, step.hit)
		if through := strings.Contains(r.status, "bypass"); through != step.through {
			t.Errorf("%v: %s, want bypass %t", step.r.Header, r.status, step.through)
		}
	}
}

type (
	outsideKey struct{}
	neutralKey struct{}
)

// around puts values into the contexts of requests, as a middleware outside the
// cache does.
func around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), outsideKey{}, r.Header.Get("X-Name"))
		ctx = context.WithValue(ctx, neutralKey{}, r.Header.Get("X-Name"))
		ctx = context.WithValue(ctx, http.ServerContextKey, "server")
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// TestContextValues: a value from outside the cache counts as asking.
func TestContextValues(t *testing.T) {
	t.Parallel()
	for name, identity := range map[string]func(*http.Request) (string, error){
		"with Identity":    func(r *http.Request) (string, error) { return r.Header.Get("X-Name"), nil },
		"blind Identity":   func(*http.Request) (string, error) { return "", nil },
		"without Identity": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var book logbook
			c, handler := newService(t, unstale.Options{Logger: book.logger(), NeutralContextKeys: []any{neutralKey{}}}, unstale.HandlerOptions{
				Identity:     identity,
				IgnoreFields: []string{"X-Name"},
			})
			db := newToy(c)
			h := around(handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				db.get(r.Context(), "x")
				switch r.URL.Path {
				case "/outside":
					write(w, r.Context().Value(outsideKey{}).(string))
				case "/child":
					ctx, cancel := context.WithCancel(context.WithValue(r.Context(), neutralKey{}, 1))
					defer cancel()
					write(w, ctx.Value(outsideKey{}).(string))
				case "/neutral":
					_ = r.Context().Value(neutralKey{})
					_ = r.Context().Value(http.ServerContextKey)
					_ = r.Context().Value("absent")
				case "/inside":
					type inside struct{}
					_ = context.WithValue(r.Context(), inside{}, 1).Value(inside{})
				}
			})))
			stored := name == "with Identity"
			for _, path := range []string{"/outside", "/child"} {
				for _, who := range []string{"alice", "bob", "alice", "bob"} {
					if r := get(h, path, "X-Name: "+who); r.body != who {
						t.Errorf("%s answered %q to %s", path, r.body, who)
					}
				}
				get(h, path, "X-Name: alice").want(t, "alice", stored)
			}
			for _, path := range []string{"/neutral", "/inside"} {
				get(h, path, "X-Name: alice").want(t, "", false)
				get(h, path, "X-Name: bob").want(t, "", true)
			}
			if n := book.count("looked at a context value"); n != 1 || book.count("outsideKey") == 0 {
				t.Errorf("reported %d times:\n%s", n, book.String())
			}
			if n := len(c.Stats().ContextValues); n != 1 {
				t.Errorf("%d kinds of context values", n)
			}
		})
	}
}
