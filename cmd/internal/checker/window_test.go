package checker

import (
	"slices"
	"testing"
	"time"
)

// TestPairHistory has reads of one key in the history of two, and leaves out
// what a write that is no longer kept might explain, and what is wrong by itself.
func TestPairHistory(t *testing.T) {
	keys := []*key{{id: 0}, {id: 1}}
	p := couple(keys)[0]
	now := time.Duration(0)
	tick := func() time.Duration { now++; return now }
	write := func(k *key) {
		k.begin(op{write: true, key: k.id, start: tick(), version: k.sent.Load() + 1})
		k.wrote(tick(), acknowledged)
	}
	readBoth := func(start time.Duration) {
		var parts [2]op
		for i, k := range keys {
			v := k.sent.Load()
			parts[i] = k.read(op{key: i, start: start, end: tick()}, k.bar(), v, v)
		}
		p.read(parts[0], parts[1])
	}
	joint := func() (n int) {
		ops, whole := p.history()
		if !whole {
			t.Error("not whole")
		}
		for _, o := range ops {
			if o.two {
				n++
			}
		}
		return n
	}
	write(keys[0])
	write(keys[1])
	early := tick()
	readBoth(early)
	if n := joint(); n != 1 {
		t.Errorf("%d reads of both", n)
	}
	for range keptWrites { // each but the last is kept of one key alone
		write(keys[1])
	}
	if n := joint(); n != 1 {
		t.Errorf("%d reads of both, the first began after all that is not kept had ended", n)
	}
	write(keys[1])
	write(keys[1])
	if ops, _ := p.history(); len(ops) != 0 {
		t.Errorf("%d operations without a read of both", len(ops))
	}
	readBoth(tick())
	single := keys[0].read(op{key: 0, start: tick(), end: tick()}, bar{}, 1, 1)
	stale := keys[1].read(op{key: 1, start: tick(), end: tick()}, keys[1].bar(), 1, 1)
	ops, _ := p.history()
	if !slices.Contains(ops, single) || slices.Contains(ops, stale) || joint() != 1 {
		t.Errorf("%+v", ops)
	}
	keys[0].lost = true
	if _, whole := p.history(); whole {
		t.Error("one key's history is not whole, but that of two is")
	}
}

// TestDecisive leaves out what another read explains, and nothing else.
func TestDecisive(t *testing.T) {
	for name, tt := range map[string]struct {
		ops  []op
		left int
	}{
		"within":             {[]op{saw(0, 1, 1, 9), saw(0, 1, 2, 8)}, 1},
		"the same twice":     {[]op{saw(0, 1, 1, 9), saw(0, 1, 1, 9)}, 1},
		"by a read of both":  {[]op{saw(1, 2, 1, 9), sawBoth(1, 2, 1, 9)}, 1},
		"in the other order": {[]op{sawBoth(1, 2, 1, 9), sawBothInTurn(1, 2, 3, 4)}, 1},
		"in a chain":         {[]op{saw(0, 1, 1, 9), saw(0, 1, 2, 8), saw(0, 1, 3, 7)}, 1},
		"ends later":         {[]op{saw(0, 1, 1, 5), saw(0, 1, 2, 8)}, 2},
		"another version":    {[]op{saw(0, 1, 1, 9), saw(0, 2, 2, 8)}, 2},
		"another key":        {[]op{saw(0, 1, 1, 9), saw(1, 1, 2, 8)}, 2},
		"half of it":         {[]op{sawBoth(1, 2, 1, 9), saw(0, 1, 2, 8)}, 2},
		"a write":            {[]op{wrote(0, 1, 1, 9), saw(0, 1, 2, 8), wrote(0, 1, 2, 8)}, 3},
	} {
		if got := decisive(tt.ops); len(got) != tt.left {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
