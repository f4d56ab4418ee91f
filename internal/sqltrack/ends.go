package sqltrack

import (
	"container/heap"
	"math"
	"sync"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
)

// Ends are the moments at which results end by themselves, such as those of
//
//	SELECT … WHERE expires > now()
//
// by the clock of the database, in microseconds from wherever it counts. Whoever follows
// the database says how late it is there, with each look: a result that ends later is as
// good then as a query would be. The zero Ends are ready for use, and may be used
// concurrently.
type Ends struct {
	mu     sync.Mutex
	passed int64 // how late it is known to be
	known  map[int64]bool
	next   moments
	began  bool
}

// maxEnds bounds the moments that are waited for.
const maxEnds = 10_000

// add returns the dependency of what ends at a moment. ok is false if that has passed
// already, nobody has said how late it is, or there are too many moments.
func (e *Ends) add(s *shape.Shapes, moment int64) (dependency uint64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.began || moment <= e.passed || !e.known[moment] && len(e.next) >= maxEnds {
		return 0, false
	}
	if !e.known[moment] {
		if e.known == nil {
			e.known = make(map[int64]bool)
		}
		e.known[moment] = true
		heap.Push(&e.next, moment)
	}
	return s.Until(moment), true
}

// pass says how late it is, and returns the dependencies of what has ended.
func (e *Ends) pass(s *shape.Shapes, now int64) (ended []uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.began, e.passed = true, now
	for len(e.next) > 0 && e.next[0] <= now {
		moment, _ := heap.Pop(&e.next).(int64)
		delete(e.known, moment)
		ended = append(ended, s.Until(moment))
	}
	return ended
}

// Pass says how late it is by the database's clock, as a look has found.
func (db *Database) Pass(now int64) {
	if ended := db.Ends.pass(db.Shapes, now); len(ended) > 0 {
		db.Engine.Mark(adapter.Commit{Cause: causeTime, Touched: ended}).Settle()
	}
}

// causeTime is why what ends has ended.
const causeTime = "time passed"

// never is a moment that does not come.
const never = math.MaxInt64

// moments is a heap.
type moments []int64

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i] < m[j] }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }

// Push implements heap.Interface.
func (m *moments) Push(x any) {
	moment, _ := x.(int64)
	*m = append(*m, moment)
}

// Pop implements heap.Interface.
func (m *moments) Pop() any {
	last := len(*m) - 1
	moment := (*m)[last]
	*m = (*m)[:last]
	return moment
}
