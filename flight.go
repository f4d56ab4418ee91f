package unstale

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// maxJoins is how often a request waits for somebody else's fill: who has waited
// in vain, because a write overtook it or it panicked, runs its own.
const maxJoins = 1

// A flight is a fill that others wait for. Whoever joins one judges its result
// as of the moment the flight is done, and must be entitled to it.
type flight struct {
	fill    *fill
	done    chan struct{}
	landing landing // set before done is closed

	// Guarded by flights.mu.
	users    []*flight          // whose functions wait for this one, or did
	waiting  int                // who still wants the result, the leader included
	deserted bool               // the leader does not
	cancel   context.CancelFunc // ends the fill's context; nil until there is one
}

// A landing is what a flight leaves: the entry that was stored, or nothing.
type landing struct {
	// unshared says that results of this kind are not stored, so that there is no
	// point in queueing for another one.
	unshared bool

	entry  *Entry
	choice choice // under which it was stored
	key    string // its key, which spells out all that selects it
}

// flights holds the fills under way by what they fill.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

// join returns the flight under way for key, if mayJoin and there is one that
// nothing has overtaken, or makes the caller the leader of a new one. The leader
// must call finish; who joined must wait until done is closed, or call leave.
func (fs *flights) join(key string, mayJoin bool, begin func() *fill) (f *flight, leader bool) {
	return fs.joinWithin(nil, key, mayJoin, begin)
}

// joinWithin is join for code that runs within a flight, if it is not nil. It
// joins none that waits for that one: both would wait for ever.
func (fs *flights) joinWithin(within *flight, key string, mayJoin bool, begin func() *fill) (f *flight, leader bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.m[key]; mayJoin && f != nil && f.waiting > 0 && !within.servesFor(f) && f.fill.current() {
		f.waiting++
		if within != nil {
			f.users = append(f.users, within)
		}
		return f, false
	}
	f = &flight{fill: begin(), done: make(chan struct{}), waiting: 1}
	if within != nil {
		f.users = []*flight{within}
	}
	if fs.m == nil {
		fs.m = make(map[string]*flight)
	}
	fs.m[key] = f
	return f, true
}

// servesFor reports whether g waits for f, directly or not, or is f. It visits each
// flight once. The caller holds flights.mu.
func (f *flight) servesFor(g *flight) bool {
	if f == nil {
		return false
	}
	seen := map[*flight]bool{f: true}
	for next := []*flight{f}; len(next) > 0; {
		f := next[len(next)-1]
		next = next[:len(next)-1]
		if f == g {
			return true
		}
		f.users = slices.DeleteFunc(f.users, (*flight).landed)
		for _, u := range f.users {
			if !seen[u] {
				seen[u] = true
				next = append(next, u)
			}
		}
	}
	return false
}

// lead sets what ends the fill's context when nobody waits any longer.
func (fs *flights) lead(f *flight, cancel context.CancelFunc) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.cancel = cancel
}

// leave says that one of those who wait does not want the result any more. The
// fill goes on as long as somebody does.
func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.landed() {
		return // too late: what still runs is the leader's own affair
	}
	f.waiting--
	if f.waiting == 0 && f.cancel != nil {
		f.cancel()
	}
}

// leaveLeading is leave for the leader, whose context ctx has ended. A fill that
// goes on after the flight has landed, because its answer is streamed, does so for
// the leader alone. A deadline is the fill's own, and needs no help.
func (fs *flights) leaveLeading(ctx context.Context, f *flight) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return
	}
	fs.leave(f)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.deserted = true
	if f.landed() && f.cancel != nil {
		f.cancel()
	}
}

// landed reports whether the flight is done.
func (f *flight) landed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// finish ends the flight under key and hands its result to those who wait. Only
// the first call has an effect.
func (fs *flights) finish(key string, f *flight, l landing) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.landed() {
		return
	}
	f.landing = l
	if fs.m[key] == f {
		delete(fs.m, key)
	}
	close(f.done)
	if f.deserted && f.cancel != nil {
		f.cancel()
	}
}

// entitled reports whether what a flight left answers the request that s stands
// for, which joined it: it is the one that the request selects, and it is valid
// now, which is after the request arrived.
func (c *Cache) entitled(f *flight, primary string, s selector, now time.Time) bool {
	l := f.landing
	if l.entry == nil || !s.may(l.entry) || c.variant(primary, l.choice, l.entry.asked, s) != l.key {
		return false
	}
	c.databases.poll()
	return c.judge(l.entry, now) == missNone
}
