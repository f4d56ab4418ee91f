package ledger

import (
	"flag"
	"slices"
	"testing"
)

// Two preemptions take a minute.
var preemptions = flag.Int("preemptions", 1, "bound of the systematic exploration")

// A scene is a small cast, each acting once, with both results stored.
type scene struct {
	name string
	cast func(*world)
}

var scenes = []scene{
	{"write while filling", func(w *world) {
		w.spawn("writer", w.writer)
		w.spawn("filler", func() { w.ask(true) })
		w.spawn("reader", func() { w.ask(false) })
	}},
	{"two writers", func(w *world) {
		w.spawn("writer1", w.writer)
		w.spawn("writer2", w.writer)
		w.spawn("reader", func() { w.ask(false) })
	}},
	{"write seen directly", func(w *world) {
		w.spawn("writer", w.writer)
		w.spawn("direct", w.bypass)
		w.spawn("reader", func() { w.ask(false) })
	}},
	{"schema change seen directly", func(w *world) {
		w.spawn("migrator", w.migrate)
		w.spawn("direct", w.bypass)
		w.spawn("reader", func() { w.ask(false) })
	}},
	{"pattern", func(w *world) {
		w.spawn("teller", func() { w.tell(doorPattern); w.sweep() })
		w.spawn("filler", func() { w.ask(true) })
		w.spawn("reader", func() { w.ask(false) })
	}},
	{"tag", func(w *world) {
		w.spawn("teller", func() { w.tell(doorTag) })
		w.spawn("filler", func() { w.ask(true) })
		w.spawn("reader", func() { w.ask(false) })
	}},
	{"floor", func(w *world) {
		w.spawn("teller", func() { w.tell(doorFloor) })
		w.spawn("filler", func() { w.ask(true) })
		w.spawn("reader", func() { w.ask(false) })
	}},
}

// explore runs a scene under every schedule with at most bound preemptions and
// returns their number.
func explore(p protocol, sc scene, choices uint64, bound int, probing bool) (int, error) {
	e := &exhaustive{bound: bound}
	for n := 1; ; n++ {
		w := newWorld(p, choices, e, &coverage{})
		w.probing = probing
		w.populate()
		sc.cast(w)
		if err := w.finish(); err != nil {
			return n, err
		}
		if !e.advance() {
			return n, nil
		}
	}
}

// TestEverySchedule runs every schedule of the scenes within the bound, for
// several seeds of what the processes choose.
func TestEverySchedule(t *testing.T) {
	t.Parallel()
	for _, sc := range scenes {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			total := 0
			for choices := range uint64(4) {
				n, err := explore(correct(), sc, choices, *preemptions, true)
				if err != nil {
					t.Fatalf("choices %d, schedule %d: %v", choices, n, err)
				}
				total += n
			}
			t.Logf("%d schedules with at most %d preemptions", total, *preemptions)
		})
	}
}

// TestOnePreemption holds the exploration to finding what needs no more than one
// preemption.
func TestOnePreemption(t *testing.T) {
	t.Parallel()
	within := map[string]string{ // mistake to scene
		"asOf taken when storing":              "write while filling",
		"age of a used result not handed on":   "write while filling",
		"bump only in the commit hook":         "write while filling",
		"bump only after the commit":           "write while filling",
		"release before bump":                  "write while filling",
		"mark after the commit":                "write seen directly",
		"joining an older flight":              "write while filling",
		"pattern dropped while a fill is open": "pattern",
		"pattern banned outside of flux":       "pattern",
		"tag bumped without a mark":            "tag",
		"floor raised outside of flux":         "floor",
	}
	for _, m := range mistakes {
		name, ok := within[m.name]
		if !ok {
			continue
		}
		delete(within, m.name)
		i := slices.IndexFunc(scenes, func(sc scene) bool { return sc.name == name })
		p := correct()
		m.make(&p)
		total := 0
		var err error
		for choices := uint64(0); choices < 8 && err == nil; choices++ {
			var n int
			n, err = explore(p, scenes[i], choices, 1, false)
			total += n
		}
		if err == nil {
			t.Errorf("%s: not found in %d schedules", m.name, total)
			continue
		}
		t.Logf("%s: found in %d schedules: %v", m.name, total, err)
	}
	for name := range within {
		t.Errorf("no such mistake: %s", name)
	}
}
