package checker

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// How many operations on a key are kept.
const (
	keptWrites  = 64
	keptReads   = 192
	keptUnknown = 16
)

// An outcome is what became of a write.
type outcome int

const (
	acknowledged outcome = iota
	unknown
	refused
)

// An op is one read or write of a key, or a read of two. Times are since the
// start of the check.
type op struct {
	worker     int
	write      bool
	start, end time.Duration
	key        int
	version    int64
	two        bool    // it shows another key, too
	other      int     // which
	beside     int64   // the other's version
	outcome    outcome // of a write
	source     string  // of a read: its request, for people
	hit        bool    // of a read
	kind       Kind    // of a read
}

// A key is what is known of one register.
type key struct {
	id      int
	name    string
	version Extractor  // of its own in an answer
	other   Extractor  // of its neighbour's, if an answer shows both
	pair    *pair      // it and its neighbour; nil if no answer shows them together
	writing sync.Mutex // held over a write: versions reach the service in their order

	sent  atomic.Int64 // the newest version sent
	acked atomic.Int64 // the newest that was acknowledged
	seen  atomic.Int64 // the newest that anybody was given

	mu      sync.Mutex
	writes  ring
	reads   ring
	current *op // the write under way
	// The writes of unknown outcome that have left the ring and might still come
	// through: no later write is known to have been acknowledged before since.
	open  []op
	since time.Duration // everything acknowledged that has left the ring ended before
	lost  bool          // open was too short: until the next acknowledged write leaves the ring, nobody knows
}

// A ring keeps the last operations in the order of their ends.
type ring struct {
	ops  []op
	next int
}

// add keeps an operation and returns the one that it displaced.
func (r *ring) add(o op, limit int) (displaced op, full bool) {
	if len(r.ops) < limit {
		r.ops = append(r.ops, o)
		return op{}, false
	}
	displaced = r.ops[r.next]
	r.ops[r.next] = o
	r.next = (r.next + 1) % limit
	return displaced, true
}

func raise(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if v <= old || a.CompareAndSwap(old, v) {
			return
		}
	}
}

// begin notes that a write is about to be sent.
func (k *key) begin(o op) {
	k.sent.Store(o.version)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = &o
}

// wrote notes what became of the write under way.
func (k *key) wrote(end time.Duration, what outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := *k.current
	k.current = nil
	o.end, o.outcome = end, what
	if what == acknowledged {
		raise(&k.acked, o.version)
	}
	old, full := k.writes.add(o, keptWrites)
	switch {
	case !full || old.outcome == refused:
	case old.outcome == acknowledged:
		k.since, k.open, k.lost = old.end, k.open[:0], false
	case len(k.open) == keptUnknown:
		k.lost = true
	default:
		k.open = append(k.open, old)
	}
}

// A bar is what an answer must at least show.
type bar struct{ acked, seen int64 }

// bar is taken before a request is sent.
func (k *key) bar() bar { return bar{k.acked.Load(), k.seen.Load()} }

// read judges an answer that shows versions from least to greatest, and notes it.
func (k *key) read(o op, b bar, least, greatest int64) op {
	o.version = least
	switch {
	case greatest > k.sent.Load():
		o.kind = Invented
	case least < b.acked:
		o.kind = Stale
	case least != greatest:
		o.kind = Torn
	case least < b.seen:
		o.kind = Backwards
	}
	if o.kind != Invented {
		raise(&k.seen, greatest)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads.add(o, keptReads)
	return o
}

// age returns for how long a version had been out of date at a time: since the
// first newer one was acknowledged, as far back as that is kept.
func (k *key) age(version int64, at time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := at
	for _, w := range k.writes.ops {
		if w.outcome == acknowledged && w.version > version {
			first = min(first, w.end)
		}
	}
	return at - first
}

// history returns the operations that are kept, by their beginning, and whether
// they tell all that is needed to explain each other.
func (k *key) history() (ops []op, whole bool) {
	ops, _, whole = k.window()
	return ops, whole
}

// window returns the history and since when it explains reads: those that began
// before are not in it.
func (k *key) window() (ops []op, since time.Duration, whole bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ops = slices.Concat(k.open, k.writes.ops[k.writes.next:], k.writes.ops[:k.writes.next])
	if k.current != nil {
		o := *k.current
		o.outcome = unknown
		ops = append(ops, o)
	}
	ops = slices.DeleteFunc(ops, func(o op) bool { return o.outcome == refused })
	// Once a later write has been acknowledged, one of unknown outcome changes
	// nothing any more: it may as well have come just before that one.
	end := never
	for i, o := range slices.Backward(ops) {
		if o.outcome == acknowledged {
			end = o.end
		} else {
			ops[i].end = end
		}
	}
	for _, r := range k.reads.ops {
		// One that began before a write that is no longer kept had ended might
		// show what came before it.
		if r.start > k.since {
			ops = append(ops, r)
		}
	}
	slices.SortFunc(ops, byStart)
	return ops, k.since, !k.lost
}

func byStart(a, b op) int { return cmp.Compare(a.start, b.start) }

// absent is the version of a key that does not exist: older than all others.
const absent int64 = -1 << 61

// never is when a write of unknown outcome ends.
const never = time.Duration(1<<63 - 1)
