package unstale_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// TestIdentityKeepsApart: an answer that asked is for one identity, one that did
// not is for everybody.
func TestIdentityKeepsApart(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := db.get(r.Context(), "x")
		if r.URL.Path == "/own" {
			v = "own of " + unstale.Identity(r.Context())
		}
		write(w, v)
	}))
	db.set("x", "all")
	get(h, "/shared", "Authorization: alice").want(t, "all", false)
	get(h, "/shared", "Authorization: bob").want(t, "all", true)
	get(h, "/shared").want(t, "all", true)

	for _, warm := range []bool{false, true} {
		get(h, "/own", "Authorization: alice").want(t, "own of alice", warm)
		get(h, "/own", "Authorization: bob").want(t, "own of bob", warm)
		get(h, "/own").want(t, "own of ", warm)
		get(h, "/own", "Authorization: al", "X: ice").want(t, "own of al", warm)
	}
	if r := get(h, "/own", "Authorization: alice"); r.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("an answer of somebody's own leaves as %q", r.header.Get("Cache-Control"))
	}
}

// TestIdentityMayChangeItsMind: the same URI asks only while a value says so.
func TestIdentityMayChangeItsMind(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if db.get(r.Context(), "public") == "yes" {
			write(w, "public")
			return
		}
		write(w, "for "+unstale.Identity(r.Context()))
	}))
	for range 2 {
		db.set("public", "yes")
		get(h, "/", "Authorization: alice").want(t, "public", false)
		get(h, "/", "Authorization: bob").want(t, "public", true)
		db.set("public", "no")
		get(h, "/", "Authorization: alice").want(t, "for alice", false)
		get(h, "/", "Authorization: bob").want(t, "for bob", false)
		get(h, "/").want(t, "for ", false)
		get(h, "/", "Authorization: alice").want(t, "for alice", true)
	}
}

// TestColdIdentities: requests that wait for one fill get only what is theirs.
func TestColdIdentities(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
		db := newToy(c)
		open := make(chan struct{})
		var runs atomic.Int64
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			runs.Add(1)
			db.get(r.Context(), "x")
			<-open
			write(w, "for "+unstale.Identity(r.Context()))
		}))
		for i := range 30 {
			go func() {
				who := []string{"alice", "bob", ""}[i%3]
				var fields []string
				if who != "" {
					fields = append(fields, "Authorization: "+who)
				}
				if r := get(h, "/", fields...); r.body != "for "+who {
					t.Errorf("%q got %q (%s)", who, r.body, r.status)
				}
			}()
		}
		synctest.Wait()
		if n := runs.Load(); n != 1 {
			t.Errorf("%d runs before anything is known, want 1", n)
		}
		close(open)
		synctest.Wait()
		if n := runs.Load(); n > 3 {
			t.Errorf("%d runs for three identities", n)
		}
	})
}

// TestBan: what the identity was found from is a dependency of everything that
// asked, and is looked at on every request.
func TestBan(t *testing.T) {
	t.Parallel()
	var db *toy
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		who := r.Header.Get("Authorization")
		if db.get(r.Context(), "banned "+who) != "" {
			return "", nil
		}
		return who, nil
	}})
	db = newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := unstale.Identity(r.Context())
		if who == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		write(w, who+" "+db.get(r.Context(), "x"))
	}))
	get(h, "/", "Authorization: alice").want(t, "alice ", false)
	get(h, "/", "Authorization: bob").want(t, "bob ", false)
	get(h, "/", "Authorization: alice").want(t, "alice ", true)
	db.set("banned alice", "yes")
	if r := get(h, "/", "Authorization: alice"); r.code != http.StatusUnauthorized {
		t.Errorf("banned, but %d %q", r.code, r.body)
	}
	get(h, "/", "Authorization: bob").want(t, "bob ", true)
	db.set("banned alice", "")
	get(h, "/", "Authorization: alice").want(t, "alice ", false)
	get(h, "/", "Authorization: alice").want(t, "alice ", true)
}

// TestOldIdentity: an identity that was found before a write, and used by a fill
// that began after it, does not make an entry.
func TestOldIdentity(t *testing.T) {
	t.Parallel()
	var db *toy
	store := &hookStore{Store: newMemory(t)}
	c, handler := newService(t, unstale.Options{Store: store}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		return db.get(r.Context(), "name of "+r.Header.Get("Authorization")), nil
	}})
	db = newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, unstale.Identity(r.Context())+" "+db.get(r.Context(), "x"))
	}))
	db.set("name of 1", "alice")
	get(h, "/", "Authorization: 1").want(t, "alice ", false)
	db.set("x", "1") // the entry falls; the signpost stays

	// The next request finds out who asks, looks for the entry of alice, and
	// before its fill begins she is renamed.
	store.onGet = func(key string) {
		if strings.Count(key, "\n") == 3 { // what is for one identity
			store.onGet = nil
			db.set("name of 1", "carol")
		}
	}
	get(h, "/", "Authorization: 1").want(t, "alice 1", false) // began before the write
	db.set("name of 2", "alice")
	get(h, "/", "Authorization: 1").want(t, "carol 1", false)
	get(h, "/", "Authorization: 1").want(t, "carol 1", true)
	if r := get(h, "/", "Authorization: 2"); r.hit() {
		t.Errorf("what was made from an identity of before the write was stored: %q", r.body)
	}
}

// hookStore is a store that somebody looks at.
type hookStore struct {
	unstale.Store
	onGet    func(key string)
	afterGet func()
}

func (s *hookStore) Get(key string) *unstale.Entry {
	if s.onGet != nil {
		s.onGet(key)
	}
	e := s.Store.Get(key)
	if s.afterGet != nil {
		s.afterGet()
	}
	return e
}

func newMemory(t *testing.T) *unstale.Memory {
	t.Helper()
	m, err := unstale.NewMemory(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestIdentityFails: nobody is told who asks, and nothing is stored, whatever the
// handler makes of it.
func TestIdentityFails(t *testing.T) {
	t.Parallel()
	var book logbook
	c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		switch who := r.Header.Get("Authorization"); who {
		case "error":
			return "mallory", errors.New("no such luck")
		case "panic":
			panic("no such luck")
		default:
			return who, nil
		}
	}})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		func() {
			defer func() { _ = recover() }()
			unstale.Identity(r.Context())
		}()
		write(w, fmt.Sprintf("%q", r.URL.Query().Get("n")))
	}))
	for _, who := range []string{"error", "panic"} {
		for range 2 {
			// Another URI each, or Identity would fail already while looking for an
			// entry.
			get(h, "/?n="+who, "Authorization: "+who).want(t, `"`+who+`"`, false)
		}
		if r := get(h, "/?n="+who); r.hit() {
			t.Errorf("%s: the answer was stored for nobody: %s", who, r.status)
		}
	}
	if n := book.count("HandlerOptions.Identity failed"); n == 0 {
		t.Error("the error was not logged")
	}
	if n := c.Stats().OpenFills; n != 0 {
		t.Errorf("%d fills open", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("a panic of Identity did not come through")
		}
	}()
	get(h, "/?n=panic", "Authorization: alice") // there is an answer that asked
	get(h, "/?n=panic", "Authorization: panic")
}

// TestIdentityRunsOnce per request, and only where somebody wants to know.
func TestIdentityRunsOnce(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		runs.Add(1)
		return byToken(r)
	}})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		if r.URL.Path == "/own" {
			for range 3 {
				unstale.Identity(r.Context())
			}
			if _, err := unstale.Load(r.Context(), c, "k", func(ctx context.Context) (string, error) {
				return unstale.Identity(ctx), nil
			}); err != nil {
				t.Error(err)
			}
		}
	}))
	for i, step := range []struct {
		target string
		runs   int64
	}{
		{"/shared", 0}, {"/shared", 0}, {"/own", 1}, {"/own", 1}, {"/shared", 0},
	} {
		runs.Store(0)
		get(h, step.target, "Authorization: alice")
		if n := runs.Load(); n != step.runs {
			t.Errorf("step %d, %s: Identity ran %d times, want %d", i, step.target, n, step.runs)
		}
	}
	runs.Store(0)
	serve(h, request(http.MethodPost, "/own"))
	if n := runs.Load(); n != 1 {
		t.Errorf("POST: Identity ran %d times", n)
	}
}

// TestIdentityWithoutFill works where nothing is cached.
func TestIdentityWithoutFill(t *testing.T) {
	t.Parallel()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, unstale.Identity(r.Context())+" "+r.Header.Get("Authorization"))
	})
	_, on := newService(t, unstale.Options{}, unstale.HandlerOptions{
		Identity: byToken,
		Route:    func(r *http.Request) string { return r.URL.Path },
		Policies: map[string]unstale.Policy{"/off": {Mode: unstale.ModeOff}},
	})
	_, off := newService(t, unstale.Options{Off: true}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	for _, h := range []http.Handler{on(echo), off(echo)} {
		for _, r := range []*http.Request{
			request("POST", "/", "Authorization: alice"), request("GET", "/off", "Authorization: alice"),
			request("OPTIONS", "/", "Authorization: alice"), request("GET", "/off", "Authorization: alice", "Cache-Control: no-store"),
		} {
			serve(h, r).want(t, "alice alice", false)
		}
	}
	if who := unstale.Identity(t.Context()); who != "" {
		t.Errorf("outside of any request: %q", who)
	}
	if who := unstale.Identity(unstale.Outside(t.Context())); who != "" {
		t.Errorf("outside: %q", who)
	}
}

// TestIdentityAsksItself is nobody, and waits for nobody.
func TestIdentityAsksItself(t *testing.T) {
	t.Parallel()
	var c *unstale.Cache
	var db *toy
	account := func(ctx context.Context) (string, error) {
		return unstale.Load(ctx, c, "account", func(ctx context.Context) (string, error) {
			return db.get(ctx, "x") + "[" + unstale.Identity(ctx) + "]", nil
		})
	}
	var handler func(http.Handler) http.Handler
	c, handler = newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		return account(r.Context())
	}})
	db = newToy(c)
	db.set("x", "alice")
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := account(r.Context())
		if err != nil {
			t.Error(err)
		}
		write(w, a)
	}))
	for range 3 {
		if r := get(h, "/", "Authorization: x"); r.body != "alice[alice[]]" {
			t.Errorf("got %q", r.body)
		}
	}
}

// TestHandlerWithinFill: a fill inside a fill hides nothing from it.
func TestHandlerWithinFill(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	inner := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, db.get(r.Context(), "x"))
	}))
	page := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := get(inner, "/part")
		_ = part
		r2 := request(http.MethodGet, "/part", strings.Split(r.Header.Get("X-Sub"), "|")...)
		write(w, "page "+serve(inner, r2.WithContext(r.Context())).body)
	}))
	for _, h := range []http.Handler{page, c.Handler(inner)} {
		prefix := ""
		if h == page {
			prefix = "page "
		}
		for i, sub := range []string{"A: b", "Cache-Control: no-store"} {
			v := fmt.Sprint(i)
			db.set("x", v)
			get(inner, "/part").want(t, v, false) // a warm part must not hide what it is made of
			get(h, "/page", "X-Sub: "+sub).want(t, prefix+v, false)
			get(h, "/page", "X-Sub: "+sub).want(t, prefix+v, true)
			db.set("x", v+"!")
			get(h, "/page", "X-Sub: "+sub).want(t, prefix+v+"!", false)
		}
	}
}

// TestAnotherCache: what one cache knows of, another cannot vouch for.
func TestAnotherCache(t *testing.T) {
	t.Parallel()
	mine, other := newCache(t, unstale.Options{}), newCache(t, unstale.Options{})
	db, foreign := newToy(mine), newToy(other)
	part := other.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, foreign.get(r.Context(), "x"))
	}))
	h := mine.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := db.get(r.Context(), "x")
		switch r.URL.Path {
		case "/read":
			v += foreign.get(r.Context(), "x")
		case "/handler":
			v += serve(part, r).body
		case "/load":
			l, err := unstale.Load(r.Context(), other, "k", func(ctx context.Context) (string, error) {
				return foreign.get(ctx, "x"), nil
			})
			if err != nil {
				t.Error(err)
			}
			v += l
		}
		write(w, v)
	}))
	for i, path := range []string{"/read", "/handler", "/load"} {
		for j := range 2 {
			v := fmt.Sprint(i, j)
			foreign.set("x", v)
			for range 2 { // the second time what is used is warm
				if r := get(h, path); r.body != v {
					t.Errorf("%s: %q (%s), want %q", path, r.body, r.status, v)
				}
			}
		}
	}
}

// TestAskersWaitForNobody: a function given to Load asks who asks while Identity
// itself uses what that function makes.
func TestAskersWaitForNobody(t *testing.T) {
	t.Parallel()
	var c *unstale.Cache
	begun, asking := make(chan bool, 2), make(chan bool)
	flags := func(ctx context.Context) string {
		return load(ctx, t, c, "flags", func(ctx context.Context) (string, error) {
			unstale.DependOn(ctx, "flags")
			begun <- true
			<-asking
			return "flags of " + unstale.Identity(ctx), nil
		})
	}
	var handler func(http.Handler) http.Handler
	c, handler = newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		close(asking)
		flags(r.Context())
		return "me", nil
	}})
	h := handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var other sync.WaitGroup
		other.Go(func() { flags(r.Context()) })
		<-begun
		unstale.Identity(r.Context())
		other.Wait()
	}))
	answered := make(chan bool)
	go func() {
		defer close(answered)
		get(h, "/")
	}()
	select {
	case <-answered:
	case <-time.After(eventually):
		t.Fatal("they wait for each other")
	}
}

// TestRealms: what two middlewares call by one name is not one, and nobody is the
// same to all. Middlewares of one name agree.
func TestRealms(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	runs := 0
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := unstale.Load(r.Context(), c, "mine", func(ctx context.Context) (string, error) {
			runs++
			return fmt.Sprintf("run %d for %q %s", runs, unstale.Identity(ctx), db.get(ctx, "x")), nil
		})
		write(w, text)
	})
	wrap := func(name string, identity func(*http.Request) (string, error)) http.Handler {
		wrap, err := c.Middleware(unstale.HandlerOptions{Policies: sharedRoute, Name: name, Identity: identity})
		if err != nil {
			t.Fatal(err)
		}
		return wrap(page)
	}
	users, tenants, unasked := wrap("", byToken), wrap("", byToken), wrap("", nil)
	get(users, "/", "Authorization: 1").want(t, `run 1 for "1" `, false)
	get(tenants, "/", "Authorization: 1").want(t, `run 2 for "1" `, false)
	get(unasked, "/").want(t, `run 3 for "" `, false)
	get(users, "/").want(t, `run 3 for "" `, false)
	get(users, "/other", "Authorization: 1").want(t, `run 1 for "1" `, false)
	get(tenants, "/other", "Authorization: 1").want(t, `run 2 for "1" `, false)
	get(wrap("n", byToken), "/", "Authorization: 1").want(t, `run 4 for "1" `, false)
	get(wrap("n", byToken), "/other", "Authorization: 1").want(t, `run 4 for "1" `, false)
	get(wrap("a", func(*http.Request) (string, error) { return "b\nc", nil }), "/").want(t, `run 5 for "b\nc" `, false)
	get(wrap("a\nb", func(*http.Request) (string, error) { return "c", nil }), "/").want(t, `run 6 for "c" `, false)
}
