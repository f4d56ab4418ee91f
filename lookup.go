package unstale

import (
	"slices"
	"strconv"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
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
)

// judge decides whether an entry may be served now. Databases must have been
// polled since the request began.
func (c *Cache) judge(e *Entry, now time.Time) miss {
	if e.cache != c {
		return missUnknown // of another cache on the same store
	}
	if !e.fresh(now) && !e.fresh(failpoint.Now()) { // it may have been made since now was read
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
	vary(fields []string) string // its lines in these request fields
	always() []string            // fields that select whether or not an answer says so, sorted
	identity() string            // who asks
}

// variant returns the key of the entry that s selects under choice.
func variant(primary string, ch choice, asked bool, s selector) string {
	if len(ch.vary) == 0 && !ch.asked {
		return primary
	}
	var room [256]byte // on the stack, if it is enough
	b := append(room[:0], primary...)
	b = append(b, '\n')
	if len(ch.vary) > 0 {
		b = append(b, s.vary(ch.vary)...)
	}
	if asked {
		b = append(b, '\n')
		b = strconv.AppendQuote(b, s.identity())
	}
	return string(b)
}

// find returns the valid entry that s selects, or why there is none. key is
// where it looked last: what a fill under way would be stored under as far as
// is known.
func (c *Cache) find(primary string, s selector, now time.Time) (e *Entry, key string, why miss) {
	e = c.store.Get(primary)
	if e == nil {
		return nil, variant(primary, choice{vary: s.always()}, false, s), missUnknown
	}
	always := s.always()
	if e.kind != kindSignpost {
		if len(always) > 0 {
			return nil, variant(primary, choice{vary: always}, false, s), missVariant
		}
		if why := c.look(primary, e, now); why != missNone {
			return nil, primary, why
		}
		return e, primary, missNone
	}
	ch := e.choice
	if ch.pass && e.fresh(now) {
		return nil, primary, missPass
	}
	ch.vary = union(ch.vary, always)
	shared := variant(primary, ch, false, s)
	why = missVariant
	if e := c.store.Get(shared); e != nil {
		if why = c.look(shared, e, now); why == missNone {
			return e, shared, missNone
		}
	}
	if !ch.asked {
		return nil, shared, why
	}
	own := variant(primary, ch, true, s)
	e = c.store.Get(own)
	if e == nil {
		if why == missVariant {
			why = missIdentity
		}
		return nil, own, why
	}
	if why = c.look(own, e, now); why != missNone {
		return nil, own, why
	}
	return e, own, missNone
}

// put stores e, whose fill named the request fields in vary, for what s selects.
// It returns under which choice and key.
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
		if len(grown.vary) != len(ch.vary) || grown.asked != ch.asked || ch.pass {
			c.signpost(primary, grown, 0)
		}
	}
	key := variant(primary, grown, e.asked, s)
	e.weigh(key)
	c.store.Set(key, e)
	return grown, key
}

// signpost stores a choice under primary. Where it says that requests pass, they
// do so for a while.
func (c *Cache) signpost(primary string, ch choice, pass time.Duration) {
	now := failpoint.Now()
	e := &Entry{kind: kindSignpost, choice: ch, created: now, expires: now.Add(pass)}
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
