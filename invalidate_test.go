package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/unstale/unstale"
)

// warmed is a cache with one entry per key, some by GET and some by Load, that
// depends on nothing that changes.
type warmed struct {
	*unstale.Cache
	t       *testing.T
	h       http.Handler
	targets []string
	loads   []string
}

func warm(t *testing.T, c *unstale.Cache, targets, loads []string) *warmed {
	t.Helper()
	w := &warmed{Cache: c, t: t, targets: targets, loads: loads}
	w.h = c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "all", unstale.Tag(r.URL.Path))
	}))
	w.gone()
	if gone := w.gone(); len(gone) > 0 {
		t.Fatalf("not warm: %q", gone)
	}
	return w
}

// gone returns what is no longer stored, and stores it again.
func (w *warmed) gone() (names []string) {
	w.t.Helper()
	for _, target := range w.targets {
		if !get(w.h, target).hit() {
			names = append(names, target)
		}
	}
	for _, key := range w.loads {
		load(w.t.Context(), w.t, w.Cache, key, func(ctx context.Context) (int, error) {
			names = append(names, key)
			unstale.DependOn(ctx, "all", unstale.Tag(key))
			return 0, nil
		})
	}
	return names
}

// invalidates fails unless exactly the names fall.
func (w *warmed) invalidates(targets []unstale.Target, names ...string) {
	w.t.Helper()
	if err := w.Invalidate(w.t.Context(), targets...); err != nil {
		w.t.Errorf("%v: %v", targets, err)
	}
	if gone := w.gone(); fmt.Sprint(gone) != fmt.Sprint(names) {
		w.t.Errorf("%v invalidated %q, want %q", targets, gone, names)
	}
}

func targets(list ...unstale.Target) []unstale.Target { return list }

// TestInvalidate by tag, key and pattern, and by all of them at once.
func TestInvalidate(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{Prefix: "app"})
	w := warm(t, c, []string{"/cards/1", "/cards/12", "/cards?page=1", "/users/1"}, []string{"user:1", "user:12", "cards"})
	w.invalidates(targets(unstale.Tag("/cards/1")), "/cards/1")
	w.invalidates(targets(unstale.Tag("/cards")), "/cards?page=1")
	w.invalidates(targets(unstale.Tag("no such")))
	w.invalidates(targets(unstale.Key("http:GET example.com /cards/1")), "/cards/1")
	w.invalidates(targets(unstale.Key("app:http:GET example.com /cards?page=1")), "/cards?page=1")
	w.invalidates(targets(unstale.Key("user:1")), "user:1")
	w.invalidates(targets(unstale.Key("app:user:12")), "user:12")
	w.invalidates(targets(unstale.Key("/cards/1")))
	w.invalidates(targets(unstale.Key("user:{id}")))
	w.invalidates(targets(unstale.Key("user:*")))
	w.invalidates(targets(unstale.Pattern("http:*cards*")), "/cards/1", "/cards/12", "/cards?page=1")
	w.invalidates(targets(unstale.Pattern("app:http:*cards*")), "/cards/1", "/cards/12", "/cards?page=1")
	w.invalidates(targets(unstale.Pattern("*:{id}", "1")), "user:1")
	w.invalidates(targets(unstale.Pattern("other:http:*")))
	w.invalidates(targets(unstale.Tag("/users/1"), unstale.Key("cards"), unstale.Pattern("user:{id}", "12")), "/users/1", "user:12", "cards")
	w.invalidates(targets(unstale.Tag("all")), "/cards/1", "/cards/12", "/cards?page=1", "/users/1", "user:1", "user:12", "cards")
	w.invalidates(targets(unstale.Pattern("*")), "/cards/1", "/cards/12", "/cards?page=1", "/users/1", "user:1", "user:12", "cards")
	w.invalidates(nil)
	w.InvalidateAsync(unstale.Key("cards"))
	if gone := w.gone(); fmt.Sprint(gone) != "[cards]" {
		t.Errorf("InvalidateAsync: %q", gone)
	}
}

// TestInvalidateVariants: a key stands for all its variants and identities.
func TestInvalidateVariants(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		w.Header().Set("Vary", "Accept-Language")
		write(w, unstale.Identity(r.Context())+r.Header.Get("Accept-Language"))
	}))
	all := func(hit bool) {
		t.Helper()
		for _, who := range []string{"alice", "bob"} {
			for _, language := range []string{"en", "zh"} {
				get(h, "/", "Authorization: "+who, "Accept-Language: "+language).want(t, who+language, hit)
			}
		}
	}
	all(false)
	for _, target := range []unstale.Target{unstale.Key("http:GET example.com /"), unstale.Pattern("http:*"), unstale.Tag("x")} {
		all(true)
		c.InvalidateAsync(target)
		all(false)
	}
	all(true)
	if r := serve(h, request(http.MethodPost, "/")); r.code != http.StatusOK {
		t.Error(r)
	}
	all(false)
}

// TestSeedPatterns: each pattern clears what it says, id "1" never "12", and the
// id "*" nothing but itself.
func TestSeedPatterns(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		pattern string
		id      string
		is, not []string
	}{
		{"maimnp:http:*persona/public*", "", []string{"/api/persona/public", "/api/persona/public?page=1&name=a"}, []string{"/api/persona/1", "/api/knowledge/public"}},
		{"maimnp:http:*persona/{pc_id}*", "1", []string{"/api/persona/1", "/api/persona/1?full=1", "/api/persona/1/starred"}, []string{"/api/persona/12", "/api/persona/21", "/api/persona/public", "/api/persona/user/1", "/api/persona/%2A", "/api/persona/1-2"}},
		{"maimnp:http:*persona/{pc_id}*", "*", []string{"/api/persona/%2A", "/api/persona/*/files"}, []string{"/api/persona/1", "/api/persona/", "/api/persona/%252A"}},
		{"maimnp:kb:public:*", "", []string{"kb:public:1", "kb:public:"}, []string{"kb:user:1:a", "kb:publicity"}},
		{"maimnp:http:*knowledge/{kb_id}*", "1", []string{"/api/knowledge/1"}, []string{"/api/knowledge/12", "/api/persona/1"}},
		{"maimnp:kb:user:{uploader_id}:*", "1", []string{"kb:user:1:", "kb:user:1:page"}, []string{"kb:user:12:page", "kb:user:1"}},
		{"maimnp:kb:user:{uploader_id}:*", "*", []string{"kb:user:%2A:page"}, []string{"kb:user:1:page", "kb:user:12:page"}},
		{"maimnp:http:*users/{user_id}*", "a/b c", []string{"/api/users/a%2Fb%20c", "/api/users/a%2Fb%20c/avatar?size=1"}, []string{"/api/users/a/b%20c", "/api/users/a"}},
		{"user:{user_id}", "1", []string{"user:1"}, []string{"user:12", "user:1:x", "user:%2A"}},
		{"user:{user_id}", "*", []string{"user:%2A"}, []string{"user:1"}},
		{"maimnp:http:*messages/{message_id}*", "1", []string{"/api/messages/1"}, []string{"/api/messages/12", "/api/messages?user_id=1"}},
		{"maimnp:http:*messages*user_id={user_id}*", "1", []string{"/api/messages?user_id=1", "/api/messages?page=2&user_id=1", "/api/messages/x?user_id=1&z=1"}, []string{"/api/messages?user_id=12", "/api/messages?user_id=%2A", "/api/comments?user_id=1"}},
		{"maimnp:http:*messages*user_id={user_id}*", "*", []string{"/api/messages?user_id=*"}, []string{"/api/messages?user_id=1"}},
		{"maimnp:http:*comments/{comment_id}*", "1", []string{"/api/comments/1"}, []string{"/api/comments/12"}},
		{"maimnp:http:*comments*target_id={target_id}*", "1", []string{"/api/comments?target_id=1&target_type=persona", "/api/comments?a=1&target_id=1"}, []string{"/api/comments?target_id=12"}},
	} {
		t.Run(s.pattern+" "+s.id, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, unstale.Options{Prefix: "maimnp"})
			var paths, keys []string
			for _, name := range append(append([]string{}, s.is...), s.not...) {
				if strings.HasPrefix(name, "/") {
					paths = append(paths, name)
				} else {
					keys = append(keys, name)
				}
			}
			var ids []string
			if s.id != "" {
				ids = append(ids, s.id)
			}
			warm(t, c, paths, keys).invalidates(targets(unstale.Pattern(s.pattern, ids...)), s.is...)
		})
	}
}

// TestMalformedTargets: one of them refuses the whole batch, by name.
func TestMalformedTargets(t *testing.T) {
	t.Parallel()
	var book logbook
	c := newCache(t, unstale.Options{Logger: book.logger()})
	w := warm(t, c, []string{"/a"}, []string{"k"})
	before := c.Stats().Invalidations
	for _, bad := range []struct {
		target unstale.Target
		says   string
	}{
		{unstale.Tag(""), "tag"}, {unstale.Key(""), "key"}, {unstale.Pattern(""), "pattern"},
		{nil, "target"}, {unstale.Pattern(""), "pattern"},
		{unstale.Pattern("a{id}", "1"), "a{id}"}, {unstale.Pattern("/{id}x", "1"), "{id}x"}, {unstale.Pattern("/{id}{id}", "1", "2"), "{id}{id}"},
		{unstale.Pattern("/{id}"), "ids"}, {unstale.Pattern("/x", "1"), "ids"}, {unstale.Pattern("/{id"), "}"}, {unstale.Pattern("/{id}", ""), "empty id"},
		{unstale.Pattern(strings.Repeat("x", 5000)), "bytes"}, {unstale.Pattern(strings.Repeat("*", 40)), "wildcards"},
	} {
		err := c.Invalidate(t.Context(), unstale.Tag("all"), unstale.Pattern("*"), unstale.Key("k"), bad.target)
		if err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%#v: %v", bad.target, err)
		}
		c.InvalidateAsync(unstale.Pattern("*"), bad.target)
	}
	if gone := w.gone(); len(gone) > 0 {
		t.Errorf("invalidated %q", gone)
	}
	if n := c.Stats().Invalidations; len(n) != len(before) {
		t.Errorf("counted %v", n)
	}
	if book.count("invalidation refused") == 0 {
		t.Error("InvalidateAsync logged nothing")
	}
}

// TestInvalidateOpenFill: what began to be made before is neither stored nor
// handed to those who come after, though the pattern has long been worked off.
func TestInvalidateOpenFill(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]unstale.Target{
		"tag": unstale.Tag("x"), "key": unstale.Key("http:GET example.com /"), "pattern": unstale.Pattern("http:*"),
		"unsafe method": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, unstale.Options{})
				open := make(chan struct{})
				var version atomic.Int64
				h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodGet {
						version.Add(1)
						return
					}
					unstale.DependOn(r.Context(), "x")
					v := version.Load()
					<-open
					write(w, fmt.Sprint(v))
				}))
				var before, after sync.WaitGroup
				for range 3 {
					before.Go(func() { get(h, "/") })
				}
				synctest.Wait()
				if target == nil {
					serve(h, request(http.MethodPut, "/"))
				} else {
					version.Add(1)
					c.InvalidateAsync(target)
				}
				synctest.Wait() // the sweeper, if there was work, has done it
				if n := c.Stats().Patterns; n != 0 {
					t.Errorf("%d patterns not worked off", n)
				}
				for range 3 {
					after.Go(func() {
						if r := get(h, "/"); r.body != "1" {
							t.Errorf("began later, got %q (%s)", r.body, r.status)
						}
					})
				}
				synctest.Wait()
				close(open)
				before.Wait()
				after.Wait()
				get(h, "/").want(t, "1", true)
			})
		})
	}
}

// TestManyPatterns: beyond a bound everything falls instead, in one step.
func TestManyPatterns(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	w := warm(t, c, []string{"/a"}, []string{"k"})
	var many []unstale.Target
	for i := range 20_000 {
		many = append(many, unstale.Pattern("none:{n}", fmt.Sprint(i)))
	}
	w.invalidates(many[:500])
	if err := c.Invalidate(t.Context(), append(many, unstale.Pattern("k"))...); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s.Patterns > 1024 || s.Invalidations["too many patterns"] != 1 {
		t.Errorf("%d patterns, %v", s.Patterns, s.Invalidations)
	}
	if gone := w.gone(); len(gone) != 2 {
		t.Errorf("invalidated %q", gone)
	}
	w.invalidates(targets(unstale.Pattern("k")), "k")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // nobody works them off any longer
		if err := c.Invalidate(t.Context(), many[:600]...); err != nil {
			t.Fatal(err)
		}
		if n := c.Stats().Patterns; n > 1024 {
			t.Errorf("%d patterns", n)
		}
	}
	w.gone()
	w.invalidates(targets(unstale.Pattern("k")), "k")
}

// TestInvalidateConcurrently: each call holds when it returns, whoever else calls.
func TestInvalidateConcurrently(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{MaxBytes: 1 << 16})
	var versions [4]atomic.Int64
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := r.URL.Path[1] - '0'
		unstale.DependOn(r.Context(), unstale.Tag(r.URL.Path))
		write(w, fmt.Sprint(versions[i].Load()))
	}))
	var all sync.WaitGroup
	for i := range versions {
		all.Go(func() {
			path := fmt.Sprint("/", i)
			for n := range 300 {
				v := versions[i].Add(1)
				var target unstale.Target
				switch n % 3 {
				case 0:
					target = unstale.Tag(path)
				case 1:
					target = unstale.Key("http:GET example.com " + path)
				default:
					target = unstale.Pattern("http:* /{i}", fmt.Sprint(i))
				}
				if err := c.Invalidate(t.Context(), target); err != nil {
					t.Error(err)
				}
				if r := get(h, path); r.body != fmt.Sprint(v) {
					t.Errorf("%s: %s after %v of %d (%s)", path, r.body, target, v, r.status)
				}
			}
		})
		all.Go(func() {
			for n := range 300 {
				get(h, fmt.Sprint("/", n%len(versions)))
			}
		})
	}
	all.Wait()
	if n := unstale.InFlux(c); n != 0 {
		t.Errorf("%d in flux", n)
	}
}

// TestMarshalTargets: what is written down invalidates elsewhere what it does here.
func TestMarshalTargets(t *testing.T) {
	t.Parallel()
	all := []unstale.Target{unstale.Tag(`a "tag" <&> ü`), unstale.Key("http:GET example.com /x?a=1"), unstale.Pattern("*cards/{id}*{b}", "1", "x y"), unstale.Pattern("*")}
	text, err := unstale.MarshalTargets(all...)
	if err != nil {
		t.Fatal(err)
	}
	back, err := unstale.UnmarshalTargets(text)
	if err != nil || fmt.Sprint(back) != fmt.Sprint(all) {
		t.Errorf("%s: %v, %v", text, back, err)
	}
	for _, targets := range [][]unstale.Target{nil, {nil}, {unstale.Key("")}, {unstale.Pattern("")}, {unstale.Pattern("{a}")}, {unstale.Tag("\xff")}, {unstale.Pattern("{a}", "\xff")},
		make([]unstale.Target, unstale.MaxTargets+1), {unstale.Tag(strings.Repeat("x", unstale.MaxTargetsBytes))}} {
		if text, err := unstale.MarshalTargets(targets...); err == nil {
			t.Errorf("%.60v is written down: %.60s", targets, text)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}", `["tag","a"]`, `[["tag"]]`, `[["tag",""]]`, `[["tag","a","b"]]`, `[["label","a"]]`, `[["pattern","{a"]]`, `[["tag",1]]`, "[" + strings.Repeat(`["tag","a"],`, unstale.MaxTargets) + `["tag","a"]]`} {
		if targets, err := unstale.UnmarshalTargets([]byte(text)); err == nil {
			t.Errorf("%.60s is read as %.60v", text, targets)
		}
	}
}
