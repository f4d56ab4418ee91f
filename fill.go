package unstale

import (
	"slices"
	"sync"
	"time"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/goroutine"
	"github.com/unstale/unstale/internal/ledger"
)

// Why a fill's result is not stored, in the words that appear in Cache-Status
// and as a metric's label. Adapters and rfc9111 add words of their own.
const (
	refusedNoStore    = "no-store requested"
	refusedWrote      = "wrote"
	refusedUntracked  = "untracked read"
	refusedNear       = "unmarked write"
	refusedUnread     = "rows left open"
	refusedUnknown    = "nothing known"
	refusedExpired    = "expired at once"
	refusedContext    = "context value from outside"
	refusedIdentity   = "identity failed"
	refusedLeft       = "client left"
	refusedTooMany    = "too many dependencies"
	refusedTooLarge   = "too large"
	refusedStreamed   = "streamed"
	refusedIncomplete = "incomplete"
	refusedFailed     = "failed"
	refusedPanicked   = "panicked"
	refusedOtherCache = "another cache"
	refusedHidden     = "varies by credentials"
	refusedRenewed    = "credential renewed"
	refusedClosed     = "source closed"
)

// maxDependencies bounds what one fill may depend on.
const maxDependencies = 1 << 16

// A fill is one run of a handler, of HandlerOptions.Identity or of a function given to
// Load. It collects what the result is made of and whether it may be stored.
// Code that the fill runs may use it from several goroutines.
type fill struct {
	engine   *engine
	number   uint16         // by which its goroutine is known, or 0
	mark     goroutine.Mark // of its goroutine and of those that it starts, if it has one
	verifies bool           // its result is compared, not stored; set before it runs
	route    string         // on which it runs
	learns   bool           // it shows whether that writes

	// Guarded by unmarked.mu.
	place int        // in unmarked.fills
	owes  []*reading // that are asked at its end
	near  bool       // an unmarked write ran while it was open

	mu       sync.Mutex
	asOf     uint64 // before anything that the result is made of was read
	slots    []ledger.Slot
	keys     []string  // of the stored results it used
	chosen   []string  // inputs that select it because it looked at them, sorted
	compact  [2]int    // lengths of slots and keys when they were last compacted
	notes    notes     // where slots come from, if that is remembered
	expires  time.Time // zero: no limit of its own
	awaited  int       // announcements of dependencies that are still to come
	asked    bool      // it looked at who asks
	informed bool      // something is known of what it depends on
	unsure   bool      // nothing is known of a part of it
	ages     bool      // it may be out of date until it expires
	passing  bool      // it looked at what may end with its request
	wrote    bool      // it did, or something may have for it
	took     bool      // dependencies of reads that may not be its own
	refused  string    // why the result, and what is made from it, may not be stored
	because  string    // which statement or place in the program that is due to, or ""
	alone    string    // why the result may not be stored, though what is made from it may

	// Where entries are shared.
	kinds []string // of its dependencies, none twice
	parts uint64   // the stored results it used were made after it, if any; 0: there are none
	local bool     // it depends on what other processes do not hear of
}

// begin starts a fill on a route, or of Load outside of any. Its asOf precedes
// everything the fill will read. learns says that it shows whether the route
// writes.
func (c *engine) begin(route string, learns bool) *fill {
	f := &fill{engine: c, route: route, learns: learns}
	c.unmarked.open(f, true)
	return f
}

// end closes the fill; afterwards unmarked reads do not concern it.
func (f *fill) end() {
	f.engine.unmarked.close(f)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.awaited > 0 {
		f.abandon(refusedUnread)
	}
	if f.took {
		f.engine.stats.load().tookOver.Add(1)
	}
}

// await adds delta to the number of announced dependencies.
func (f *fill) await(delta int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited += delta
}

// dependOn adds dependencies that are read from s, or are tags if it is nil. None
// say nothing: what a statement that reads no table answers may be made of anything.
func (f *fill) dependOn(s *source, d adapter.Dependencies) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.informed = f.informed || len(d.Hashes) > 0
	f.add(s, d)
}

// takeOver adds what an unmarked read says. Only what the fill's own goroutine
// reads makes known what the result depends on.
func (f *fill) takeOver(s *source, d adapter.Dependencies, own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if own {
		f.informed = f.informed || len(d.Hashes) > 0
	} else {
		f.took = true
	}
	f.add(s, d)
}

// add adds dependencies. The caller holds mu.
func (f *fill) add(s *source, d adapter.Dependencies) {
	f.asOf = min(f.asOf, d.AsOf)
	for _, h := range d.Hashes {
		f.slots = append(f.slots, f.engine.ledger.Slot(h))
	}
	if f.engine.sharing != nil {
		f.local = f.local || d.Alone || s == nil || s.positioned == nil
		f.addKinds(d.Kinds)
	}
	if f.engine.history != nil {
		added := f.slots[len(f.slots)-len(d.Hashes):]
		for _, from := range d.From {
			f.notes.add(added[:from.Count], from.Origin)
			added = added[from.Count:]
		}
	}
	if s != nil {
		f.readFrom(s)
	}
	f.bound()
}

// maxKinds bounds what is remembered of how commits have to be described.
const maxKinds = 256

// addKinds adds kinds of dependencies. The caller holds mu.
func (f *fill) addKinds(kinds []string) {
	for _, k := range kinds {
		switch {
		case slices.Contains(f.kinds, k):
		case len(f.kinds) >= maxKinds:
			f.local = true
			return
		default:
			f.kinds = append(f.kinds, k)
		}
	}
}

// stayHere says that other processes do not hear of something that the result depends on.
func (f *fill) stayHere() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.local = true
}

// lineage returns what others have to know of the result. The caller holds mu.
func (f *fill) lineage() *lineage {
	if f.engine.sharing == nil {
		return nil
	}
	l := &lineage{kinds: slices.Clone(f.kinds), made: f.asOf, alone: f.local || f.ages}
	if f.parts > 0 {
		l.made = min(l.made, f.parts)
	}
	return l
}

// useLineage hands on what others have to know of a stored result. The caller holds mu.
func (f *fill) useLineage(l *lineage) {
	if f.engine.sharing == nil {
		return
	}
	if l == nil {
		f.local = true
		return
	}
	f.local = f.local || l.alone
	f.addKinds(l.kinds)
	if f.parts == 0 || l.made < f.parts {
		f.parts = max(l.made, 1)
	}
}

// dependOnSlot adds a dependency that makes nothing known of what the result is
// made of.
func (f *fill) dependOnSlot(s ledger.Slot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots = append(f.slots, s)
	f.bound()
}

// readFrom adds the whole of a source, which is asked beside the read what was
// written before. The caller holds mu.
func (f *fill) readFrom(s *source) {
	f.slots = append(f.slots, s.whole)
	if s.closed.Load() {
		f.abandon(refusedClosed)
	}
	s.nudge(lookAgain)
}

// bound keeps slots and keys short, however long the fill lasts. The caller
// holds mu and calls it after adding to either.
func (f *fill) bound() {
	if f.refused != "" {
		f.slots, f.keys, f.notes = nil, nil, notes{} // nobody will ask
		return
	}
	if len(f.slots) >= 64+2*f.compact[0] {
		f.slots = ledger.Compact(f.slots)
		f.compact[0] = len(f.slots)
	}
	if len(f.keys) >= 16+2*f.compact[1] {
		slices.Sort(f.keys)
		f.keys = slices.Compact(f.keys)
		f.compact[1] = len(f.keys)
	}
	if max(f.compact[0], f.compact[1]) > maxDependencies {
		f.abandon(refusedTooMany)
	}
}

// abandon is refuse for callers that hold mu.
func (f *fill) abandon(reason string) {
	if f.refused == "" {
		f.refused = reason
		f.slots, f.keys, f.notes = nil, nil, notes{}
	}
}

// refuse makes the result, and whatever is made from it, unstorable.
func (f *fill) refuse(reason string) { f.refuseFor(reason, "") }

// refuseFor is refuse that says which statement or place in the program it is due
// to.
func (f *fill) refuseFor(reason, because string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused == "" {
		f.because = because
	}
	f.abandon(reason)
}

// dueTo returns which statement or place in the program it is due to that the
// result may not be stored, or "".
func (f *fill) dueTo() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.because
}

// write notes that the fill writes, or may do so, for which reason its result is
// not stored.
func (f *fill) write(reason, because string) {
	f.mu.Lock()
	f.wrote = true
	f.mu.Unlock()
	f.refuseFor(reason, because)
}

func (f *fill) hasWritten() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wrote
}

// refuseAlone makes the result unstorable, but not what is made from it.
func (f *fill) refuseAlone(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alone == "" {
		f.alone = reason
	}
}

// ask records that the result depends on who asks.
func (f *fill) ask() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = true
}

// lookAtPassing records that the fill looked at what may end with its request.
func (f *fill) lookAtPassing() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passing = true
}

func (f *fill) looksAtPassing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passing
}

// choose records that the result depends on an input that selects only where
// somebody looks at it.
func (f *fill) choose(input string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chosen = union(f.chosen, []string{input})
	f.local = true // it is numbered by process, or an address of this one
}

func (f *fill) selectedBy() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chosen
}

func (f *fill) hasAsked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// reason returns why the result may not be stored, or "".
func (f *fill) reason() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// expireAt shortens the life of the result.
func (f *fill) expireAt(t time.Time) {
	if t.IsZero() {
		t = time.Unix(0, 0) // long past, too, but not "no limit"
	}
	if t == t.Round(0) { // it has no monotonic reading
		now := clock.Now()
		t = now.Add(t.Sub(now))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expires = earlier(f.expires, t)
	f.informed = true
	f.local = true // it ends by the clock of this machine
}

// age says that the result may be out of date until it expires.
func (f *fill) age() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ages = true
}

// use hands on to f what a fill that has ended was made of, because f is made
// from its result.
func (f *fill) use(inner *fill) {
	inner.mu.Lock()
	defer inner.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asOf = min(f.asOf, inner.asOf)
	f.slots = append(f.slots, inner.slots...)
	f.notes.merge(&inner.notes)
	f.keys = append(f.keys, inner.keys...)
	f.expires = earlier(f.expires, inner.expires)
	f.asked = f.asked || inner.asked
	f.chosen = union(f.chosen, inner.chosen)
	f.informed = f.informed || inner.informed
	f.unsure = f.unsure || inner.unsure
	f.ages = f.ages || inner.ages
	f.local = f.local || inner.local
	f.addKinds(inner.kinds)
	if inner.parts > 0 && (f.parts == 0 || inner.parts < f.parts) {
		f.parts = inner.parts
	}
	f.wrote = f.wrote || inner.wrote
	if inner.refused != "" {
		if f.refused == "" {
			f.because = inner.because
		}
		f.abandon(inner.refused)
	}
	f.bound()
}

// useStored hands on to f what a stored result depends on, which was found
// valid after the sequence number found was read. The result's own asOf does not
// matter: it is as good as one computed at found.
func (f *fill) useStored(e *Entry, found uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asOf = min(f.asOf, found)
	f.slots = append(f.slots, e.record.Slots...)
	f.notes.merge(&e.notes)
	f.keys = append(f.keys, e.record.Keys...)
	// Since it was stored the clock on the wall may have been set.
	now := clock.Now()
	f.expires = earlier(f.expires, now.Add(e.remaining(now)))
	f.asked = f.asked || e.asked
	f.ages = f.ages || e.ages
	f.useLineage(e.lineage)
	f.informed = true
	f.bound()
}

// current reports whether nothing that the fill has read so far has changed.
func (f *fill) current() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused == "" && f.engine.ledger.Check(&ledger.Record{AsOf: f.asOf, Slots: f.slots}) == ledger.Valid
}

// recorded returns what the result was made of, or from which sources alone where
// that is more than so many dependencies.
func (f *fill) recorded(most int) *ledger.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &ledger.Record{AsOf: f.asOf}
	if len(f.slots) <= 4*most {
		if slots := ledger.Compact(slices.Clone(f.slots)); len(slots) <= most {
			r.Slots = slots
			return r
		}
	}
	for _, s := range f.slots {
		if f.engine.ledger.IsWhole(s) && !slices.Contains(r.Slots, s) {
			r.Slots = append(r.Slots, s)
		}
	}
	return r
}

// seal turns what a fill that has ended collected into the frame of an entry to
// be stored under the name key, or says why the result may not be stored.
// lifetime is how long it may be stored where the fill knows of no earlier end.
func (f *fill) seal(key string, lifetime time.Duration, now time.Time) (*Entry, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.refused != "":
		return nil, f.refused
	case f.alone != "":
		return nil, f.alone
	}
	f.expires = earlier(f.expires, now.Add(lifetime))
	e := &Entry{engine: f.engine, created: now, expires: f.expires, asked: f.asked, ages: f.ages, passing: f.passing, lineage: f.lineage()}
	if !e.fresh(now) {
		return nil, refusedExpired
	}
	keySlot := f.engine.keySlot(key)
	e.record.AsOf = f.asOf
	// A clone, so that neither the room that the slots grew into nor the room of
	// duplicates is stored.
	e.record.Slots = slices.Clone(ledger.Compact(append(f.slots[:len(f.slots):len(f.slots)], keySlot)))
	if len(e.record.Slots) > maxDependencies {
		return nil, refusedTooMany
	}
	e.notes = f.notes.seal()
	e.record.Keys = append([]string{key}, f.keys...)
	slices.Sort(e.record.Keys)
	e.record.Keys = slices.Compact(e.record.Keys)
	return e, ""
}

// known reports whether anything is known of what the result, and each part of
// it that came from Load, depends on.
func (f *fill) known() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.informed && !f.unsure
}

// doubt says that nothing is known of what the result depends on. What is made
// from it may be stored only where the operator says so.
func (f *fill) doubt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsure = true
}

// useKey adds the key of a result that the fill was made from.
func (f *fill) useKey(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, key)
	f.slots = append(f.slots, f.engine.keySlot(key))
	f.bound()
}

// earlier returns the earlier of two limits; the zero time is no limit.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
