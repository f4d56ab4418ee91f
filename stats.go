package unstale

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are counters since New or the last ResetStats, for metrics and people.
// Maps are keyed by short stable words and hold what occurred only.
type Stats struct {
	Routes map[string]RouteStats // by HandlerOptions.Route
	Loads  LoadStats

	Verified VerifyStats // of HandlerOptions.VerifyShare
	Shadowed VerifyStats // of runs without a request's credentials, beside those that saw them
	Looks    LookStats   // of sources that do not answer at once
	Sources  []SourceStats
	Shared   SharedStats // of the store that is shared with other processes

	Refused       map[string]uint64 // results not stored, those of Load included, by reason
	Invalidations map[string]uint64 // by cause: write, tag, key, pattern, unsafe method, difference, or why everything fell, or all of a table
	RowsCaptured  uint64            // row changes seen by database adapters
	Coarse        []CoarseStatement // statements whose dependencies are coarser than their text allows
	CoarseWrites  map[string]uint64 // tables in commits, of each of which all that was read fell, by reason: too many rows, and the like

	UnmarkedReads  uint64            // statements without the request's context, nor that of Outside
	TookOver       uint64            // fills that took over dependencies of such reads, which may not be their own
	UntrackedReads map[string]uint64 // such statements, by call site, that made the fills unstorable that were open
	WritesInGET    map[string]uint64 // by call site
	ContextValues  map[string]uint64 // looks at context values from outside, by type of key

	Flux      Histogram // how long commits were in flux
	OpenFills int       // now
	Patterns  int       // in force and not yet worked off, now
	Store     StoreStats
}

// RouteStats are the counters of one route.
type RouteStats struct {
	Hits     uint64            // answers served from an entry
	Bounded  uint64            // of those, answers on a look that was older than the request, as Policy.Within allows
	Joined   uint64            // requests answered by somebody else's fill
	Misses   map[string]uint64 // requests that ran the handler, by reason
	Bypassed map[string]uint64 // requests that passed by the cache, by reason
	Fills    uint64            // runs of the handler whose answer might have been stored
	Stored   uint64            // fills whose answer was stored
	Refused  map[string]uint64 // fills whose answer was not stored, by reason
	HitBytes uint64            // body bytes served from entries

	// Spent is how long the handler ran, by the reason why it had to: one of Misses, of
	// Refused where its answer was not stored, or of Bypassed.
	Spent map[string]time.Duration

	// The next five count as long as somebody watches (Cache.Watch).
	Saved      time.Duration // what the handler took when it made what hits were served from
	HitTime    Histogram     // of one hit in 64, from the door to the end of the answer; nothing if there was none
	FillTime   Histogram     // of fills, likewise
	Fell       uint64        // stored answers that fell by a change, and were asked for again; 0 where Options.History is negative
	FellInVain uint64        // of those, answers that were made anew with the same entity tag

	WouldHit    uint64 // report-only: what would have been a hit
	WouldDiffer uint64 // report-only: hits whose stored answer differed from the handler's
}

// LoadStats are the counters of Load.
type LoadStats struct {
	Hits, Misses, Joined uint64
	Bypassed             uint64 // calls that ran their function, because of what an open transaction had changed, or saw, or held: see Load
}

// LookStats count how often sources were asked whether they have caught up. What is
// made from one that does not answer stays, and is not served meanwhile.
type LookStats struct {
	Sent   uint64
	Failed uint64 // they ended in an error or a panic
	Late   uint64 // requests and loads that did not wait for the answer, or no longer
}

// A CoarseStatement is a statement whose dependencies are coarser than its text allows.
type CoarseStatement struct {
	Statement string // its text, bind parameters as written
	Reason    string
	Count     uint64        // its runs
	Remedy    string        // in a clause
	Spent     time.Duration // by handlers, to make stored answers anew that fell because of it alone
	Fell      uint64        // stored answers and results that fell because of it alone, and were asked for again; 0 where Options.History is negative
}

// A Histogram counts durations; Counts[i] holds those up to Bounds[i] that are
// above the bound before it, and the last element of Counts the rest.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64
	Sum    time.Duration
}

// Causes of invalidations by name or capture.
const (
	causeWrite           = "write"
	causeTag             = "tag"
	causeKey             = "key"
	causePattern         = "pattern"
	causeUnsafeMethod    = "unsafe method"
	causeDifference      = "difference"
	causeTooManyPatterns = "too many patterns"
)

// snapshot returns what has been counted.
func (c *engine) snapshot() Stats {
	s := c.stats.load()
	out := Stats{
		Routes: make(map[string]RouteStats),
		Loads: LoadStats{
			Hits: s.loads[loadHit].Load(), Misses: s.loads[loadMiss].Load(),
			Joined: s.loads[loadJoined].Load(), Bypassed: s.loads[loadBypassed].Load(),
		},
		Verified:       s.verified.snapshot(),
		Shadowed:       s.shadowed.snapshot(),
		Looks:          LookStats{Sent: s.looks.sent.Load(), Failed: s.looks.failed.Load(), Late: s.looks.late.Load()},
		Shared:         s.shared.snapshot(),
		Refused:        s.refused.snapshot(),
		Invalidations:  s.invalidations.snapshot(),
		RowsCaptured:   s.rowsCaptured.Load(),
		CoarseWrites:   s.coarseWrites.snapshot(),
		UnmarkedReads:  s.unmarked.Load(),
		TookOver:       s.tookOver.Load(),
		UntrackedReads: c.reports.snapshot(kindUntracked),
		WritesInGET:    c.reports.snapshot(kindWrote),
		ContextValues:  c.reports.snapshot(kindContext),
		Flux:           s.flux.snapshot(),
		OpenFills:      int(c.openFills.Load()),
		Store:          c.store.Stats(),
	}
	out.Patterns, _ = c.ledger.Bans()
	c.sources.named(func(name string, src *source) { out.Sources = append(out.Sources, src.snapshot(name)) })
	cost := make(map[string]time.Duration)
	s.routes.Range(func(k, v any) bool {
		r := v.(*routeCounters)
		out.Routes[k.(string)] = r.snapshot()
		r.coarse.each(func(statement string, l *label) { cost[statement] += time.Duration(l.spent.Load()) })
		return true
	})
	s.coarse.Range(func(k, v any) bool {
		f := k.(CoarseStatement)
		n := v.(*coarseCounters)
		f.Count, f.Fell, f.Spent, f.Remedy = n.runs.Load(), n.fell.Load(), cost[f.Statement], remedyFor(f.Reason)
		out.Coarse = append(out.Coarse, f)
		return true
	})
	slices.SortFunc(out.Coarse, func(a, b CoarseStatement) int {
		return cmp.Or(cmp.Compare(b.Fell, a.Fell), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// MissCount returns the sum of the misses of all reasons.
func (r RouteStats) MissCount() (n uint64) {
	for v := range maps.Values(r.Misses) {
		n += v
	}
	return n
}

// stats holds the counters in force.
type stats struct{ p atomic.Pointer[counters] }

func (s *stats) load() *counters {
	if p := s.p.Load(); p != nil {
		return p
	}
	s.p.CompareAndSwap(nil, new(counters))
	return s.p.Load()
}

type counters struct {
	routes        sync.Map // string -> *routeCounters
	routeCount    atomic.Int64
	loads         [4]atomic.Uint64
	verified      verifyCounters
	shadowed      verifyCounters
	looks         struct{ sent, failed, late atomic.Uint64 }
	shared        sharedCounters
	refused       labels
	invalidations labels
	rowsCaptured  atomic.Uint64
	unmarked      atomic.Uint64
	tookOver      atomic.Uint64
	coarse        sync.Map // CoarseStatement without counts -> *coarseCounters
	coarseCount   atomic.Int64
	coarseWrites  labels
	flux          durations
}

// Outcomes of Load.
const (
	loadHit = iota
	loadMiss
	loadJoined
	loadBypassed
)

func (s *stats) loadOutcome(outcome int)             { s.load().loads[outcome].Add(1) }
func (s *stats) refused(reason string)               { s.load().refused.add(reason, 1) }
func (s *stats) invalidation(cause string, n uint64) { s.load().invalidations.add(cause, n) }

// Bounds of what is told apart by name; the rest is counted under "other".
const (
	maxRoutes  = 1000
	maxCoarse  = 1000
	maxLabels  = 100
	otherLabel = "other"
)

// coarseCounters are those of a CoarseStatement.
type coarseCounters struct{ runs, fell atomic.Uint64 }

// coarse returns the counters of a statement that is coarse for a reason.
func (s *stats) coarse(statement, reason string) *coarseCounters {
	c := s.load()
	k := CoarseStatement{Statement: statement, Reason: reason}
	v, ok := c.coarse.Load(k)
	if !ok {
		if c.coarseCount.Add(1) > maxCoarse {
			k = CoarseStatement{Statement: otherLabel, Reason: otherLabel}
		}
		v, _ = c.coarse.LoadOrStore(k, new(coarseCounters))
	}
	return v.(*coarseCounters)
}

// route returns the counters of a route.
func (s *stats) route(name string) *routeCounters {
	c := s.load()
	v, ok := c.routes.Load(name)
	if !ok {
		if c.routeCount.Add(1) > maxRoutes {
			name = otherLabel
		}
		v, _ = c.routes.LoadOrStore(name, &routeCounters{name: name})
	}
	return v.(*routeCounters)
}

type routeCounters struct {
	name                                           string
	hits, bounded, joined, fills, stored, hitBytes atomic.Uint64
	wouldHit, wouldDiffer                          atomic.Uint64
	saved                                          atomic.Int64
	fell, inVain                                   atomic.Uint64
	times                                          atomic.Pointer[routeTimes] // nil until somebody watches
	misses, bypassed, refused                      labels
	differing                                      labels        // differences that were found, by key
	refilled                                       labels        // fills whose answer was stored, by the reason of their miss
	coarse                                         labels        // of those, after a fall because of a statement that is coarser than its text allows, by statement
	missed                                         atomic.Uint64 // requests whose answer was not stored, for a reason with a remedy

	worth worth
}

func (r *routeCounters) snapshot() RouteStats {
	s := RouteStats{
		Hits: r.hits.Load(), Bounded: r.bounded.Load(), Joined: r.joined.Load(), Fills: r.fills.Load(), Stored: r.stored.Load(), HitBytes: r.hitBytes.Load(),
		WouldHit: r.wouldHit.Load(), WouldDiffer: r.wouldDiffer.Load(),
		Misses: r.misses.snapshot(), Bypassed: r.bypassed.snapshot(), Refused: r.refused.snapshot(),
		Spent: make(map[string]time.Duration),
		Saved: time.Duration(r.saved.Load()), Fell: r.fell.Load(), FellInVain: r.inVain.Load(),
	}
	if t := r.times.Load(); t != nil {
		s.HitTime, s.FillTime = t.hit.snapshot(), t.fill.snapshot()
	}
	for _, by := range [...]*labels{&r.refilled, &r.bypassed, &r.refused} {
		by.each(func(reason string, l *label) {
			if spent := l.spent.Load(); spent > 0 {
				s.Spent[reason] += time.Duration(spent)
			}
		})
	}
	return s
}

// labels are counters by label.
type labels struct {
	m sync.Map // string -> *label
	n atomic.Int64
}

// A label is what is counted under one.
type label struct {
	n       atomic.Uint64
	spent   atomic.Int64           // in handlers
	because atomic.Pointer[string] // what it was the last time: a statement or a place in the program
	text    atomic.Pointer[passText]
}

// at returns what is counted under a label.
func (l *labels) at(name string) *label {
	v, ok := l.m.Load(name)
	if !ok {
		if l.n.Add(1) > maxLabels {
			name = otherLabel
		}
		v, _ = l.m.LoadOrStore(name, new(label))
	}
	return v.(*label)
}

func (l *labels) add(name string, n uint64) { l.at(name).n.Add(n) }

func (l *labels) each(f func(name string, l *label)) {
	l.m.Range(func(k, v any) bool {
		f(k.(string), v.(*label))
		return true
	})
}

func (l *labels) snapshot() map[string]uint64 {
	out := make(map[string]uint64)
	l.each(func(name string, l *label) { out[name] = l.n.Load() })
	return out
}

// last returns what a label was counted for the last time, or "".
func (l *label) last() string {
	if p := l.because.Load(); p != nil {
		return *p
	}
	return ""
}

var timeBounds = [...]time.Duration{
	10 * time.Microsecond, 30 * time.Microsecond, 100 * time.Microsecond, 300 * time.Microsecond,
	time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond,
	time.Second, 3 * time.Second, 10 * time.Second,
}

type durations struct {
	counts [len(timeBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (d *durations) observe(v time.Duration) {
	i := 0
	for i < len(timeBounds) && v > timeBounds[i] {
		i++
	}
	d.counts[i].Add(1)
	d.sum.Add(int64(v))
}

func (d *durations) snapshot() Histogram {
	h := Histogram{Bounds: slices.Clone(timeBounds[:]), Sum: time.Duration(d.sum.Load())}
	for i := range d.counts {
		h.Counts = append(h.Counts, d.counts[i].Load())
	}
	return h
}

// VerifyStats count what came of the hits drawn by HandlerOptions.VerifyShare.
type VerifyStats struct {
	Same      uint64 // recomputed, and nothing differed
	Differed  uint64 // and something did: logged, and the entry dropped
	Undecided uint64 // something changed meanwhile, or the handler failed, streamed, or did not want its answer stored
	Skipped   uint64 // not recomputed, because enough others were
}

type verifyCounters struct{ same, differed, undecided, skipped atomic.Uint64 }

func (v *verifyCounters) snapshot() VerifyStats {
	return VerifyStats{
		Same: v.same.Load(), Differed: v.differed.Load(), Undecided: v.undecided.Load(), Skipped: v.skipped.Load(),
	}
}
