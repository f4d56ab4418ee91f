package postgres

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// That one snapshot ends before another one does not mean that the other shows what it
// shows.
func TestWithin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s, p string
		want bool
	}{
		{"5:5:", "5:5:", true},
		{"5:5:", "5:6:", true},
		{"5:6:", "5:5:", false},
		{"5:8:5", "5:8:5", true},
		{"5:8:5", "6:8:", true},
		{"8:8:", "5:9:5", false}, // 5 was over in s, and runs in p
		{"5:8:5,6", "5:9:5", true},
		{"5:8:5", "5:9:5,6", false},
		{"5:8:5", "5:9:5,8", true},
	} {
		s, err1 := parseSnapshot(c.s)
		p, err2 := parseSnapshot(c.p)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if s.within(&p) != c.want {
			t.Errorf("%s within %s: %v", c.s, c.p, !c.want)
		}
		if s.String() != c.s {
			t.Errorf("%s is written as %s", c.s, s.String())
		}
	}
}

// TestPositions tries random histories of two nodes that follow one database: an entry of
// one of them contains what it says, and the other one counts everything against it that it lacks.
func TestPositions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var running, over []uint64
		next := uint64(100)
		taken := func() snapshot { // as pg_current_snapshot has it
			s := snapshot{xmax: 100, running: nil}
			for _, x := range over {
				s.xmax = max(s.xmax, x+1)
			}
			s.xmin = s.xmax
			for _, x := range running {
				if x < s.xmax {
					s.running, s.xmin = append(s.running, x), min(s.xmin, x)
				}
			}
			return s
		}
		type node struct {
			positions
			seq  uint64
			told map[uint64]uint64 // by transaction, with which sequence number
			last snapshot
		}
		nodes := [2]*node{{told: make(map[uint64]uint64)}, {told: make(map[uint64]uint64)}}
		for _, n := range nodes {
			n.last, n.seq = taken(), 1
			n.note("db", n.last, 0, 1, true)
		}
		type entry struct {
			over []uint64 // that it contains
			asOf uint64
			at   uint64 // of nodes[0], when it began
			time int
		}
		var entries []entry
		invalidated, when := uint64(0), -1 // by name, at nodes[1]
		for step := range 250 {
			n := nodes[rng.IntN(2)]
			switch rng.IntN(6) {
			case 0:
				running = append(running, next)
				next++
			case 1:
				if len(running) > 0 {
					i := rng.IntN(len(running))
					over = append(over, running[i])
					running = slices.Delete(running, i, i+1)
				}
			case 2, 3: // a look
				sent, s := n.seq, taken()
				for _, x := range over {
					if !n.last.shows(x) && s.shows(x) {
						n.seq++
						n.told[x] = n.seq
					}
				}
				n.seq++
				n.last = s
				n.note("db", s, sent, n.seq, false)
			case 4:
				entries = append(entries, entry{slices.Clone(over), nodes[0].seq, nodes[0].seq, step})
			case 5:
				if rng.IntN(10) == 0 {
					nodes[1].seq++
					invalidated, when = nodes[1].seq, step
				}
			}
			for _, e := range entries {
				s := nodes[0].at(e.asOf)
				if s == nil {
					continue
				}
				for x := range next {
					if x >= 100 && s.shows(x) && !slices.Contains(e.over, x) && slices.Contains(over, x) {
						t.Fatalf("seed %d: an entry does not contain %d, which %v shows", seed, x, s)
					}
				}
				if nodes[1].since(s) >= invalidated && invalidated > 0 && e.time < when {
					t.Fatalf("seed %d: an entry that was made before something was invalidated is younger", seed)
				}
				asOf, ok := nodes[1].after(s)
				if !ok {
					continue
				}
				for _, x := range over {
					if at, told := nodes[1].told[x]; told && !slices.Contains(e.over, x) && at <= asOf {
						t.Fatalf("seed %d: an entry lacks %d, which was told with %d, not after %d", seed, x, at, asOf)
					}
				}
			}
			if len(entries) > 20 {
				entries = entries[1:]
			}
		}
	}
}

// Looks are forgotten, never the oldest one, and what is left is right.
func TestPositionsAreBounded(t *testing.T) {
	t.Parallel()
	var p positions
	for i := range uint64(5 * maxPositions) {
		p.note("db", snapshot{xmin: 100 + i, xmax: 100 + i}, 10*i, 10*i+5, i == 0)
	}
	if len(p.list) > maxPositions {
		t.Errorf("%d looks", len(p.list))
	}
	for i := range uint64(5 * maxPositions) {
		if asOf, ok := p.after(&snapshot{xmin: 100 + i, xmax: 100 + i}); !ok || asOf > 10*i+5 {
			t.Fatalf("after %d: %d, %v", i, asOf, ok)
		}
		if s := p.at(10*i + 5); s == nil || s.xmax > 100+i {
			t.Fatalf("at %d: %v", 10*i+5, s)
		}
	}
	p.note("other", snapshot{xmin: 5, xmax: 5}, 1e6, 1e6+1, false)
	if _, ok := p.after(&snapshot{xmin: 200, xmax: 200}); !ok || len(p.list) != 1 {
		t.Errorf("of another identity: %v", p.list)
	}
}
