package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// TestStats: each counter moves as it says, and nothing else does.
func TestStats(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{MaxBody: 50}, unstale.HandlerOptions{
		Route:    byPath,
		Policies: map[string]unstale.Policy{"off": {Mode: unstale.ModeOff}},
	})
	db := newToy(c)
	db.set("x", "12345")
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := db.get(r.Context(), "x")
		if r.URL.Path == "/r/large" {
			v = strings.Repeat("x", 100)
		}
		write(w, v)
	}))
	runs := 0
	part := func() {
		load(t.Context(), t, c, "k", func(ctx context.Context) (int, error) { runs++; return runs, nil })
	}
	route := func(s unstale.Stats) unstale.RouteStats { return s.Routes["r"] }
	for _, step := range []struct {
		what string
		do   func()
		want string // what has changed since the step before
	}{
		{"miss", func() { get(h, "/r/1") }, "miss cold, stored"},
		{"hit", func() { get(h, "/r/1") }, "hit 5"},
		{"HEAD hit", func() { serve(h, request(http.MethodHead, "/r/1")) }, "hit 5"},
		{"write", func() { db.set("x", "123") }, "write"},
		{"changed", func() { get(h, "/r/1") }, "miss changed, stored"},
		{"too large", func() { get(h, "/r/large") }, "miss cold, too large"},
		{"post", func() { serve(h, request(http.MethodPost, "/r/1")) }, "method, unsafe method"},
		{"fallen", func() { get(h, "/r/1") }, "miss changed, stored"},
		{"no-store", func() { get(h, "/r/1", "Cache-Control: no-store") }, "request no-store"},
		{"only-if-cached", func() { get(h, "/r/2", "Cache-Control: only-if-cached") }, "miss cold"},
		{"credentials", func() { get(h, "/r/1", "Authorization: x") }, "credentials"},
		{"load of nothing known", part, "load miss, nothing known"},
		{"tags", func() { c.InvalidateAsync(unstale.Tag("a"), unstale.Tag("b"), unstale.Key("c")) }, "tag, tag, key"},
		{"rows", func() { db.Mark(adapter.Commit{Rows: 3}).Settle() }, "write, row, row, row"},
		{"coarse", func() { db.Coarse("SELECT 1", "reason") }, "coarse"},
		{"nothing", func() {}, ""},
	} {
		before := flat(c.Stats(), route(c.Stats()))
		step.do()
		after := flat(c.Stats(), route(c.Stats()))
		var changed []string
		for _, name := range []string{
			"hit", "miss cold", "miss changed", "method", "request no-store", "credentials", "stored", "load hit", "load miss",
			"write", "unsafe method", "too large", "nothing known", "tag", "key", "row", "coarse",
		} {
			d := after[name] - before[name]
			delete(after, name)
			if d > 0 && name == "hit" {
				changed = append(changed, fmt.Sprintf("hit %d", after["bytes"]-before["bytes"]))
				delete(after, "bytes")
				d--
			}
			for range d {
				changed = append(changed, name)
			}
		}
		for name, n := range after {
			if n != before[name] {
				changed = append(changed, "?"+name)
			}
		}
		if got := strings.Join(changed, ", "); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}

	c.ResetStats()
	if s := c.Stats(); len(s.Routes)+len(s.Refused)+len(s.Invalidations)+len(s.Coarse) != 0 || s.Loads != (unstale.LoadStats{}) || s.RowsCaptured != 0 {
		t.Errorf("after ResetStats: %+v", s)
	}
	if s := c.Stats().Store; s.Entries == 0 || s.Bytes == 0 || s.MaxBytes != unstale.DefaultMaxBytes {
		t.Errorf("store: %+v", s)
	}
}

// flat returns the counters by name.
func flat(s unstale.Stats, r unstale.RouteStats) map[string]uint64 {
	m := map[string]uint64{
		"hit": r.Hits, "bytes": r.HitBytes, "joined": r.Joined, "stored": r.Stored, "would hit": r.WouldHit, "would differ": r.WouldDiffer,
		"load hit": s.Loads.Hits, "load miss": s.Loads.Misses, "load joined": s.Loads.Joined, "load bypassed": s.Loads.Bypassed,
		"row": s.RowsCaptured, "open": uint64(s.OpenFills),
	}
	for reason, n := range r.Misses {
		m["miss "+reason] = n
	}
	for _, by := range []map[string]uint64{r.Bypassed, s.Refused, s.Invalidations} {
		for name, n := range by {
			m[name] += n
		}
	}
	for _, f := range s.Coarse {
		m["coarse"] += f.Count
	}
	return m
}

// TestCoarseFalls: of what a coarse statement made fall, that counts which fell
// because of nothing else, once, however often it is asked for.
func TestCoarseFalls(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	coarse, exact := adapter.NewOrigin("SELECT coarse", "t"), adapter.NewOrigin("SELECT exact", "t[id=1]")
	coarse.SetCoarse("or")
	h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, origin := range map[string]*adapter.Origin{"a": coarse, "b": exact} {
			d := db.read(name)
			d.From = []adapter.From{{Origin: origin, Count: 1}}
			db.caller(r.Context()).DependOn(d)
		}
	}))
	for _, step := range []struct {
		write string
		fell  uint64
	}{{"b", 0}, {"a", 1}, {"a", 2}} {
		get(h, "/")
		db.set(step.write, "1")
		for range 2 {
			get(h, "/", "Cache-Control: only-if-cached") // makes nothing anew
		}
		var fell uint64
		for _, s := range c.Stats().Coarse {
			if s.Statement != "SELECT coarse" || s.Reason != "or" {
				t.Errorf("%+v", s)
			}
			fell += s.Fell
		}
		if fell != step.fell {
			t.Errorf("after a write of %s: %d falls, want %d", step.write, fell, step.fell)
		}
	}
	get(h, "/")
	a, b := db.Mark(db.commit("a")), db.Mark(db.commit("b"))
	a.Settle()
	b.Settle()
	get(h, "/")
	if s := c.Stats().Coarse; len(s) != 1 || s[0].Fell != 2 {
		t.Errorf("after writes of both: %+v", s)
	}
}

// TestStatsGauges count what is going on now.
func TestStatsGauges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
		open := make(chan struct{})
		h := handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			unstale.DependOn(r.Context(), "x")
			unstale.Identity(r.Context())
			<-open
			panic(http.ErrAbortHandler)
		}))
		for range 3 {
			go func() {
				defer func() { _ = recover() }()
				get(h, "/")
			}()
		}
		synctest.Wait()
		if n := c.Stats().OpenFills; n != 1 {
			t.Errorf("%d fills open, want 1", n)
		}
		close(open)
		synctest.Wait()
		if n := c.Stats().OpenFills; n != 0 {
			t.Errorf("%d fills open, want 0", n)
		}
	})
}

// TestLabelsAreBounded, whatever names routes, statements and causes.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Route: func(r *http.Request) string { return r.URL.Path }})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		db.caller(r.Context()).Refuse(r.URL.Path, "")
	}))
	for i := range 1500 {
		get(h, fmt.Sprint("/", i))
		db.Coarse(fmt.Sprint("SELECT ", i), "reason")
		db.Lost(fmt.Sprint("cause ", i))
	}
	s := c.Stats()
	for name, n := range map[string]int{
		"routes": len(s.Routes), "coarse": len(s.Coarse), "refusals": len(s.Refused), "invalidations": len(s.Invalidations),
	} {
		if n > 1001 {
			t.Errorf("%d %s", n, name)
		}
	}
	if s.Routes["other"].MissCount() != 500 || s.Refused["other"] != 1400 || s.Invalidations["other"] != 1400 {
		t.Errorf("the rest was not counted: %d, %d, %d", s.Routes["other"].MissCount(), s.Refused["other"], s.Invalidations["other"])
	}
	if s.Coarse[0].Statement != "other" || s.Coarse[0].Count != 500 {
		t.Errorf("first coarse statement %+v", s.Coarse[0])
	}
}

// TestNothingPrivate gets into logs and labels.
func TestNothingPrivate(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	var book logbook
	c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{
		Route:    byPath,
		Policies: map[string]unstale.Policy{"": {Shared: true}, "r": {Mode: unstale.ModeReportOnly, Shared: true}},
		Identity: func(r *http.Request) (string, error) {
			if r.Header.Get("X-Fail") != "" {
				return r.Header.Get("Authorization"), fmt.Errorf("no such user")
			}
			return byToken(r)
		},
	})
	db := newToy(c)
	n := 0
	h := around(handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.caller(r.Context()).Wrote(false)
		unstale.Identity(r.Context())
		if r.URL.Query().Has("differ") {
			n++
			write(w, secret)
			w.Header().Set("X-N", fmt.Sprint(n))
			write(w, fmt.Sprint(n))
		}
		db.get(context.Background(), secret)
		r.Context().Value(outsideKey{})
	})))
	for _, path := range []string{"/r/", "/q/"} {
		for range 2 {
			get(h, path+secret+"?differ=1&token="+secret, "Authorization: "+secret, "X-User: "+secret, "Cookie: a="+secret)
			get(h, path+secret+"?token="+secret, "Authorization: "+secret, "X-Fail: 1")
			serve(h, request(http.MethodPost, path+secret+"?token="+secret))
		}
	}
	c.InvalidateAsync(unstale.Key(secret), unstale.Tag(secret), unstale.Pattern("*{id}", secret))
	s := c.Stats()
	if all := book.String() + fmt.Sprintf("%+v", s); strings.Contains(all, secret) {
		t.Errorf("a secret got out:\n%s", all)
	}
	if len(s.Routes) != 2 || reflect.DeepEqual(s.Refused, map[string]uint64{}) {
		t.Errorf("nothing was counted: %+v", s)
	}
}
