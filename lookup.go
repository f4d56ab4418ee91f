package unstale

import (
	"slices"
	"time"

	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/ledger"
)

// miss is why there is nothing to serve.
type miss string

// The reasons of a miss, as they appear in Cache-Status and as a metric's label.
const (
	missNone     miss = ""
	missUnknown  miss = "cold"
	missVariant  miss = "no valid variant"
	missIdentity miss = "none for this identity"
	missExpired  miss = "expired"
	missChanged  miss = "changed"
	missInFlux   miss = "commit in flux"
	missFloor    miss = "everything invalidated"
	missPattern  miss = "pattern invalidated"
	missRequest  miss = "request directive"
	missPass     miss = "streams"
	missOutside  miss = "another field outside"
)

// cold reports whether nothing at all is stored for what was asked.
func (m miss) cold() bool { return m == missUnknown || m == missVariant || m == missIdentity }

// judge decides whether an entry may be served now. Databases must have been
// polled since the request began.
func (c *Cache) judge(e *Entry, now time.Time) miss {
	if e.cache != c {
		return missUnknown // of another cache on the same store
	}
	if !e.fresh(now) && !e.fresh(clock.Now()) { // it may have been made since now was read
		return missExpired
	}
	switch c.ledger.Check(&e.record) {
	case ledger.Valid:
		return missNone
	case ledger.InFlux:
		return missInFlux
	case ledger.BelowFloor:
		return missFloor
	case ledger.Banned:
		return missPattern
	default:
		return missChanged
	}
}

// look is judge for somebody who asks, whose miss is remembered.
func (c *Cache) look(key string, e *Entry, now time.Time) miss {
	why := c.judge(e, now)
	if why != missNone && c.history != nil {
		c.history.missed(key, why, c.blame(e, why))
	}
	return why
}

// A selector is what a request brings along to select among the entries stored
// under one key.
type selector interface {
	appendVary(b []byte, inputs []string) []byte // its values of these inputs, none like another
	identity() string                            // who asks
	selecting() []string                         // names of request fields that are in the place because nobody knows them
	may(e *Entry) bool                           // whether what stands outside lets it have the entry
}

// variant returns the key of the entry that s selects under choice: for whoever
// asks, or for all.
func (c *Cache) variant(primary string, ch choice, asked bool, s selector) string {
	if len(ch.vary) == 0 && !ch.asked {
		return primary
	}
	shared := c.digestVary(ch, s)
	if !asked {
		return primary + "\n" + shared
	}
	return primary + "\n" + shared + "\n" + c.digestIdentity(s)
}

func (c *Cache) digestVary(ch choice, s selector) string {
	if len(ch.vary) == 0 {
		return ""
	}
	var room [256]byte // on the stack, if it is enough
	return c.digests.of(s.appendVary(append(room[:0], digestVary), ch.vary))
}

func (c *Cache) digestIdentity(s selector) string {
	var room [128]byte
	return c.digests.of(append(append(room[:0], digestIdentity), s.identity()...))
}

// find returns the valid entry that s selects, or why there is none. key is
// where it looked last: what a fill under way would be stored under as far as
// is known.
//
// The databases are polled between the last thing that the request has read, who
// asks included, and the judgement. Otherwise one write could take an answer away
// from a group and put somebody into it, and he would be given the answer.
func (c *Cache) find(primary string, s selector, now time.Time) (e *Entry, key string, why miss) {
	e = c.store.Get(primary)
	switch {
	case e == nil:
		c.databases.poll() // for the fill: what was written before it is not to make it fall
		return nil, primary, missUnknown
	case e.kind != kindSignpost:
		c.databases.poll()
		e, why = c.found(primary, e, s, now)
		return e, primary, why
	case !e.choice.asked:
		key = c.variant(primary, e.choice, false, s)
		c.databases.poll()
		e, why = c.found(key, c.store.Get(key), s, now)
		return e, key, why
	}
	shared := c.digestVary(e.choice, s)
	key = primary + "\n" + shared + "\n" + c.digestIdentity(s)
	forAll := key[:len(primary)+len("\n")+len(shared)]
	c.databases.poll()
	if e, why = c.found(forAll, c.store.Get(forAll), s, now); e != nil || why == missPass {
		return e, key, why
	}
	e, own := c.found(key, c.store.Get(key), s, now)
	if own == missVariant {
		own = why
		if why == missVariant {
			own = missIdentity
		}
	}
	return e, key, own
}

// found judges what the store has for a variant.
func (c *Cache) found(key string, e *Entry, s selector, now time.Time) (*Entry, miss) {
	switch {
	case e == nil:
		return nil, missVariant
	case e.kind == kindPass && e.fresh(now):
		return nil, missPass
	case e.kind == kindPass:
		return nil, missUnknown
	}
	if why := c.look(key, e, now); why != missNone {
		return nil, why
	}
	if !s.may(e) {
		return nil, missOutside
	}
	return e, missNone
}

// put stores e, whose fill named the inputs in vary, for what s selects. It
// returns under which choice and key.
//
// Two fills may put up different signposts at once, and one is lost. Nothing
// wrong can be served for that: a key spells out what selected its entry, so
// that an entry is found only by requests that agree in all it depends on; the
// next fill completes the choice.
func (c *Cache) put(primary string, s selector, e *Entry, vary []string) (choice, string) {
	var ch choice
	old := c.store.Get(primary)
	if old != nil && old.kind == kindSignpost {
		ch = old.choice
	}
	grown := choice{vary: union(ch.vary, vary), asked: ch.asked || e.asked}
	if len(grown.vary) > 0 || grown.asked {
		if len(grown.vary) != len(ch.vary) || grown.asked != ch.asked {
			c.signpost(primary, grown)
		}
	}
	key := c.variant(primary, grown, e.asked, s)
	e.selects = union(grown.vary, s.selecting())
	e.weigh(key)
	c.store.Set(key, e)
	return grown, key
}

// signpost stores a choice under primary.
func (c *Cache) signpost(primary string, ch choice) {
	e := &Entry{kind: kindSignpost, choice: ch}
	e.weigh(primary)
	c.store.Set(primary, e)
}

// union merges two sorted sets.
func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}
