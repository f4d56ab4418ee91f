package versioned_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/cmd/internal/checker"
	"github.com/unstale/unstale/cmd/internal/versioned"
)

// replica reads from a copy that gets each write some milliseconds later.
func replica(t *testing.T, next http.Handler) http.Handler {
	copied := uncached(t)
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	var once sync.Map // the first write of an item reaches both at once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			copied.ServeHTTP(w, r)
			return
		}
		reply := ask(next, r)
		later := httptest.NewRequest(r.Method, r.URL.String(), nil)
		if _, known := once.LoadOrStore(itemOf(r), true); known {
			wg.Go(func() {
				time.Sleep(3 * time.Millisecond)
				ask(copied, later)
			})
		} else {
			ask(copied, later)
		}
		replay(w, reply)
	})
}

// staleWhileRevalidate serves what a write has invalidated once more, and asks
// anew meanwhile.
func staleWhileRevalidate(t *testing.T, next http.Handler) http.Handler {
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	n := newNaive(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.order.RLock()
		defer n.order.RUnlock()
		if r.Method != http.MethodGet {
			reply := ask(next, r)
			n.each(itemOf(r), func(key string, e *stored) {
				n.entries[key] = &stored{request: e.request, reply: e.reply, old: true}
			})
			replay(w, reply)
			return
		}
		key := n.key(r)
		if e := n.get(key); e != nil && e.old {
			again := r.Clone(t.Context())
			wg.Go(func() { n.put(key, &stored{request: again, reply: ask(next, again)}) })
			replay(w, e.reply)
			return
		}
		n.read(w, r)
	})
}

// A counted cache judges entries by counters of its items, which a write raises
// between its commit and its acknowledgement. Without marks of what is in flux,
// or when it looks at them too early or too late, that is not enough.
type counted struct {
	*naive
	state sync.Mutex
	count map[string]int64
	flux  map[string]int
	marks bool // writes mark what is in flux
}

func newCounted(next http.Handler, marks bool) *counted {
	return &counted{naive: newNaive(next), count: make(map[string]int64), flux: make(map[string]int), marks: marks}
}

func (c *counted) change(item string, count int64, flux int) {
	c.state.Lock()
	defer c.state.Unlock()
	c.count[item] += count
	c.flux[item] += flux
}

func (c *counted) counter(item string) int64 {
	c.state.Lock()
	defer c.state.Unlock()
	return c.count[item]
}

func (c *counted) inFlux(item string) bool {
	c.state.Lock()
	defer c.state.Unlock()
	return c.marks && c.flux[item] > 0
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	item := itemOf(r)
	switch {
	case r.Method != http.MethodGet:
		c.change(item, 0, 1)
		reply := ask(c.next, r)
		time.Sleep(4 * time.Millisecond) // the commit is visible, the counter not raised
		c.change(item, 1, 0)
		c.change(item, 0, -1)
		replay(w, reply)
	case cacheable(r) && !strings.HasPrefix(r.URL.Path, "/shelves/") && !strings.HasPrefix(r.URL.Path, "/both/"):
		e := c.get(c.key(r))
		valid := e != nil && e.version == c.counter(item)
		if valid && c.marks {
			time.Sleep(4 * time.Millisecond) // the version is looked at before the mark
		}
		if valid && !c.inFlux(item) {
			replay(w, e.reply)
			return
		}
		version := c.counter(item)
		e = &stored{request: r, version: version, reply: ask(c.next, r)}
		if !c.inFlux(item) {
			c.put(c.key(r), e)
		}
		replay(w, e.reply)
	default:
		c.next.ServeHTTP(w, r)
	}
}

func withoutFlux(_ *testing.T, next http.Handler) http.Handler { return newCounted(next, false) }

func versionBeforeFlux(_ *testing.T, next http.Handler) http.Handler { return newCounted(next, true) }

// joinAnything lets a request join a read that is under way, even one that
// began before the last write was acknowledged. It stores nothing.
func joinAnything(_ *testing.T, next http.Handler) http.Handler {
	type flight struct {
		done  chan struct{}
		reply *httptest.ResponseRecorder
	}
	var mu sync.Mutex
	flights := make(map[string]*flight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cacheable(r) {
			next.ServeHTTP(w, r)
			return
		}
		key := wholeKey(r)
		mu.Lock()
		f := flights[key]
		if f != nil {
			mu.Unlock()
			<-f.done
			replay(w, f.reply)
			return
		}
		f = &flight{done: make(chan struct{})}
		flights[key] = f
		mu.Unlock()
		f.reply = ask(next, r)
		mu.Lock()
		delete(flights, key)
		mu.Unlock()
		close(f.done)
		replay(w, f.reply)
	})
}

// fragments puts the answer about a pair together from two entries, which a
// write invalidates one after the other. Everything else is not cached.
func fragments(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	fragment := func(r *http.Request, name string) (version int64) {
		n.order.RLock()
		defer n.order.RUnlock()
		item := r.Clone(r.Context())
		item.URL.Path = "/items/" + itemOf(r)
		e := n.get(name + itemOf(r))
		if e == nil {
			e = &stored{request: item, reply: ask(next, item)}
			n.put(name+itemOf(r), e)
		}
		var got struct{ Version int64 }
		_ = json.Unmarshal(e.reply.Body.Bytes(), &got)
		return got.Version
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			n.order.Lock()
			reply := ask(next, r)
			n.put("item"+itemOf(r), nil)
			n.order.Unlock()
			time.Sleep(time.Millisecond)
			n.order.Lock()
			n.put("twin"+itemOf(r), nil)
			n.order.Unlock()
			replay(w, reply)
		case strings.HasPrefix(r.URL.Path, "/pairs/"):
			fmt.Fprintf(w, `{"key":%s,"version":%d,"twin":%d}`, itemOf(r), fragment(r, "item"), fragment(r, "twin"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// TestMistakes points the checker at caches with one mistake each. It must find
// it, and say what kind it is.
func TestMistakes(t *testing.T) {
	const stale, backwards = checker.Stale, checker.Backwards
	for name, m := range map[string]struct {
		cache func(*testing.T, http.Handler) http.Handler
		want  []checker.Kind
		leave float64
	}{
		"lifetime only":                 {lifetimeOnly, []checker.Kind{stale, backwards, checker.Torn}, 0},
		"invalidates before the write":  {invalidateBefore, []checker.Kind{stale, backwards}, 0},
		"invalidates after the answer":  {invalidateLate, []checker.Kind{stale, backwards}, 0},
		"stores what a write overtook":  {storeBlindly, []checker.Kind{stale, backwards}, 0},
		"key without the query":         {forgetQuery, []checker.Kind{checker.OtherKey}, 0},
		"key without who asks":          {forgetOwner, []checker.Kind{checker.OtherOwner}, 0},
		"one path is not invalidated":   {forgetPath, []checker.Kind{stale, backwards}, 0},
		"nobody waits for the answer":   {forgetIfGone, []checker.Kind{backwards}, 0.2},
		"reads from a replica":          {replica, []checker.Kind{stale, backwards}, 0},
		"stale while revalidate":        {staleWhileRevalidate, []checker.Kind{stale, backwards}, 0},
		"nothing in flux":               {withoutFlux, []checker.Kind{backwards}, 0},
		"version looked at before flux": {versionBeforeFlux, []checker.Kind{backwards}, 0},
		"joins an old flight":           {joinAnything, []checker.Kind{stale, backwards}, 0},
		"made of two entries":           {fragments, []checker.Kind{checker.Torn, backwards}, 0},
		"two reads, no transaction":     {twoReads, []checker.Kind{checker.Skewed}, 0},
		"one part is made anew":         {refreshesParts, []checker.Kind{checker.Skewed}, 0},
		"two copies, two orders":        {twoOrders, []checker.Kind{checker.Skewed}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := everything(t, serve(t, m.cache(t, uncached(t))))
			c.Duration, c.Histories, c.First, c.Leave = 20*time.Second, 4000, true, m.leave
			if slices.Contains(m.want, checker.Skewed) {
				c.Keys, c.Writes = 2, 0.3 // two writes must go on while both keys are read
			}
			r, err := checker.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Print(t.Output()); err != nil {
				t.Error(err)
			}
			v := r.Earliest()
			if v == nil {
				t.Fatal("not found")
			}
			if !slices.Contains(m.want, v.Kind) {
				t.Errorf("found %s, want %v", v.Kind, m.want)
			}
			if (v.Kind == stale || v.Kind == backwards || v.Kind == checker.Skewed) && !v.Confirmed() {
				t.Error("the checker of linearizability finds nothing wrong with it")
			}
			also := m.want
			if !slices.Contains(m.want, checker.Skewed) { // of which each key by itself is fine
				also = append(also, checker.NotLinearizable, checker.Skewed)
			}
			for kind := range maps.Keys(r.Violations) {
				if !slices.Contains(also, kind) {
					t.Errorf("also found %s", kind)
				}
			}
		})
	}
}

// TestNoFalseAlarm points it at the service without a cache, and behind a cache
// written by hand without a mistake.
func TestNoFalseAlarm(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"no cache":      uncached(t),
		"careful cache": newNaive(uncached(t)),
		"unstale":       open(t, versioned.Options{Cache: unstale.Options{MaxBytes: 1 << 16}, Pause: time.Millisecond}).Handler(),
	} {
		t.Run(name, func(t *testing.T) {
			c := everything(t, serve(t, h))
			c.Duration, c.Leave = 2*time.Second, 0.05
			r, err := checker.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Print(t.Output()); err != nil {
				t.Error(err)
			}
			if r.Wrong() > 0 || r.Unknown == 0 || r.Left == 0 || r.Together == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}
