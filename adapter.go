package unstale

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/ledger"
)

// A Database is an adapter's end of a Cache: through it the adapter says what
// was read, by whom, and what is about to change. Package sqlite is such an
// adapter; application code does not need this type.
//
// All methods may be called concurrently.
type Database struct {
	cache *Cache
	name  string
	poll  func()
}

// Database registers a database with the cache. The name appears in logs and
// statistics. poll, if not nil, is called before anything stored is judged, on
// every request: it looks whether somebody changed the database past the
// adapter and, if so, calls Lost. It must be cheap and safe for concurrent use.
func (c *Cache) Database(name string, poll func()) *Database {
	d := &Database{cache: c, name: name, poll: poll}
	c.databases.add(d)
	return d
}

// Close takes the database out of the cache and invalidates everything stored,
// because nobody watches for its changes any longer.
func (d *Database) Close() {
	f := d.MarkAll("database closed") // nothing is served between the last poll and the floor
	d.cache.databases.remove(d)
	f.Settle()
}

// Seq returns the engine's sequence number. An adapter takes it before a read
// transaction begins and hands it to Caller.DependOn with every read made in it.
func (d *Database) Seq() uint64 { return d.cache.ledger.Seq() }

// Caller says on whose behalf a statement with ctx runs. Fills of other caches,
// which do not hear of this database's changes, become unstorable.
func (d *Database) Caller(ctx context.Context) Caller {
	refuseOthers(ctx, d.cache)
	return Caller{scope: scopeFor(ctx, d.cache), cache: d.cache}
}

// A Caller is on whose behalf a statement runs: a fill, something outside any
// fill, or nobody knows, because the context carries no mark. What the last says
// counts for every fill that is open. The zero Caller says nothing.
type Caller struct {
	scope   *scope
	cache   *Cache
	reading *reading // of an unmarked statement that has begun
}

// Known reports whether the context was marked, by the handler, by Load or by
// Outside. The statement of a caller that is not known must be begun by
// Unmarked.
func (c Caller) Known() bool { return c.scope != nil }

// Unmarked begins a statement of a caller that is not known, and returns the one
// on whose behalf it runs: all fills that are open now, and those that begin
// before Done is called, once, after the statement's last row. It precedes the
// statement.
func (c Caller) Unmarked() Caller {
	if c.scope != nil || c.cache == nil || c.reading != nil {
		return c
	}
	c.cache.stats.load().unmarked.Add(1)
	c.reading = c.cache.unmarked.begin(c.cache)
	return c
}

// Done ends a statement that Unmarked began. It does nothing for others, or when
// called again.
func (c Caller) Done() {
	if c.reading != nil {
		c.reading.end()
	}
}

// Idle reports whether no fill was open when an unmarked statement began: then
// coarse dependencies, for fills that begin before its rows end, will do.
func (c Caller) Idle() bool { return c.reading != nil && c.reading.idle }

// WhenAsked says, instead of DependOn, how to find out what an unmarked statement
// depends on, for one that is Idle and of which that is not known: find returns
// what DependOn takes, or why nothing that reads it may be stored. It is called at
// most once, by any goroutine, perhaps after Done, and only for a fill that began
// before Done. It must not wait for the statement's connection.
func (c Caller) WhenAsked(find func() (asOf uint64, hashes []uint64, origins []Origin, refused string)) {
	if c.reading != nil {
		c.reading.whenAsked(find)
	}
}

// Fills reports whether a fill collects what is read: only then is there any
// need to know what a statement reads.
func (c Caller) Fills() bool {
	return c.scope != nil && c.scope.fill != nil || c.reading != nil
}

// DependOn adds dependencies to the fill. It is called before the statement
// runs. asOf is the sequence number taken before the read transaction began in
// which the statement runs. Each of the origins says where the next of the
// hashes come from; their counts must not exceed the hashes. Both belong to the
// cache afterwards.
func (c Caller) DependOn(asOf uint64, hashes []uint64, origins ...Origin) {
	switch {
	case c.reading != nil:
		c.reading.say(saying{asOf, hashes, origins})
	case c.Fills():
		c.scope.fill.dependOn(asOf, hashes, origins...)
	}
}

// AtMost says what an unmarked statement depends on at most. It counts for fills
// that end before what Later announced has come, so it precedes Later. For other
// callers it does nothing.
func (c Caller) AtMost(asOf uint64, hashes []uint64, origins ...Origin) {
	if c.reading != nil {
		c.reading.sayAtMost(saying{asOf, hashes, origins})
	}
}

// An Origin is where some dependencies come from, for Explain.
type Origin struct {
	count int // of the dependencies
	to    *origin
}

// NewOrigin returns an origin of no dependencies yet: the text of a statement and
// what of it matters, each cut at 2000 bytes. An adapter makes it once for each
// and keeps it, because entries share it.
func NewOrigin(statement, source string) Origin {
	return Origin{to: &origin{statement: cut(statement, maxOrigin), source: cut(source, maxOrigin)}}
}

// Of returns the origin of that many dependencies.
func (o Origin) Of(count int) Origin { return Origin{count, o.to} }

// Request returns in whose course the caller runs, as in Change.Request.
func (c Caller) Request() string {
	return c.scope.request()
}

// Later announces dependencies of a statement that are known only when its rows
// have been read. Until done is called with what DependOn takes, what the fill
// computes cannot be stored, or, for an unmarked statement, depends on what AtMost
// said. done must be called once, at any time.
func (c Caller) Later() (done func(asOf uint64, hashes []uint64, origins ...Origin)) {
	switch {
	case c.reading != nil:
		return c.reading.later()
	case !c.Fills():
		return func(uint64, []uint64, ...Origin) {}
	}
	f := c.scope.fill
	f.await(1)
	return func(asOf uint64, hashes []uint64, origins ...Origin) {
		f.dependOn(asOf, hashes, origins...)
		f.await(-1)
	}
}

// Refuse makes what the fill computes unstorable, for a reason in few words. A
// caller that is not known refuses all fills that are open.
func (c Caller) Refuse(reason string) {
	switch {
	case c.scope == nil && c.cache != nil:
		c.cache.refuseUnmarked(c.reading, reason)
	case c.Fills():
		c.scope.fill.refuse(reason)
	}
}

// Wrote says that the caller runs a statement that writes. A fill becomes
// unstorable; it is reported once by call site, because a GET should not write. Of
// an unmarked statement, so do those whose goroutine began it, and others as long
// as their routes may be the ones that write. Freshness does not need it: where
// such a statement returns rows, Refuse is called, too.
func (c Caller) Wrote() {
	own, others := false, false
	switch {
	case c.reading != nil:
		own, others = c.reading.wrote()
	case c.Fills():
		own = true
		c.scope.fill.refuse(refusedWrote)
	}
	if own {
		c.cache.reportOnce(caller(kindWrote), "unstale: a GET wrote to the database; its answer is not cached")
	} else if others {
		c.cache.reportUnmarked(refusedWrote)
	}
}

// Began says that the caller begins a transaction that may see one state of the
// database throughout, that of asOf, a sequence number taken before it began, or a
// later one. Until ended is called, once, Load serves nothing that was made after
// asOf.
func (c Caller) Began(asOf uint64) (ended func()) {
	if c.scope == nil {
		return func() {}
	}
	return c.scope.transactions.begin(asOf)
}

// Uncommitted adds delta to the number of the caller's open transactions that
// have changed something. While it is above zero Load neither serves nor stores.
func (c Caller) Uncommitted(delta int) {
	if c.scope != nil {
		c.scope.transactions.uncommitted.Add(int32(delta))
	}
}

// Untracked reports a read of which nothing is known, by nobody knows whom. What
// fills that are open at this moment compute becomes unstorable, because the read
// may have been made for one of them; if there are any, it is reported once by
// call site.
func (d *Database) Untracked() { d.cache.refuseUnmarked(nil, "past the adapter") }

// Mark puts the dependencies with these hashes in flux. An adapter calls it
// when a commit is about to become visible and calls Settle on the result once
// the outcome is known, whatever it is. Settle must follow. change, which may be
// nil, says which rows the commit changes, and for whom; it is called before
// anything is in flux, if changes are remembered, and what it returns belongs to
// the cache.
func (d *Database) Mark(hashes []uint64, change func() *Change) *Flux {
	slots := make([]ledger.Slot, len(hashes))
	for i, h := range hashes {
		slots[i] = d.cache.ledger.Slot(h)
	}
	f := &Flux{cache: d.cache, slots: ledger.Compact(slots), since: time.Now(), change: &Change{}}
	if change != nil && d.cache.history != nil {
		f.change = change()
	}
	f.change.Cause, f.change.Database = causeWrite, d.name
	d.cache.ledger.Mark(f.slots)
	return f
}

// MarkAll puts everything in flux, for a commit whose effects no dependency
// describes: a schema change, or what the adapter does not understand. Settle
// then raises the floor. The cause appears in logs and statistics.
func (d *Database) MarkAll(cause string) *Flux {
	f := &Flux{cache: d.cache, all: true, change: &Change{Cause: cause, Database: d.name}, since: time.Now()}
	d.cache.ledger.MarkAll()
	return f
}

// Lost invalidates everything stored, because changes may have been missed.
func (d *Database) Lost(cause string) {
	d.cache.raiseFloor(&Change{Cause: cause, Database: d.name})
}

// Captured counts rows whose changes were captured.
func (d *Database) Captured(rows int) { d.cache.stats.load().rowsCaptured.Add(uint64(rows)) }

// Coarse counts a statement whose dependencies are coarser than its text
// would allow, with the reason in few words.
func (d *Database) Coarse(statement, reason string) {
	d.cache.stats.coarse(statement, reason)
}

// A Flux is a set of dependencies in flux.
type Flux struct {
	cache  *Cache
	slots  []ledger.Slot
	all    bool
	change *Change // to be remembered
	since  time.Time
	once   sync.Once
}

// Settle bumps the dependencies and releases them. The commit must be visible
// to every read that starts from now on, or must have failed. Only the first
// call has an effect.
func (f *Flux) Settle() {
	f.once.Do(func() {
		c := f.cache
		if f.all {
			c.raiseFloor(f.change)
			c.ledger.ReleaseAll()
		} else {
			c.history.add(c.ledger.Bump(f.slots), f.change)
			failpoint.Pass(failpoint.BeforeRelease)
			c.ledger.Release(f.slots)
			c.stats.invalidation(causeWrite, 1)
		}
		c.stats.load().flux.observe(time.Since(f.since))
	})
}

// databases is the set of registered databases, copied on change.
type databases struct {
	mu   sync.Mutex
	list atomic.Pointer[[]*Database]
}

func (s *databases) all() []*Database {
	if p := s.list.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *databases) add(d *Database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append(slices.Clone(s.all()), d)
	s.list.Store(&list)
}

func (s *databases) remove(d *Database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.all()), func(e *Database) bool { return e == d })
	s.list.Store(&list)
}

// poll asks every database whether it was changed past its adapter.
func (s *databases) poll() {
	for _, d := range s.all() {
		if d.poll != nil {
			d.poll()
		}
	}
}
