//go:build unix

package ledger

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCheckProcessor is BenchmarkCheck on a table in use, every slot of
// which has changed once, alone and while an unrelated commit is in flux.
// Besides the time that a clock shows, it reports the processor's, which is what
// counts on a machine with other things to do.
func BenchmarkCheckProcessor(b *testing.B) {
	for _, n := range []int{1, 6, 16} {
		for _, flux := range []bool{false, true} {
			b.Run(fmt.Sprintf("slots=%d/flux=%v", n, flux), func(b *testing.B) {
				l := New(DefaultSlots)
				for i := range Slot(DefaultSlots) {
					write(l, i)
				}
				records := benchRecords(l, n)
				if flux {
					l.Mark([]Slot{unusedSlot(records)})
				}
				b.ReportAllocs()
				i := 0
				start := processorTime(b)
				for b.Loop() {
					if l.Check(records[i&(len(records)-1)]) != Valid {
						b.Fatal("not valid")
					}
					i++
				}
				b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// unusedSlot returns a slot that no record depends on.
func unusedSlot(records []*Record) Slot {
	used := make(map[Slot]bool)
	for _, r := range records {
		for _, s := range r.Slots {
			used[s] = true
		}
	}
	s := Slot(0)
	for used[s] {
		s++
	}
	return s
}

// processorTime returns what this process has used, user and system.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
