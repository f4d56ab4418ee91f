package ledger

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
)

// A scheduler runs processes one at a time and decides at every step which one
// goes on. A process is a coroutine: it hands over control inside step and wait,
// so what happens between two steps is atomic, and a run is a function of the
// picker alone.
type scheduler struct {
	processes []*process
	current   *process // nil outside of run
	upcoming  *process
	picker    picker
	steps     int
	err       error
	log       *strings.Builder // nil unless the run is to be told
	ready     []*process
}

type process struct {
	name  string
	ready func() bool // nil while the process waits for nothing
	done  bool
	rank  int // of priorities; 0 until it is first asked for
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// maxSteps is far above what any run needs; a run that gets there does not end.
const maxSteps = 100_000

// halt unwinds a process when the run is over.
type halt struct{}

// spawn adds a process. It starts when it is picked.
func (s *scheduler) spawn(name string, body func()) {
	p := &process{name: name}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil && r != any(halt{}) {
				panic(r)
			}
		}()
		p.yield = yield
		body()
	})
	s.processes = append(s.processes, p)
}

// run runs all processes to their end, or until one of them fails. No process is
// left when it returns.
func (s *scheduler) run() error {
	defer func() {
		s.current = nil
		for _, p := range s.processes {
			p.stop()
		}
	}()
	for p := s.pick(); p != nil && s.err == nil; p = s.upcoming {
		s.current = p
		if _, more := p.next(); !more {
			p.done = true
			s.current = nil
			s.upcoming = s.pick()
		}
	}
	return s.err
}

// step lets another process run.
func (s *scheduler) step() {
	p := s.current
	if p == nil {
		return // before or after the run
	}
	if s.steps++; s.steps > maxSteps {
		s.fail("no end after %d steps", maxSteps)
	}
	s.upcoming = s.pick()
	if s.upcoming == p {
		return
	}
	if s.err != nil || !p.yield(struct{}{}) {
		panic(halt{})
	}
}

// wait is a step after which the process goes on only once ready is true.
func (s *scheduler) wait(ready func() bool) {
	p := s.current
	p.ready = ready
	s.step()
	p.ready = nil
}

// fail ends the run from within a process.
func (s *scheduler) fail(format string, args ...any) {
	s.err = fmt.Errorf("step %d, %s: %s", s.steps, s.current.name, fmt.Sprintf(format, args...))
	panic(halt{})
}

func (s *scheduler) logf(format string, args ...any) {
	if s.log != nil && s.current != nil {
		fmt.Fprintf(s.log, "%5d %-8s %s\n", s.steps, s.current.name, fmt.Sprintf(format, args...))
	}
}

// pick returns the process that runs next, or nil when none is left.
func (s *scheduler) pick() *process {
	s.ready = s.ready[:0]
	waiting := false
	for _, p := range s.processes {
		switch {
		case p.done:
		case p.ready == nil || p.ready():
			s.ready = append(s.ready, p)
		default:
			waiting = true
		}
	}
	if len(s.ready) > 0 {
		return s.ready[s.picker.pick(s.ready, slices.Index(s.ready, s.current))]
	}
	if waiting && s.err == nil {
		s.err = fmt.Errorf("step %d: deadlock", s.steps)
	}
	return nil
}

// A picker chooses among the processes that can run. current is the index of the
// one that ran last, or -1 when it cannot go on.
type picker interface {
	pick(ready []*process, current int) int
}

// randomPicker returns the picker of a seed: one of several ways to choose,
// because each finds what the others hardly reach.
func randomPicker(rng *rand.Rand) picker {
	switch rng.IntN(4) {
	case 0:
		return &runs{rng: rng, length: 1}
	case 1:
		return &runs{rng: rng, length: 2 + rng.IntN(12)}
	default:
		horizon := 50 << rng.IntN(3) // most runs have 60 to 300 steps
		p := &priorities{rng: rng}
		for range rng.IntN(6) {
			p.changes = append(p.changes, rng.IntN(horizon))
		}
		return p
	}
}

// runs switches to any process after runs of the given mean length.
type runs struct {
	rng    *rand.Rand
	length int
}

func (r *runs) pick(ready []*process, current int) int {
	if current >= 0 && r.rng.IntN(r.length) != 0 {
		return current
	}
	return r.rng.IntN(len(ready))
}

// priorities runs the process with the highest of random priorities and, at a
// few random steps, gives the running one the lowest. An error that needs d
// such changes is found with a probability that falls only with the d-th power
// of the length (Burckhardt et al., "A Randomized Scheduler with Probabilistic
// Guarantees of Finding Bugs", 2010).
type priorities struct {
	rng     *rand.Rand
	changes []int
	steps   int
	lowest  int
}

func (p *priorities) pick(ready []*process, current int) int {
	if current >= 0 && slices.Contains(p.changes, p.steps) {
		p.lowest--
		ready[current].rank = p.lowest
	}
	p.steps++
	best, highest := 0, 0
	for i, r := range ready {
		if r.rank == 0 {
			r.rank = 1 + p.rng.IntN(1<<30)
		}
		if i == 0 || r.rank > highest {
			best, highest = i, r.rank
		}
	}
	return best
}

// exhaustive walks, run after run, through every schedule with at most bound
// preemptions, depth first. A switch from a process that ended or waits is none.
type exhaustive struct {
	bound       int
	branches    []branch
	depth       int
	preemptions int
}

type branch struct{ taken, options int }

func (e *exhaustive) pick(ready []*process, current int) int {
	if e.depth == len(e.branches) {
		options := len(ready)
		if current >= 0 && e.preemptions == e.bound {
			options = 1
		}
		e.branches = append(e.branches, branch{options: options})
	}
	i := e.branches[e.depth].taken
	e.depth++
	if current < 0 {
		return i
	}
	// The first option is to go on with the current one.
	switch {
	case i == 0:
		return current
	case i <= current:
		i--
	}
	e.preemptions++
	return i
}

// advance goes to the next schedule; false when all have been run.
func (e *exhaustive) advance() bool {
	e.depth, e.preemptions = 0, 0
	for n := len(e.branches); n > 0; n = len(e.branches) {
		last := &e.branches[n-1]
		if last.taken++; last.taken < last.options {
			return true
		}
		e.branches = e.branches[:n-1]
	}
	return false
}
