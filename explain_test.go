package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// tell reads a value as get does, and says by which statement.
func (d *toy) tell(ctx context.Context, name string) string {
	read := d.read(name)
	read.From = []adapter.From{{Origin: adapter.NewOrigin("SELECT value FROM toy WHERE name = "+name, "toy[name="+name+"]{value}"), Count: 1}}
	d.caller(ctx).DependOn(read)
	return d.peek(name)
}

// change commits values on behalf of ctx, and says which.
func (d *toy) change(ctx context.Context, value string, names ...string) {
	var hashes []uint64
	for _, name := range names {
		hashes = append(hashes, d.hash(name)...)
	}
	defer d.Mark(adapter.Commit{
		Touched: hashes,
		By:      d.caller(ctx),
		Describe: func(_ int, row func(table, operation, key string, columns []string, coarse string)) int {
			for _, name := range names {
				row("toy", "update", name, []string{"value"}, "")
			}
			return 0
		},
	}).Settle()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		d.rows[name] = value
	}
}

// explained is a cache whose pages show values: a GET of /x?name=a shows a, a
// POST changes it.
type explained struct {
	*unstale.Cache
	t    *testing.T
	db   *toy
	wrap func(http.Handler) http.Handler
	h    http.Handler
}

func newExplained(t *testing.T, o unstale.Options, h unstale.HandlerOptions) *explained {
	c, wrap := newService(t, o, h)
	x := &explained{Cache: c, t: t, db: newToy(c), wrap: wrap}
	x.h = wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names := r.URL.Query()["name"]
		if r.Method != http.MethodGet {
			x.db.change(r.Context(), r.URL.Query().Get("value"), names...)
			return
		}
		unstale.DependOn(r.Context(), "prices")
		if r.URL.Query().Has("vary") {
			w.Header().Set("Vary", "Accept-Language")
		}
		if r.URL.Query().Has("own") {
			write(w, unstale.Identity(r.Context()))
		}
		for _, name := range names {
			write(w, x.db.tell(r.Context(), name))
		}
	}))
	return x
}

// of returns what is known of the answers to a GET.
func (x *explained) of(target string) []unstale.Explanation {
	return x.Explain(x.RequestKey(request(http.MethodGet, target)))
}

// one returns the only explanation.
func (x *explained) one(target string) unstale.Explanation {
	x.t.Helper()
	list := x.of(target)
	if len(list) != 1 {
		x.t.Fatalf("%s: %d explanations, want 1: %+v", target, len(list), list)
	}
	return list[0]
}

// TestExplainCauses: whatever made an answer fall is named, while it is still
// stored and after somebody missed it.
func TestExplainCauses(t *testing.T) {
	t.Parallel()
	const page = "/x?name=a"
	for _, test := range []struct {
		name   string
		do     func(x *explained)
		reason string
		cause  string // the change without its time
	}{
		{"row", func(x *explained) {
			serve(x.h, request(http.MethodPost, "/write?name=a&value=hunter2"))
		}, "changed", "write by POST /write: update toy a (value)"},
		{"rows", func(x *explained) {
			serve(x.h, request(http.MethodPost, "/write?name=b&name=a&name=c"))
		}, "changed", "write by POST /write: update toy b (value), update toy a (value), update toy c (value)"},
		{"job", func(x *explained) {
			x.db.change(unstale.Outside(x.t.Context()), "v", "a")
		}, "changed", "write: update toy a (value)"},
		{"undescribed", func(x *explained) { x.db.set("a", "v") }, "changed", "write"},
		{"tag", func(x *explained) { x.InvalidateAsync(unstale.Tag("prices")) }, "changed", "invalidation: tag prices"},
		{"tag by a request", func(x *explained) {
			serve(x.wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := x.Invalidate(unstale.Outside(r.Context()), unstale.Tag("prices"), unstale.Tag("b")); err != nil {
					x.t.Error(err)
				}
			})), request(http.MethodPut, "/prices"))
		}, "changed", "invalidation by PUT /prices: tag prices, tag b"},
		{"key", func(x *explained) {
			x.InvalidateAsync(unstale.Key("http:GET example.com /x?name=a"))
		}, "changed", "invalidation: key http:GET example.com /x?name=a"},
		{"unsafe method", func(x *explained) {
			serve(x.wrap(http.NotFoundHandler()), request(http.MethodDelete, page)) // an error: nothing falls
			serve(x.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), request(http.MethodDelete, page))
		}, "changed", "unsafe method by DELETE /x"},
		{"foreign writer", func(x *explained) { x.db.Lost("foreign write") }, "everything invalidated", "foreign write"},
		{"schema change", func(x *explained) { x.db.MarkAll("schema change").Settle() }, "everything invalidated", "schema change"},
		{"expired", func(*explained) { time.Sleep(unstale.DefaultTTL) }, "expired", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := newExplained(t, unstale.Options{}, unstale.HandlerOptions{ExplainTo: func(*http.Request) bool { return true }})
				get(x.h, page).want(t, "", false)
				get(x.h, page).want(t, "", true)
				if e := x.one(page); !e.Stored || e.Reason != "" || e.Change != nil || e.LastMiss != nil || !e.Since.Equal(time.Now()) || e.Until.Sub(e.Since) != unstale.DefaultTTL {
					t.Errorf("before: %+v", e)
				}
				time.Sleep(time.Second)
				test.do(x)
				when := time.Now()
				x.db.change(t.Context(), "other", "b") // which is no cause, and later
				check := func(what string, ch *unstale.Change) {
					t.Helper()
					if ch == nil {
						if test.cause != "" {
							t.Errorf("%s: no change", what)
						}
						return
					}
					if got := strings.Replace(ch.String(), " at "+when.Format("15:04:05.000"), "", 1); got != test.cause || !ch.Time.Equal(when) {
						t.Errorf("%s: %q, want %q", what, got, test.cause)
					}
				}
				e := x.one(page)
				if !e.Stored || e.Reason != test.reason || e.LastMiss != nil {
					t.Errorf("fallen: %+v", e)
				}
				check("fallen", e.Change)
				time.Sleep(time.Second)
				want := test.reason
				if e.Change != nil {
					want += ": " + e.Change.String()
				}
				if a := get(x.h, page); a.hit() || !strings.Contains(a.status, fmt.Sprintf("detail=%q", want)) {
					t.Errorf("Cache-Status %s, want the detail %q", a.status, want)
				}
				e = x.one(page)
				if !e.Stored || e.Reason != "" || e.Change != nil || e.LastMiss == nil || e.LastMiss.Reason != test.reason || !e.LastMiss.Time.Equal(time.Now()) {
					t.Fatalf("renewed: %+v", e)
				}
				check("renewed", e.LastMiss.Change)
			})
		})
	}
}

// TestExplainPattern: what a pattern matched is explained though it is gone,
// and so is what was made of it.
func TestExplainPattern(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newExplained(t, unstale.Options{}, unstale.HandlerOptions{})
		part := func(ctx context.Context) (string, error) { return x.db.tell(ctx, "a"), nil }
		whole := x.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			write(w, load(r.Context(), t, x.Cache, "kb:user:1:pages", part))
		}))
		get(whole, "/whole")
		get(x.h, "/other?name=a")
		if err := x.Invalidate(t.Context(), unstale.Pattern("kb:user:{id}:*", "1")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // for the sweep
		const cause = "invalidation at 00:00:00.000: pattern unstale:kb:user:1:*"
		for what, list := range map[string][]unstale.Explanation{"part": x.Explain("kb:user:1:pages"), "whole": x.of("/whole")} {
			if len(list) != 1 || list[0].Stored || list[0].LastMiss == nil || list[0].LastMiss.Reason != "pattern invalidated" ||
				list[0].LastMiss.Change.String() != cause {
				t.Fatalf("%s: %+v", what, list)
			}
		}
		if ch := x.Explain("unstale:kb:user:1:pages")[0].Change; ch == nil || ch.String() != cause {
			t.Errorf("the pattern that the key matches: %v", ch)
		}
		if list := x.Explain("kb:user:1:never"); len(list) != 1 || list[0].LastMiss != nil || list[0].Change.String() != cause {
			t.Errorf("never stored: %+v", list)
		}
		if e := x.one("/other?name=a"); e.Reason != "" {
			t.Errorf("not matched: %+v", e)
		}
		if list := x.Explain("kb:user:12:pages"); list != nil {
			t.Errorf("nothing is known, but: %+v", list)
		}
	})
}

// TestExplainInFlux: a commit under way has no name yet.
func TestExplainInFlux(t *testing.T) {
	t.Parallel()
	x := newExplained(t, unstale.Options{}, unstale.HandlerOptions{})
	get(x.h, "/x?name=a")
	f := x.db.Mark(x.db.commit("a"))
	get(x.h, "/x?name=a").want(t, "", false)
	e := x.one("/x?name=a")
	if e.Reason != "commit in flux" || e.Change != nil || e.LastMiss == nil || e.LastMiss.Reason != "commit in flux" || e.LastMiss.Change != nil {
		t.Errorf("%+v", e)
	}
	f.Settle()
	if e := x.one("/x?name=a"); e.Reason != "changed" || e.Change == nil || e.Change.Database != "toy" {
		t.Errorf("settled: %+v", e)
	}
}

// TestExplainDependencies: what an answer is made of, by statement, also where it
// came by way of Load and Identity, and which of it has changed.
func TestExplainDependencies(t *testing.T) {
	t.Parallel()
	var x *explained
	x = newExplained(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(r *http.Request) (string, error) {
		return x.db.tell(r.Context(), "who"), nil
	}})
	h := x.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.Identity(r.Context())
		for range 3000 {
			x.db.tell(r.Context(), "a") // once more is nothing new
		}
		unstale.DependOn(r.Context(), "prices", "rates")
		write(w, load(r.Context(), t, x.Cache, "part", func(ctx context.Context) (string, error) {
			return x.db.tell(ctx, "b") + x.db.tell(ctx, "a"), nil
		}))
	}))
	check := func(changed string) {
		t.Helper()
		list := x.of("/")
		if len(list) != 1 || list[0].Key != "unstale:http:GET example.com /" ||
			!slices.Equal(list[0].Keys, []string{"unstale:http:GET example.com /", "unstale:part"}) {
			t.Fatalf("%+v", list)
		}
		var got []string
		for _, d := range list[0].Dependencies {
			s := fmt.Sprintf("%s %d", d.Source, d.Count)
			if d.Changed {
				s += " changed"
			}
			if _, name, row := strings.Cut(d.Source, "[name="); row && d.Statement != "SELECT value FROM toy WHERE name = "+strings.TrimSuffix(name, "]{value}") {
				t.Errorf("%s is from %q", d.Source, d.Statement)
			}
			got = append(got, s)
		}
		slices.Sort(got)
		want := []string{"tag prices, tag rates 2", "toy[name=a]{value} 1", "toy[name=b]{value} 1", "toy[name=who]{value} 1"}
		for i := range want {
			if changed != "" && strings.Contains(want[i], changed) {
				want[i] += " changed"
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
	get(h, "/")
	check("")
	x.db.change(t.Context(), "w", "who")
	check("name=who")
	x.db.change(t.Context(), "", "who") // the key is that of the same identity again
	get(h, "/")
	check("") // handed on by a hit of Load
	x.db.change(t.Context(), "v", "b")
	check("name=b")
	if e := x.Explain("part"); len(e) != 1 || e[0].Reason != "changed" || len(e[0].Dependencies) != 2 {
		t.Errorf("part: %+v", e)
	}
}

// TestExplainVariants: each has an explanation of its own.
func TestExplainVariants(t *testing.T) {
	t.Parallel()
	x := newExplained(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	const page = "/x?name=a&own&vary"
	for _, who := range []string{"ann", "bob"} {
		get(x.h, page, "Authorization: "+who)
	}
	get(x.h, page, "Authorization: ann", "Accept-Language: de")
	list := x.of(page)
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	for i, e := range list {
		if !e.Stored || e.Key != x.RequestKey(request(http.MethodHead, page)) || i > 0 && e.Variant <= list[i-1].Variant || !slices.Equal(e.SelectedBy, []string{"accept-language", "who asks"}) {
			t.Errorf("%+v", e)
		}
	}
	x.db.change(t.Context(), "v", "a")
	get(x.h, page, "Authorization: bob")
	missed := 0
	for _, e := range x.of(page) {
		switch m := e.LastMiss; {
		case m == nil && e.Reason == "changed" && e.Change.Rows[0].Key == "a":
		case m != nil && e.Reason == "" && m.Change.Rows[0].Key == "a":
			missed++
		default:
			t.Errorf("%+v", e)
		}
	}
	if missed != 1 {
		t.Errorf("%d misses", missed)
	}
	for i := range 200 {
		get(x.h, page, fmt.Sprint("Authorization: ", i))
	}
	if n := len(x.of(page)); n != 99 && n != 100 {
		t.Errorf("%d explanations", n)
	}
}

// TestExplainForgets: the history has a size, of which a pattern that matches
// much takes half.
func TestExplainForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newExplained(t, unstale.Options{History: 8}, unstale.HandlerOptions{})
		get(x.h, "/x?name=a")
		x.db.change(t.Context(), "v", "a")
		for range 7 {
			x.db.set("b", "v")
		}
		if e := x.one("/x?name=a"); e.Change == nil || e.Change.Rows == nil {
			t.Errorf("the eighth change before: %+v", e)
		}
		x.db.set("b", "v")
		if e := x.one("/x?name=a"); e.Reason != "changed" || e.Change != nil {
			t.Errorf("the ninth change before: %+v", e)
		}

		miss := func(target string) {
			get(x.h, target)
			x.db.change(t.Context(), "v", "a")
			get(x.h, target)
		}
		last := func(target string) *unstale.Miss { return x.one(target).LastMiss }
		for range 2 {
			miss("/hot?name=a") // its last miss counts, not its first
		}
		for i := range 7 {
			miss(fmt.Sprint("/", i, "?name=a"))
		}
		if m := last("/hot?name=a"); m == nil || m.Change == nil {
			t.Errorf("the eighth miss before: %+v", m)
		}
		for i := range 100 {
			get(x.h, fmt.Sprint("/swept/", i))
		}
		x.InvalidateAsync(unstale.Pattern("*swept*"))
		synctest.Wait()
		kept := 0
		for i := range 7 {
			if last(fmt.Sprint("/", i, "?name=a")) != nil {
				kept++
			}
		}
		if kept != 4 {
			t.Errorf("a pattern left %d of the last misses, want 4", kept)
		}
		swept := 0
		for i := range 100 {
			e := x.one(fmt.Sprint("/swept/", i))
			if e.LastMiss != nil {
				swept++
			}
			if e.Stored || e.Change == nil || e.Change.Targets[0] != "pattern unstale:*swept*" {
				t.Errorf("%+v", e)
			}
		}
		if swept != 4 {
			t.Errorf("%d swept entries are remembered, want 4", swept)
		}
	})
}

// TestExplainIsBounded, however long and however much the names are.
func TestExplainIsBounded(t *testing.T) {
	t.Parallel()
	x := newExplained(t, unstale.Options{}, unstale.HandlerOptions{})
	long := strings.Repeat("ä", 2000)
	h := x.wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			x.db.change(r.Context(), "v", "a")
			return
		}
		for i := range 5000 {
			x.db.tell(r.Context(), fmt.Sprint(i%100, long))
		}
		for i := range 5000 {
			read := x.db.read(fmt.Sprint(i))
			read.From = []adapter.From{{Origin: adapter.NewOrigin("", "all"), Count: 1}}
			x.db.caller(r.Context()).DependOn(read)
		}
		x.db.tell(r.Context(), "a")
	}))
	get(h, "/"+long)
	get(h, "/")
	serve(h, request(http.MethodPost, "/"+long))
	get(h, "/"+long)
	get(h, "/")
	e := x.one("/")
	sum := 0
	for _, d := range e.Dependencies {
		if sum += d.Count; len(d.Statement) > 2010 || len(d.Source) > 2010 {
			t.Errorf("%d and %d bytes", len(d.Statement), len(d.Source))
		}
	}
	if len(e.Dependencies) != 64 || sum > 1024 {
		t.Errorf("%d sources of %d dependencies", len(e.Dependencies), sum)
	}
	if m := e.LastMiss; m == nil || m.Change == nil || len(m.Change.Request) > 210 {
		t.Errorf("%+v", m)
	}
	if e := x.one("/" + long); e.LastMiss != nil {
		t.Errorf("a key of %d bytes is remembered", len(e.Key))
	}
	targets := make([]unstale.Target, 100)
	for i := range targets {
		targets[i] = unstale.Tag(fmt.Sprint(i, long))
	}
	get(x.h, "/tags")
	targets[50] = unstale.Tag("prices")
	x.InvalidateAsync(targets...)
	if got := x.one("/tags").Change.Targets; len(got) != 9 || got[8] != "92 more" || len(got[0]) > 210 {
		t.Errorf("%d targets: %.20s", len(got), got)
	}
	get(h, "/wide")
	if size := x.Stats().Store.Bytes; size < 64*2000 {
		t.Errorf("statements that nobody else holds are not in the sizes: %d", size)
	}
}

// TestNoHistory: nothing is remembered, and what is stored is shown all the same.
func TestNoHistory(t *testing.T) {
	t.Parallel()
	asked := false
	x := newExplained(t, unstale.Options{History: -1}, unstale.HandlerOptions{ExplainTo: func(*http.Request) bool { asked = true; return true }})
	get(x.h, "/x?name=a")
	serve(x.h, request(http.MethodPost, "/x?name=a&value=v"))
	x.InvalidateAsync(unstale.Tag("prices"), unstale.Pattern("none"))
	e := x.one("/x?name=a")
	if !e.Stored || e.Reason != "changed" || e.Change != nil || len(e.Dependencies) != 0 || len(e.Keys) != 1 {
		t.Errorf("%+v", e)
	}
	if a := get(x.h, "/x?name=a"); !strings.Contains(a.status, `detail="changed"`) || asked {
		t.Errorf("%s, asked %v", a.status, asked)
	}
	if e := x.one("/x?name=a"); e.Reason != "" || e.LastMiss != nil {
		t.Errorf("%+v", e)
	}
	var none *unstale.Cache
	off := newCache(t, unstale.Options{Off: true})
	if none.Explain("a") != nil || off.Explain("a") != nil || none.RequestKey(request("GET", "/")) != "" {
		t.Error("a cache that is off explains something")
	}
}

// TestExplainTo: the cause is for those who may see it. Asking counts as nobody's
// read, even while fills are open.
func TestExplainTo(t *testing.T) {
	t.Parallel()
	var x *explained
	asked := 0
	x = newExplained(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken, ExplainTo: func(r *http.Request) bool {
		asked++
		x.db.get(r.Context(), "roles")
		return unstale.Identity(r.Context()) == "admin"
	}})
	open, done := make(chan struct{}), make(chan struct{})
	slow := x.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open <- struct{}{}
		<-done
		write(w, x.db.get(r.Context(), "slow"))
	}))
	finished := make(chan reply)
	go func() { finished <- get(slow, "/slow") }()
	<-open
	s := newServer(t, x.h)
	for _, test := range []struct{ who, detail string }{
		{"admin", "changed: write by POST /x at "}, {"ann", "changed"}, {"", "changed"},
	} {
		auth := "Authorization: " + test.who
		s.get("/x?name=%22a%C3%A9", auth)
		s.do(http.MethodPost, "/x?value=secret&name=%22a%C3%A9")
		a := s.get("/x?name=%22a%C3%A9", auth).wantMiss(t)
		got := a.status(t)
		if !strings.HasPrefix(got.detail, test.detail) || test.who != "admin" && got.detail != test.detail || strings.Contains(got.detail, "secret") {
			t.Errorf("%s sees %q", test.who, got.detail)
		}
		if test.who == "admin" && !strings.HasSuffix(got.detail, `update toy "a?? (value)`) {
			t.Errorf("admin sees %q", got.detail)
		}
		if a := s.get("/x?name=%22a%C3%A9", auth).wantHit(t); strings.Contains(fmt.Sprint(a.header), "POST") {
			t.Errorf("the cause was stored: %v", a.header)
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times, want once for each miss with a cause", asked)
	}
	close(done)
	if a := <-finished; !strings.Contains(a.status, ";stored") {
		t.Errorf("a fill that was open meanwhile: %s", a.status)
	}
}

// TestExplainCostsHitsNothing: a hit allocates as much with a history as without.
func TestExplainCostsHitsNothing(t *testing.T) {
	allocations := func(history int) float64 {
		x := newExplained(t, unstale.Options{History: history}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
		r, w := request(http.MethodGet, "/x?name=a&own", "Authorization: ann"), &discard{header: make(http.Header)}
		return testing.AllocsPerRun(200, func() {
			clear(w.header)
			x.h.ServeHTTP(w, r)
		})
	}
	if with, without := allocations(0), allocations(-1); with > without {
		t.Errorf("%v allocations with a history, %v without", with, without)
	}
}

// TestExplainAmidWrites: reads, writes, sweeps and explanations at once. A change
// that names rows names those of one commit, whole.
func TestExplainAmidWrites(t *testing.T) {
	t.Parallel()
	x := newExplained(t, unstale.Options{History: 16}, unstale.HandlerOptions{ExplainTo: func(*http.Request) bool { return true }})
	const rounds = 400
	finished := make(chan struct{})
	for _, work := range []func(i int){
		func(i int) { get(x.h, fmt.Sprint("/x?name=", i%3)) },
		func(i int) { get(x.h, fmt.Sprint("/x?name=", i%5)) },
		func(i int) { serve(x.h, request(http.MethodPost, fmt.Sprintf("/p%d?name=%d&name=p%d", i%3, i%3, i%3))) },
		func(i int) {
			switch i % 20 {
			case 0:
				x.InvalidateAsync(unstale.Pattern("http:*name=1"), unstale.Tag("none"))
			case 10:
				x.db.Lost("lost")
			}
		},
		func(i int) {
			for _, e := range x.of(fmt.Sprint("/x?name=", i%5)) {
				for _, ch := range []*unstale.Change{e.Change, missedFor(e)} {
					if ch == nil || ch.Rows == nil {
						continue
					}
					if n := strings.TrimPrefix(ch.Request, "POST /p"); len(ch.Rows) != 2 || ch.Rows[0].Key != n || ch.Rows[1].Key != "p"+n ||
						ch.Cause != "write" || ch.Database != "toy" || ch.Time.IsZero() || !strings.HasSuffix(e.Key, "name="+n) {
						t.Errorf("%s fell by %+v", e.Key, ch)
					}
				}
			}
		},
	} {
		go func() {
			defer func() { finished <- struct{}{} }()
			for i := range rounds {
				work(i)
			}
		}()
	}
	for range 5 {
		<-finished
	}
}

func missedFor(e unstale.Explanation) *unstale.Change {
	if e.LastMiss == nil {
		return nil
	}
	return e.LastMiss.Change
}
