package ledger

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive says what the ledger must say, by remembering for every record what
// happened since it was made. It has no sequence numbers at all.
type naive struct {
	marks   map[Slot]int
	all     int
	bans    []string // in force
	records []*naiveRecord
}

type naiveRecord struct {
	record                 *Record
	changed, below, banned bool
	pending                []string // bans since it was made that it was not tried against
}

func (n *naive) bump(slots []Slot) {
	for _, r := range n.records {
		r.changed = r.changed || slices.ContainsFunc(slots, func(s Slot) bool { return slices.Contains(r.record.Slots, s) })
	}
}

func (n *naive) floor() {
	for _, r := range n.records {
		r.below = true
	}
}

func (n *naive) ban(key string) {
	n.bans = append(n.bans, key)
	for _, r := range n.records {
		r.pending = append(r.pending, key)
	}
}

// retire drops the oldest k bans: who was not tried against one of them is lost.
func (n *naive) retire(k int) {
	kept := len(n.bans) - k
	for _, r := range n.records {
		if len(r.pending) > kept {
			r.banned = true
		}
	}
	n.bans = n.bans[k:]
}

func (n *naive) check(r *naiveRecord) Verdict {
	influx := slices.ContainsFunc(r.record.Slots, func(s Slot) bool { return n.marks[s] > 0 })
	switch {
	case n.all > 0:
		return InFlux
	case r.below:
		return BelowFloor
	case influx:
		return InFlux
	case r.changed:
		return Changed
	case r.banned:
		return Banned
	}
	for _, key := range r.pending {
		if slices.Contains(r.record.Keys, key) {
			return Banned
		}
	}
	r.pending = nil
	return Valid
}

// agree reports whether the two may differ so: where a slot is in flux and
// another one has changed, either reason is right.
func agree(got, want Verdict, r *naiveRecord) bool {
	return got == want || (want == InFlux && got == Changed && r.changed)
}

// TestNaive compares the ledger with the naive one under random operations.
func TestNaive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const slots = 8
		l := New(slots)
		n := &naive{marks: map[Slot]int{}}
		var marked [][]Slot
		var banned []uint64 // sequence numbers of the bans in force
		someSlots := rapid.Custom(func(t *rapid.T) []Slot {
			hashes := rapid.SliceOfN(rapid.Uint64Range(0, 3*slots), 1, 4).Draw(t, "hashes")
			s := make([]Slot, len(hashes))
			for i, h := range hashes {
				s[i] = l.Slot(h)
			}
			return Compact(s)
		})
		key := rapid.Map(rapid.IntRange(0, 4), func(i int) string { return fmt.Sprint("key", i) })
		settle := func(t *rapid.T, bump bool) {
			if len(marked) == 0 {
				return
			}
			i := rapid.IntRange(0, len(marked)-1).Draw(t, "which")
			s := marked[i]
			marked = slices.Delete(marked, i, i+1)
			if bump {
				l.Bump(s)
				n.bump(s)
			}
			l.Release(s)
			for _, slot := range s {
				n.marks[slot]--
			}
		}
		compare := func(t *rapid.T, r *naiveRecord) {
			t.Helper()
			if got, want := l.Check(r.record), n.check(r); !agree(got, want, r) {
				t.Fatalf("verdict %d, want %d", got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"make": func(t *rapid.T) {
				n.records = append(n.records, &naiveRecord{record: &Record{
					AsOf:  l.Seq(),
					Slots: someSlots.Draw(t, "slots"),
					Keys:  rapid.SliceOfN(key, 1, 2).Draw(t, "keys"),
				}})
			},
			"mark": func(t *rapid.T) {
				s := someSlots.Draw(t, "slots")
				l.Mark(s)
				for _, slot := range s {
					n.marks[slot]++
				}
				marked = append(marked, s)
			},
			"write": func(t *rapid.T) {
				s := someSlots.Draw(t, "slots")
				write(l, s...)
				n.bump(s)
			},
			"settle":  func(t *rapid.T) { settle(t, true) },
			"release": func(t *rapid.T) { settle(t, false) },
			"markAll": func(*rapid.T) { l.MarkAll(); n.all++ },
			"releaseAll": func(*rapid.T) {
				if n.all > 0 {
					l.ReleaseAll()
					n.all--
				}
			},
			"floor": func(*rapid.T) { l.RaiseFloor(); n.floor() },
			"ban": func(t *rapid.T) {
				k := key.Draw(t, "key")
				banned = append(banned, l.Ban(exactly(k)))
				n.ban(k)
			},
			"retire": func(t *rapid.T) {
				if len(banned) == 0 {
					return
				}
				k := rapid.IntRange(1, len(banned)).Draw(t, "how many")
				l.Retire(banned[k-1])
				n.retire(k)
				banned = banned[k:]
			},
			"check": func(t *rapid.T) {
				if len(n.records) > 0 {
					compare(t, rapid.SampledFrom(n.records).Draw(t, "record"))
				}
			},
			"sweep": func(t *rapid.T) {
				for _, r := range n.records {
					compare(t, r)
				}
			},
			"": func(t *rapid.T) {
				sum := int64(n.all)
				for _, m := range n.marks {
					sum += int64(m)
				}
				if got := l.InFlux(); got != sum {
					t.Fatalf("%d in flux, want %d", got, sum)
				}
				if got, _ := l.Bans(); got != len(n.bans) {
					t.Fatalf("%d bans, want %d", got, len(n.bans))
				}
			},
		})
		for _, r := range n.records {
			compare(t, r)
		}
	})
}
