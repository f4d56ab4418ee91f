package ledger

import (
	"math/rand/v2"
	"strings"
)

// The model is the engine's protocol around a real Ledger, in small: a database,
// something outside of it, a store, flights, and the processes that use them.

// A thing is what an answer may depend on.
type thing int

const (
	rowA    thing = iota // read by the inner result
	rowB                 // read by the page
	schema               // read by the page; no slot describes it
	outside              // read by the inner result; not in the database
	things
)

// database tells what a read transaction sees from one snapshot.
func (t thing) database() bool { return t != outside }

// slot of a thing; schema has none.
func (t thing) slot() Slot { return Slot(t) }

// versions holds for each thing which of its versions an answer shows; unread is
// for things that it does not show.
type versions [things]int

const unread = -1

var nothing = versions{unread, unread, unread, unread}

// A record of the two results that the model makes.
const (
	inner = "inner" // the result of a Load, made of rowA and outside
	page  = "page"  // the answer to a request, made of rowB, schema and inner
)

// result is what a fill made, or what it uses of another one.
type result struct {
	shows versions
	asOf  uint64
	slots []Slot
	keys  []string
}

// entry is a stored result.
type entry struct {
	shows  versions
	record *Record
}

// flight is a fill that others may join.
type flight struct {
	number int     // in the order of their beginning
	asker  *result // who asked for the page, where that was found out before
	done   bool
	*entry
}

// transaction of a writer.
type transaction struct {
	rows    []thing
	fails   bool // and is rolled back
	unknown bool // to the writer, whether it failed
}

// request is one client's read. What had been acknowledged and seen when it
// began is what its answer must show.
type request struct {
	acked, seen versions
	snapshot    *snapshot // of the read transaction in which it runs, if any
	identity    *result   // inner, where it was asked for before the fill began
	floor       versions  // what was visible when it last read something itself
	looked      *bool     // what came of its look, where one does for all
}

type snapshot struct {
	asOf uint64
	versions
}

// world is the state of one run. The protocol's choices come from rng, the
// order of steps from the scheduler.
type world struct {
	*scheduler
	protocol
	l       *Ledger
	rng     *rand.Rand
	now     versions // what a read finds now
	acked   versions // what writers were told is done
	seen    versions // the newest that anybody was shown
	store   map[string]*entry
	flights map[string]*flight
	begun   int     // flights
	remote  *remote // nil: the database tells what it does before it is visible
	probing bool    // judge every state, not only what requests happen to meet
	probe   [2]Record
	met     *coverage
}

// coverage counts what happened, so that a test can tell that it did.
type coverage struct {
	steps, hits, joined, refusedJoin, used, stored, refusedStore, direct int
	verdicts                                                             [Banned + 1]int

	// Of a remote database.
	unvouched, unjudged, sharedLooks, early, losses int
}

func newWorld(p protocol, seed uint64, pick picker, met *coverage) *world {
	w := &world{
		scheduler: &scheduler{picker: pick},
		protocol:  p,
		l:         New(int(things)),
		rng:       rand.New(rand.NewPCG(seed, 1)),
		store:     map[string]*entry{},
		flights:   map[string]*flight{},
		met:       met,
	}
	w.l.step = w.pause
	return w
}

// pause is the step before every access to memory that processes share.
func (w *world) pause() {
	if w.current == nil {
		return
	}
	if w.probing && w.remote == nil {
		w.judge()
	}
	w.step()
}

func (w *world) coin() bool { return w.rng.IntN(2) == 0 }

// begin starts a request.
func (w *world) begin() *request {
	w.pause()
	return &request{acked: w.acked, seen: w.seen, floor: nothing}
}

// serve ends a request with an answer and holds the answer to the promises.
func (w *world) serve(q *request, shows versions, how string) {
	w.logf("served %v (%s)", shows, how)
	w.promised(q.acked, q.seen, shows, how)
	for t, v := range shows {
		w.seen[t] = max(w.seen[t], v)
	}
}

// promised checks promise 1, no stale read, and promise 2, no going back. What
// is outside the database changes before anybody can be told to expect it, so
// for it only promise 1 is given.
func (w *world) promised(acked, seen, shows versions, how string) {
	for t, v := range shows {
		switch {
		case v == unread:
		case v < acked[t]:
			w.fail("%s: stale: thing %d shown at version %d, %d was acknowledged before", how, t, v, acked[t])
		case v < seen[t] && thing(t).database():
			w.fail("%s: going back: thing %d shown at version %d, %d was seen before", how, t, v, seen[t])
		}
	}
}

// judge is a request that begins and ends in the present state, for every
// stored result.
func (w *world) judge() {
	running := w.current
	w.current = nil // its own steps are none
	i := 0
	for _, key := range [...]string{inner, page} {
		e := w.store[key]
		if e == nil {
			continue
		}
		// A copy, because Check notes what it has vetted.
		r := &w.probe[i]
		i++
		r.AsOf, r.Slots, r.Keys = e.record.AsOf, e.record.Slots, e.record.Keys
		r.vetted.Store(e.record.vetted.Load())
		if w.check(w.l, r) == Valid {
			w.current = running
			w.promised(w.acked, w.seen, e.shows, "probe of "+key)
			w.current = nil
		}
	}
	w.current = running
}

// read reads one thing for a request.
func (w *world) read(q *request, t thing) int {
	w.pause()
	if q.snapshot != nil && t.database() {
		return q.snapshot.versions[t]
	}
	if t.database() {
		q.floor = w.now
	}
	return w.now[t]
}

// load answers from the store, from an open flight or with a fill of its own.
func (w *world) load(q *request, key string) *result {
	if w.remote != nil {
		return w.loadRemote(q, key)
	}
	for {
		w.pause()
		if e := w.store[key]; e != nil {
			asOf := w.l.Seq()
			v := w.judgeStored(w.l, e.record)
			w.met.verdicts[v]++
			if v == Valid {
				w.met.hits++
				return w.use(e, asOf)
			}
		}
		f := w.flights[key]
		if f == nil {
			return w.lead(q, key)
		}
		w.wait(func() bool { return f.done })
		asOf := w.l.Seq()
		if w.judgeJoined(w.l, f.record) == Valid {
			w.met.joined++
			return w.use(f.entry, asOf)
		}
		w.met.refusedJoin++
	}
}

// use is what a valid result hands on to whatever uses it.
func (w *world) use(e *entry, asOf uint64) *result {
	w.logf("found %v, as of %d, valid as of %d", e.shows, e.record.AsOf, asOf)
	return &result{e.shows, w.validAsOf(w.l, asOf), e.record.Slots, e.record.Keys}
}

// lead runs a fill that others may join, and stores what it made.
func (w *world) lead(q *request, key string) *result {
	w.begun++
	f := &flight{number: w.begun}
	if key == page {
		f.asker = q.identity
	}
	w.flights[key] = f
	r := w.fill(q, key)
	f.entry = &entry{r.shows, &Record{AsOf: r.asOf, Slots: Compact(r.slots), Keys: r.keys}}
	if w.check(w.l, f.record) == Valid {
		w.pause()
		w.store[key] = f.entry
		w.met.stored++
		w.logf("stored %s %v as of %d", key, f.shows, f.record.AsOf)
	} else {
		w.met.refusedStore++
	}
	w.pause()
	f.done = true
	if w.flights[key] == f {
		delete(w.flights, key)
	}
	return r
}

// fill computes a result from its parts, in any order.
func (w *world) fill(q *request, key string) *result {
	r := &result{shows: nothing, asOf: w.fillAsOf(w, q), keys: []string{key}}
	own := []thing{rowA, outside}
	used := key != page // or has no need to use inner
	if key == page {
		own = []thing{rowB, schema}
		if q.identity != nil {
			w.handOn(r, q.identity)
			used = true
		} else if w.coin() {
			w.handOn(r, w.load(q, inner))
			used = true
		}
	}
	if w.coin() {
		own[0], own[1] = own[1], own[0]
	}
	for _, t := range own {
		if t != schema {
			r.slots = append(r.slots, t.slot())
		}
		if w.remote != nil {
			r.slots = append(r.slots, w.whole(w.l)...)
		}
		r.shows[t] = w.read(q, t)
	}
	if !used {
		w.handOn(r, w.load(q, inner))
	}
	w.stamp(w.l, r)
	return r
}

// ask is a request for the page: a reader takes what is there, a filler insists
// on a fill of its own.
func (w *world) ask(insist bool) {
	q := w.begin()
	if w.coin() {
		w.met.used++
		q.identity = w.load(q, inner)
	}
	if w.coin() {
		q.snapshot = &snapshot{asOf: w.l.Seq()}
		w.pause()
		q.snapshot.versions = w.now
		w.logf("snapshot %v as of %d", w.now, q.snapshot.asOf)
	}
	if insist {
		w.serve(q, w.lead(q, page).shows, "fill")
	} else {
		w.serve(q, w.load(q, page).shows, "page")
	}
}

// bypass reads the database directly.
func (w *world) bypass() {
	q := w.begin()
	shows := nothing
	for _, t := range []thing{rowA, rowB, schema} {
		shows[t] = w.read(q, t)
	}
	w.met.direct++
	w.serve(q, shows, "direct")
}

// change makes a new version of things visible, in one step.
func (w *world) change(ts ...thing) versions {
	w.pause()
	for _, t := range ts {
		w.now[t]++
	}
	w.logf("visible: %v", w.now)
	return w.now
}

// ack tells the client that its change of these things, which gave them the
// versions in made, is done.
func (w *world) ack(made versions, ts ...thing) {
	w.pause()
	for _, t := range ts {
		w.acked[t] = max(w.acked[t], made[t])
	}
	w.logf("acknowledged: %v", w.acked)
}

// writer runs one transaction.
func (w *world) writer() {
	if w.remote != nil {
		w.writeRemote()
		return
	}
	tx := transaction{rows: [][]thing{{rowA}, {rowB}, {rowA, rowB}}[w.rng.IntN(3)]}
	tx.fails, tx.unknown = w.rng.IntN(4) == 0, w.rng.IntN(4) == 0
	var slots []Slot
	for _, t := range tx.rows {
		slots = append(slots, t.slot())
	}
	var made versions
	commit := func() {
		if tx.fails {
			w.pause()
		} else {
			made = w.change(tx.rows...)
		}
	}
	w.write(w, slots, &tx, commit, func() {
		if !tx.fails { // even if the writer does not know that
			w.ack(made, tx.rows...)
		}
	})
}

// migrate changes the schema.
func (w *world) migrate() {
	var made versions
	w.changeSchema(w, func() { made = w.change(schema) })
	w.ack(made, schema)
}

// The doors through which a change outside of the database is told.
const (
	doorPattern = iota
	doorTag
	doorFloor
)

// tell changes what is outside of the database and invalidates by a door.
func (w *world) tell(door int) {
	var made versions
	w.changeOutside(w, func() { made = w.change(outside) }, func() {
		switch door {
		case doorPattern:
			seq := w.ban(w.l, exactly(inner))
			w.logf("banned at %d", seq)
		case doorTag:
			w.bumpTag(w.l, []Slot{outside.slot()})
		case doorFloor:
			w.raiseFloor(w.l)
		}
	})
	w.ack(made, outside)
}

// sweep works off the bans as the engine does in the background.
func (w *world) sweep() {
	n, newest := w.l.Bans()
	if n == 0 {
		return
	}
	for _, key := range []string{inner, page} {
		w.pause()
		if e := w.store[key]; e != nil && w.check(w.l, e.record) == Banned {
			w.pause()
			if w.store[key] == e {
				delete(w.store, key)
			}
		}
	}
	w.retire(w.l, newest)
	w.logf("retired %d", newest)
}

// exactly is a pattern that matches one key.
type exactly string

func (e exactly) Match(key string) bool { return key == string(e) }

// populate puts both results into the store, as of the beginning.
func (w *world) populate() {
	w.store[inner] = &entry{versions{0, unread, unread, 0}, &Record{
		AsOf: 1, Slots: []Slot{rowA.slot(), outside.slot()}, Keys: []string{inner}}}
	w.store[page] = &entry{versions{}, &Record{
		AsOf: 1, Slots: []Slot{rowA.slot(), rowB.slot(), outside.slot()}, Keys: []string{page, inner}}}
}

// cast spawns the processes. The full cast is on in every other seed; in the
// rest some are absent, and how often each acts differs always, because where
// everybody changes something all the time nothing is served for long.
func (w *world) cast() {
	if w.rng.IntN(4) != 0 {
		w.populate()
	}
	full := w.coin()
	enter := func(name string, most int, body func()) {
		times := 1 + w.rng.IntN(most)
		if full || w.coin() {
			w.spawn(name, func() {
				for range times {
					body()
				}
			})
		}
	}
	doors := [][]int{{doorPattern}, {doorTag}, {doorFloor}, {doorPattern, doorTag, doorFloor}}[w.rng.IntN(4)]
	tell := func() {
		w.tell(doors[w.rng.IntN(len(doors))])
		w.sweep()
	}
	enter("writer1", 2, w.writer)
	enter("writer2", 2, w.writer)
	enter("filler1", 1, func() { w.ask(true) })
	enter("filler2", 1, func() { w.ask(true) })
	enter("reader1", 3, func() { w.ask(false) })
	enter("reader2", 3, func() { w.ask(false) })
	enter("direct", 4, w.bypass)
	enter("teller1", 2, tell)
	enter("teller2", 1, tell)
	enter("migrator", 2, w.migrate)
}

// finish runs the processes and checks what must hold at the end.
func (w *world) finish() error {
	err := w.run()
	w.met.steps += w.steps
	if err != nil {
		return err
	}
	return w.atRest()
}

// runSeed runs the processes in the order that a seed gives.
func runSeed(p protocol, seed uint64, probing bool, met *coverage) error {
	return startSeed(p, seed, probing, met).finish()
}

// tellSeed runs a seed again and tells what happened.
func tellSeed(p protocol, seed uint64, probing bool) (string, error) {
	w := startSeed(p, seed, probing, &coverage{})
	w.log = &strings.Builder{}
	err := w.finish()
	return w.log.String(), err
}

func startSeed(p protocol, seed uint64, probing bool, met *coverage) *world {
	w := newWorld(p, seed, randomPicker(rand.New(rand.NewPCG(seed, 0))), met)
	w.probing = probing
	w.cast()
	return w
}
