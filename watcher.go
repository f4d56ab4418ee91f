package unstale

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/unstale/unstale/internal/adapter"
)

// A Watcher looks on: see [Cache.Watch]. All methods may be called concurrently. That
// of a cache that is off sees nothing.
type Watcher struct {
	engine *engine // nil: of a cache that is off
	closed sync.Once
}

// Close ends the watching. Closing twice is fine.
func (w *Watcher) Close() {
	w.closed.Do(func() {
		if w.engine != nil {
			w.engine.watch.watchers.Add(-1)
		}
	})
}

// Ended is closed when the cache is, and never for one that is off.
func (w *Watcher) Ended() <-chan struct{} {
	if w.engine == nil {
		return nil
	}
	return w.engine.watch.ended
}

// Falls returns the latest changes that are remembered, at most n, the newest first,
// with what they made fall, if anything.
func (w *Watcher) Falls(n int) (list []Fall) {
	if w.engine == nil {
		return nil
	}
	changes := w.engine.history.recent(w.engine.ledger.Seq(), n)
	x := &w.engine.watch
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, ch := range changes {
		f := Fall{Change: ch}
		if known := x.falls[ch]; known != nil {
			f = *known
			f.Routes = slices.Clone(known.Routes)
			slices.SortStableFunc(f.Routes, func(a, b RouteFall) int {
				return cmp.Or(cmp.Compare(order(a.Route), order(b.Route)), cmp.Compare(b.Fell, a.Fell), cmp.Compare(a.Route, b.Route))
			})
		}
		list = append(list, f)
	}
	return list
}

// order puts what others are counted under last.
func order(name string) int {
	if name == otherLabel {
		return 1
	}
	return 0
}

// Writes returns what changes made fall, by their kind: the one that made most fall first.
func (w *Watcher) Writes() (list []WriteStats) {
	if w.engine == nil {
		return nil
	}
	x := &w.engine.watch
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.writes {
		list = append(list, *k)
	}
	slices.SortFunc(list, func(a, b WriteStats) int {
		return cmp.Or(cmp.Compare(order(a.Write), order(b.Write)), cmp.Compare(b.Fell, a.Fell), cmp.Compare(b.Changes, a.Changes), cmp.Compare(a.Write, b.Write))
	})
	return list
}

// Verifications returns the latest hits that were recomputed, the newest first.
func (w *Watcher) Verifications() []Verification {
	if w.engine == nil {
		return nil
	}
	x := &w.engine.watch
	x.mu.Lock()
	defer x.mu.Unlock()
	list := slices.Clone(x.verified)
	slices.SortStableFunc(list, func(a, b Verification) int { return b.Time.Compare(a.Time) })
	return list
}

// Entries returns how many answers of each route are stored, and of results of Load.
// It walks over at most so many entries of the store; where there are more it says
// how many that are if the others are like these.
func (w *Watcher) Entries(most int) map[string]int {
	if w.engine == nil {
		return nil
	}
	counts, n := make(map[string]int), 0
	w.engine.store.Range(func(_ string, e *Entry) bool {
		switch {
		case e.kind == kindValue:
			counts[routeOfLoads]++
		case e.kind == kindResponse && e.route != nil:
			counts[e.route.name]++
		case e.kind == kindResponse:
			counts[routeOfOthers]++
		}
		n++
		return n < most
	})
	if all := w.engine.store.Stats().Entries; n == most && all > n {
		for route := range counts {
			counts[route] = int(float64(counts[route]) * float64(all) / float64(n))
		}
	}
	return counts
}

// A Claim is what a source promises, and of what.
type Claim struct {
	Source   string   // its name
	Tier     string   // "S": tells of each change before it is visible; "P": is asked before anything is served; "declared": followed by a tag
	Claim    string   // in a sentence
	Followed []string // tables
	Coarse   []string // of those, tables of which everything falls at each change
	Blind    []string // what is not followed, and why: what is made of it is not stored
}

// Claims returns what the sources promise.
func (w *Watcher) Claims() (list []Claim) {
	if w.engine == nil {
		return nil
	}
	w.engine.sources.named(func(name string, s *source) {
		c := Claim{Source: name, Tier: "declared", Claim: "It is asked before anything is served that is declared to depend on it"}
		if says, ok := s.Source.(adapter.Claimer); ok {
			x := says.Claim()
			c.Tier, c.Claim, c.Followed, c.Coarse, c.Blind = x.Tier, x.Text, x.Followed, x.Coarse, x.Blind
		}
		list = append(list, c)
	})
	return list
}

// SourceStats are those of one source.
type SourceStats struct {
	Source   string    // its name, with a number if it is not the first of that name
	Prompt   bool      // it answers at once, from memory: its looks are not counted
	LookTime Histogram // of its looks
	Failed   uint64    // looks that ended in an error or a panic
	Degraded time.Time // since when they do; zero if the last one did not
}

// named calls f for each source, with a name that no other one has.
func (ss *sources) named(f func(name string, s *source)) {
	seen := make(map[string]int)
	for _, s := range ss.all() {
		name := s.name
		if seen[s.name]++; seen[s.name] > 1 {
			name += " " + strconv.Itoa(seen[s.name])
		}
		f(name, s)
	}
}

func (s *source) snapshot(name string) SourceStats {
	out := SourceStats{Source: name, Prompt: s.prompt || s.Source == nil, LookTime: s.looks.snapshot(), Failed: s.failed.Load()}
	if since := s.since.Load(); since != nil {
		out.Degraded = *since
	}
	return out
}

// Quantile returns about the duration that a share q of those counted do not exceed,
// from 0 to 1; 0 if nothing was counted.
func (h Histogram) Quantile(q float64) time.Duration {
	var total uint64
	for _, n := range h.Counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := q * float64(total)
	for i, n := range h.Counts {
		if rank > float64(n) {
			rank -= float64(n)
			continue
		}
		if i == len(h.Bounds) {
			break // longer than any bound
		}
		low := time.Duration(0)
		if i > 0 {
			low = h.Bounds[i-1]
		}
		return low + time.Duration(float64(h.Bounds[i]-low)*rank/float64(max(n, 1)))
	}
	return h.Bounds[len(h.Bounds)-1]
}

// recent returns the latest changes up to a sequence number, at most n, the newest
// first.
func (h *history) recent(seq uint64, n int) (list []*Change) {
	if h == nil {
		return nil
	}
	for i := uint64(0); i < uint64(len(h.changes)) && i <= seq && len(list) < n; i++ {
		if ch := h.change(seq - i); ch != nil {
			list = append(list, ch)
		}
	}
	return list
}
