package unstale

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// watch is what is recorded for those who look on. The change of a fall is known
// where Options.History remembers it.
type watch struct {
	watchers atomic.Int32 // how many watch
	once     sync.Once
	ended    chan struct{} // closed with the cache

	mu       sync.Mutex
	falls    map[*Change]*Fall // by change; nil is one that is forgotten
	latest   []*Change         // keys of falls, a ring, the oldest at next
	next     int
	writes   map[string]*WriteStats
	verified []Verification // a ring, whatever is watched: there are few
	verifies int            // index of the oldest
}

// Bounds of what is recorded. What is beyond is counted under "other".
const (
	hitSample     = 64  // of so many hits one is timed
	maxFalls      = 256 // changes
	maxFallRoutes = 16  // of one change
	maxWrites     = 500 // kinds of writes
	maxVerified   = 32
)

// routeTimes are recorded of a route while somebody watches.
type routeTimes struct{ hit, fill durations }

// watched returns what is recorded of the route's times.
func (r *routeCounters) watched() *routeTimes {
	if t := r.times.Load(); t != nil {
		return t
	}
	r.times.CompareAndSwap(nil, new(routeTimes))
	return r.times.Load()
}

// A Fall is what a change made fall, as far as it was asked for again.
type Fall struct {
	Change *Change     // nil: it is not known any more
	Fell   uint64      // stored answers, and results of Load
	InVain uint64      // of those, answers that were made anew with the same entity tag
	Routes []RouteFall // the one of which most fell first; the last may be "other"
}

// A RouteFall is what fell of one route.
type RouteFall struct {
	Route        string // "(Load)" for results of Load, "(elsewhere)" for answers from a shared store
	Fell, InVain uint64
}

// WriteStats count what changes of one kind made fall.
type WriteStats struct {
	Write   string // such as "update cards (stars)"; a cause, or what kind of target was named, where it was no row
	Changes uint64
	Fell    uint64 // as of a Fall
	InVain  uint64
}

// A Verification is what came of a hit that was recomputed.
type Verification struct {
	Time    time.Time
	Route   string
	Outcome string // "same", "differed" or "undecided"
}

// What stands among routes for results of Load, and for answers that another process
// has made.
const (
	routeOfLoads  = "(Load)"
	routeOfOthers = "(elsewhere)"
)

// on reports whether somebody watches.
func (w *watch) on() bool { return w.watchers.Load() > 0 }

func (w *watch) end() { w.once.Do(func() { close(w.ended) }) }

// changed counts a change.
func (w *watch) changed(ch *Change) {
	if !w.on() {
		return
	}
	name := ch.kind()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(name).Changes++
}

// fell counts that a change, or nobody knows which, made an entry fall.
func (w *watch) fell(e *Entry, ch *Change) {
	route := routeOfLoads
	if e.route != nil {
		route = e.route.name
		e.route.fell.Add(1)
	} else if e.kind == kindResponse {
		route = routeOfOthers
	}
	w.count(route, ch, func(fell, _ *uint64) { *fell++ })
}

// inVain counts that what it made fall was made anew as it was.
func (w *watch) inVain(r *routeCounters, ch *Change) {
	r.inVain.Add(1)
	w.count(r.name, ch, func(_, inVain *uint64) { *inVain++ })
}

// count lets add count at each place where the fall is counted.
func (w *watch) count(route string, ch *Change, add func(fell, inVain *uint64)) {
	name := ch.kind()
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.fall(ch)
	add(&f.Fell, &f.InVain)
	r := f.route(route)
	add(&r.Fell, &r.InVain)
	k := w.write(name)
	add(&k.Fell, &k.InVain)
}

// fall returns what is counted of a change. The caller holds mu.
func (w *watch) fall(ch *Change) *Fall {
	if f := w.falls[ch]; f != nil {
		return f
	}
	if w.falls == nil {
		w.falls = make(map[*Change]*Fall)
	}
	f := &Fall{Change: ch}
	w.falls[ch] = f
	if len(w.latest) < maxFalls {
		w.latest = append(w.latest, ch)
		return f
	}
	delete(w.falls, w.latest[w.next])
	w.latest[w.next] = ch
	w.next = (w.next + 1) % maxFalls
	return f
}

func (f *Fall) route(name string) *RouteFall {
	for i := range f.Routes {
		if f.Routes[i].Route == name {
			return &f.Routes[i]
		}
	}
	if len(f.Routes) >= maxFallRoutes {
		name = otherLabel
		if last := &f.Routes[len(f.Routes)-1]; last.Route == name {
			return last
		}
	}
	f.Routes = append(f.Routes, RouteFall{Route: name})
	return &f.Routes[len(f.Routes)-1]
}

// write returns the counters of a kind of writes. The caller holds mu.
func (w *watch) write(name string) *WriteStats {
	if w.writes == nil {
		w.writes = make(map[string]*WriteStats)
	}
	k := w.writes[name]
	if k == nil {
		if len(w.writes) >= maxWrites {
			name = otherLabel
		}
		if k = w.writes[name]; k == nil {
			k = &WriteStats{Write: name}
			w.writes[name] = k
		}
	}
	return k
}

// verify remembers a verification.
func (w *watch) verify(route, outcome string) {
	v := Verification{Time: time.Now(), Route: route, Outcome: outcome}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.verified) < maxVerified {
		w.verified = append(w.verified, v)
		return
	}
	w.verified[w.verifies] = v
	w.verifies = (w.verifies + 1) % maxVerified
}

// kind says what a change was, without a value: what was done to which tables, and
// to which of their columns.
func (ch *Change) kind() string {
	if ch == nil {
		return "a change that is forgotten"
	}
	var parts []string
	for _, r := range ch.Rows {
		s := "rows of " + r.Table
		if r.Operation != "" {
			s = r.Operation + " " + r.Table
		}
		if len(r.Columns) > 0 {
			s += " (" + strings.Join(r.Columns, " ") + ")"
		}
		if !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		for _, t := range ch.Targets {
			if word, _, _ := strings.Cut(t, " "); (word == "tag" || word == "key" || word == "pattern") && !slices.Contains(parts, word) {
				parts = append(parts, word)
			}
		}
		if len(parts) == 0 {
			return ch.Cause
		}
		return ch.Cause + " by " + strings.Join(parts, ", ")
	}
	slices.Sort(parts)
	return cut(strings.Join(parts, ", "))
}
