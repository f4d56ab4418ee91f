package unstale

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/ledger"
)

// What is not found in memory may be in the shared store. Then it is placed among what
// this process knows, put into memory, and judged there like everything else.
//
// Why nothing stale passes. The entry's dependencies are named as they would be here. It
// is given an asOf of this process: each change that it lacks was told here with a greater
// sequence number, or will be, before whoever asks is answered, because a look was sent
// after their last read of the database. So it is like an entry that was made here. Where
// any of that cannot be shown (another database, another schema, a look that is not
// remembered), it is not taken.
//
// What was invalidated by name here, and not in the database, another process does not
// hear of. So of that the entry has to be proved younger, in all its parts.

// shares reports whether the shared store may have what was missed for this reason.
func (m miss) shares() bool {
	switch m {
	case missUnknown, missVariant, missIdentity, missExpired, missChanged, missFloor, missPattern:
		return true
	default:
		return false
	}
}

// A wanted is a key under which the shared store may have something.
type wanted struct {
	key    string
	sealed []byte
	err    error
}

// takeOver asks the shared store for what s selects, while the sources catch up, unless
// they have been asked since s last read anything. It reports whether something was put
// into memory that may be served; then they have caught up.
func (c *engine) takeOver(ctx context.Context, primary string, s selector, looked bool) bool {
	sh := c.sharing
	src := sh.follows()
	if src == nil || s.alone() {
		return false
	}
	if !sh.gets.allows(time.Now()) {
		sh.count().late.Add(1)
		return false
	}
	sh.count().asked.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(sh.Wait)
	defer timer.Stop()

	known := c.choiceOf(primary)
	keys := c.places(primary, known, s)
	asked := sh.fetch(ctx, keys)
	who := s.identified()
	if !looked && c.catchUp(ctx, s, c.madeFrom(src)) != missNone {
		return false
	}
	found, ok := sh.await(ctx, asked, timer)
	var took []foreign
	var at []string
	open := func(list []wanted) (grown bool) {
		for i := range list {
			if list[i].sealed == nil {
				continue
			}
			sh.count().found.Add(1)
			f, ok := c.openForeign(&list[i])
			switch {
			case !ok:
				sh.count().refused.Add(1)
			case f.entry.kind == kindSignpost:
				ch := choice{vary: union(known.vary, f.entry.choice.vary), asked: known.asked || f.entry.choice.asked}
				if len(ch.vary) != len(known.vary) || ch.asked != known.asked {
					known, grown = ch, true
				}
			default:
				took, at = append(took, f), append(at, list[i].key)
			}
		}
		return grown
	}
	if ok && open(found) {
		c.signpost(primary, known)
		took, at = nil, nil // what was found under a narrower choice is not what is looked for
		found, ok = sh.await(ctx, sh.fetch(ctx, slices.DeleteFunc(c.places(primary, known, s), func(k string) bool { return k == primary })), timer)
		open(found)
	}
	if !ok {
		sh.count().late.Add(1)
		return false
	}
	if len(took) == 0 {
		return false
	}
	// Who asks has been found out meanwhile, by reading what may have changed.
	if s.identified() != who && c.catchUp(ctx, s, c.madeFrom(src)) != missNone {
		return false
	}
	taken := false
	for i := range took {
		if c.adopt(src, at[i], &took[i]) {
			taken = true
		}
	}
	return taken
}

// fromElsewhere reports whether there is no entry, or one that was taken from the shared
// store. What such a one depends on is told by one source, and by those that are asked
// whatever an entry is made from.
func (e *Entry) fromElsewhere() bool { return e == nil || e.lineage != nil && e.lineage.taken }

// share gives an entry that was stored in memory to the shared store, and what leads to
// it.
func (c *engine) share(primary string, k keep, e *Entry) {
	if e.lineage == nil || e.lineage.alone {
		return
	}
	if len(k.choice.vary) > 0 || k.choice.asked {
		c.sharing.offer(primary, &Entry{kind: kindSignpost, choice: k.choice})
	}
	c.sharing.offer(k.key, e)
}

// madeFrom returns what stands for an entry that is made from a source.
func (c *engine) madeFrom(src *source) *Entry {
	return &Entry{engine: c, record: ledger.Record{Slots: []ledger.Slot{src.whole}}}
}

// choiceOf returns what is known in memory to select among what is stored for a place.
func (c *engine) choiceOf(primary string) choice {
	if e := c.store.Get(primary); e != nil && e.kind == kindSignpost {
		return e.choice
	}
	return choice{}
}

// places returns the keys under which s is to be found under a choice.
func (c *engine) places(primary string, ch choice, s selector) []string {
	all, own := s.audiences()
	keys := []string{primary}
	if own == forCredentials || ch.asked {
		keys = append(keys, c.variant(primary, ch, own, s))
	}
	if all && len(ch.vary) > 0 || all && ch.asked {
		keys = append(keys, c.variant(primary, ch, forAll, s))
	}
	return keys
}

// fetch asks for keys, all at once. The answer has one for each, in their order.
func (s *sharing) fetch(ctx context.Context, keys []string) <-chan []wanted {
	done := make(chan []wanted, 1)
	go func() { // it ends when the store has answered, or knows that nobody waits
		list := make([]wanted, len(keys))
		answers := make(chan struct{}, len(keys))
		for i, key := range keys {
			get := func(w *wanted) {
				w.key = key
				w.err = safely(func() (err error) {
					w.sealed, err = s.Store.Get(ctx, s.storeKey(key))
					return err
				})
				answers <- struct{}{}
			}
			if i == len(keys)-1 {
				get(&list[i])
			} else {
				go get(&list[i])
			}
		}
		for range keys {
			<-answers
		}
		done <- list
	}()
	return done
}

// await waits for an answer of the store. ok is false if it fails or is late.
func (s *sharing) await(ctx context.Context, asked <-chan []wanted, timer *time.Timer) (list []wanted, ok bool) {
	select {
	case list = <-asked:
	default:
		select {
		case list = <-asked:
		case <-timer.C:
			timer.Reset(0)
			s.count().failed.Add(1)
			s.gets.report(context.DeadlineExceeded, time.Now())
			return nil, false
		}
	}
	var err error
	for i := range list {
		if list[i].err != nil {
			err, list[i].sealed = list[i].err, nil
		}
	}
	if ctx.Err() != nil {
		return nil, false // nobody waits for the answer any more
	}
	s.gets.report(err, time.Now())
	if err != nil {
		s.count().failed.Add(1)
	}
	return list, err == nil
}

// openForeign opens what was found under a key.
func (c *engine) openForeign(w *wanted) (f foreign, ok bool) {
	plain, ok := c.sharing.sealer.open(c.sharing.storeKey(w.key), w.sealed)
	if !ok {
		return f, false
	}
	return c.decodeEntry(plain, clock.Now())
}

// adopt places an entry that was stored elsewhere under a key, and puts it into memory. The
// source has caught up.
func (c *engine) adopt(src *source, key string, f *foreign) bool {
	sh := c.sharing
	placed, ok := src.positioned.Place(f.position, f.kinds)
	if !ok || !c.youngerThanNames(f.entry, placed.Made) {
		sh.count().refused.Add(1)
		return false
	}
	e := f.entry
	e.record.AsOf = placed.AsOf
	for _, h := range placed.Hashes {
		e.record.Slots = append(e.record.Slots, c.ledger.Slot(h))
	}
	e.record.Slots = ledger.Compact(append(e.record.Slots, src.whole))
	e.lineage = &lineage{kinds: f.kinds, made: min(placed.Made, placed.AsOf), taken: true}
	e.weigh(key)
	if e.record.AsOf == 0 || c.judge(e, clock.Now()) != missNone {
		sh.count().refused.Add(1)
		return false
	}
	if old := c.store.Get(key); old != nil && old.kind != kindSignpost && c.judge(old, clock.Now()) == missNone {
		return true // it was made here meanwhile
	}
	c.store.Set(key, e)
	sh.count().taken.Add(1)
	return true
}

// youngerThanNames reports whether an entry, no part of which was made before made, does
// not fall under what was invalidated by name in this process alone.
func (c *engine) youngerThanNames(e *Entry, made uint64) bool {
	r := &ledger.Record{AsOf: made, Keys: e.record.Keys}
	for _, key := range e.record.Keys {
		r.Slots = append(r.Slots, c.keySlot(key))
		if path, _, queried := strings.Cut(key, "?"); queried {
			r.Slots = append(r.Slots, c.ledger.Slot(c.hash(hashPath, path)))
		}
	}
	return c.ledger.Unnamed(r) && c.fellAside.Load() <= made
}
