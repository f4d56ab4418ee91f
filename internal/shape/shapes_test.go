package shape

import (
	"database/sql/driver"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// byKey is the plan of a query for one row of people().
func byKey(t *Table) *Plan {
	return &Plan{Sources: []Source{byColumns(t, []int{0}, 1)}}
}

func one(v driver.Value) []driver.NamedValue { return []driver.NamedValue{{Ordinal: 1, Value: v}} }

// dependencies returns what a run of a query depends on, if that needs no rows.
func dependencies(q *Query, asOf uint64, args []driver.NamedValue) []uint64 {
	var d Dependencies
	q.Begin(&d, asOf, args, nil)
	return d.Hashes
}

func TestShapeIsBornWhenNobodyOverlooksIt(t *testing.T) {
	t.Parallel()
	seq := uint64(1)
	table := people()
	shapes := NewShapes([16]byte{1}, func() uint64 { return seq })
	plan := byKey(table)

	onTable := func(q *Query, asOf uint64) bool {
		return slices.Contains(dependencies(q, asOf, one(int64(1))), shapes.hasher.table(table))
	}
	before := shapes.View()
	q := shapes.Use(plan)
	dependencies(q, 1, one(int64(1)))
	after := shapes.View() // knows the shape
	seq = 5
	if !onTable(q, 5) {
		t.Error("a commit that does not know the shape is open, and the read does not depend on the table")
	}
	before.Release()
	before.Release()
	if !onTable(q, 4) {
		t.Error("the read began before the shape was born, and does not depend on the table")
	}
	if onTable(q, 5) {
		t.Error("the read depends on the table although the shape is born")
	}
	after.Release()
	if onTable(shapes.Use(plan), 5) {
		t.Error("the shape was born a second time")
	}
}

// An argument that needs conversion could equal rows that hash differently.
func TestDependenciesOfArgumentsThatDoNotFit(t *testing.T) {
	t.Parallel()
	table := people()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	h := shapes.hasher
	q := shapes.Use(byKey(table))
	whole := func() uint64 { sh := q.sources[0].all.to.Load(); return sh.watching(uint64(sh.start)) }
	for _, v := range []driver.Value{"1.0", []byte("1"), math.NaN()} {
		if !slices.Contains(dependencies(q, 1, one(v)), whole()) {
			t.Errorf("%T(%v) narrows an INTEGER column", v, v)
		}
	}
	if !slices.Contains(dependencies(q, 1, nil), whole()) {
		t.Error("an argument that is missing narrows")
	}
	got := dependencies(q, 1, one(int64(7)))
	sh := q.sources[0].fine.to.Load()
	s, _ := sh.of(h, table, []Value{Int(7)})
	if want := []uint64{h.coarse(table), sh.watching(uint64(s))}; !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// A model of the engine, stepped at random: a fill that passes the check holds
// what is visible. Commits are open for a while before and after they become
// visible, and shapes are registered at any time.
func TestShapesNeverLetAStaleReadPass(t *testing.T) {
	t.Parallel()
	if n := modelStale(60_000, func(asOf uint64) uint64 { return asOf }); n > 0 {
		t.Errorf("%d stale reads passed", n)
	}
	// Without the dependency on the table the same steps let some pass.
	if n := modelStale(60_000, func(uint64) uint64 { return never }); n == 0 {
		t.Error("the model does not notice a shape that some commit overlooks")
	}
}

func modelStale(steps int, claim func(asOf uint64) uint64) (stale int) {
	type commit struct {
		view    *View
		deps    []uint64
		visible bool
	}
	type fill struct {
		asOf    uint64
		deps    []uint64
		version int
	}
	r := rand.New(rand.NewPCG(7, 0))
	table := people()
	var (
		seq     uint64
		version int
		shapes  *Shapes
		bumped  map[uint64]uint64
		flux    map[uint64]int
		open    []*commit
		filling []*fill // asOf taken, nothing read yet
		filled  []*fill
	)
	for i := range steps {
		if i%50 == 0 { // again, with no shape known
			seq, version = 1, 0
			shapes = NewShapes([16]byte{1}, func() uint64 { return seq })
			bumped, flux = make(map[uint64]uint64), make(map[uint64]int)
			open, filling, filled = nil, nil, nil
		}
		switch r.IntN(6) {
		case 0:
			if len(open) < 3 {
				var changes Changes
				changes.Add(Change{Table: table, Old: []Value{Int(1), Int(int64(i)), Null(), {}}, New: []Value{Int(1), Int(int64(i + 1)), Null(), {}}})
				c := &commit{view: shapes.View()}
				c.deps = changes.Dependencies(nil, c.view)
				for _, d := range c.deps {
					flux[d]++
				}
				open = append(open, c)
			}
		case 1:
			if len(open) > 0 {
				if c := open[r.IntN(len(open))]; !c.visible {
					c.visible = true
					version++
				}
			}
		case 2:
			if len(open) > 0 && open[0].visible {
				seq++
				for _, d := range open[0].deps {
					bumped[d] = seq
					flux[d]--
				}
				open[0].view.Release()
				open = open[1:]
			}
		case 3:
			filling = append(filling, &fill{asOf: seq})
		case 4:
			if len(filling) > 0 {
				f := filling[0]
				filling = filling[1:]
				f.deps = dependencies(shapes.Use(byKey(table)), claim(f.asOf), one(int64(1)))
				f.version = version
				filled = append(filled, f)
			}
		case 5:
			for _, f := range filled {
				valid := !slices.ContainsFunc(f.deps, func(d uint64) bool { return flux[d] > 0 || bumped[d] > f.asOf })
				if valid && f.version != version {
					stale++
				}
			}
		}
	}
	return stale
}

func TestShapesConcurrently(t *testing.T) {
	t.Parallel()
	table := people()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				dependencies(shapes.Use(byKey(table)), 1, one(int64(1)))
			}
		})
		group.Go(func() {
			for i := range int64(200) {
				var changes Changes
				changes.Add(Change{Table: table, New: []Value{Int(i), Null(), Null(), {}}})
				view := shapes.View()
				changes.Dependencies(nil, view)
				view.Release()
			}
		})
	}
	group.Wait()
	if len(shapes.views) != 0 || len(shapes.unborn) != 0 {
		t.Errorf("%d views and %d unborn shapes remain", len(shapes.views), len(shapes.unborn))
	}
}
