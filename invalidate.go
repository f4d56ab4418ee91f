package unstale

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/unstale/unstale/internal/ledger"
)

// maxBans bounds the patterns that wait to be worked off; beyond it everything
// is invalidated instead.
const maxBans = 1024

// invalidate makes everything that the targets name invalid.
func (c *engine) invalidate(ctx context.Context, targets []Target) error {
	slots, bans, err := c.resolve(targets)
	if err != nil {
		return err
	}
	c.apply(slots, bans, change(ctx, targets))
	c.logger.LogAttrs(ctx, slog.LevelDebug, "unstale: invalidated", slog.Int("targets", len(targets)))
	return nil
}

// change describes an invalidation by name.
func change(ctx context.Context, targets []Target) *Change {
	ch := &Change{Cause: causeNamed, Request: scopeOf(ctx).request()}
	for i, t := range targets {
		if i == maxRows {
			ch.Targets = append(ch.Targets, fmt.Sprintf("%d more", len(targets)-i))
			break
		}
		ch.Targets = append(ch.Targets, cut(targetName(t)))
	}
	return ch
}

// targetName returns what a target is called in explanations.
func targetName(t Target) string {
	switch t := t.(type) {
	case Tag:
		return "tag " + string(t)
	case Key:
		return "key " + string(t)
	case patternTarget:
		return "pattern " + strings.Join(append([]string{t.text}, t.ids...), " ")
	}
	return fmt.Sprintf("%T", t)
}

// causeNamed is the cause of a Change by Invalidate.
const causeNamed = "invalidation"

// resolve turns targets into slots to bump and patterns to ban.
func (c *engine) resolve(targets []Target) (slots []ledger.Slot, bans []*glob, err error) {
	var tags, keys uint64
	for _, t := range targets {
		if err := check(t); err != nil {
			return nil, nil, err
		}
		switch t := t.(type) {
		case Tag:
			slots = append(slots, c.ledger.Slot(c.hash(hashTag, string(t))))
			tags++
		case Key:
			slots = append(slots, c.keySlot(c.keyOf(string(t))))
			keys++
		case patternTarget:
			g, err := compilePattern(c.keyOf(t.text), t.ids)
			if err != nil {
				return nil, nil, err
			}
			bans = append(bans, g)
		}
	}
	for cause, n := range map[string]uint64{causeTag: tags, causeKey: keys, causePattern: uint64(len(bans))} {
		if n > 0 {
			c.stats.invalidation(cause, n)
		}
	}
	return slots, bans, nil
}

// apply is the one door: everything that invalidates by name passes here.
func (c *engine) apply(slots []ledger.Slot, bans []*glob, ch *Change) {
	if len(slots) > 0 {
		c.ledger.Mark(slots)
		named := *ch
		c.history.add(c.ledger.Bump(slots), &named)
		c.watch.changed(&named)
		c.ledger.Release(slots)
	}
	if len(bans) == 0 {
		return
	}
	if n, newest := c.ledger.Bans(); n+len(bans) > maxBans {
		c.raiseFloor(&Change{Cause: causeTooManyPatterns, Request: ch.Request}) // which is above newest
		c.ledger.Retire(newest)
		return
	}
	for _, b := range bans {
		banned := *ch
		banned.ban, banned.Targets = b, []string{cut("pattern " + b.String())}
		c.history.add(c.ledger.Ban(b), &banned)
		c.watch.changed(&banned)
	}
	c.sweeper.wake()
}

// sweep works off the patterns in force: it tries them against every stored
// entry, forgets those they match, and retires them. Entries whose fills are
// still open are refused by the ledger when they are done.
func (c *engine) sweep() {
	n, newest := c.ledger.Bans()
	if n == 0 {
		return
	}
	room := c.options.History / 2 // the rest is for misses that somebody waited for
	c.store.Range(func(key string, e *Entry) bool {
		if e.engine == c && !c.ledger.Vet(&e.record) {
			ch := c.blame(e, missPattern)
			if !e.fell.Swap(true) && c.watch.on() {
				c.watch.fell(e, ch)
			}
			if room--; room >= 0 {
				c.history.missed(key, missPattern, ch, e.tag(), nil)
			}
			if c.store.Get(key) == e { // not what was made anew since
				c.store.Delete(key)
			}
		}
		return true
	})
	c.ledger.Retire(newest)
}
