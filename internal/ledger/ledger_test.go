package ledger

import (
	"strings"
	"testing"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	for slots, want := range map[int]int{0: DefaultSlots, -1: DefaultSlots, 1: 1, 2: 2, 3: 4, 1000: 1024} {
		l := New(slots)
		if got := len(l.versions) - Wholes; got != want {
			t.Errorf("New(%d) has %d slots, want %d", slots, got, want)
		}
		for _, hash := range []uint64{0, 1, 1 << 31, 1<<64 - 1} {
			if s := l.Slot(hash); l.IsWhole(s) || uint64(s) != hash%uint64(want) {
				t.Errorf("New(%d).Slot(%d) = %d", slots, hash, s)
			}
		}
	}
}

func TestCompact(t *testing.T) {
	t.Parallel()
	got := Compact([]Slot{3, 1, 3, 2, 1})
	if len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 3 {
		t.Errorf("Compact = %v", got)
	}
	if got := Compact(nil); len(got) != 0 {
		t.Errorf("Compact(nil) = %v", got)
	}
}

// prefix is a pattern.
type prefix string

func (p prefix) Match(key string) bool { return strings.HasPrefix(key, string(p)) }

// TestVerdicts follows one record through each operation.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	mine, other := []Slot{1, 2}, []Slot{3}
	for _, c := range []struct {
		name string
		do   func(*Ledger)
		want Verdict
	}{
		{"nothing", func(*Ledger) {}, Valid},
		{"mark", func(l *Ledger) { l.Mark(mine) }, InFlux},
		{"mark of one of its slots", func(l *Ledger) { l.Mark(mine[1:]) }, InFlux},
		{"mark of another slot", func(l *Ledger) { l.Mark(other) }, Valid},
		{"mark and bump", func(l *Ledger) { l.Mark(mine); l.Bump(mine) }, InFlux},
		{"mark and release", func(l *Ledger) { l.Mark(mine); l.Release(mine) }, Valid},
		{"two marks and one release", func(l *Ledger) { l.Mark(mine); l.Mark(mine); l.Release(mine) }, InFlux},
		{"write", func(l *Ledger) { write(l, mine...) }, Changed},
		{"write of one of its slots", func(l *Ledger) { write(l, mine[1]) }, Changed},
		{"write of another slot", func(l *Ledger) { write(l, other...) }, Valid},
		{"mark all", func(l *Ledger) { l.MarkAll() }, InFlux},
		{"mark all and release all", func(l *Ledger) { l.MarkAll(); l.ReleaseAll() }, Valid},
		{"floor", func(l *Ledger) { l.RaiseFloor() }, BelowFloor},
		{"ban of its key", func(l *Ledger) { l.Ban(exactly("a")) }, Banned},
		{"ban of a key it used", func(l *Ledger) { l.Ban(exactly("b")) }, Banned},
		{"ban of another key", func(l *Ledger) { l.Ban(exactly("c")) }, Valid},
		{"ban, retired before it was vetted", func(l *Ledger) { l.Retire(l.Ban(exactly("c"))) }, Banned},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := New(8)
			r := &Record{AsOf: l.Seq(), Slots: mine, Keys: []string{"a", "b"}}
			c.do(l)
			if got := l.Check(r); got != c.want {
				t.Errorf("verdict %d, want %d", got, c.want)
			}
			later := &Record{AsOf: l.Seq(), Slots: mine, Keys: []string{"a", "b"}}
			want := Valid
			if c.want == InFlux {
				want = InFlux
			}
			if got := l.Check(later); got != want {
				t.Errorf("a later record: verdict %d, want %d", got, want)
			}
		})
	}
}

// write is a whole write of slots.
func write(l *Ledger, slots ...Slot) {
	l.Mark(slots)
	l.Bump(slots)
	l.Release(slots)
}

// TestZeroRecord: what has no age is older than everything.
func TestZeroRecord(t *testing.T) {
	t.Parallel()
	l := New(1)
	if v := l.Check(&Record{AsOf: l.Seq()}); v != Valid {
		t.Errorf("without dependencies: verdict %d", v)
	}
	write(l, 0)
	l.RaiseFloor()
	if v := l.Check(&Record{}); v != BelowFloor {
		t.Errorf("without age: verdict %d", v)
	}
}

// TestVersionsOnlyGrow: raise is a maximum.
func TestVersionsOnlyGrow(t *testing.T) {
	t.Parallel()
	l := New(1)
	l.raise(&l.versions[0], 9)
	l.raise(&l.versions[0], 7)
	if v := l.versions[0].Load(); v != 9 {
		t.Errorf("version %d, want 9", v)
	}
}

// TestSequence: every operation that invalidates has a number of its own.
func TestSequence(t *testing.T) {
	t.Parallel()
	l := New(4)
	last := l.Seq()
	for i, next := range []func() uint64{
		func() uint64 { return l.Bump([]Slot{1}) },
		l.RaiseFloor,
		func() uint64 { return l.Ban(prefix("x")) },
		func() uint64 { return l.Bump(nil) },
	} {
		if seq := next(); seq <= last || seq != l.Seq() {
			t.Errorf("operation %d: number %d after %d, Seq %d", i, seq, last, l.Seq())
		}
		last = l.Seq()
	}
}

// TestBans follows the list of bans.
func TestBans(t *testing.T) {
	t.Parallel()
	l := New(1)
	record := func(key string) *Record { return &Record{AsOf: l.Seq(), Keys: []string{key}} }
	bans := func(want int) uint64 {
		t.Helper()
		n, newest := l.Bans()
		if n != want {
			t.Errorf("%d bans, want %d", n, want)
		}
		return newest
	}
	verdict := func(r *Record, want Verdict) {
		t.Helper()
		if v := l.Check(r); v != want {
			t.Errorf("%s: verdict %d, want %d", r.Keys, v, want)
		}
	}
	bans(0)
	stored, open, banned := record("stored"), record("open"), record("/a/1")
	l.Ban(prefix("/a"))
	second := l.Ban(prefix("/b"))
	if newest := bans(2); newest != second {
		t.Errorf("newest is %d, want %d", newest, second)
	}
	verdict(banned, Banned)
	verdict(banned, Banned) // it was not noted as vetted
	verdict(stored, Valid)
	third := l.Ban(prefix("/c"))
	fresh := record("/a/2") // began after the bans

	l.Retire(second)
	if newest := bans(1); newest != third {
		t.Errorf("newest is %d, want %d", newest, third)
	}
	verdict(stored, Valid) // vetted up to the second, tried against the third
	verdict(open, Banned)  // never vetted
	verdict(banned, Banned)
	verdict(fresh, Valid)

	l.Retire(second) // again: nothing
	l.Retire(third)
	if newest := bans(0); newest != third {
		t.Errorf("newest is %d, want %d", newest, third)
	}
	verdict(stored, Valid)
	verdict(open, Banned)
	verdict(fresh, Valid)
	l.Ban(prefix("sto"))
	verdict(stored, Banned)
}

// counter counts how often it is asked.
type counter struct{ asked *int }

func (c counter) Match(string) bool { *c.asked++; return false }

// TestVettedOnce: a record is tried against a ban once.
func TestVettedOnce(t *testing.T) {
	t.Parallel()
	l := New(1)
	r := &Record{AsOf: l.Seq(), Keys: []string{"a", "b"}}
	asked := 0
	l.Ban(counter{&asked})
	for range 3 {
		if v := l.Check(r); v != Valid {
			t.Fatalf("verdict %d", v)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times for two keys", asked)
	}
}

// TestInFlux counts marks of all kinds.
func TestInFlux(t *testing.T) {
	t.Parallel()
	l := New(8)
	l.Mark([]Slot{1, 2})
	l.Mark([]Slot{2})
	l.MarkAll()
	if n := l.InFlux(); n != 4 {
		t.Errorf("%d in flux, want 4", n)
	}
	l.ReleaseAll()
	l.Release([]Slot{2, 1})
	l.Release([]Slot{2})
	l.RaiseFloor()
	l.Ban(exactly("a"))
	if n := l.InFlux(); n != 0 {
		t.Errorf("%d in flux, want 0", n)
	}
}

// TestCheckAllocates nothing.
func TestCheckAllocates(t *testing.T) {
	l := New(1 << 10)
	r := &Record{AsOf: l.Seq(), Slots: make([]Slot, 16), Keys: []string{"a"}}
	for i := range r.Slots {
		r.Slots[i] = Slot(i * 61 % 1024)
	}
	l.Ban(exactly("b"))
	for name, f := range map[string]func(){
		"Check":   func() { l.Check(r) },
		"Mark":    func() { l.Mark(r.Slots) },
		"Bump":    func() { l.Bump(r.Slots) },
		"Release": func() { l.Release(r.Slots) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
