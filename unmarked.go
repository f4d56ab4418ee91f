package unstale

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/goroutine"
	"github.com/unstale/unstale/internal/ledger"
)

// unmarked is what is known of statements whose context carries no mark: most
// programs pass none. Nobody knows for whom such a statement reads, so it counts
// for every fill that is open at any moment between its start and its rows' end,
// a reading, with what it depends on and with its asOf. Nothing that could be
// made of its rows is left out:
//
//   - A reading is registered before its statement starts, and says what it
//     depends on before the statement starts, too. A fill that ended before that
//     was said was not made of rows that had not been read yet. (That it ended in
//     between, after the adapter had looked, is this case.)
//   - A fill that is open when something is said hears it at once.
//   - A fill that begins while a reading is open hears what it has said, as it
//     begins, and what it says later like all others. Registering, saying,
//     beginning and ending are under one lock, so that whatever is said is heard
//     by a fill either when it begins or when it is said.
//   - A fill that ends while a reading still has something to say, because rows
//     decide of what it is made, hears what it depends on at most; so nobody
//     waits for rows that somebody else holds. After that it is sealed, and made
//     of no row that is read later.
//   - Where no fill is open, as most of the time, nobody looks what a statement
//     depends on unless that is known already. If a fill begins before its rows
//     end, it asks for that at its own end (owes), whatever has become of the rows.
//   - A fill that begins after the rows' end is not made of them: what they held
//     was with the program before, which is what Identity, tags and context
//     values are for.
//
// What a reading says is heard with its asOf, taken before its transaction began
// and thus perhaps long before the fill's own: the fill takes the older one.
// A fill's own asOf is taken under the lock, before it is known to be open and so
// before any number that it hears is compared with it. Where the ledger finds that
// nothing of what was said has changed since the reading's asOf, the rows are as
// good as rows read just before the ledger was asked (as with a stored result,
// useStored), and that number counts: otherwise one long reading of rows that
// never change would make everything look as old as itself.
//
// A reading that cannot be stored, or that sees what is not committed, refuses
// every fill that it would count for.
//
// A statement that writes is one, too, though freshness does not need it: a GET
// that writes has to run each time. See near.
//
// Options.AttributeByGoroutine narrows that: a reading that a fill's own goroutine
// began, or one that it started, counts for this fill alone (within, alone). The
// goroutine of a fill that has ended is any other.
//
// That a reading counts for a fill does not say that the fill is made of it. So
// only a reading that the fill's own goroutine began makes known what the fill
// depends on (numbered): an answer about which nothing is known is not stored
// because some job happened to read meanwhile.
type unmarked struct {
	seen atomic.Bool // there has been such a statement

	mu       sync.Mutex
	fills    []*fill // open
	numbers  numbers
	marks    map[goroutine.Mark]*fill // of goroutines, if Options.AttributeByGoroutine says so
	readings []*reading               // open
	crowd    int                      // those beyond maxReadings: they refuse

	written bool           // there has been one that writes
	calm    map[string]int // fills, by route, that no such one came near, up to calmEnough
}

// maxReadings bounds the readings that are remembered at a time. Each has a
// statement open, so that there are hardly ever more than connections.
const maxReadings = 4096

// A reading is a statement that nobody marked, from before its start to its
// rows' end.
type reading struct {
	caller caller // that speaks for it
	idle   bool   // no fill was open when it began

	// Guarded by unmarked.mu.
	place   int     // in unmarked.readings
	state   uint8   // of those below
	refuses bool    // every fill that it counts for
	because string  // which place in the program that is due to, or ""
	writes  bool    // it is no read, or not only
	within  []*fill // whose goroutine began it
	alone   bool    // it counts for these and for no others
	said    []adapter.Dependencies
	find    func() (d adapter.Dependencies, refused string)
	asking  sync.Once              // find
	most    []adapter.Dependencies // what it depends on at most
	awaited int                    // announcements of what it will say
}

// States of a reading.
const (
	readingOpen uint8 = iota
	readingInCrowd
	readingEnded
)

// cache returns the one whose fills the reading counts for.
func (r *reading) engine() *engine { return r.caller.db.engine }

// begin registers a reading of a database. It precedes the statement.
func (u *unmarked) begin(d *database) *reading {
	u.seen.Store(true)
	var on []uint16
	var mark goroutine.Mark
	if d.engine.openFills.Load() > 0 {
		on, mark = numbersOnStack(), goroutine.Current()
	}
	r := new(reading)
	r.caller = caller{db: d, reading: r}
	u.mu.Lock()
	defer u.mu.Unlock()
	r.idle = len(u.fills) == 0
	for _, n := range on {
		if f := u.numbers.fill(n); f != nil {
			r.within = append(r.within, f)
		}
	}
	if f := u.marks[mark]; f != nil && !slices.Contains(r.within, f) {
		r.within = append(r.within, f)
	}
	r.alone = d.engine.options.AttributeByGoroutine && len(r.within) > 0
	if len(u.readings) >= maxReadings {
		r.state = readingInCrowd
		u.crowd++
		r.refuse("")
		return r
	}
	r.place = len(u.readings)
	u.readings = append(u.readings, r)
	return r
}

// end follows the reading's last row. Only the first call has an effect.
func (r *reading) end() {
	u := &r.engine().unmarked
	u.mu.Lock()
	defer u.mu.Unlock()
	switch r.state {
	case readingEnded:
		return
	case readingInCrowd:
		u.crowd--
	default:
		if r.awaited > 0 { // it will not come
			r.tellAll(r.most)
		}
		last := len(u.readings) - 1
		u.readings[r.place] = u.readings[last]
		u.readings[r.place].place = r.place
		u.readings[last] = nil
		u.readings = u.readings[:last]
	}
	r.state = readingEnded
}

// say tells every open fill, and those that begin before the end, what the
// reading depends on.
func (r *reading) say(d adapter.Dependencies) {
	u := &r.engine().unmarked
	u.mu.Lock()
	defer u.mu.Unlock()
	r.sayLocked(d)
}

// sayLocked is say for callers that hold unmarked.mu.
func (r *reading) sayLocked(d adapter.Dependencies) {
	r.said = append(r.said, d)
	r.tellAll(r.said[len(r.said)-1:])
}

// whenAsked says how to find out what the reading depends on.
func (r *reading) whenAsked(find func() (d adapter.Dependencies, refused string)) {
	u := &r.engine().unmarked
	u.mu.Lock()
	defer u.mu.Unlock()
	r.find = find
	for _, f := range r.concerns() { // which began meanwhile
		f.owes = append(f.owes, r)
	}
}

// ask finds out what the reading depends on. Nobody holds a lock.
func (r *reading) ask() {
	r.asking.Do(func() {
		d, refused := r.find()
		u := &r.engine().unmarked
		u.mu.Lock()
		defer u.mu.Unlock()
		r.refuses = r.refuses || refused != ""
		r.said = append(r.said, d)
	})
}

// later announces that the reading will say more, and says what it depends on at
// most.
func (r *reading) later(most adapter.Dependencies) (done func(adapter.Dependencies)) {
	u := &r.engine().unmarked
	u.mu.Lock()
	defer u.mu.Unlock()
	r.most = append(r.most, most)
	r.awaited++
	return func(d adapter.Dependencies) {
		u.mu.Lock()
		defer u.mu.Unlock()
		r.sayLocked(d)
		r.awaited--
	}
}

// concerns returns the open fills that the reading counts for. The caller holds
// unmarked.mu.
func (r *reading) concerns() []*fill {
	u := &r.engine().unmarked
	if !r.alone {
		return u.fills
	}
	return slices.DeleteFunc(slices.Clone(r.within), func(f *fill) bool { return f.place >= len(u.fills) || u.fills[f.place] != f })
}

// tellAll tells every open fill that it counts for. The caller holds unmarked.mu.
func (r *reading) tellAll(list []adapter.Dependencies) {
	for _, f := range r.concerns() {
		r.tell(f, list)
	}
}

// tell tells a fill. The caller holds unmarked.mu.
func (r *reading) tell(f *fill, list []adapter.Dependencies) {
	own := slices.Contains(r.within, f)
	for _, d := range list {
		d.AsOf = r.engine().goodAsOf(r.caller.db.source, d)
		f.takeOver(r.caller.db.source, d, own)
	}
}

// goodAsOf returns a sequence number at which what was said of s is as good as read.
func (c *engine) goodAsOf(s *source, d adapter.Dependencies) uint64 {
	now := c.ledger.Seq()
	slots := make([]ledger.Slot, len(d.Hashes), len(d.Hashes)+1)
	for i, h := range d.Hashes {
		slots[i] = c.ledger.Slot(h)
	}
	slots = append(slots, s.whole)
	if c.ledger.Check(&ledger.Record{AsOf: d.AsOf, Slots: slots}) != ledger.Valid {
		return d.AsOf
	}
	return now
}

// refuse refuses every open fill that it counts for, and those that begin before
// the end. The caller holds unmarked.mu. It reports whether there are any.
func (r *reading) refuse(because string) bool {
	r.refuses, r.because = true, because
	return refuseAll(r.concerns(), because)
}

// refuseAll refuses fills. The caller holds unmarked.mu.
func refuseAll(fills []*fill, because string) bool {
	for _, f := range fills {
		f.refuseFor(refusedUntracked, because)
	}
	return len(fills) > 0
}

// refuseUnmarked refuses, for a reason in few words, every fill that is open and,
// if r is not nil, those that begin before its end. If there are any, it is
// reported once by call site. The statement is its text, where it matters.
func (c *engine) refuseUnmarked(r *reading, why, statement string) {
	u := &c.unmarked
	var at site
	if c.openFills.Load() > 0 || r != nil {
		at = callSite(kindUntracked)
	}
	u.mu.Lock()
	var any bool
	if r != nil && r.state != readingEnded {
		any = r.refuse(at.place)
	} else {
		any = refuseAll(u.fills, at.place)
	}
	u.mu.Unlock()
	if any {
		c.reportUnmarked(at, why, statement)
	}
}

// Whether a GET writes without a context, which nobody is told, is learnt by its
// route: after so many of its fills that no such write came near, those that run
// meanwhile are taken for somebody else's.
const calmEnough = 3

// routeOfLoad is that of Load outside of any request.
const routeOfLoad = "(Load outside of any request)"

// wrote says that the statement writes. It reports whether a fill is refused
// whose goroutine began it, and whether another one is.
func (r *reading) wrote() (own, others bool) {
	u := &r.engine().unmarked
	u.mu.Lock()
	defer u.mu.Unlock()
	r.writes, u.written = true, true
	for _, f := range r.concerns() {
		mine := slices.Contains(r.within, f)
		if u.near(f, mine) {
			own, others = own || mine, others || !mine
		}
	}
	return own, others
}

// near says that an unmarked write runs while a fill is open, and reports whether
// that refuses it. The caller holds mu.
func (u *unmarked) near(f *fill, own bool) bool {
	f.near = true
	switch {
	case own:
		delete(u.calm, f.route)
		f.write(refusedWrote, "")
	case u.calm[f.route] >= calmEnough:
		return false
	default:
		f.write(refusedNear, "")
	}
	return true
}

// learn notes how a fill ended. The caller holds mu.
func (u *unmarked) learn(f *fill) {
	n, known := u.calm[f.route]
	if !u.written || !f.learns || f.near || n >= calmEnough || !known && len(u.calm) >= maxRoutes {
		return
	}
	if u.calm == nil {
		u.calm = make(map[string]int)
	}
	u.calm[f.route] = n + 1
}

// open begins a fill. numbered says that its goroutine is to be known.
func (u *unmarked) open(f *fill, numbered bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f.asOf = f.engine.ledger.Seq()
	f.engine.openFills.Add(1)
	f.place = len(u.fills)
	u.fills = append(u.fills, f)
	if numbered || f.engine.options.AttributeByGoroutine {
		f.number = u.numbers.take(f)
	}
	if f.engine.options.AttributeByGoroutine {
		f.mark = goroutine.New("fill")
		if u.marks == nil {
			u.marks = make(map[goroutine.Mark]*fill)
		}
		u.marks[f.mark] = f
	}
	if u.crowd > 0 {
		f.refuse(refusedUntracked)
	}
	for _, r := range u.readings {
		if r.alone {
			continue
		}
		if r.refuses {
			f.refuseFor(refusedUntracked, r.because)
		}
		if r.find != nil {
			f.owes = append(f.owes, r)
		}
		if r.writes {
			u.near(f, false)
		}
		r.tell(f, r.said)
	}
}

// owed returns a reading that has not told a fill yet what it depends on, or nil.
// There will be none that a fill owes after the last one: what begins while a fill
// is open is not idle, and what is idle says how to ask before its statement starts.
func (u *unmarked) owed(f *fill) *reading {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(f.owes) == 0 {
		return nil
	}
	r := f.owes[len(f.owes)-1]
	f.owes = f.owes[:len(f.owes)-1]
	return r
}

// pay tells a fill what was found.
func (u *unmarked) pay(f *fill, r *reading) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.refuses {
		f.refuseFor(refusedUntracked, r.because)
	}
	r.tell(f, r.said)
}

// close ends a fill: it hears no more.
func (u *unmarked) close(f *fill) {
	for {
		r := u.owed(f)
		if r == nil {
			break
		}
		r.ask()
		u.pay(f, r)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range u.readings {
		if r.awaited > 0 && (!r.alone || slices.Contains(r.within, f)) {
			r.tell(f, r.most)
		}
		if r.alone && slices.Contains(r.within, f) {
			r.alone = false // what is made of its rows from now on is not of this fill
		}
	}
	u.learn(f)
	last := len(u.fills) - 1
	u.fills[f.place] = u.fills[last]
	u.fills[f.place].place = f.place
	u.fills[last] = nil
	u.fills = u.fills[:last]
	u.numbers.giveBack(f.number)
	delete(u.marks, f.mark)
	f.engine.openFills.Add(-1)
}
