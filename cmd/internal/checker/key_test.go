package checker

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A simulation is a register, its one writer and some readers, interleaved at
// random, one step at a time.
type simulation struct {
	rng   *rand.Rand
	key   *key
	now   time.Duration
	value int64
	old   int64   // what the register held before
	late  []int64 // writes that were given up and may still come through

	writing bool
	applied bool
	version int64
	readers []reader

	lies  float64 // share of the reads that show what the register held before
	found int     // of these, by the bar
}

type reader struct {
	busy  bool
	op    op
	bar   bar
	value int64
	had   bool // it has its value
}

func (s *simulation) tick() time.Duration {
	s.now++
	return s.now
}

func (s *simulation) apply(version int64) {
	if version > s.value { // as in UPDATE … WHERE version < ?
		s.old, s.value = s.value, version
	}
}

// step lets one of them do one step.
func (s *simulation) step() {
	if len(s.late) > 0 && s.rng.IntN(20) == 0 {
		i := s.rng.IntN(len(s.late))
		s.apply(s.late[i])
		s.late = append(s.late[:i], s.late[i+1:]...)
	}
	if s.rng.IntN(6) == 0 {
		s.stepWriter()
		return
	}
	r := &s.readers[s.rng.IntN(len(s.readers))]
	switch {
	case !r.busy:
		*r = reader{busy: true, bar: s.key.bar(), op: op{worker: s.rng.IntN(100), key: s.key.id, start: s.tick()}}
	case !r.had:
		r.had, r.value = true, s.value
		if s.rng.Float64() < s.lies {
			r.value = s.old
		}
	default:
		r.busy = false
		r.op.end = s.tick()
		if s.key.read(r.op, r.bar, r.value, r.value).kind != Fine {
			s.found++
		}
	}
}

func (s *simulation) stepWriter() {
	switch {
	case !s.writing:
		s.writing, s.applied = true, false
		s.version = s.key.sent.Load() + 1
		s.key.begin(op{write: true, start: s.tick(), key: s.key.id, version: s.version})
	case s.rng.IntN(8) == 0: // given up, or refused
		s.writing = false
		what := unknown
		if !s.applied && s.rng.IntN(2) == 0 {
			what = refused
		} else if !s.applied && s.rng.IntN(2) == 0 {
			s.late = append(s.late, s.version)
		}
		s.key.wrote(s.tick(), what)
	case !s.applied:
		s.applied = true
		s.apply(s.version)
	default:
		s.writing = false
		s.key.wrote(s.tick(), acknowledged)
	}
}

// TestTwoOpinions simulates registers that are right, and registers that lie now
// and then, and compares what the bar finds with what the checker of
// linearizability finds in what is kept.
func TestTwoOpinions(t *testing.T) {
	liars, decided := 0, 0
	for seed := range uint64(30) {
		s := &simulation{rng: rand.New(rand.NewPCG(seed, 0)), key: new(key), readers: make([]reader, 4)}
		if seed%2 == 1 {
			s.lies = 0.02
		}
		for range 4000 {
			s.step()
			if s.rng.IntN(400) != 0 {
				continue
			}
			ops, whole := s.key.history()
			if !whole {
				continue
			}
			bad := 0
			for _, o := range ops {
				if o.kind != Fine {
					bad++
				}
			}
			result := linearizable(ops, time.Second, 0)
			if result == porcupine.Unknown {
				continue
			}
			decided++
			// What set the bar of a bad read may no longer be kept; then nobody can
			// tell any more.
			if bad == 0 && result == porcupine.Illegal {
				t.Fatalf("seed %d: no bad read among %d operations, but not linearizable", seed, len(ops))
			}
		}
		switch {
		case s.lies == 0 && s.found > 0:
			t.Errorf("seed %d: %d reads of a register that is right were found wrong", seed, s.found)
		case s.found > 0:
			liars++
		}
	}
	if liars < 13 || decided < 150 {
		t.Errorf("%d of 15 liars found, %d histories decided", liars, decided)
	}
}

// TestHistoryConvicts has every first lie that the bar finds convicted by the
// checker of linearizability.
func TestHistoryConvicts(t *testing.T) {
	for seed := range uint64(40) {
		s := &simulation{rng: rand.New(rand.NewPCG(seed, 1)), key: new(key), readers: make([]reader, 4), lies: 0.01}
		for s.found == 0 {
			s.step()
		}
		ops, whole := s.key.history()
		if !whole {
			continue
		}
		if result := linearizable(ops, 10*time.Second, 0); result != porcupine.Illegal {
			t.Errorf("seed %d: %s", seed, result)
		}
	}
}

// TestUnknownKept keeps in mind what was given up and might still come through,
// however long ago it was, until a later write is known to have ended.
func TestUnknownKept(t *testing.T) {
	k, now := new(key), time.Duration(0)
	tick := func() time.Duration { now++; return now }
	write := func(what outcome) {
		k.begin(op{write: true, start: tick(), version: k.sent.Load() + 1})
		k.wrote(tick(), what)
	}
	write(acknowledged)
	write(unknown) // 2
	for range keptWrites {
		write(unknown)
	}
	ops, whole := k.history()
	if !whole || ops[0].version != 2 || ops[0].end != never {
		t.Fatalf("whole %v, first %+v", whole, ops[0])
	}
	for range keptUnknown {
		write(unknown)
	}
	if _, whole := k.history(); whole {
		t.Error("too many unknown writes to keep, but the history counts as whole")
	}
	for range keptWrites + 1 {
		write(acknowledged)
	}
	if ops, whole := k.history(); !whole || len(ops) != keptWrites {
		t.Errorf("whole %v, %d operations", whole, len(ops))
	}
}

func TestJudgement(t *testing.T) {
	for _, tt := range []struct {
		least, greatest int64
		want            Kind
	}{
		{7, 7, Fine}, {6, 6, Backwards}, {5, 5, Backwards}, {4, 4, Stale}, {absent, absent, Stale},
		{7, 8, Torn}, {6, 7, Torn}, {4, 7, Stale}, {8, 8, Fine}, {9, 9, Invented}, {3, 9, Invented},
	} {
		k := new(key)
		k.sent.Store(8)
		k.acked.Store(5)
		k.seen.Store(7)
		if got := k.read(op{}, k.bar(), tt.least, tt.greatest).kind; got != tt.want {
			t.Errorf("%d to %d: %s, want %s", tt.least, tt.greatest, got, tt.want)
		}
		if k.seen.Load() == 9 {
			t.Error("an invented version sets the bar")
		}
	}
}
