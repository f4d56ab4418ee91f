package ledger

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestStress keeps the protocol on real processors: writers, fills that share a
// store, and readers, where the race detector sees every access.
func TestStress(t *testing.T) {
	t.Parallel()
	const (
		rows    = 16
		writers = 2
		readers = 3
		reads   = 20_000
	)
	type stored struct {
		shows  [2]uint64
		record *Record
	}
	var (
		l           = New(rows)
		now         [rows]atomic.Uint64 // what the database shows
		acked, seen [rows]atomic.Uint64
		store       [rows]atomic.Pointer[stored] // entry i is made of rows i and i+1
		hits        atomic.Int64
		reading     atomic.Int64 // reads to go; the others act until there are none
		wg          sync.WaitGroup
	)
	reading.Store(readers * reads)
	start := func(n int, body func(rng *rand.Rand) error) {
		for i := range n {
			wg.Go(func() {
				if err := body(rand.New(rand.NewPCG(uint64(n), uint64(i)))); err != nil {
					t.Error(err)
					reading.Store(0)
				}
			})
		}
	}
	raise := func(v *atomic.Uint64, to uint64) {
		for old := v.Load(); old < to && !v.CompareAndSwap(old, to); old = v.Load() {
		}
	}
	start(writers, func(rng *rand.Rand) error {
		for reading.Load() > 0 {
			runtime.Gosched() // with fewer processors than goroutines, too
			row := rng.IntN(rows)
			slots := []Slot{Slot(row)}
			l.Mark(slots)
			made := now[row].Add(1)
			l.Bump(slots)
			l.Release(slots)
			raise(&acked[row], made)
		}
		return nil
	})
	start(1, func(rng *rand.Rand) error {
		for i := 0; reading.Load() > 0; i++ {
			runtime.Gosched()
			seq := l.Ban(exactly(fmt.Sprint(rng.IntN(rows))))
			if i%8 == 0 {
				for j := range store {
					if e := store[j].Load(); e != nil {
						l.Check(e.record)
					}
				}
				l.Retire(seq)
			}
			if i%64 == 0 {
				l.RaiseFloor()
			}
		}
		return nil
	})
	start(readers, func(rng *rand.Rand) error {
		for reading.Add(-1) >= 0 {
			runtime.Gosched()
			i := rng.IntN(rows)
			of := [2]int{i, (i + 1) % rows}
			var needs [2]uint64
			for j, row := range of {
				needs[j] = max(acked[row].Load(), seen[row].Load())
			}
			e := store[i].Load()
			if e != nil && l.Check(e.record) == Valid {
				hits.Add(1)
			} else {
				asOf := l.Seq()
				e = &stored{record: &Record{AsOf: asOf, Slots: []Slot{Slot(of[0]), Slot(of[1])}, Keys: []string{fmt.Sprint(i)}}}
				for j, row := range of {
					e.shows[j] = now[row].Load()
				}
				store[i].Store(e)
			}
			for j, row := range of {
				if e.shows[j] < needs[j] {
					return fmt.Errorf("row %d shown at version %d, %d was acknowledged or seen before", row, e.shows[j], needs[j])
				}
				raise(&seen[row], e.shows[j])
			}
		}
		return nil
	})
	wg.Wait()
	if n := l.InFlux(); n != 0 {
		t.Errorf("%d in flux at the end", n)
	}
	if n := hits.Load(); n < readers*reads/100 || n > readers*reads*99/100 {
		t.Error("too few of one of hits and fills to show anything")
	}
	t.Logf("%d hits in %d reads", hits.Load(), readers*reads)
}
