package unstale

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/unstale/unstale/internal/clock"
)

// maxJoins is how often a request waits for somebody else's fill: who has waited
// in vain, because a write overtook it or it panicked, runs its own. Who learnt by
// waiting that they want another variant may join a fill of that. Who is vouched
// for by nobody joins as often once more, and again if it turned out that the
// result depends on who asks, which they found out too late.
const maxJoins = 1

// maxUnvouched is how many fills of a key run at a time for requests that nobody
// vouches for: a database that is late is not to have all its readers at once.
const maxUnvouched = 2

// A flight is a fill that others wait for. Whoever joins one judges its result
// as of the moment the flight is done, and must be entitled to it.
type flight struct {
	number  uint64 // in the order of their beginning
	fill    *fill
	done    chan struct{}
	landing landing // set before done is closed

	// Guarded by flights.mu.
	users    []*flight          // whose functions wait for this one, or did
	waiting  int                // who still wants the result, the leader included
	deserted bool               // the leader does not
	cancel   context.CancelFunc // ends the fill's context; nil until there is one
}

// A landing is what a flight leaves: an entry, unless it may not be stored. A write
// may have overtaken it, and then it is not.
type landing struct {
	// unshared says that results of this kind are not stored, so that there is no
	// point in queueing for another one.
	unshared bool

	unasked bool // whoever made it did not ask who asks

	// cut says that the time of whoever led it was over.
	cut bool

	entry *Entry
	keep  keep // where it is stored, or would be
}

// flights holds the fills under way by what they fill.
type flights struct {
	mu   sync.Mutex
	m    map[string]underWay
	last uint64 // number of the flight that began last
}

// underWay are the flights for a key.
type underWay struct {
	latest *flight // nil if it has landed
	count  int
}

// A role is what came of joining.
type role uint8

const (
	leads role = iota // a flight of their own
	joins             // somebody else's
	waits             // until it has landed, and tries again
)

// A joiner is who wants the result of a flight.
type joiner struct {
	within   *flight // in which their code runs, or nil
	newcomer interface{ begin() *fill }
	mayJoin  bool
	holds    bool   // a connection, which a flight may wait for
	joined   int    // flights, in vain, but for one that was cut
	cut      bool   // one was
	key      string // of the first of them

	looked     bool   // a second time, for what was stored meanwhile
	vouched    bool   // what a flight leaves is judged after a look
	since      uint64 // the flight that had begun last when they had read whatever they read; 0: not known
	identified bool   // that was after they had found out who asks

	enough <-chan time.Time // receives when they have waited long enough; nil: they have not waited
}

// found says why nothing was found that could be served.
func (j *joiner) found(fs *flights, s selector, why miss) {
	j.vouched = !why.unvouched()
	if now := s.identified(); !j.vouched && (j.since == 0 || j.identified != now) {
		j.since, j.identified = fs.began(), now
	}
}

// may reports whether they may join another flight, for key.
func (j *joiner) may(key string) bool {
	most := maxJoins
	if j.key != "" && key != j.key {
		most++
	}
	if !j.vouched {
		most += maxJoins + 1
	}
	return j.mayJoin && !j.holds && j.joined < most
}

// await waits for a flight that j joins or waits for, until it has landed, ctx has
// ended, which is the error then, or j has waited long enough.
func (c *engine) await(ctx context.Context, f *flight, j *joiner, how role) (landed bool, err error) {
	if j.enough == nil {
		j.enough = time.After(c.options.JoinWait)
	}
	select {
	case <-f.done:
		return true, nil
	case <-j.enough:
		j.mayJoin = false
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if how == joins {
		c.flights.leave(f)
	}
	return false, err
}

// looksAgain reports whether j, who found nothing under key, is to look once more
// before they lead a flight: one may have landed since, and stored what they want.
// It is asked after the flights are, since what a flight leaves is stored before it
// lands.
func (c *engine) looksAgain(j *joiner, key string) bool {
	if j.looked || !j.vouched || !j.mayJoin || !c.flights.idle(key) {
		return false
	}
	e := c.store.Get(key)
	j.looked = e != nil && (e.kind == kindSignpost || c.judge(e, clock.Now()) == missNone)
	return j.looked
}

// inVain notes that a flight that they joined left nothing for them. Whose leader's
// time was over they may do so once more: together they have time for another one.
func (j *joiner) inVain(l landing) {
	if l.cut && !j.cut {
		j.cut = true
		return
	}
	j.joined++
	j.mayJoin = j.mayJoin && !l.unshared
}

// began returns the number of the flight that began last, which is never 0.
func (fs *flights) began() uint64 {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.last = max(fs.last, 1)
	return fs.last
}

// idle reports whether no flight is under way for key.
func (fs *flights) idle(key string) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.m[key].count == 0
}

// join returns a flight for key. If there is one under way that nothing has
// overtaken, who is vouched for joins it. Who is not joins one that began after
// everything that they have read: its result is what their own fill might be, and
// need not be judged. If enough run already, they wait until the latest has landed.
// Otherwise they lead a new one.
//
// Who leads must call finish; who joins must wait until done is closed, or call
// leave. Nobody joins or waits for a flight that waits for the one within which they
// run: both would wait for ever.
func (fs *flights) join(key string, j *joiner) (f *flight, how role) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	here := fs.m[key]
	if f := here.latest; j.may(key) && f != nil && !j.within.servesFor(f) {
		switch {
		case f.waiting > 0 && (j.vouched && f.fill.current() || !j.vouched && f.number > j.since):
			f.waiting++
			f.usedBy(j.within)
			if j.key == "" {
				j.key = key
			}
			return f, joins
		case !j.vouched && here.count >= maxUnvouched:
			f.usedBy(j.within)
			return f, waits
		}
	}
	fs.last++
	f = &flight{number: fs.last, fill: j.newcomer.begin(), done: make(chan struct{}), waiting: 1}
	f.usedBy(j.within)
	if fs.m == nil {
		fs.m = make(map[string]underWay)
	}
	fs.m[key] = underWay{f, here.count + 1}
	return f, leads
}

// usedBy notes that a flight waits for f, if it is not nil. The caller holds
// flights.mu.
func (f *flight) usedBy(g *flight) {
	if g == nil || slices.Contains(f.users, g) {
		return
	}
	if len(f.users) == cap(f.users) { // those that have landed make room
		f.users = slices.DeleteFunc(f.users, (*flight).landed)
	}
	f.users = append(f.users, g)
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

// leaveLeading is leave for the leader of the flight under key, whose context ctx
// has ended. A fill that goes on after the flight has landed, because its answer is
// streamed, does so for the leader alone. A deadline is the fill's own: what comes
// of it is not shared, and nobody waits for it any longer.
func (fs *flights) leaveLeading(ctx context.Context, key string, f *flight) {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		fs.finish(key, f, landing{cut: true})
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
	here := fs.m[key]
	if here.count--; here.latest == f {
		here.latest = nil
	}
	if fs.m[key] = here; here.count == 0 {
		delete(fs.m, key)
	}
	close(f.done)
	if f.deserted && f.cancel != nil {
		f.cancel()
	}
}

// entitled reports whether what a flight left answers the request that s stands
// for, which joined it: it is the one that the request selects, and, unless nobody
// vouches for it, valid now, which is after the request arrived. at is a sequence
// moment at which it is as good as made.
func (c *engine) entitled(ctx context.Context, f *flight, j *joiner, primary string, s selector) (at moment, ok bool) {
	l := f.landing
	if l.entry == nil || !s.may(l.entry) || !takes(s, l.entry) || c.variant(primary, l.keep.choice, l.entry.audience(), s) != l.keep.key {
		return at, false
	}
	if !j.vouched {
		// The fill must have read after they found out who asks.
		at = moment{l.entry.record.AsOf, clock.Now()}
		return at, l.entry.fresh(at.time) && (j.identified || !l.entry.asked)
	}
	if c.catchUp(ctx, s, l.entry) != missNone {
		return at, false
	}
	at = c.now()
	return at, c.judge(l.entry, at.time) == missNone
}
