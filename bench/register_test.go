package main

import (
	"testing"
	"time"
)

// TestRegister says what may be seen of a write before, while and after it is
// made.
func TestRegister(t *testing.T) {
	t.Parallel()
	r := newRegister(0)
	is := func(n int) func(int) bool { return func(v int) bool { return v == n } }
	before := time.Now()
	ended := r.begin(1)
	during := time.Now()
	for _, c := range []struct {
		what     string
		from, to time.Time
		value    int
		want     bool
	}{
		{"the old one before the write", before, before, 0, true},
		{"the new one before the write", before, before, 1, false},
		{"what was never written", before, during, 7, false},
		{"the old one meanwhile", during, during, 0, true},
		{"the new one meanwhile", during, during.Add(time.Millisecond), 1, true},
		{"the old one after it was seen", during.Add(2 * time.Millisecond), during.Add(3 * time.Millisecond), 0, false},
		{"the old one by who began before", during, during.Add(3 * time.Millisecond), 0, true},
	} {
		if got := r.holds(c.from, c.to, is(c.value)); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
	ended()
	after := time.Now().Add(time.Second)
	if r.holds(after, after, is(0)) || !r.holds(after, after, is(1)) {
		t.Error("after the write the old value is there, or the new one is not")
	}
	r.begin(2) // fails: nobody knows
	later := after.Add(time.Hour)
	if !r.holds(later, later, is(1)) {
		t.Error("a write of unknown outcome has happened")
	}
	if !r.holds(later, later, is(2)) || r.holds(later.Add(1), later.Add(1), is(1)) {
		t.Error("it was seen, and undone")
	}
}
