package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchRecords are valid records of n random slots each, enough of them to go
// beyond the processor's caches when the table does.
func benchRecords(l *Ledger, n int) []*Record {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	records := make([]*Record, 1<<12)
	for i := range records {
		slots := make([]Slot, n)
		for j := range slots {
			slots[j] = l.Slot(rng.Uint64())
		}
		records[i] = &Record{AsOf: l.Seq(), Slots: Compact(slots), Keys: []string{"key"}}
	}
	return records
}

func BenchmarkCheck(b *testing.B) {
	for _, table := range []int{1 << 10, 1 << 20} {
		for _, n := range []int{1, 6, 16} {
			b.Run(fmt.Sprintf("table=%d/slots=%d", table, n), func(b *testing.B) {
				l := New(table)
				records := benchRecords(l, n)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if l.Check(records[i&(len(records)-1)]) != Valid {
						b.Fatal("not valid")
					}
					i++
				}
			})
		}
	}
}

func BenchmarkCheckParallel(b *testing.B) {
	l := New(0)
	records := benchRecords(l, 16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if l.Check(records[i&(len(records)-1)]) != Valid {
				b.Error("not valid")
			}
		}
	})
}

// BenchmarkBump is a whole write: Mark, Bump, Release.
func BenchmarkBump(b *testing.B) {
	for _, table := range []int{1 << 10, 1 << 20} {
		for _, n := range []int{1, 6, 16} {
			b.Run(fmt.Sprintf("table=%d/slots=%d", table, n), func(b *testing.B) {
				l := New(table)
				records := benchRecords(l, n)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					write(l, records[i&(len(records)-1)].Slots...)
					i++
				}
			})
		}
	}
}

func BenchmarkBan(b *testing.B) {
	l := New(1)
	b.ReportAllocs()
	for b.Loop() {
		l.Retire(l.Ban(exactly("a")))
	}
}
