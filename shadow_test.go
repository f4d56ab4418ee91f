package unstale_test

import (
	"context"
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
			get(h, fmt.Sprintf("/%d", i), "Authorization: alice", "Cookie: theme=light", "X-Extra: 1").want(t, "for alice", false)
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

// becomesKnown returns a handler whose route is known for the cookie "session", and
// which does on other paths what it is given.
func becomesKnown(t *testing.T, o unstale.HandlerOptions, do http.HandlerFunc) (*unstale.Cache, http.Handler) {
	t.Helper()
	o.Identity, o.Route = byCookie, func(*http.Request) string { return "page" }
	c, handler := newService(t, unstale.Options{}, o)
	h := handler(known(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/asks") {
			write(w, "for "+unstale.Identity(r.Context()))
			return
		}
		do(w, r)
	}))
	learn(h, "")
	return c, h
}

// learn asks such a handler until its route is known.
func learn(h http.Handler, path string) {
	for i := range 4 {
		get(h, fmt.Sprint("/asks", path, i), "Cookie: session=x")
		synctest.Wait()
	}
}

// TestUnaskedOnKnownRoutes: whatever a fill does that sees no credentials and does
// not ask, its request is answered as without the cache.
func TestUnaskedOnKnownRoutes(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"takes them for granted": func(w http.ResponseWriter, r *http.Request) { write(w, r.Header["Cookie"][0]) },
		"streams, and asks": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			unstale.Identity(r.Context())
			write(w, r.Header.Get("Cookie"))
		},
		"streams, and breaks off": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			if r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // as httputil.ReverseProxy does
			}
			write(w, r.Header.Get("Cookie"))
		},
		"cannot hijack, and asks": func(w http.ResponseWriter, r *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
				panic("hijacked")
			}
			unstale.Identity(r.Context())
			write(w, r.Header.Get("Cookie"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, h := becomesKnown(t, unstale.HandlerOptions{}, handle)
				for _, cookie := range []string{"session=alice", "session=bob"} {
					outlives(func() reply { return get(h, "/", "Cookie: "+cookie) }).want(t, cookie, false)
				}
			})
		})
	}
}

// TestConsumedOnKnownRoutes: what is used up by a fill that did not ask is the last
// that is on its route.
func TestConsumedOnKnownRoutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var db *toy
		c, h := becomesKnown(t, unstale.HandlerOptions{}, func(w http.ResponseWriter, r *http.Request) {
			if db.get(r.Context(), r.URL.RawQuery) != "" {
				write(w, "used")
				return
			}
			db.caller(r.Context()).Wrote(false)
			db.set(r.URL.RawQuery, "1")
			write(w, "welcome")
		})
		db = newToy(c)
		get(h, "/?link=0", "Cookie: session=x").want(t, "used", false)
		for i := range 3 {
			learn(h, fmt.Sprint("/", i))
			get(h, fmt.Sprint("/?link=1", i), "Cookie: session=x").want(t, "welcome", false)
		}
	})
}

// TestKnownForNames: that a handler does not read the credentials of some visitors
// says nothing of others that these do not have.
func TestKnownForNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byCookie})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			theme, _ := r.Cookie("theme")
			write(w, fmt.Sprint(unstale.Identity(r.Context()), " ", theme, r.Header.Get("X-Auth-Method")))
		}))
		for i := range 5 {
			get(h, "/", fmt.Sprintf("Cookie: session=%d; _ga=1; _ga=2", i)).want(t, fmt.Sprintf("who has %d ", i), false)
			synctest.Wait()
		}
		get(h, "/", "Cookie: session=4", "Cookie: _ga=7").want(t, "who has 4 ", true)
		get(h, "/", "Cookie: session=4; theme=dark").want(t, "who has 4 theme=dark", false)
		get(h, "/", "Cookie: session=4", "X-Auth-Method: 1").want(t, "who has 4 1", false)
	})
}

// TestNothingOutlivesItsRequest: what a router outside has put into the context serves
// another request when its own has ended, so that no handler runs beside that looks
// at it.
func TestNothingOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	type key struct{}
	for name, o := range map[string]unstale.HandlerOptions{
		"a shadow":       {Identity: byCookie},
		"a verification": {ByCredentials: []string{"session"}, VerifyShare: 1},
	} {
		for _, bare := range []bool{false, true} { // only without credentials it looks
			t.Run(fmt.Sprint(name, bare), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c, handler := newService(t, unstale.Options{}, o)
					cookies := 0
					h := handler(known(func(w http.ResponseWriter, r *http.Request) {
						unstale.Identity(r.Context())
						if r.Header.Get("Cookie") != "" {
							if cookies++; bare && cookies == 1 {
								write(w, "x")
								return
							}
						}
						if v, ok := r.Context().Value(key{}).(*string); ok {
							if *v != "in use" {
								t.Error("it has ended")
							}
						}
						write(w, "x")
					}))
					router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						v := "in use"
						h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, &v)))
						v = ""
					})
					get(router, "/first")
					for range 3 {
						get(router, "/", "Cookie: session=x")
						synctest.Wait()
					}
					if s := c.Stats(); s.Shadowed.Same+s.Shadowed.Differed+s.Verified.Same+s.Verified.Differed > 0 {
						t.Errorf("%+v, %+v", s.Shadowed, s.Verified)
					}
				})
			})
		}
	}
}

// TestShadowAsksByItself: a shadow that asks, as its request did not, finds out who
// asks when that has ended.
func TestShadowAsksByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: func(r *http.Request) (string, error) {
			if err := r.Context().Err(); err != nil {
				t.Error(err)
			}
			return byCookie(r)
		}})
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") == "" {
				unstale.Identity(r.Context())
			}
			write(w, "x")
		}))
		get(h, "/first")
		ctx, end := context.WithCancel(t.Context())
		r := request(http.MethodGet, "/", "Cookie: session=x")
		serve(h, r.WithContext(context.WithoutCancel(ctx)))
		r = request(http.MethodGet, "/2", "Cookie: session=x").WithContext(ctx)
		h.ServeHTTP(&endsAtOnce{header: make(http.Header), end: end}, r)
		synctest.Wait()
	})
}

// endsAtOnce is a ResponseWriter whose request ends when it is answered.
type endsAtOnce struct {
	header http.Header
	end    func()
}

func (w *endsAtOnce) Header() http.Header { return w.header }
func (w *endsAtOnce) WriteHeader(int)     {}
func (w *endsAtOnce) Write(p []byte) (int, error) {
	w.end()
	return len(p), nil
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

// TestShadowThatPanics: one that has written is the last, however it ends.
func TestShadowThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Identity: byCookie, Route: func(*http.Request) string { return "page" }})
		db := newToy(c)
		shadows := 0
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			if r.Header["Cookie"] == nil && r.URL.Path != "/first" {
				shadows++
				db.caller(r.Context()).Wrote(false)
				panic("no cookie")
			}
			write(w, "x")
		}))
		get(h, "/first")
		for i := range 3 {
			get(h, fmt.Sprint("/", i), "Cookie: session=x").want(t, "x", false)
			time.Sleep(2 * time.Minute)
		}
		if shadows != 1 {
			t.Errorf("%d shadows wrote", shadows)
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
		var slow atomic.Int64
		h := handler(known(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				slow.Add(1)
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
		if n := slow.Load(); n != 3 {
			t.Errorf("%d runs for a stranger and two who joined", n)
		}
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
