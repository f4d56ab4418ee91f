package ledger

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	schedules = flag.Int("schedules", 0, "random schedules of the protocol to run; 0: what two seconds allow")
	oneSeed   = flag.Uint64("seed", 0, "run and tell the schedule of this seed alone")
)

// protocol is how the engine uses the ledger, cut where a mistake can be made.
// The ledger's own operations are fields as well, so that a mistake can be made
// inside of one.
type protocol struct {
	check      func(*Ledger, *Record) Verdict
	bump       func(*Ledger, []Slot)
	release    func(*Ledger, []Slot)
	raiseFloor func(*Ledger)
	ban        func(*Ledger, Matcher) uint64
	retire     func(*Ledger, uint64)

	// judgeStored and judgeJoined decide whether a stored result, or that of a
	// flight that was joined, may be served.
	judgeStored, judgeJoined func(*Ledger, *Record) Verdict
	// validAsOf is the age handed on for a result that was found valid after the
	// given sequence number was read.
	validAsOf func(l *Ledger, before uint64) uint64
	// fillAsOf is the age of a fill that begins.
	fillAsOf func(*world, *request) uint64
	// handOn gives a fill what it takes over from a result that it uses.
	handOn func(fill, used *result)
	// stamp is called when a fill is about to be stored.
	stamp func(*Ledger, *result)

	// write surrounds the commit of a transaction.
	write func(w *world, slots []Slot, tx *transaction, commit, ack func())
	// changeSchema surrounds a commit that no slot describes.
	changeSchema func(w *world, commit func())
	// changeOutside orders a change outside of the database and its invalidation.
	changeOutside func(w *world, change, invalidate func())
	// bumpTag invalidates a tag.
	bumpTag func(*Ledger, []Slot)

	following
}

// correct is the protocol as the engine follows it.
func correct() protocol {
	return protocol{
		check:       (*Ledger).Check,
		judgeStored: (*Ledger).Check,
		judgeJoined: (*Ledger).Check,
		bump:        func(l *Ledger, s []Slot) { l.Bump(s) },
		release:     (*Ledger).Release,
		raiseFloor:  func(l *Ledger) { l.RaiseFloor() },
		ban:         (*Ledger).Ban,
		retire:      (*Ledger).Retire,
		validAsOf:   func(_ *Ledger, before uint64) uint64 { return before },
		fillAsOf: func(w *world, q *request) uint64 {
			asOf := w.l.Seq()
			if q.snapshot != nil {
				asOf = min(asOf, q.snapshot.asOf)
			}
			return asOf
		},
		handOn: func(fill, used *result) {
			fill.show(used)
			fill.asOf = min(fill.asOf, used.asOf)
			fill.slots = append(fill.slots, used.slots...)
			fill.keys = append(fill.keys, used.keys...)
		},
		stamp: func(*Ledger, *result) {},
		write: func(w *world, slots []Slot, tx *transaction, commit, ack func()) {
			w.l.Mark(slots)
			commit()
			if !tx.fails || tx.unknown {
				w.bump(w.l, slots)
			}
			w.release(w.l, slots)
			ack()
		},
		changeSchema: func(w *world, commit func()) {
			w.l.MarkAll()
			commit()
			w.raiseFloor(w.l)
			w.l.ReleaseAll()
		},
		changeOutside: func(_ *world, change, invalidate func()) {
			change()
			invalidate()
		},
		bumpTag: func(l *Ledger, tag []Slot) {
			l.Mark(tag)
			l.Bump(tag)
			l.Release(tag)
		},
		following: correctFollowing(),
	}
}

// show makes the fill's answer show what a used result shows.
func (r *result) show(used *result) {
	for t, v := range used.shows {
		if v != unread {
			r.shows[t] = v
		}
	}
}

// atRest checks what must hold when all processes have ended.
func (w *world) atRest() error {
	var errs []error
	if w.l.fluxAll.Load() != 0 || w.l.marks.Load() != 0 {
		errs = append(errs, errors.New("everything is still in flux"))
	}
	for i := range w.l.flux {
		if n := w.l.flux[i].Load(); n != 0 {
			errs = append(errs, fmt.Errorf("slot %d has a flux count of %d at the end", i, n))
		}
	}
	if len(w.flights) != 0 {
		errs = append(errs, errors.New("a flight is still open"))
	}
	return errors.Join(errs...)
}

// schedule runs a protocol under random schedules, for two seconds or as many as
// were asked for, and returns how many and what they met; or it tells one.
func schedule(t *testing.T, tell func(seed uint64) (string, error), run func(seed uint64, met *coverage) error) (n int, met *coverage) {
	t.Helper()
	met = &coverage{}
	if *oneSeed != 0 {
		told, err := tell(*oneSeed)
		t.Logf("seed %d:\n%s", *oneSeed, told)
		if err != nil {
			t.Fatal(err)
		}
		return 0, met
	}
	first := rand.Uint64()
	enough := func() bool { return n >= *schedules }
	if *schedules == 0 {
		end := time.Now().Add(2 * time.Second)
		enough = func() bool { return n >= 200 && time.Now().After(end) }
	}
	for ; !enough(); n++ {
		seed := first + uint64(n)
		if err := run(seed, met); err != nil {
			t.Fatalf("replay with -seed=%d: %v", seed, err)
		}
	}
	t.Logf("%d schedules from seed %d: %+v", n, first, *met)
	return n, met
}

// needs demands that n schedules have met each of these often enough to judge it.
func (*coverage) needs(t *testing.T, n int, met map[string]int) {
	t.Helper()
	for what, times := range met {
		if times < n/100 {
			t.Errorf("%s: %d times in %d schedules; the model has lost its edge", what, times, n)
		}
	}
}

// TestProtocol runs the protocol under random schedules and judges every state
// of every run.
func TestProtocol(t *testing.T) {
	t.Parallel()
	n, met := schedule(t, func(seed uint64) (string, error) { return tellSeed(correct(), seed, true) },
		func(seed uint64, met *coverage) error { return runSeed(correct(), seed, true, met) })
	// The promises are kept by what never serves, too.
	met.needs(t, n, map[string]int{
		"hit": met.hits, "join": met.joined, "join refused": met.refusedJoin, "result used before a fill": met.used,
		"store": met.stored, "store refused": met.refusedStore, "direct read": met.direct,
		"InFlux": met.verdicts[InFlux], "Changed": met.verdicts[Changed],
		"BelowFloor": met.verdicts[BelowFloor], "Banned": met.verdicts[Banned],
	})
}

// TestReplay holds a seed to one run.
func TestReplay(t *testing.T) {
	t.Parallel()
	different := map[string]bool{}
	for seed := range uint64(50) {
		a, errA := tellSeed(correct(), seed, false)
		b, errB := tellSeed(correct(), seed, false)
		if a != b || errA != nil || errB != nil {
			t.Fatalf("seed %d: two different runs (%v, %v):\n%s\n%s", seed, errA, errB, a, b)
		}
		different[a] = true
	}
	if len(different) < 40 {
		t.Errorf("50 seeds give only %d different runs", len(different))
	}
}
