package unstale

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale/internal/ledger"
)

// DefaultHistory is how many changes, and how many misses, a Cache remembers to
// explain itself.
const DefaultHistory = 4096

// maxRows bounds the rows that one remembered change names.
const maxRows = 8

// history remembers the latest changes, by the sequence number that they gave to
// what they invalidated, and why the latest misses were misses. A nil history
// remembers nothing.
type history struct {
	mu      sync.Mutex
	size    int
	changes []*Change // a ring, oldest first from next on
	next    int
	misses  map[string]*Miss
	order   []string // the keys of misses, a ring
	nextKey int
}

func newHistory(size int) *history {
	if size < 0 {
		return nil
	}
	return &history{size: size, misses: make(map[string]*Miss)}
}

// add remembers a change that took a sequence number.
func (h *history) add(seq uint64, ch *Change) {
	if h == nil {
		return
	}
	ch.seq, ch.Time = seq, time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.changes) < h.size {
		h.changes = append(h.changes, ch)
		return
	}
	h.changes[h.next] = ch
	h.next = (h.next + 1) % h.size
}

// find returns the latest change for which f is true, or nil.
func (h *history) find(f func(*Change) bool) *Change {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.changes) - 1; i >= 0; i-- {
		if ch := h.changes[(h.next+i)%len(h.changes)]; f(ch) {
			return ch
		}
	}
	return nil
}

// missed remembers why the entry under a key was no hit.
func (h *history) missed(key string, why miss, ch *Change) {
	if h == nil {
		return
	}
	m := &Miss{Time: time.Now(), Reason: string(why), Change: ch}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.misses[key]; !known {
		if len(h.order) < h.size {
			h.order = append(h.order, key)
		} else {
			delete(h.misses, h.order[h.nextKey])
			h.order[h.nextKey] = key
			h.nextKey = (h.nextKey + 1) % h.size
		}
	}
	h.misses[key] = m
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

// blame returns the change that invalidated an entry, as far as it is
// remembered. Where there were several it is the latest of those that touched
// the first dependency that changed.
func (c *Cache) blame(e *Entry, why miss) *Change {
	switch why {
	case missChanged:
		_, seq := c.ledger.Newer(&e.record)
		return c.history.find(func(ch *Change) bool { return ch.seq == seq && !ch.everything && ch.ban == nil })
	case missFloor:
		return c.history.find(func(ch *Change) bool { return ch.everything && ch.seq > e.record.AsOf })
	case missPattern:
		return c.history.find(func(ch *Change) bool {
			return ch.ban != nil && ch.seq > e.record.AsOf && slices.ContainsFunc(e.record.Keys, ch.ban.Match)
		})
	}
	return nil
}

// An origin is where dependencies come from.
type origin struct{ statement, source string }

// tagOrigin returns the origin of tags, of which it names the first ones.
func (c *Cache) tagOrigin(tags []Tag) Origin {
	if c.history == nil {
		return Origin{}
	}
	names := make([]string, 0, maxRows+1)
	for i, t := range tags {
		if i == maxRows {
			names = append(names, "…")
			break
		}
		names = append(names, "tag "+string(t))
	}
	return NewOrigin("", strings.Join(names, ", ")).Of(len(tags))
}

// A note says where the dependency in a slot comes from.
type note struct {
	slot   ledger.Slot
	origin uint32 // index in notes.origins
}

// notes say where the dependencies of a fill or an entry come from.
type notes struct {
	origins []*origin
	list    []note
}

// maxNotes and maxOrigins bound the notes of one fill; what comes later is not
// explained.
const (
	maxNotes   = 1024
	maxOrigins = 64
)

func (n *notes) add(slots []ledger.Slot, o *origin) {
	i, ok := n.index(o)
	for _, s := range slots {
		if ok && len(n.list) < maxNotes {
			n.list = append(n.list, note{s, i})
		}
	}
}

// index returns the index of an origin, which it adds where there is room.
func (n *notes) index(o *origin) (_ uint32, ok bool) {
	for i, p := range n.origins {
		if p == o || *p == *o {
			return uint32(i), true
		}
	}
	if len(n.origins) == maxOrigins {
		return 0, false
	}
	n.origins = append(n.origins, o)
	return uint32(len(n.origins) - 1), true
}

// merge adds the notes of a result that was used.
func (n *notes) merge(m *notes) {
	for _, x := range m.list {
		if i, ok := n.index(m.origins[x.origin]); ok && len(n.list) < maxNotes {
			n.list = append(n.list, note{x.slot, i})
		}
	}
}
