package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// An unmarkedRead is a statement without a context, step by step.
type unmarkedRead struct {
	adapter.Caller
	db   *toy
	asOf uint64
	said func(adapter.Dependencies)
}

func (d *toy) unmarked() *unmarkedRead {
	return &unmarkedRead{Caller: d.caller(context.Background()).Begin(), db: d, asOf: d.Seq()}
}

func (u *unmarkedRead) read(name string) adapter.Dependencies {
	return adapter.Dependencies{AsOf: u.asOf, Hashes: u.db.hash(name)}
}

func (u *unmarkedRead) says(name string)   { u.DependOn(u.read(name)) }
func (u *unmarkedRead) atMost(name string) { u.said = u.Later(u.read(name)) }
func (u *unmarkedRead) later(name string)  { u.said(u.read(name)) }

func (u *unmarkedRead) asked(name, refused string) {
	u.WhenAsked(func() (adapter.Dependencies, string) { return u.read(name), refused })
}

// TestUnmarkedRead has each way in which a read that nobody marked and a fill can
// overlap.
func TestUnmarkedRead(t *testing.T) {
	t.Parallel()
	type read = *unmarkedRead
	nothing := func(*toy, read) {}
	for name, s := range map[string]struct {
		before func(*toy, read) // the read has begun, the fill has not
		during func(*toy, read) // the fill is open
		after  func(*toy, read) // it has ended, the read has not
		begins bool             // the read, while the fill is open
		early  bool             // the read ends before the fill begins
		ends   bool             // the read, while the fill is open

		falls, stays string // what the answer depends on, and what not
		refused      bool   // it is not stored
	}{
		"within the fill":                       {begins: true, ends: true, during: func(_ *toy, r read) { r.says("x") }, falls: "x", stays: "y"},
		"begun before, said before, ended in":   {before: func(_ *toy, r read) { r.says("x") }, ends: true, falls: "x", stays: "y"},
		"begun before, said in, ended in":       {during: func(_ *toy, r read) { r.says("x") }, ends: true, falls: "x"},
		"begun before, said before, ends after": {before: func(_ *toy, r read) { r.says("x") }, falls: "x"},
		"begun in, said in, ends after":         {begins: true, during: func(_ *toy, r read) { r.says("x") }, falls: "x"},
		"begun in, said after":                  {begins: true, after: func(_ *toy, r read) { r.says("x") }, stays: "x"},
		"ended before":                          {before: func(_ *toy, r read) { r.says("x") }, early: true, stays: "x"},
		"announced before, said in": {
			before: func(_ *toy, r read) { r.atMost("all") }, during: func(_ *toy, r read) { r.later("x") }, falls: "x", stays: "all",
		},
		"announced in, said in": {
			begins: true, during: func(_ *toy, r read) { r.atMost("all"); r.later("x") }, falls: "x", stays: "all",
		},
		"announced before, said after": {
			before: func(_ *toy, r read) { r.atMost("all") }, after: func(_ *toy, r read) { r.later("x") }, falls: "all", stays: "x",
		},
		"announced in, said after": {
			begins: true, during: func(_ *toy, r read) { r.says("z"); r.atMost("all") }, after: func(_ *toy, r read) { r.later("x") }, falls: "all", stays: "x",
		},
		"announced in, said before too": {
			begins: true, during: func(_ *toy, r read) { r.says("z"); r.atMost("all") }, falls: "z",
		},
		"announced in, never said": {begins: true, ends: true, during: func(_ *toy, r read) { r.atMost("all") }, falls: "all"},
		"refused before":           {before: func(_ *toy, r read) { r.Refuse("own writes", "") }, refused: true},
		"refused in":               {during: func(_ *toy, r read) { r.Refuse("own writes", "") }, refused: true},
		"refused after":            {after: func(_ *toy, r read) { r.Refuse("own writes", "") }, stays: "x"},
		"refused and ended":        {before: func(_ *toy, r read) { r.Refuse("own writes", "") }, early: true, stays: "x"},
		"asked":                    {before: func(_ *toy, r read) { r.asked("x", "") }, falls: "x", stays: "y"},
		"asked, ended in":          {before: func(_ *toy, r read) { r.asked("x", "") }, ends: true, falls: "x"},
		"asked, said in":           {during: func(_ *toy, r read) { r.asked("x", "") }, ends: true, falls: "x"},
		"not asked":                {before: func(_ *toy, r read) { r.asked("x", "a clock") }, early: true, stays: "x"},
		"asked in vain":            {before: func(_ *toy, r read) { r.asked("x", "a clock") }, refused: true},
		"asked too late":           {before: func(db *toy, r read) { r.asked("x", ""); db.set("x", "1") }, refused: true},
		"asked, changed in":        {before: func(_ *toy, r read) { r.asked("x", "") }, during: func(db *toy, _ read) { db.set("x", "1") }, refused: true},
		"asked, own changed":       {before: func(db *toy, r read) { r.asked("x", ""); db.set("known", "1") }, falls: "x", stays: "y"},
		"wrote":                    {during: func(_ *toy, r read) { r.Wrote(false) }, refused: true},
		"older than a change": {
			before: func(db *toy, r read) { r.says("x"); db.set("x", "1") }, refused: true,
		},
		"older than a loss": {
			before: func(db *toy, r read) { r.says("x"); db.Lost("gap") }, refused: true,
		},
		"older than a change, said in": {
			before: func(db *toy, _ read) { db.set("x", "1") }, during: func(_ *toy, r read) { r.says("x") }, refused: true,
		},
		"announced, older than a change": {
			before: func(db *toy, r read) { r.atMost("all"); db.set("all", "1") }, refused: true,
		},
		"older than a change, begun in": {
			begins: true, during: func(db *toy, r read) { db.set("x", "1"); r.says("x") }, refused: true,
		},
		"older than a change of something else": {
			before: func(db *toy, r read) { r.says("x"); db.set("known", "1") }, falls: "x", stays: "y",
		},
		"older than a change of something else, said in": {
			before: func(db *toy, _ read) { db.set("known", "1") }, during: func(_ *toy, r read) { r.says("x") }, falls: "x",
		},
		"in flux": {
			before: func(db *toy, r read) {
				r.says("x")
				f := db.Mark(db.commit("x"))
				db.settle = f.Settle
			}, during: func(db *toy, _ read) { db.settle() }, refused: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"handler", "load"} {
				c := newCache(t, unstale.Options{Logger: (&logbook{}).logger()})
				db := newToy(c)
				var r read
				do := func(f func(*toy, read)) {
					if f == nil {
						f = nothing
					}
					f(db, r)
				}
				fills := 0
				work := func(ctx context.Context) {
					fills++
					db.get(ctx, "known")
					if fills > 1 {
						return
					}
					if s.begins {
						r = db.unmarked()
					}
					do(s.during)
					if s.ends {
						r.End()
					}
				}
				h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { work(req.Context()) }))
				ask := func() (ran bool) {
					before := fills
					if kind == "handler" {
						get(h, "/")
					} else {
						load(t.Context(), t, c, "k", func(ctx context.Context) (int, error) { work(ctx); return 0, nil })
					}
					return fills > before
				}
				if !s.begins {
					r = db.unmarked()
				}
				do(s.before)
				if s.early {
					r.End()
				}
				ask()
				do(s.after)
				r.End()
				r.End() // has no effect
				if s.stays != "" {
					db.set(s.stays, "2")
				}
				if ran := ask(); ran != s.refused {
					t.Errorf("%s: ran again: %t, want %t (%v)", kind, ran, s.refused, c.Stats().Refused)
				}
				if s.falls == "" {
					continue
				}
				db.set(s.falls, "2")
				if !ask() {
					t.Errorf("%s: did not fall with %s", kind, s.falls)
				}
			}
		})
	}
}

// TestUnmarkedReadsInform: an answer of whose making nothing is known is not stored
// because somebody else happens to read meanwhile; what its own goroutine reads is
// its own.
func TestUnmarkedReadsInform(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		db.get(context.Background(), "x") // there are such reads
		open := make(chan struct{})
		h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/clock":
				<-open
			case "/own":
				<-open
				db.get(context.Background(), "x")
			case "/loaded":
				load(r.Context(), t, c, "k", func(context.Context) (string, error) { return db.get(context.Background(), "x"), nil })
			case "/around":
				load(r.Context(), t, c, "other", func(context.Context) (string, error) { return "", nil })
				db.get(context.Background(), "x")
			case "/beside":
				var beside sync.WaitGroup
				beside.Go(func() { db.get(context.Background(), "x") })
				beside.Wait()
			}
		}))
		for range 2 {
			open = make(chan struct{})
			var both sync.WaitGroup
			for _, path := range []string{"/clock", "/own"} {
				both.Go(func() { get(h, path) })
			}
			synctest.Wait()
			db.get(context.Background(), "y") // a job
			close(open)
			both.Wait()
		}
		for path, hit := range map[string]bool{"/own": true, "/loaded": true, "/beside": false, "/around": false} {
			get(h, path)
			if r := get(h, path); r.hit() != hit {
				t.Errorf("%s: %s, want a hit: %t", path, r.status, hit)
			}
		}
		open = make(chan struct{})
		close(open)
		if r := get(h, "/clock"); r.hit() || !strings.Contains(r.status, "nothing known") {
			t.Errorf("/clock: %s", r.status)
		}
		db.set("y", "1") // was taken over
		if r := get(h, "/own"); r.hit() {
			t.Errorf("/own: %s", r.status)
		}
		if s := c.Stats(); s.TookOver < 3 || s.UnmarkedReads < 8 || len(s.UntrackedReads) != 0 {
			t.Errorf("%d took over, %d unmarked, %v", s.TookOver, s.UnmarkedReads, s.UntrackedReads)
		}
	})
}

// TestTookOver counts fills that took over what others read, and only those.
func TestTookOver(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	db.get(context.Background(), "x")
	h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		db.get(context.Background(), "x")
		if r.URL.Path == "/both" {
			var beside sync.WaitGroup
			beside.Go(func() { db.get(context.Background(), "x") })
			beside.Wait()
		}
	}))
	get(h, "/own")
	if n := c.Stats().TookOver; n != 0 {
		t.Errorf("%d took over", n)
	}
	get(h, "/both")
	if s := c.Stats(); s.TookOver != 1 || s.UnmarkedReads != 4 {
		t.Errorf("%d took over, %d unmarked", s.TookOver, s.UnmarkedReads)
	}
	get(h, "/own").want(t, "", true)
	get(h, "/both").want(t, "", true)
}

// TestManyUnmarkedReads: those beyond what is remembered refuse.
func TestManyUnmarkedReads(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { db.get(r.Context(), "x") }))
	var open []*unmarkedRead
	for range 4097 {
		open = append(open, db.unmarked())
	}
	for range 2 {
		get(h, "/").want(t, "", false)
	}
	open[4096].End()
	get(h, "/").want(t, "", false)
	get(h, "/").want(t, "", true)
	for _, r := range open {
		r.End()
	}
	get(h, "/?").want(t, "", true)
}

// TestManyFills: so many fills at a time that they cannot be told apart, and each
// within others.
func TestManyFills(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{Logger: (&logbook{}).logger()})
	db := newToy(c)
	db.get(context.Background(), "x")
	var nest func(ctx context.Context, n int) int
	nest = func(ctx context.Context, n int) int {
		return load(ctx, t, c, fmt.Sprint("k", n), func(ctx context.Context) (int, error) {
			if n > 0 {
				nest(ctx, n-1)
			}
			db.get(context.Background(), fmt.Sprint("x", n))
			return n, nil
		})
	}
	nest(t.Context(), 20)
	db.set("x7", "1")
	for n := range 21 {
		ran := false
		load(t.Context(), t, c, fmt.Sprint("k", n), func(ctx context.Context) (int, error) {
			ran = true
			db.get(ctx, "x")
			return n, nil
		})
		if ran != (n >= 7) {
			t.Errorf("k%d ran: %t", n, ran)
		}
	}
}

// TestUnmarkedStorm has fills and unmarked reads begin and end at once.
func TestUnmarkedStorm(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{Logger: (&logbook{}).logger()})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := db.unmarked()
		defer u.End()
		if r.URL.Path == "/a" {
			u.says("a")
			write(w, db.peek("a"))
			return
		}
		u.atMost("b")
		write(w, db.peek("b"))
		u.later("b")
	}))
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			name := string(rune('a' + worker%2))
			for n := range 500 {
				switch worker {
				case 0, 1:
					db.set(name, fmt.Sprint(n))
					if got := get(h, "/"+name); got.body != fmt.Sprint(n) {
						t.Errorf("%q after %d was acknowledged (%s)", got.body, n, got.status)
					}
				default:
					get(h, "/"+name)
				}
			}
		})
	}
	all.Wait()
	if n := c.Stats().OpenFills; n != 0 {
		t.Errorf("%d open", n)
	}
}

// TestUnmarkedWrites: a write that nobody marked refuses the fills whose goroutine
// began it, and others as long as their route may be the one that writes.
func TestUnmarkedWrites(t *testing.T) {
	t.Parallel()
	var book logbook
	c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{Route: func(r *http.Request) string { return r.URL.Path[:2] }})
	db := newToy(c)
	job := func() {
		r := db.unmarked()
		r.Wrote(false)
		r.End()
	}
	h := handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		if strings.HasSuffix(r.URL.Path, "/own") {
			job()
		}
		if strings.HasSuffix(r.URL.Path, "/near") {
			var beside sync.WaitGroup
			beside.Go(job)
			beside.Wait()
		}
	}))
	stored := func(path string, want string) {
		t.Helper()
		if r := get(h, path); !strings.Contains(r.status, want) {
			t.Errorf("%s: %s, want %s", path, r.status, want)
		}
		db.set("x", "")
	}
	stored("/a/calm", "stored")
	for range 5 {
		stored("/a/near", "not stored: unmarked write")
	}
	for range 3 {
		stored("/a/calm", "stored")
	}
	stored("/a/near", ";stored")
	stored("/b/near", "not stored: unmarked write") // another route
	stored("/a/own", "not stored: wrote")
	stored("/a/near", "not stored: unmarked write") // it is one that writes
	open := db.unmarked()
	open.Wrote(false)
	stored("/b/calm", "not stored: unmarked write")
	open.End()
	stored("/b/calm", ";stored")
	if s := c.Stats(); len(s.WritesInGET) != 1 || len(s.UntrackedReads) == 0 || book.count("a GET wrote") != 1 {
		t.Errorf("%v, %v", s.WritesInGET, s.UntrackedReads)
	}
	// Load outside of any request learns for itself.
	part := func(near bool) (ran bool) {
		load(t.Context(), t, c, "k", func(ctx context.Context) (int, error) {
			ran = true
			db.get(ctx, "x")
			if near {
				var beside sync.WaitGroup
				beside.Go(job)
				beside.Wait()
			}
			return 0, nil
		})
		return ran
	}
	part(true)
	if !part(true) {
		t.Error("stored although somebody wrote meanwhile")
	}
	for range 3 {
		part(false)
		db.set("x", "")
	}
	part(true)
	if part(true) {
		t.Error("not stored because of somebody's write")
	}
}
