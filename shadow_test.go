package unstale_test

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// byCookie is an Identity as applications have it, beside handlers that read the
// cookie themselves.
func byCookie(r *http.Request) (string, error) {
	if c, err := r.Cookie("session"); err == nil {
		return "who has " + c.Value, nil
	}
	return "", nil
}

// TestCredentialsReadByHandlers: a handler that reads credentials by itself
// answers each client as without the cache, whatever Identity is, and hits come
// for exactly the same credentials.
func TestCredentialsReadByHandlers(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(w http.ResponseWriter, r *http.Request){
		"a cookie": func(w http.ResponseWriter, r *http.Request) {
			c, err := r.Cookie("session")
			if err != nil {
				write(w, "stranger")
				return
			}
			write(w, "hello "+c.Value)
		},
		"401": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			write(w, "hello "+r.Header.Get("Cookie"))
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") == "" {
				http.Redirect(w, r, "/login", http.StatusFound)
				return
			}
			write(w, "hello "+r.Header.Get("Cookie"))
		},
		"a new session": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") == "" {
				http.SetCookie(w, &http.Cookie{Name: "session", Value: rand.Text()})
			}
			write(w, "hello "+unstale.Identity(r.Context()))
		},
		"asks, and reads": func(w http.ResponseWriter, r *http.Request) {
			write(w, unstale.Identity(r.Context())+" "+r.Header.Get("Cookie"))
		},
		"takes it for granted": func(w http.ResponseWriter, r *http.Request) {
			write(w, r.Header["Cookie"][0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var book logbook
				c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{
					Identity: byCookie, Route: func(*http.Request) string { return "page" },
				})
				_, off := newService(t, unstale.Options{Off: true}, unstale.HandlerOptions{Identity: byCookie})
				inner := off(known(handle))
				h := handler(known(handle))
				get(h, "/first", "Cookie: theme=dark")
				for i := range 8 {
					for _, who := range []string{"session=alice", "session=bob; theme=dark", "theme=dark"} {
						path := fmt.Sprintf("/%d", i)
						want := get(inner, path, "Cookie: "+who)
						for _, hit := range []bool{false, true} {
							r := outlives(func() reply { return get(h, path, "Cookie: "+who) })
							if r.code != want.code || r.body != want.body || r.header.Get("Set-Cookie") != want.header.Get("Set-Cookie") {
								t.Fatalf("%s: %d %q, without the cache %d %q", who, r.code, r.body, want.code, want.body)
							}
							if r.hit() != hit {
								t.Errorf("%s %s: %s, want hit %v", path, who, r.status, hit)
							}
							synctest.Wait()
						}
					}
				}
				if s := c.Stats().Shadowed; s.Differed == 0 || s.Same > 0 {
					t.Errorf("%+v", s)
				}
				if n := book.count("otherwise without its credentials"); n != 1 {
					t.Errorf("%d warnings\n%s", n, book.String())
				}
				if strings.Contains(book.String(), "alice") {
					t.Errorf("the log holds a credential:\n%s", book.String())
				}
			})
		})
	}
}

// outlives returns what f does, or what it panicked with.
func outlives(f func() reply) (r reply) {
	defer func() {
		if v := recover(); v != nil {
			r.body = fmt.Sprint("panic: ", v)
		}
	}()
	return f()
}

// TestRouteBecomesKnown: where the handler asks, its answers are soon kept by who
// asks, and the handler sees no credentials.
func TestRouteBecomesKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
			Identity: byToken, Route: func(r *http.Request) string { return "page" },
		})
		var saw, runs int
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			runs++
			if r.Header["Authorization"] != nil {
				saw++
			}
			if r.URL.Path == "/all" {
				write(w, "all")
				return
			}
			write(w, "for "+unstale.Identity(r.Context()))
		}))
		get(h, "/first").want(t, "for ", false)
		runs = 0
		for i := range 3 {
			get(h, fmt.Sprintf("/%d", i), "Authorization: alice", "X-Extra: 1").want(t, "for alice", false)
			synctest.Wait()
		}
		if runs != 6 || saw != 3 {
			t.Errorf("%d runs, %d saw credentials; want 6 and 3", runs, saw)
		}
		if s := c.Stats().Shadowed; s != (unstale.VerifyStats{Same: 3}) {
			t.Errorf("%+v", s)
		}
		get(h, "/own", "Authorization: alice").want(t, "for alice", false)
		get(h, "/own", "Authorization: alice", "Cookie: theme=dark").want(t, "for alice", true)
		get(h, "/own", "Authorization: bob").want(t, "for bob", false)
		synctest.Wait()
		if runs != 8 || saw != 3 {
			t.Errorf("%d runs, %d saw credentials; want 8 and 3", runs, saw)
		}

		// A fill that does not ask is given to strangers alone, and ends the knowledge.
		get(h, "/all", "Authorization: alice").want(t, "all", false)
		get(h, "/all").want(t, "all", true)
		if runs != 10 || saw != 4 {
			t.Errorf("%d runs, %d saw credentials; want 10 and 4", runs, saw)
		}
		get(h, "/own2", "Authorization: alice").want(t, "for alice", false)
		if saw != 5 {
			t.Error("the route is known still")
		}
	})
}

// TestStrict: a request with credentials is never given an answer whose making did
// not ask, unless the route is declared the same for all.
func TestStrict(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
			Identity: byToken, Policies: map[string]unstale.Policy{"": {Shared: shared}},
		})
		db := newToy(c)
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, db.get(r.Context(), "x")) }))
		get(h, "/").want(t, "", false)
		get(h, "/").want(t, "", true)
		get(h, "/", "Authorization: alice").want(t, "", shared)
		get(h, "/", "Authorization: alice").want(t, "", true)
		get(h, "/", "Authorization: bob").want(t, "", shared)
		get(h, "/", "Cookie: a=b").want(t, "", shared)
		db.set("x", "1")
		get(h, "/", "Authorization: alice").want(t, "1", false)
	}
	// Without anybody who says who asks, too.
	c := newCache(t, unstale.Options{})
	wrap, err := c.Middleware(unstale.HandlerOptions{Policies: sharedRoute})
	if err != nil {
		t.Fatal(err)
	}
	h := wrap(known(func(w http.ResponseWriter, r *http.Request) { write(w, fmt.Sprint(r.Header["Cookie"])) }))
	get(h, "/").want(t, "[]", false)
	get(h, "/", "Cookie: a=b").want(t, "[]", true)
}

// TestConsumedOnce: a link that is used up is used up by its own request, and what
// writes has no shadow.
func TestConsumedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byCookie, Route: func(r *http.Request) string { return r.URL.Path }})
		db := newToy(c)
		var runs atomic.Int64
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			runs.Add(1)
			if db.get(r.Context(), "used "+r.URL.RawQuery) != "" {
				write(w, "used")
				return
			}
			if r.URL.Path == "/magic" || len(r.Cookies()) == 0 {
				db.caller(r.Context()).Wrote(false)
				db.set("used "+r.URL.RawQuery, "1")
			}
			write(w, "welcome "+r.Header.Get("Cookie"))
		}))
		for i := range 3 {
			get(h, fmt.Sprint("/magic?", i), "Cookie: session=x").want(t, "welcome session=x", false)
			synctest.Wait()
		}
		get(h, "/magic?0", "Cookie: session=x").want(t, "used", false)
		synctest.Wait()
		if n := runs.Load(); n != 4 {
			t.Errorf("%d runs of three links, one of them twice", n)
		}
		// Here only the shadow writes: it is the last.
		for i := range 3 {
			get(h, fmt.Sprint("/visit?", "a", i), "Cookie: session=x").want(t, "welcome session=x", false)
			synctest.Wait()
		}
		if n := runs.Load(); n != 8 {
			t.Errorf("%d runs, want 8: four links, three visits and one shadow", n)
		}
	})
}

// TestNoShadowOfStreams: what was streamed is not run twice, and on a known route
// a stream of somebody who did not ask reaches nobody with credentials.
func TestNoShadowOfStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byToken, Route: func(r *http.Request) string { return "page" }})
		var runs int
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			runs++
			if r.URL.Path == "/stream" {
				write(w, "stream for "+r.Header.Get("Authorization"))
				_ = http.NewResponseController(w).Flush()
				write(w, ".")
				return
			}
			write(w, unstale.Identity(r.Context()))
		}))
		if r := get(h, "/stream", "Authorization: alice"); r.body != "stream for alice." {
			t.Errorf("%q", r.body)
		}
		synctest.Wait()
		if runs != 1 {
			t.Errorf("%d runs", runs)
		}
		for i := range 3 {
			get(h, fmt.Sprint("/", i), "Authorization: alice")
			synctest.Wait()
		}
		if runs != 7 {
			t.Errorf("%d runs", runs)
		}
		time.Sleep(2 * time.Minute) // requests for what is streamed pass no longer
		if r := get(h, "/stream", "Authorization: alice"); r.body != "stream for alice." {
			t.Errorf("on a known route %q (%s)", r.body, r.status)
		}
	})
}

// TestReportOnlyForetells what the cache would make of credentials.
func TestReportOnlyForetells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{
			Identity: byCookie, Policies: map[string]unstale.Policy{"": {Mode: unstale.ModeReportOnly}},
		})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) { write(w, r.Header.Get("Cookie")) }))
		get(h, "/first")
		for range 2 {
			for _, who := range []string{"session=a", "session=b"} {
				if r := get(h, "/", "Cookie: "+who); r.body != who {
					t.Errorf("%q", r.body)
				}
				synctest.Wait()
			}
		}
		if s := c.Stats().Routes[""]; s.WouldHit != 2 || s.WouldDiffer != 0 {
			t.Errorf("%+v", s)
		}
		if n := book.count("otherwise without its credentials"); n != 1 {
			t.Errorf("%d warnings", n)
		}
	})
}

// TestUnaskedIsKeptApart: as long as a handler does not ask, requests with
// credentials are given hits of their own.
func TestUnaskedIsKeptApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byToken, Route: func(*http.Request) string { return "page" }})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) { write(w, "all") }))
		for i := range 12 {
			get(h, fmt.Sprint("/", i), "Authorization: alice").want(t, "all", false)
			get(h, fmt.Sprint("/", i), "Authorization: alice").want(t, "all", true)
			time.Sleep(2 * time.Minute) // the next one has a shadow again
		}
	})
}

// TestStrictJoiners: who joins the fill of a stranger, which did not ask, is not
// given its answer.
func TestStrictJoiners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byToken, Route: func(*http.Request) string { return "page" }})
		open := make(chan struct{})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-open
				write(w, "for "+r.Header.Get("Authorization"))
				return
			}
			write(w, "for "+unstale.Identity(r.Context()))
		}))
		get(h, "/first")
		for i := range 3 {
			get(h, fmt.Sprint("/", i), "Authorization: alice")
			synctest.Wait()
		}
		for _, fields := range [][]string{nil, {"Authorization: alice"}, {"Authorization: bob"}} {
			go func() {
				want := "for "
				if fields != nil {
					want += strings.TrimPrefix(fields[0], "Authorization: ")
				}
				if r := get(h, "/slow", fields...); r.body != want {
					t.Errorf("%q, want %q (%s)", r.body, want, r.status)
				}
			}()
			synctest.Wait()
		}
		close(open)
		synctest.Wait()
	})
}

// TestNoShadowOfHandlersBuiltAnew: what a framework builds for a single request
// runs for it alone, and not after it.
func TestNoShadowOfHandlersBuiltAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byToken, Name: "framework", VerifyShare: 1})
		runs := 0
		for i := range 6 {
			h := handler(known(func(w http.ResponseWriter, r *http.Request) {
				runs++
				write(w, "for "+unstale.Identity(r.Context()))
			}))
			get(h, "/", "Authorization: alice").want(t, "for alice", i > 0)
			synctest.Wait()
		}
		if s := c.Stats(); runs != 1 || s.Verified.Skipped != 5 {
			t.Errorf("%d runs, %+v", runs, s.Verified)
		}
	})
}

// TestCredentialsUnderLoad: nobody is given another's answer, or an old one, while
// routes become known and cease to be, by handlers of every kind, and others write.
func TestCredentialsUnderLoad(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byToken, Route: func(r *http.Request) string { return r.URL.Path }})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := r.URL.Path
		if kind == "/turns" && db.get(r.Context(), "turn") == "1" {
			kind = "/reads"
		}
		who := ""
		switch kind {
		case "/asks", "/turns":
			who = unstale.Identity(r.Context())
		case "/reads":
			who = r.Header.Get("Authorization")
		case "/both":
			if who = unstale.Identity(r.Context()); r.Header.Get("Authorization") != who {
				w.WriteHeader(http.StatusForbidden)
			}
		}
		write(w, who+" "+db.get(r.Context(), "x"))
	}))
	var version atomic.Int64
	var all sync.WaitGroup
	for client := range 4 {
		all.Go(func() {
			rnd := mathrand.New(mathrand.NewPCG(uint64(client), 1))
			for i := range 1500 {
				if i%50 == 0 && client == 0 {
					db.set("turn", fmt.Sprint(rnd.IntN(2)))
					db.set("x", fmt.Sprint(i))
					version.Store(int64(i))
				}
				path := []string{"/asks", "/reads", "/both", "/turns", "/none"}[rnd.IntN(5)]
				who := []string{"", "alice", "bob"}[rnd.IntN(3)]
				var fields []string
				if who != "" {
					fields = []string{"Authorization: " + who}
				}
				if i%10 == 0 {
					time.Sleep(100 * time.Microsecond) // for shadows to find a processor
				}
				least := version.Load()
				r := get(h, path, fields...)
				name, x, _ := strings.Cut(r.body, " ")
				if path == "/none" {
					who = ""
				}
				if name != who || r.code != http.StatusOK || atoi(x) < int(least) {
					t.Errorf("%s of %q: %d %q (%s), at least %d", path, who, r.code, r.body, r.status, least)
				}
			}
		})
	}
	all.Wait()
	if s := c.Stats(); s.Shadowed.Same == 0 || s.Shadowed.Differed == 0 || s.Routes["/asks"].Hits == 0 || s.Routes["/reads"].Hits == 0 {
		t.Errorf("%+v", s.Shadowed)
	}
}
