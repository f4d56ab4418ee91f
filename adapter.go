package unstale

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/ledger"
)

// database implements adapter.Database.
type database struct {
	*source
	nobody caller // on whose behalf a statement runs that nobody marked
}

// database is Cache.Database.
func (c *engine) database(name string, s Source) adapter.Database {
	d := &database{source: c.follow(name, s)}
	d.nobody = caller{db: d}
	c.sources.add(d.source)
	return d
}

// Close implements adapter.Database.
func (d *database) Close() { d.close("database closed") }

// Logger implements adapter.Database.
func (d *database) Logger() *slog.Logger { return d.engine.logger }

// Seq implements adapter.Database.
func (d *database) Seq() uint64 { return d.engine.ledger.Seq() }

// Tick implements adapter.Database.
func (d *database) Tick() uint64 { return d.engine.ledger.Tick() }

// SharedKey implements adapter.Database.
func (d *database) SharedKey() (key [16]byte, ok bool) {
	if d.engine.sharing == nil {
		return key, false
	}
	return d.engine.sharing.hashKey, true
}

// Caller implements adapter.Database.
func (d *database) Caller(ctx context.Context, within adapter.Caller) adapter.Caller {
	refuseOthers(ctx, d.engine)
	if s := scopeFor(ctx, d.engine); s != nil {
		return s.callerOf(d)
	}
	if w, ok := within.(*caller); ok && w.reading == nil {
		return w
	}
	return &d.nobody
}

// caller implements adapter.Caller.
type caller struct {
	db      *database
	scope   *scope   // nil: nobody knows
	reading *reading // of a statement that has begun, if nobody knows
}

// callerOf returns the caller for what runs in the scope. Most scopes read one
// database and share one.
func (s *scope) callerOf(d *database) *caller {
	if c := s.caller.Load(); c != nil && c.db == d {
		return c
	}
	c := &s.first
	if !s.claimed.CompareAndSwap(false, true) {
		c = new(caller)
	}
	*c = caller{db: d, scope: s}
	s.caller.Store(c)
	return c
}

// Begin implements adapter.Caller.
func (c *caller) Begin() adapter.Caller {
	if c.scope != nil || c.reading != nil {
		return c
	}
	c.db.engine.stats.load().unmarked.Add(1)
	return &c.db.engine.unmarked.begin(c.db).caller
}

// End implements adapter.Caller.
func (c *caller) End() {
	if c.reading != nil {
		c.reading.end()
	}
}

// Needs implements adapter.Caller.
func (c *caller) Needs() adapter.Needs {
	switch {
	case c.fill() != nil:
		return adapter.All
	case c.reading == nil:
		return adapter.Nothing
	case c.reading.idle:
		return adapter.Most
	}
	return adapter.Both
}

// fill returns the fill on whose behalf the caller runs, or nil.
func (c *caller) fill() *fill {
	if c.scope == nil {
		return nil
	}
	return c.scope.fill
}

// DependOn implements adapter.Caller.
func (c *caller) DependOn(d adapter.Dependencies) {
	if f := c.fill(); f != nil {
		f.dependOn(c.db.source, d)
	} else if c.reading != nil {
		c.reading.say(d)
	}
}

// Later implements adapter.Caller.
func (c *caller) Later(most adapter.Dependencies) (done func(adapter.Dependencies)) {
	f := c.fill()
	switch {
	case c.reading != nil:
		return c.reading.later(most)
	case f == nil:
		return func(adapter.Dependencies) {}
	}
	f.await(1)
	return func(d adapter.Dependencies) {
		f.dependOn(c.db.source, d)
		f.await(-1)
	}
}

// WhenAsked implements adapter.Caller.
func (c *caller) WhenAsked(find func() (adapter.Dependencies, string)) {
	if c.reading != nil {
		c.reading.whenAsked(find)
	}
}

// Refuse implements adapter.Caller.
func (c *caller) Refuse(reason, statement string) {
	if f := c.fill(); f != nil {
		f.refuseFor(reason, statement)
		if statement != "" {
			c.db.engine.reportStatement(statement, reason)
		}
	} else if c.scope == nil {
		c.db.engine.refuseUnmarked(c.reading, reason, statement)
	}
}

// Wrote implements adapter.Caller. Of a statement that nobody marked, fills become
// unstorable whose goroutine began it, and others as long as their routes may be the
// ones that write.
func (c *caller) Wrote(rows bool) {
	if f := c.fill(); f != nil {
		at := callSite(kindWrote)
		f.write(refusedWrote, at.place)
		c.db.engine.reportWrite(at)
	} else if c.reading != nil {
		switch own, others := c.reading.wrote(); {
		case own:
			c.db.engine.reportWrite(callSite(kindWrote))
		case others:
			c.db.engine.reportUnmarked(callSite(kindUntracked), refusedWrote, "")
		}
	}
	if rows && c.scope == nil {
		c.Refuse("write that returns rows", "")
	}
}

// Began implements adapter.Caller.
func (c *caller) Began(asOf uint64) (ended func()) {
	h := c.holders()
	h.begin(asOf)
	return func() { h.end(asOf) }
}

// Changed implements adapter.Caller.
func (c *caller) Changed() (ended func()) {
	h := c.holders()
	h.change(1)
	return func() { h.change(-1) }
}

// Took implements adapter.Caller.
func (c *caller) Took() { c.holders().take(1) }

// GaveBack implements adapter.Caller.
func (c *caller) GaveBack() { c.holders().take(-1) }

// holders returns where it counts what the caller holds.
func (c *caller) holders() holders {
	e := c.db.engine
	if c.scope == nil {
		return holders{&e.nobody, &e.everybody}
	}
	return holders{c.scope.holdingsFor(e), &e.everybody}
}

// Coarse implements adapter.Database.
func (d *database) Coarse(statement, reason string) {
	d.engine.stats.coarse(statement, reason).runs.Add(1)
}

// Mark implements adapter.Database.
func (d *database) Mark(commit adapter.Commit) adapter.Flux {
	c := d.engine
	slots := make([]ledger.Slot, len(commit.Touched))
	for i, h := range commit.Touched {
		slots[i] = c.ledger.Slot(h)
	}
	f := &flux{engine: c, slots: ledger.Compact(slots), since: time.Now(), change: d.change(cmp.Or(commit.Cause, causeWrite))}
	if commit.Describe != nil && c.history != nil {
		if by, ok := commit.By.(*caller); ok {
			f.change.Request = by.scope.request()
		}
		f.change.More = commit.Describe(maxRows, func(table, operation, key string, columns []string, coarse string) {
			f.change.Rows = append(f.change.Rows, RowChange{table, operation, key, columns, coarse})
		})
	}
	for _, reason := range commit.Coarse {
		c.stats.load().coarseWrites.add(reason, 1)
	}
	c.stats.load().rowsCaptured.Add(uint64(commit.Rows))
	c.ledger.Mark(f.slots)
	return f
}

// MarkAll implements adapter.Database.
func (d *database) MarkAll(cause string) adapter.Flux { return d.mark(cause, false) }

// MarkEverything implements adapter.Database.
func (d *database) MarkEverything(cause string) adapter.Flux { return d.mark(cause, true) }

// Lost implements adapter.Database.
func (d *database) Lost(cause string) { d.MarkAll(cause).Settle() }

// mark puts everything in flux that was read from a source: everything there is,
// if that may depend on what the source tells, or is asked for.
func (s *source) mark(cause string, everything bool) *flux {
	f := &flux{engine: s.engine, all: everything || s.every, aside: everything || s.positioned == nil, change: s.change(cause), since: time.Now()}
	if f.all {
		s.engine.ledger.MarkAll()
	} else {
		f.slots = []ledger.Slot{s.whole}
		s.engine.ledger.Mark(f.slots)
	}
	return f
}

func (s *source) change(cause string) *Change { return &Change{Cause: cause, Database: s.name} }

// flux implements adapter.Flux.
type flux struct {
	engine *engine
	slots  []ledger.Slot
	all    bool
	aside  bool    // others do not hear of it
	change *Change // to be remembered
	since  time.Time
	once   sync.Once
}

// Settle implements adapter.Flux.
func (f *flux) Settle() {
	f.once.Do(func() {
		c := f.engine
		if f.all {
			seq := c.ledger.RaiseFloor()
			if f.aside {
				c.fellAside.Store(seq)
			}
			c.history.add(seq, f.change)
			c.ledger.ReleaseAll()
		} else {
			c.history.add(c.ledger.Bump(f.slots), f.change)
			failpoint.Pass(failpoint.BeforeRelease)
			c.ledger.Release(f.slots)
		}
		c.watch.changed(f.change)
		c.stats.invalidation(f.change.Cause, 1)
		c.stats.load().flux.observe(time.Since(f.since))
	})
}
