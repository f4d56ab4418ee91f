package unstale_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// load is Load for tests that expect no error.
func load[T any](ctx context.Context, t *testing.T, c *unstale.Cache, key string, fn func(context.Context) (T, error)) T {
	t.Helper()
	v, err := unstale.Load(ctx, c, key, fn)
	if err != nil {
		t.Error(err)
	}
	return v
}

// TestLoad hits until what it read changes.
func TestLoad(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	runs := 0
	value := func() string {
		return load(t.Context(), t, c, "k", func(ctx context.Context) (string, error) {
			runs++
			return db.get(ctx, "x"), nil
		})
	}
	for i := range 3 {
		db.set("x", fmt.Sprint(i))
		db.set("y", fmt.Sprint(i))
		for range 3 {
			if v := value(); v != fmt.Sprint(i) || runs != i+1 {
				t.Errorf("%q after %d runs, want %d after %d", v, runs, i, i+1)
			}
		}
	}
}

// TestLoadCopies: nobody can change what is stored, or what others got.
func TestLoadCopies(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	type value struct {
		List []int
		Map  map[string]*int
		Raw  json.RawMessage
		kept int
	}
	one := 1
	original := &value{[]int{1}, map[string]*int{"a": &one}, json.RawMessage(`"r"`), 1}
	get := func() *value {
		return load(t.Context(), t, c, "k", func(ctx context.Context) (*value, error) {
			db.get(ctx, "x")
			return original, nil
		})
	}
	for i := range 3 {
		v := get()
		if v == original || v.kept != 0 || v.List[0] != 1 || *v.Map["a"] != 1 || string(v.Raw) != `"r"` {
			t.Fatalf("call %d: %+v", i, v)
		}
		v.List[0], *v.Map["a"], v.Raw[1] = 9, 9, 'X'
	}
	if original.List[0] != 1 || one != 1 {
		t.Error("the function's own value was changed")
	}
}

// TestLoadJSON: what JSON does not keep is missed at once, not on the first hit.
func TestLoadJSON(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	for range 2 {
		if _, err := unstale.Load(t.Context(), c, "nan", func(context.Context) (float64, error) { return math.NaN(), nil }); err == nil {
			t.Error("NaN was kept")
		}
		if _, err := unstale.Load(t.Context(), c, "chan", func(context.Context) (chan int, error) { return make(chan int), nil }); err == nil {
			t.Error("a channel was kept")
		}
		v := load(t.Context(), t, c, "any", func(ctx context.Context) (any, error) {
			unstale.DependOn(ctx, "x")
			return 1, nil
		})
		if _, ok := v.(float64); !ok {
			t.Errorf("an int in an interface came back as %T", v)
		}
	}
	if _, err := unstale.Load(t.Context(), c, "any", func(context.Context) (string, error) { return "", nil }); err == nil || !strings.Contains(err.Error(), `"any"`) {
		t.Errorf("one key, two types: %v", err)
	}
}

// TestLoadKeys that mean something else are refused, whoever made them up.
func TestLoadKeys(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{Prefix: "app"})
	for _, key := range []string{"", "http:GET example.com /", "http:", "app:k", "app:http:GET example.com /", "k\n\n\"alice\"", "k\x00", "k\x7f"} {
		ran := false
		_, err := unstale.Load(t.Context(), c, key, func(ctx context.Context) (string, error) {
			ran = true
			return "", nil
		})
		if err == nil || ran {
			t.Errorf("key %q: %v, ran: %t", key, err, ran)
		}
	}
	if n := c.Stats().OpenFills; n != 0 {
		t.Errorf("%d fills open", n)
	}
}

// TestLoadErrors are the caller's, and not stored.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	broken := errors.New("broken")
	runs := 0
	for _, want := range []error{broken, broken, nil, nil} {
		v, err := unstale.Load(t.Context(), c, "k", func(ctx context.Context) (string, error) {
			runs++
			return db.get(ctx, "x") + "v", want
		})
		if !errors.Is(err, want) || (err == nil) != (v == "v") {
			t.Errorf("run %d: %q, %v", runs, v, err)
		}
	}
	if runs != 3 {
		t.Errorf("%d runs, want 3", runs)
	}
}

// TestLoadHandsOn to the response that used it what it is made of: on a miss, on
// a hit, and when it was joined.
func TestLoadHandsOn(t *testing.T) {
	t.Parallel()
	type step struct {
		what   string
		fn     func(ctx context.Context, db *toy)
		drop   func(c *unstale.Cache, db *toy)
		stored bool // the response
	}
	invalidate := func(target unstale.Target) func(*unstale.Cache, *toy) {
		return func(c *unstale.Cache, _ *toy) { c.InvalidateAsync(target) }
	}
	for _, s := range []step{
		{what: "a dependency", drop: func(_ *unstale.Cache, db *toy) { db.set("x", "") }, stored: true},
		{what: "a tag", fn: func(ctx context.Context, _ *toy) { unstale.DependOn(ctx, "tag") }, drop: invalidate(unstale.Tag("tag")), stored: true},
		{what: "its key", drop: invalidate(unstale.Key("part")), stored: true},
		{what: "its key with the prefix", drop: invalidate(unstale.Key("unstale:part")), stored: true},
		{what: "a pattern", drop: invalidate(unstale.Pattern("p*t")), stored: true},
		{what: "the key of a part", drop: invalidate(unstale.Key("part:1")), stored: true},
		{what: "a pattern of a part", drop: invalidate(unstale.Pattern("part:{n}", "1")), stored: true},
		{what: "its end", fn: func(ctx context.Context, _ *toy) { unstale.ExpireAfter(ctx, time.Second) }, drop: func(*unstale.Cache, *toy) { time.Sleep(time.Second) }, stored: true},
		{what: "no store", fn: func(ctx context.Context, _ *toy) { unstale.NoStore(ctx) }},
		{what: "a refusal", fn: func(ctx context.Context, db *toy) { db.caller(ctx).Refuse("own writes", "") }},
		{what: "a write", fn: func(ctx context.Context, db *toy) { db.caller(ctx).Wrote(false) }},
		{what: "an untracked read", fn: func(_ context.Context, db *toy) { db.untracked() }},
		{what: "an unmarked read", fn: func(_ context.Context, db *toy) { db.get(context.Background(), "y") }, drop: func(_ *unstale.Cache, db *toy) { db.set("y", "") }, stored: true},
	} {
		for _, how := range []string{"miss", "hit", "joined"} {
			t.Run(s.what+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCache(t, unstale.Options{Logger: (&logbook{}).logger()})
					db := newToy(c)
					open := make(chan struct{})
					part := func(ctx context.Context) {
						load(ctx, t, c, "part", func(ctx context.Context) (string, error) {
							<-open
							if s.fn != nil {
								s.fn(ctx, db)
							}
							return load(ctx, t, c, "part:1", func(ctx context.Context) (string, error) {
								return db.get(ctx, "x"), nil
							}), nil
						})
					}
					h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						db.get(r.Context(), "own")
						part(r.Context())
					}))
					switch how {
					case "miss":
						close(open)
					case "hit":
						close(open)
						part(t.Context())
						time.Sleep(time.Second / 2)
					case "joined":
						go part(t.Context())
						synctest.Wait()
						go func() { synctest.Wait(); close(open) }()
					}
					if r := get(h, "/"); r.hit() {
						t.Errorf("cold: %s", r.status)
					}
					if r := get(h, "/"); r.hit() != s.stored {
						t.Errorf("warm: %s, want a hit: %t", r.status, s.stored)
					}
					if s.drop == nil {
						return
					}
					s.drop(c, db)
					if r := get(h, "/"); r.hit() {
						t.Errorf("dropped: %s", r.status)
					}
				})
			})
		}
	}
}

// TestLoadRemainingLife: what uses an old result ends with it.
func TestLoadRemainingLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{TTL: 10 * time.Second})
		db := newToy(c)
		runs := 0
		part := func(ctx context.Context) int {
			return load(ctx, t, c, "part", func(ctx context.Context) (int, error) {
				db.get(ctx, "x")
				runs++
				return runs, nil
			})
		}
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			write(w, fmt.Sprint(part(r.Context())))
		}))
		part(t.Context())
		time.Sleep(8 * time.Second)
		get(h, "/").want(t, "1", false)
		time.Sleep(2*time.Second - 1)
		get(h, "/").want(t, "1", true)
		time.Sleep(time.Nanosecond)
		get(h, "/").want(t, "2", false)
		time.Sleep(10*time.Second - 1)
		get(h, "/").want(t, "2", true)
	})
}

// TestLoadAsks: a result that looked at who asks is his alone, and so is the
// response made from it.
func TestLoadAsks(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	db := newToy(c)
	runs := 0
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, load(r.Context(), t, c, "part", func(ctx context.Context) (string, error) {
			runs++
			return db.get(ctx, "x") + "for " + unstale.Identity(ctx), nil
		}))
	}))
	for i, who := range []string{"alice", "bob", ""} {
		fields := []string{"Authorization: " + who}
		for _, target := range []string{"/a", "/b"} {
			get(h, target, fields...).want(t, "for "+who, false)
			get(h, target, fields...).want(t, "for "+who, true)
			if runs != i+1 {
				t.Errorf("%s is %q's second use: %d runs, want %d", target, who, runs, i+1)
			}
		}
	}
	// A job is nobody.
	if v := load(unstale.Outside(t.Context()), t, c, "part", func(context.Context) (string, error) { return "job", nil }); v != "for " {
		t.Errorf("a job got %q", v)
	}
}

// TestLoadUnderUncommittedWrites neither serves nor stores.
func TestLoadUnderUncommittedWrites(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	part := func(ctx context.Context, v string) string {
		return load(ctx, t, c, "k", func(ctx context.Context) (string, error) {
			db.get(ctx, "x")
			return v, nil
		})
	}
	inner := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, db.get(r.Context(), "x")+part(r.Context(), "sub"))
	}))
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := db.caller(r.Context())
		if v := part(r.Context(), "?"); v != "before" {
			t.Errorf("before the write: %q", v)
		}
		ended := caller.Changed()
		if v := part(r.Context(), "mine"); v != "mine" {
			t.Errorf("under its own write: %q", v)
		}
		sub := serve(inner, request(http.MethodGet, "/sub").WithContext(r.Context()))
		sub.want(t, "sub", false)
		ended()
		if v := part(r.Context(), "?"); v != "before" {
			t.Errorf("rolled back: %q", v)
		}
	}))
	part(t.Context(), "before")
	if r := get(inner, "/sub"); r.body != "before" {
		t.Error(r)
	}
	get(inner, "/sub").want(t, "before", true)
	serve(h, request(http.MethodPost, "/"))
	if s := c.Stats().Loads; s.Bypassed != 2 {
		t.Errorf("%d calls bypassed, want 2", s.Bypassed)
	}
	// A job that says who it is.
	job := unstale.Outside(t.Context())
	ended := db.caller(job).Changed()
	if v := part(job, "job"); v != "job" {
		t.Errorf("a job under its own write: %q", v)
	}
	ended()
	if v := part(job, "job"); v != "before" {
		t.Errorf("a job: %q", v)
	}
}

// TestLoadInTransaction serves only what was made before the transactions that are
// open began: they may see the past.
func TestLoadInTransaction(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	part := func(ctx context.Context, v string) string {
		return load(ctx, t, c, "k", func(ctx context.Context) (string, error) {
			db.get(ctx, "x")
			return v, nil
		})
	}
	ctx := unstale.Outside(t.Context())
	caller := db.caller(ctx)
	part(ctx, "first")
	early := db.Seq()
	ended := caller.Began(early)
	if v := part(ctx, "?"); v != "first" {
		t.Errorf("made before the transaction: %q", v)
	}
	db.set("x", "2")
	part(t.Context(), "second")
	if v := part(ctx, "own"); v != "own" {
		t.Errorf("made after the transaction began: %q", v)
	}
	later := caller.Began(db.Seq())
	ended()
	if v := part(ctx, "?"); v != "second" {
		t.Errorf("made before the one began that is open still: %q", v)
	}
	later()
	if v := part(ctx, "?"); v != "second" {
		t.Errorf("after both: %q", v)
	}
	defer caller.Began(db.Seq())()
	defer caller.Began(early)() // the earlier one counts, whichever is told first
	if v := part(ctx, "own"); v != "own" {
		t.Errorf("in an early transaction told late: %q", v)
	}
	if s := c.Stats().Loads; s.Bypassed != 2 {
		t.Errorf("%d calls bypassed, want 2", s.Bypassed)
	}
}

// TestNoJoinInTransaction has a request with an open transaction load what
// somebody else is making, who waits until that transaction has ended, as for the
// only connection of a pool.
func TestNoJoinInTransaction(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	begun, ended := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		load(unstale.Outside(t.Context()), t, c, "k", func(ctx context.Context) (string, error) {
			db.get(ctx, "x")
			close(begun)
			<-ended
			return "theirs", nil
		})
	})
	<-begun
	ctx := unstale.Outside(t.Context())
	end := db.caller(ctx).Began(db.Seq())
	if v := load(ctx, t, c, "k", func(context.Context) (string, error) { return "own", nil }); v != "own" {
		t.Errorf("got %q", v)
	}
	end()
	close(ended)
	wg.Wait()
}

// TestLoadUnstored: what is not kept is run again, and what uses a result that is
// merely too large may be kept.
func TestLoadUnstored(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{MaxBody: 10})
	db := newToy(c)
	runs := 0
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := load(r.Context(), t, c, "k", func(ctx context.Context) (string, error) {
			runs++
			return strings.Repeat("x", 10) + db.get(ctx, "x"), nil
		})
		write(w, v[9:])
	}))
	get(h, "/a").want(t, "x", false)
	get(h, "/a").want(t, "x", true)
	get(h, "/b").want(t, "x", false)
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
	db.set("x", "1")
	get(h, "/a").want(t, "x1", false)

	unknown := 0
	for range 2 {
		load(t.Context(), t, c, "unknown", func(ctx context.Context) (int, error) {
			unknown++
			unstale.DependOn(ctx) // says nothing
			return 0, nil
		})
	}
	if unknown != 2 {
		t.Error("a result of which nothing is known was kept")
	}
}

// TestLoadContextValues: what a key cannot know of is not kept.
func TestLoadContextValues(t *testing.T) {
	t.Parallel()
	var book logbook
	c := newCache(t, unstale.Options{Logger: book.logger(), NeutralContextKeys: []any{neutralKey{}}})
	db := newToy(c)
	runs := 0
	call := func(value string, key any) string {
		return load(context.WithValue(t.Context(), key, value), t, c, fmt.Sprintf("%T", key), func(ctx context.Context) (string, error) {
			runs++
			db.get(ctx, "x")
			return ctx.Value(key).(string), nil
		})
	}
	for _, v := range []string{"a", "b"} {
		if got := call(v, outsideKey{}); got != v {
			t.Errorf("got %q, want %q", got, v)
		}
	}
	call("a", neutralKey{})
	call("b", neutralKey{})
	if runs != 3 || book.count("function given to Load") != 1 {
		t.Errorf("%d runs\n%s", runs, book.String())
	}
}
