package sqlite

import (
	"context"
	"sync"
	"sync/atomic"
)

// A watch notices commits to the file that this database's connections did not
// make: by another process, by another driver in this one, or on behalf of another cache.
//
// In WAL mode the shared wal-index header holds a change counter that rises by
// one with every commit that wrote something, whoever makes it, and it does so
// just before the commit becomes visible: a reader accepts the header only when
// its two copies agree, and the counter watched here is in the one written last.
// Checkpoints and restarts of the log leave the counter alone; a recovery, which
// happens when a process died while it wrote the header, sets it to zero.
//
// known is the counter's value that this database can account for. The poll
// before every answer compares the two; where they differ and the difference is
// no commit of ours, everything stored is invalidated, and only then is known
// brought up to date.
//
// Which commits are ours is told exactly. In the commit hook of a connection
// that is about to write, that connection holds the file's write lock, so the
// counter stands still: if it is not known, somebody else committed. The
// connection then is the one pending commit, and if the counter is found one
// higher, it was ours if, and only if, the connection's own copy of the header
// says so: SQLite counts there first, and not at all if the commit fails. A
// pending commit is resolved by whoever comes first: a poll, the commit hook of
// the next connection (the first may have released the lock and not yet
// returned), or the connection itself when the driver's call has returned.
//
// A recovery followed by exactly as many commits as were known, all between two
// polls, would go unnoticed.
type watch struct {
	lost func(cause string) // invalidates everything stored

	// closing excludes the end of the mapping: it is held for reading by
	// whoever looks at the counter.
	closing sync.RWMutex
	shared  *atomic.Uint32 // the counter; nil when closed

	known atomic.Uint32

	mu      sync.Mutex // of changes to known and pending
	pending *session
	own     *atomic.Uint32 // pending's copy of the counter
}

// Why everything stored is invalidated without a commit of ours.
const (
	causeForeign  = "foreign write"
	causeReplaced = "file replaced"
)

// newWatch returns a watch of the counter at an address.
func newWatch(shared uintptr, lost func(string)) *watch {
	w := &watch{lost: lost, shared: (*atomic.Uint32)(at(shared))}
	w.known.Store(w.shared.Load())
	return w
}

// over reports whether the counter at an address is the one that is watched.
// Connections of this process to one file share one mapping.
func (w *watch) over(shared uintptr) bool {
	w.closing.RLock()
	defer w.closing.RUnlock()
	return w.shared == nil || w.shared == (*atomic.Uint32)(at(shared))
}

// poll looks whether somebody else committed.
func (w *watch) poll() {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.shared == nil || w.shared.Load() == w.known.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolve()
}

// resolve accounts for the counter's present value. The caller holds closing
// for reading, and mu.
func (w *watch) resolve() {
	known, now := w.known.Load(), w.shared.Load()
	if now == known {
		return
	}
	if w.pending == nil || now != known+1 || w.own.Load() != now {
		w.lost(causeForeign)
	}
	w.known.Store(now)
	w.pending, w.own = nil, nil
}

// committing makes s the pending commit. It is called from within the commit
// hook of s, whose transaction wrote to the file.
func (w *watch) committing(s *session) {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.shared == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolve()
	if own := s.native.ownChange(); own != 0 {
		w.pending, w.own = s, (*atomic.Uint32)(at(own))
	}
}

// account ends the pending commit of s, if there is one, after the driver's call
// returned. It must have been called before the connection is closed.
func (w *watch) account(s *session) {
	w.closing.RLock()
	defer w.closing.RUnlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending != s {
		return
	}
	if w.shared != nil {
		w.resolve()
	}
	w.pending, w.own = nil, nil
}

// adopt accounts for whatever was committed so far. It is called while
// everything is in flux, so that nothing is taken for true that was not seen;
// the caller invalidates everything stored afterwards.
func (w *watch) adopt() {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.shared == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// A commit that is pending and has not landed stays so: since its hook, the
	// counter is known.
	if now := w.shared.Load(); now != w.known.Load() {
		w.known.Store(now)
		w.pending, w.own = nil, nil
	}
}

// close ends the watch. The mapping may go when it has returned.
func (w *watch) close() {
	w.closing.Lock()
	defer w.closing.Unlock()
	w.shared = nil
}

// recognise looks, before anybody uses a new connection, whether it is one to the
// file that is watched. If that was removed and another one has its name, what
// is stored is of the former, and nobody watches the latter: everything falls,
// and nothing is cached any longer.
func (db *database) recognise(s *session) error {
	// A first read opens the write-ahead log.
	if _, err := s.inner.ExecContext(context.Background(), "SELECT 1 FROM sqlite_schema", nil); err != nil {
		return fail("read the schema", err)
	}
	shared, err := s.native.sharedChange()
	if (err != nil || !db.watch.over(shared)) && db.replaced.CompareAndSwap(false, true) {
		db.lost(causeReplaced)
	}
	return nil
}
