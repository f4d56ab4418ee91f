package unstale

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/adapter"
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
	missDear     miss = "cheaper than asking"
	missOutside  miss = "another field outside"

	// Nobody vouches for what is stored.
	missLate   miss = "source late"
	missFailed miss = "source failed"
)

// unvouched reports whether what is stored may be true for all that is known.
func (m miss) unvouched() bool { return m == missLate || m == missFailed }

// cold reports whether nothing at all is stored for what was asked.
func (m miss) cold() bool { return m == missUnknown || m == missVariant || m == missIdentity }

// fellBy reports whether some change has made what was stored fall.
func (m miss) fellBy() bool { return m == missChanged || m == missFloor || m == missPattern }

// A moment is when something is judged, by the ledger and by the clock.
type moment struct {
	seq  uint64
	time time.Time
}

// now returns the present moment.
func (c *engine) now() moment { return moment{c.ledger.Seq(), clock.Now()} }

// judge decides whether an entry may be served now: at a time that was read after
// the entry was, and after whatever its request has read and waited for. Its sources must have caught up
// since the last read of whoever is to be given it.
func (c *engine) judge(e *Entry, now time.Time) miss {
	if e.engine != c {
		return missUnknown // of another cache on the same store
	}
	if !e.fresh(now) {
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

// judgeFor is judge for somebody who asks, whose miss is remembered.
func (c *engine) judgeFor(key string, e *Entry, now time.Time) miss {
	why := c.judge(e, now)
	if why == missNone || c.history == nil {
		return why
	}
	ch, first := c.blame(e, why), false
	if why.fellBy() {
		if first = !e.fell.Swap(true); first && c.watch.on() {
			c.watch.fell(e, ch)
		}
	}
	var coarse *adapter.Origin
	if why == missChanged {
		coarse = c.countFall(e, first)
	}
	c.history.missed(key, why, ch, e.tag(), coarse)
	return why
}

// A selector is what a request brings along to select among the entries stored
// under one key.
type selector interface {
	appendVary(b []byte, inputs []string) []byte // its values of these inputs, none like another
	identity() string                            // who asks
	appendCredentials(b []byte) []byte           // that a fill sees which is made for exactly them
	audiences() (all bool, own audience)         // whether it takes what is for all, and what of its own
	selecting() []string                         // names of request fields that are in the place because nobody knows them
	may(e *Entry) bool                           // whether what stands outside lets it have the entry
	dear(own, shared *Entry) bool                // whether to ask what is found costs more than to make it anew
	patience() time.Duration                     // how long it waits for a source
	allows(age time.Duration) bool               // whether what is for all may be as old as that
	identified() bool                            // whether who asks need not be found out any more
	alone() bool                                 // whether what it selects is never shared with other processes
}

// variant returns the key of the entry for an audience that s selects under choice.
func (c *engine) variant(primary string, ch choice, a audience, s selector) string {
	if len(ch.vary) == 0 && !ch.asked && a == forAll {
		return primary
	}
	shared := c.digestVary(ch, s)
	switch a {
	case forIdentity:
		return primary + "\n" + shared + "\n" + c.digestIdentity(s)
	case forCredentials:
		return primary + "\n" + shared + "\n" + c.digestCredentials(s)
	default:
		return primary + "\n" + shared
	}
}

func (c *engine) digestVary(ch choice, s selector) string {
	if len(ch.vary) == 0 {
		return ""
	}
	var room [256]byte // on the stack, if it is enough
	return c.digests.of(s.appendVary(append(room[:0], digestVary), ch.vary))
}

func (c *engine) digestIdentity(s selector) string {
	var room [128]byte
	return c.digests.of(append(append(room[:0], digestIdentity), s.identity()...))
}

func (c *engine) digestCredentials(s selector) string {
	var room [512]byte
	return c.digests.of(s.appendCredentials(append(room[:0], digestCredentials)))
}

// find returns the valid entry that s selects, or why there is none. key is
// where it looked last: what a fill under way would be stored under as far as
// is known. at is when the entry was found valid, or not.
//
// The sources catch up between the last thing that the request has read, who
// asks included, and the judgement. Otherwise one write could take an answer away
// from a group and put somebody into it, and they would be given the answer.
func (c *engine) find(ctx context.Context, primary string, s selector) (e *Entry, key string, at moment, why miss) {
	e, key, at, why, looked := c.findHere(ctx, primary, s, false)
	if c.sharing != nil && e == nil && why.shares() && c.takeOver(ctx, primary, s, looked) {
		e, key, at, why, _ = c.findHere(ctx, primary, s, true)
	}
	return e, key, at, why
}

// findHere is find in memory. took says that what came from elsewhere has just been put there, and the
// sources have caught up with which that may be judged; looked, that they have caught up.
func (c *engine) findHere(ctx context.Context, primary string, s selector, took bool) (e *Entry, key string, at moment, why miss, looked bool) {
	all, own := s.audiences()
	first := c.store.Get(primary)
	if first == nil && own != forCredentials {
		c.glance()
		return nil, primary, c.now(), missUnknown, false
	}
	var ch choice
	shared, sharedKey := first, primary // what is for all
	signpost := first != nil && first.kind == kindSignpost
	if signpost {
		ch = first.choice
	}
	key = primary
	if own == forCredentials || signpost && ch.asked {
		key = c.variant(primary, ch, own, s)
		e = c.store.Get(key)
	}
	if signpost {
		switch {
		case key == primary:
			key = c.variant(primary, ch, forAll, s)
			sharedKey = key
		case own == forIdentity:
			sharedKey = key[:strings.LastIndexByte(key, '\n')]
		default:
			sharedKey = c.variant(primary, ch, forAll, s)
		}
		shared = c.store.Get(sharedKey)
	}
	if !all && shared != nil && shared.kind != kindPass {
		shared = nil // whoever made it did not ask
	}
	if e == nil && shared == nil {
		c.glance()
	} else if e == nil && c.lately(s, shared) {
		// It is judged on a look that was sent before.
	} else if took && e.fromElsewhere() && shared.fromElsewhere() {
		looked = true
	} else if s.dear(e, shared) {
		return nil, key, c.now(), missDear, false
	} else if why = c.catchUp(ctx, s, e, shared); why != missNone {
		return nil, key, c.now(), why, false
	} else {
		looked = e != nil && e.engine == c || shared != nil && shared.engine == c
	}
	at = c.now()
	var found *Entry
	if found, why = c.found(sharedKey, shared, s, at.time); found != nil || why == missPass || key == sharedKey {
		if why == missVariant && !signpost && !all {
			why = missIdentity
		}
		return found, key, at, why, looked
	}
	e, mine := c.found(key, e, s, at.time)
	if mine == missVariant {
		switch mine = why; {
		case why != missVariant:
		case first == nil:
			mine = missUnknown
		default:
			mine = missIdentity
		}
	}
	return e, key, at, mine, looked
}

// found judges what the store has for a variant.
func (c *engine) found(key string, e *Entry, s selector, now time.Time) (*Entry, miss) {
	switch {
	case e == nil:
		return nil, missVariant
	case e.kind == kindPass && e.fresh(now):
		return nil, missPass
	case e.kind == kindPass:
		return nil, missUnknown
	}
	if why := c.judgeFor(key, e, now); why != missNone {
		return nil, why
	}
	if !s.may(e) {
		return nil, missOutside
	}
	return e, missNone
}

// A keep is where an entry is stored.
type keep struct {
	choice choice // under which
	key    string // spells out all that selects it
	grown  bool   // the choice is another one than before
}

// takes reports whether the audience of e is one that s belongs to.
func takes(s selector, e *Entry) bool {
	all, own := s.audiences()
	a := e.audience()
	return a == own || a == forAll && all
}

// audienceOf returns for whom a result is that was made for s, if it looked at who
// asks, or did not.
func audienceOf(s selector, asked bool) audience {
	switch _, own := s.audiences(); {
	case own == forCredentials:
		return own
	case asked:
		return forIdentity
	default:
		return forAll
	}
}

// keep returns where e is stored, whose fill named the inputs in vary, for what s
// selects.
func (c *engine) keep(primary string, s selector, e *Entry, vary []string) keep {
	var before choice
	if old := c.store.Get(primary); old != nil && old.kind == kindSignpost {
		before = old.choice
	}
	k := keep{choice: choice{vary: union(before.vary, vary), asked: before.asked || e.audience() == forIdentity}}
	k.grown = len(k.choice.vary) != len(before.vary) || k.choice.asked != before.asked
	k.key = c.variant(primary, k.choice, e.audience(), s)
	e.selects = union(k.choice.vary, s.selecting())
	e.weigh(k.key)
	return k
}

// put stores e.
//
// Two fills may put up different signposts at once, and one is lost. Nothing
// wrong can be served for that: a key spells out what selected its entry, so
// that an entry is found only by requests that agree in all it depends on; the
// next fill completes the choice.
func (c *engine) put(primary string, k keep, e *Entry) {
	if k.grown {
		c.signpost(primary, k.choice)
	}
	c.store.Set(k.key, e)
	if c.sharing != nil {
		c.share(primary, k, e)
	}
}

// signpost stores a choice under primary.
func (c *engine) signpost(primary string, ch choice) {
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
