package ledger

import "testing"

// TestUnnamed: what was invalidated by name counts, the floor does not.
func TestUnnamed(t *testing.T) {
	l := New(8)
	l.RaiseFloor()
	r := func(asOf uint64) *Record { return &Record{AsOf: asOf, Slots: []Slot{1}, Keys: []string{"a"}} }
	if !l.Unnamed(r(0)) {
		t.Error("nothing was invalidated by name")
	}
	l.Mark([]Slot{1})
	if l.Unnamed(r(l.Seq())) {
		t.Error("it is in flux")
	}
	at := l.Bump([]Slot{1})
	l.Release([]Slot{1})
	if l.Unnamed(r(at-1)) || !l.Unnamed(r(at)) {
		t.Error("bumped")
	}
	l.MarkAll()
	if l.Unnamed(r(l.Seq())) {
		t.Error("everything is in flux")
	}
	l.ReleaseAll()
	before := l.Tick()
	l.Ban(prefix("a"))
	if l.Unnamed(r(before)) || !l.Unnamed(r(l.Tick())) {
		t.Error("banned")
	}
	_, newest := l.Bans()
	l.Retire(newest)
	if l.Unnamed(r(before)) || !l.Unnamed(r(l.Tick())) {
		t.Error("banned, and retired")
	}
}
