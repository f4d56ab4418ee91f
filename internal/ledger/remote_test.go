package ledger

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A remote is a database whose commits are told by those who follow it: read from
// its log, which may have a commit before it is visible or long after it is
// acknowledged, or from its snapshots, which never do. Requests wait for a look,
// which one of them makes for all who began to wait before it was sent.
type remote struct {
	stream  bool // followed by its log
	log     []*committing
	read    int           // of the log
	pending []*committing // decoded, not settled
	lost    []*committing // not decoded: everything is in flux until they are visible
	writers int           // that have not ended
	trouble int           // one look in so many fails, and as many are not waited for

	running, next *sighting
}

// committing is a transaction on its way.
type committing struct {
	slots   []Slot
	visible bool
	told    bool // by snapshots
}

// A sighting is a look.
type sighting struct{ done, ok bool }

// following is how the engine and an adapter follow a remote database, cut where a
// mistake can be made.
type following struct {
	// arrives is called when a request begins.
	arrives func(*world, *request)
	// vouch reports whether what is stored may be judged for a request.
	vouch func(*world, *request) bool
	// vouchJoined is vouch for the result of a flight that was joined.
	vouchJoined func(*world, *request) bool
	// joins returns the look that serves who comes while one is under way.
	joins func(*remote) *sighting
	// failed is what a look says that failed.
	failed bool
	// settles reports whether a commit that was decoded is to be settled.
	settles func(*committing) bool
	// answersFirst lets a look answer before it has told.
	answersFirst bool
	// awaits is how much of the log must have been read before a look answers.
	awaits func(*remote) int
	// regains reports whether what was lost ends.
	regains func([]*committing) bool
	// fresh reports whether somebody nobody vouches for may have the result of a
	// flight. since is the last one that had begun when they had read what they read.
	fresh func(f *flight, since int) bool
	// entitled reports whether what such a flight was made for is what they are: who
	// asks is found before the flight begins, and what they were found from may be
	// older. A joiner has found the same of themselves.
	entitled func(f *flight, q *request) bool
	// freshAsOf is the age of such a result.
	freshAsOf func(*Ledger, *flight) uint64
	// whole is among the slots of whatever was read from the database.
	whole func(*Ledger) []Slot
}

func correctFollowing() following {
	look := func(w *world, _ *request) bool { return w.look() }
	return following{
		arrives:     func(*world, *request) {},
		vouch:       look,
		vouchJoined: look,
		joins: func(r *remote) *sighting {
			if r.next == nil {
				r.next = new(sighting)
			}
			return r.next
		},
		settles: func(c *committing) bool { return c.visible },
		awaits:  func(r *remote) int { return len(r.log) },
		regains: func(lost []*committing) bool {
			return !slices.ContainsFunc(lost, func(c *committing) bool { return !c.visible })
		},
		fresh: func(f *flight, since int) bool { return f.number > since },
		entitled: func(f *flight, q *request) bool {
			return f.asker == nil || q.identity != nil && q.identity.shows == f.asker.shows
		},
		freshAsOf: func(_ *Ledger, f *flight) uint64 { return f.record.AsOf },
		whole:     func(l *Ledger) []Slot { return []Slot{l.Whole(0)} },
	}
}

// writeRemote runs one transaction. The log has it before it is visible, and it is
// acknowledged last.
func (w *world) writeRemote() {
	rows := [][]thing{{rowA}, {rowB}, {rowA, rowB}, {rowA, rowB}}[w.rng.IntN(4)]
	c := &committing{}
	for _, t := range rows {
		c.slots = append(c.slots, t.slot())
	}
	w.pause()
	w.remote.log = append(w.remote.log, c)
	w.pause()
	for _, t := range rows {
		w.now[t]++
	}
	c.visible = true
	made := w.now
	w.logf("visible: %v", w.now)
	w.ack(made, rows...)
}

// follow reads the log until nobody writes to it.
func (w *world) follow() {
	r := w.remote
	for {
		w.wait(func() bool { return r.read < len(r.log) || r.writers == 0 })
		if r.read == len(r.log) {
			return
		}
		if w.rng.IntN(8) == 0 { // the connection breaks, and what there is by now is skipped
			w.logf("lost the log from %d to %d", r.read, len(r.log))
			if r.lost == nil {
				w.l.Mark([]Slot{w.l.Whole(0)})
			}
			r.lost = append(r.lost, r.log[r.read:]...)
			r.read = len(r.log)
			w.met.losses++
			w.settleLost()
			continue
		}
		c := r.log[r.read]
		for range 1 + w.rng.IntN(6)/5 { // now and then twice
			w.l.Mark(c.slots)
			r.pending = append(r.pending, c)
			if !c.visible {
				w.met.early++
			}
			if w.settles(c) {
				w.settlePending()
			}
		}
		r.read++
	}
}

// settlePending settles what is visible of what was decoded.
func (w *world) settlePending() {
	var settled []*committing
	w.remote.pending = slices.DeleteFunc(w.remote.pending, func(c *committing) bool {
		if w.settles(c) {
			settled = append(settled, c)
			return true
		}
		return false
	})
	for _, c := range settled {
		w.l.Bump(c.slots)
		w.l.Release(c.slots)
	}
}

// settleLost ends a loss when everything that was lost is visible.
func (w *world) settleLost() {
	r := w.remote
	if r.lost == nil || !w.regains(r.lost) {
		return
	}
	r.lost = nil
	whole := []Slot{w.l.Whole(0)}
	w.l.Bump(whole)
	w.l.Release(whole)
}

// look has somebody make a look for the process, and reports whether it succeeded.
func (w *world) look() bool {
	r := w.remote
	w.pause()
	if w.rng.IntN(r.trouble) == 0 {
		w.met.unvouched++
		return w.failed // late: they do not wait
	}
	l := new(sighting)
	if r.running == nil {
		r.running = l
	} else {
		l = w.joins(r)
		w.wait(func() bool { return l.done || r.running == nil && r.next == l })
		if l.done {
			w.met.sharedLooks++
			return l.ok
		}
		r.running, r.next = l, nil
	}
	w.pause()
	l.ok = w.failed
	if w.rng.IntN(r.trouble) != 0 {
		w.catchUp(l)
		l.ok = true
	} else {
		w.met.unvouched++
	}
	l.done = true
	if r.running == l {
		r.running = nil
	}
	return l.ok
}

// catchUp tells everything that is visible when it is called.
func (w *world) catchUp(l *sighting) {
	r := w.remote
	if w.answersFirst {
		l.ok, l.done = true, true
	}
	if r.stream {
		position := w.awaits(r)
		w.wait(func() bool { return r.read >= position })
		w.settlePending()
		w.settleLost()
		return
	}
	var slots [][]Slot
	for _, c := range r.log {
		if c.visible && !c.told {
			c.told = true
			slots = append(slots, c.slots)
		}
	}
	for _, s := range slots {
		w.l.Mark(s)
		w.l.Bump(s)
		w.l.Release(s)
	}
}

// loadRemote is load where somebody has to vouch for what is stored. What it
// returns is no older than anything that the request has read itself.
func (w *world) loadRemote(q *request, key string) *result {
	floor := q.floor
	r := w.findRemote(q, key)
	for t, v := range r.shows {
		if v != unread && v < floor[t] {
			w.fail("%s: going back within a request: thing %d shown at version %d, %d was visible when it had read", key, t, v, floor[t])
		}
	}
	return r
}

func (w *world) findRemote(q *request, key string) *result {
	since := -1
	for attempt := 0; ; attempt++ {
		w.pause()
		vouched := true
		if e := w.store[key]; e != nil {
			if vouched = w.vouch(w, q); vouched {
				asOf := w.l.Seq()
				v := w.judgeStored(w.l, e.record)
				w.met.verdicts[v]++
				if v == Valid {
					w.met.hits++
					return w.use(e, asOf)
				}
			}
		}
		if !vouched && since < 0 {
			since = w.begun
		}
		w.pause()
		f := w.flights[key]
		if f == nil || attempt > 3 {
			return w.lead(q, key)
		}
		if !vouched && !w.fresh(f, since) {
			if w.coin() { // there is room for another one
				return w.lead(q, key)
			}
			w.wait(func() bool { return f.done })
			continue
		}
		w.wait(func() bool { return f.done })
		if !vouched && !w.entitled(f, q) {
			continue
		}
		if !vouched {
			w.met.unjudged++
			return &result{f.shows, w.freshAsOf(w.l, f), f.record.Slots, f.record.Keys}
		}
		if w.vouchJoined(w, q) {
			asOf := w.l.Seq()
			if w.judgeJoined(w.l, f.record) == Valid {
				w.met.joined++
				return w.use(f.entry, asOf)
			}
		}
		w.met.refusedJoin++
	}
}

// castRemote spawns the processes.
func (w *world) castRemote() {
	r := w.remote
	if w.rng.IntN(4) != 0 {
		w.populate()
		for _, e := range w.store {
			e.record.Slots = append(e.record.Slots, w.whole(w.l)...)
		}
	}
	enter := func(name string, most int, body func()) {
		times := 1 + w.rng.IntN(most)
		w.spawn(name, func() {
			for range times {
				body()
			}
		})
	}
	for _, name := range []string{"writer1", "writer2"} {
		r.writers++
		times := 1 + w.rng.IntN(2)
		w.spawn(name, func() {
			for range times {
				w.writer()
			}
			r.writers--
		})
	}
	if r.stream {
		w.spawn("follower", w.follow)
	}
	enter("reader1", 3, func() { w.askRemote(false) })
	enter("reader2", 3, func() { w.askRemote(false) })
	if w.coin() {
		enter("filler", 2, func() { w.askRemote(true) })
	}
	if w.coin() {
		enter("direct", 3, w.bypass)
	}
}

// askRemote is a request for the page, which may ask for who asks first.
func (w *world) askRemote(insist bool) {
	q := w.begin()
	w.arrives(w, q)
	switch w.rng.IntN(3) {
	case 0:
		w.read(q, rowA) // who asks
	case 1:
		q.identity = w.load(q, inner)
	}
	if insist {
		w.serve(q, w.lead(q, page).shows, "fill")
	} else {
		w.serve(q, w.load(q, page).shows, "page")
	}
}

// followSeed runs the processes around a remote database in the order that a seed
// gives.
func followSeed(p protocol, seed uint64, told *strings.Builder, met *coverage) error {
	w := newWorld(p, seed, randomPicker(rand.New(rand.NewPCG(seed, 0))), met)
	w.log = told
	w.remote = &remote{stream: w.rng.IntN(3) != 0, trouble: []int{3, 20}[w.rng.IntN(2)]}
	w.castRemote()
	err := w.run()
	if err != nil {
		return err
	}
	w.settlePending() // what nobody has looked at since
	w.settleLost()
	return w.atRest()
}

// TestRemote runs the protocol around a remote database under random schedules.
func TestRemote(t *testing.T) {
	t.Parallel()
	n, met := schedule(t, func(seed uint64) (string, error) {
		var told strings.Builder
		err := followSeed(correct(), seed, &told, &coverage{})
		return told.String(), err
	}, func(seed uint64, met *coverage) error { return followSeed(correct(), seed, nil, met) })
	met.needs(t, n, map[string]int{
		"hit": met.hits, "join": met.joined, "join refused": met.refusedJoin, "nobody vouches": met.unvouched,
		"result that is not judged": met.unjudged, "look of somebody else's": met.sharedLooks,
		"commit decoded before it is visible": met.early, "loss": met.losses, "InFlux": met.verdicts[InFlux], "Changed": met.verdicts[Changed],
		"BelowFloor": met.verdicts[BelowFloor],
	})
}

// remoteMistakes are each half of the protocol left out, and other wrong turns.
var remoteMistakes = []mistake{
	{"nobody vouches, and what was made for somebody else is served", func(p *protocol) {
		p.entitled = func(*flight, *request) bool { return true }
	}},
	{"nobody waits", func(p *protocol) {
		vouched := func(*world, *request) bool { return true }
		p.vouch, p.vouchJoined = vouched, vouched
	}},
	{"settled when decoded", func(p *protocol) {
		p.settles = func(*committing) bool { return true }
	}},
	{"looked before who asks is read", func(p *protocol) {
		p.arrives = func(w *world, q *request) { lookOnce(w, q) }
		p.vouch, p.vouchJoined = lookOnce, lookOnce
	}},
	{"an older look serves a Load", func(p *protocol) { p.vouch = lookOnce }},
	{"who joins does not look", func(p *protocol) {
		p.vouchJoined = func(*world, *request) bool { return true }
	}},
	{"a look serves who came after it was sent", func(p *protocol) {
		p.joins = func(r *remote) *sighting { return r.running }
	}},
	{"a look that failed vouches", func(p *protocol) { p.failed = true }},
	{"a look answers before it has told", func(p *protocol) { p.answersFirst = true }},
	{"a look waits for nothing of the log", func(p *protocol) { p.awaits = func(*remote) int { return 0 } }},
	{"what was lost is regained before it is visible", func(p *protocol) {
		p.regains = func([]*committing) bool { return true }
	}},
	{"the whole is not among the slots", func(p *protocol) { p.whole = func(*Ledger) []Slot { return nil } }},
	{"nobody vouches, and a fill is joined that had begun", func(p *protocol) {
		p.fresh = func(*flight, int) bool { return true }
	}},
	{"nobody has vouched, and it is handed on as valid now", func(p *protocol) {
		p.freshAsOf = func(l *Ledger, _ *flight) uint64 { return l.Seq() }
	}},
}

// lookOnce lets the first look of a request do for all that follows.
func lookOnce(w *world, q *request) bool {
	if q.looked == nil {
		ok := w.look()
		q.looked = &ok
	}
	return *q.looked
}

// TestRemoteMistakes holds the scheduler to finding every mistake.
func TestRemoteMistakes(t *testing.T) {
	t.Parallel()
	find(t, remoteMistakes, func(p protocol, seed uint64, met *coverage) error { return followSeed(p, seed, nil, met) })
}
