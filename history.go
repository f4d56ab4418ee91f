package unstale

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/ledger"
)

// DefaultHistory is how many changes, and how many misses, a Cache remembers to
// explain itself.
const DefaultHistory = 4096

// Bounds of what is remembered.
const (
	maxHistory = 1 << 24 // of either kind
	maxRows    = 8       // that one change names, and as many targets
	maxName    = 200     // bytes of a path or a target
	maxKey     = 2000    // bytes of a key whose misses are remembered
)

// history remembers the latest changes, and why the latest misses were misses. A
// nil history remembers nothing.
type history struct {
	changes []atomic.Pointer[Change] // by sequence number, of which each change has its own

	mu     sync.Mutex
	misses map[string]*Miss // by key
	latest []*Miss          // a ring, the oldest at next
	next   int
}

func newHistory(size int) *history {
	if size < 0 {
		return nil
	}
	return &history{changes: make([]atomic.Pointer[Change], size), misses: make(map[string]*Miss)}
}

func (h *history) place(seq uint64) *atomic.Pointer[Change] {
	return &h.changes[seq%uint64(len(h.changes))]
}

// add remembers a change that took a sequence number. It is not written to
// afterwards.
func (h *history) add(seq uint64, ch *Change) {
	if h != nil {
		ch.seq, ch.Time = seq, clock.Now()
		h.place(seq).Store(ch)
	}
}

// change returns the change that took a sequence number, or nil.
func (h *history) change(seq uint64) *Change {
	if h == nil {
		return nil
	}
	if ch := h.place(seq).Load(); ch != nil && ch.seq == seq {
		return ch
	}
	return nil
}

// ban returns the latest pattern that matches a key, or nil.
func (h *history) ban(key string) (latest *Change) {
	if h == nil {
		return nil
	}
	for i := range h.changes {
		ch := h.changes[i].Load()
		if ch != nil && ch.ban != nil && (latest == nil || ch.seq > latest.seq) && ch.ban.Match(key) {
			latest = ch
		}
	}
	return latest
}

// missed remembers why the entry under a key, which had an entity tag or "", was no
// hit, and which statement alone made it fall, or nil.
func (h *history) missed(key string, why miss, ch *Change, tag string, coarse *adapter.Origin) {
	if h == nil || len(key) > maxKey {
		return
	}
	m := &Miss{Time: clock.Now(), Reason: string(why), Change: ch, key: key, tag: tag, coarse: coarse}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.misses[key] = m
	if len(h.latest) < len(h.changes) {
		h.latest = append(h.latest, m)
		return
	}
	if old := h.latest[h.next]; h.misses[old.key] == old {
		delete(h.misses, old.key)
	}
	h.latest[h.next] = m
	h.next = (h.next + 1) % len(h.latest)
}

// miss returns the last remembered miss of a key, or nil.
func (h *history) miss(key string) *Miss {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.misses[key]
}

// missedUnder calls f for the keys with a prefix of remembered misses.
func (h *history) missedUnder(prefix string, f func(key string)) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for key := range h.misses {
		if strings.HasPrefix(key, prefix) {
			f(key)
		}
	}
}

// blame returns the change that invalidated an entry, as far as it is
// remembered.
func (c *engine) blame(e *Entry, why miss) *Change {
	verdict := ledger.Valid
	switch why {
	case missChanged:
		verdict = ledger.Changed
	case missFloor:
		verdict = ledger.BelowFloor
	case missPattern:
		verdict = ledger.Banned
	}
	return c.history.change(c.ledger.Cause(&e.record, verdict))
}

// coarse returns the statements that are coarser than their texts allow and made an
// entry fall, or none if something else has changed, too.
func (c *engine) coarse(e *Entry) (list []*adapter.Origin) {
	var fell uint64 // a set of origins, of which there are at most maxOrigins
	for _, n := range e.notes.list {
		if c.ledger.Version(n.slot) > e.record.AsOf {
			fell |= 1 << n.origin
		}
	}
	for i, o := range e.notes.origins {
		switch {
		case fell&(1<<i) == 0:
		case o.Coarse() == "":
			return nil
		default:
			list = append(list, o)
		}
	}
	return list
}

// countFall counts, the first time, that an entry fell because of statements that are
// coarser than their texts allow, and returns one of them, or nil if it did not.
func (c *engine) countFall(e *Entry, first bool) *adapter.Origin {
	list := c.coarse(e)
	if len(list) == 0 {
		return nil
	}
	if first {
		for _, o := range list {
			c.stats.coarse(o.Statement, o.Coarse()).fell.Add(1)
		}
	}
	return list[0]
}

// coarse returns a statement because of which alone the entry under a key fell, or
// nil.
func (h *history) coarse(key string, why miss) *adapter.Origin {
	if why != missChanged {
		return nil
	}
	if m := h.miss(key); m != nil && m.Reason == string(why) {
		return m.coarse
	}
	return nil
}

// fallen returns the last remembered miss of a key, if the entry fell by a change, or
// nil.
func (h *history) fallen(key string, why miss) *Miss {
	if !why.fellBy() {
		return nil
	}
	if m := h.miss(key); m != nil && m.Reason == string(why) {
		return m
	}
	return nil
}

// cut returns s, or its first maxName bytes if it has more.
func cut(s string) string { return adapter.Cut(s, maxName) }

// tagOrigin returns the origin of tags, of which it names the first ones.
func (c *engine) tagOrigin(tags []Tag) []adapter.From {
	if c.history == nil {
		return nil
	}
	names := make([]string, 0, maxRows+1)
	for i, t := range tags {
		if i == maxRows {
			names = append(names, "…")
			break
		}
		names = append(names, cut("tag "+string(t)))
	}
	return []adapter.From{{Origin: adapter.NewOrigin("", strings.Join(names, ", ")), Count: len(tags)}}
}

// A note says where the dependency in a slot comes from.
type note struct {
	slot   ledger.Slot
	origin uint32 // index in notes.origins
}

// notes say where the dependencies of a fill or an entry come from.
type notes struct {
	origins []*adapter.Origin
	list    []note
	full    bool // there is no more room in list to be gained
}

// maxNotes and maxOrigins bound the notes of one fill; what comes later is not
// explained.
const (
	maxNotes   = 1024
	maxOrigins = 64
)

// add notes that slots come from an origin.
func (n *notes) add(slots []ledger.Slot, o *adapter.Origin) {
	i, ok := n.index(o)
	for _, s := range slots {
		if !ok || !n.room() {
			return
		}
		n.list = append(n.list, note{s, i})
	}
}

// merge adds the notes of a result that was used.
func (n *notes) merge(m *notes) {
	var indexes [maxOrigins]uint32
	var known [maxOrigins]bool
	for i, o := range m.origins {
		indexes[i], known[i] = n.index(o)
	}
	for _, x := range m.list {
		if known[x.origin] && n.room() {
			n.list = append(n.list, note{x.slot, indexes[x.origin]})
		}
	}
}

// index returns the index of an origin, which it adds where there is room.
func (n *notes) index(o *adapter.Origin) (_ uint32, ok bool) {
	for i, p := range n.origins {
		if p == o || p.Statement == o.Statement && p.Source == o.Source {
			return uint32(i), true
		}
	}
	if len(n.origins) == maxOrigins {
		return 0, false
	}
	n.origins = append(n.origins, o)
	return uint32(len(n.origins) - 1), true
}

// room reports whether the list may grow, and makes room where it can.
func (n *notes) room() bool {
	if len(n.list) == maxNotes && !n.full {
		n.compact()
		n.full = len(n.list) > maxNotes/2 // else this is done too often
	}
	return len(n.list) < maxNotes
}

// compact sorts the list and removes what it says twice.
func (n *notes) compact() {
	slices.SortFunc(n.list, func(a, b note) int { return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.slot, b.slot)) })
	n.list = slices.Compact(n.list)
}

// seal returns what an entry keeps of the notes.
func (n *notes) seal() notes {
	n.compact()
	return notes{origins: slices.Clone(n.origins), list: slices.Clone(n.list)}
}
