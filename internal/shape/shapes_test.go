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
	if n, left := modelStale(60_000, func(asOf uint64) uint64 { return asOf }); n > 0 || left < 100 {
		t.Errorf("%d stale reads passed, and shapes left %d times", n, left)
	}
	// Without the dependency on the table the same steps let some pass.
	if n, _ := modelStale(60_000, func(uint64) uint64 { return never }); n == 0 {
		t.Error("the model does not notice a shape that some commit overlooks")
	}
}

func modelStale(steps int, claim func(asOf uint64) uint64) (stale, left int) {
	type commit struct {
		view    *View
		deps    []uint64
		visible bool
	}
	type fill struct {
		asOf    uint64
		deps    []uint64
		version int
		run     *Run // which has seen the row
	}
	r := rand.New(rand.NewPCG(7, 0))
	table := people()
	var (
		seq     uint64
		version int
		shapes  *Shapes
		known   *Query
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
			shapes.Bounds = Bounds{Shapes: 1, Many: 8, Watched: 8, Patience: 2, Placed: 100, Touched: 100}
			shapes.Leave = func(_ string, d uint64) func() {
				left++
				flux[d]++
				return func() {
					seq++
					bumped[d] = seq
					flux[d]--
				}
			}
			known = shapes.Use(byRow(table))
			bumped, flux = make(map[uint64]uint64), make(map[uint64]int)
			open, filling, filled = nil, nil, nil
		}
		switch r.IntN(8) {
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
				var d Dependencies
				if r.IntN(2) == 0 {
					shapes.Use(byKey(table)).Begin(&d, claim(f.asOf), one(int64(1)), nil)
				} else {
					f.run = known.Begin(&d, claim(f.asOf), nil, nil)
					f.run.Row(func(int) Value { return Int(1) })
				}
				f.deps = d.Hashes
				f.version = version
				filled = append(filled, f)
			}
		case 5:
			for _, f := range filled {
				if f.run != nil {
					continue // not stored before its rows end
				}
				valid := !slices.ContainsFunc(f.deps, func(d uint64) bool { return flux[d] > 0 || bumped[d] > f.asOf })
				if valid && f.version != version {
					stale++
				}
			}
		case 6:
			for _, f := range filled {
				if f.run != nil {
					d := Dependencies{Hashes: f.deps}
					f.run.End(&d, true, true)
					f.deps, f.run = d.Hashes, nil
					break
				}
			}
		case 7: // somebody asks by something else
			for range r.IntN(4) {
				dependencies(shapes.Use(&Plan{Sources: []Source{byColumns(table, []int{2}, r.IntN(3))}}), seq, []driver.NamedValue{{Ordinal: 3, Value: int64(1)}})
			}
		}
	}
	return stale, left
}

// byRow is the plan of a query for the row of people() whose key the result shows.
func byRow(t *Table) *Plan {
	s := byColumns(t, []int{0}, 1)
	s.Sets[0].Values = []Operand{ResultOperand(0)}
	return &Plan{Sources: []Source{s}, Width: 1}
}

// why returns why dependencies are coarse.
func why(d Dependencies) string { return d.Counts[len(d.Counts)-1].Coarse }

// Shapes leave that nothing has used for long, where there is no room, and take with
// them what may rely on them.
func TestShapesLeave(t *testing.T) {
	t.Parallel()
	table := people()
	seq := uint64(1)
	shapes := NewShapes([16]byte{1}, func() uint64 { return seq })
	shapes.Bounds = Bounds{Shapes: 2, Many: 9, Watched: 9, Patience: 4, Placed: 100, Touched: 100}
	var left []uint64
	inFlux := false
	shapes.Leave = func(name string, d uint64) func() {
		if name != "p" {
			t.Errorf("a shape of %s leaves", name)
		}
		left, inFlux = append(left, d), true
		return func() { inFlux = false }
	}
	use := func(watched int) Dependencies {
		var d Dependencies
		shapes.Use(&Plan{Sources: []Source{byColumns(table, []int{0}, watched)}}).Begin(&d, seq, one(int64(1)), nil)
		return d
	}
	narrow := func(d Dependencies) bool { return !slices.Contains(d.Hashes, shapes.hasher.table(table)) }
	used, unused, late := 0, 1, 2
	if !narrow(use(used)) || !narrow(use(unused)) {
		t.Fatal("there is room, and it is not given")
	}
	stays, _ := shapes.find("p", shapeKey{columns: []int{0}, watched: columnsOf(used), order: noOrder})
	run := shapes.Use(byRow(table)).Begin(new(Dependencies), seq, nil, nil) // by the unused one
	run.Row(func(int) Value { return Int(1) })
	for i := 1; i < shapes.Bounds.Patience; i++ {
		if d := use(late); narrow(d) || why(d) != coarseShapes || len(left) > 0 {
			t.Fatalf("attempt %d: %+v, and %d left", i, d, len(left))
		}
		use(used)
	}
	if d := use(late); !narrow(d) || why(d) != "" {
		t.Errorf("there is no room after %d attempts: %+v", shapes.Bounds.Patience, d)
	}
	if want := []uint64{shapes.hasher.coarse(table)}; !slices.Equal(left, want) || inFlux {
		t.Errorf("%x fell, want %x; still in flux: %t", left, want, inFlux)
	}
	if stays.left.Load() || !narrow(use(used)) {
		t.Error("a shape left that was used")
	}
	var d Dependencies
	run.End(&d, true, true)
	if narrow(d) {
		t.Error("a run believes in a shape that has left")
	}
	if narrow(use(unused)) {
		t.Error("the shape has not left")
	}
}

// Where a table has many shapes, families get a member that watches every column.
func TestManyLists(t *testing.T) {
	t.Parallel()
	table := events()
	shapes := NewShapes([16]byte{1}, func() uint64 { return 1 })
	var on [][]uint64
	for _, l := range lists(250, false) {
		on = append(on, l.upTo(shapes, table, 10))
	}
	if n, most := len(shapes.byTable["ev"]), shapes.Bounds.Many+2*18; n > most {
		t.Errorf("%d shapes, want at most %d", n, most)
	}
	coarse := 0
	for i, l := range lists(250, false) {
		for c := 4; c < 12; c++ {
			row := event(1, 1, 5)
			if l.descending {
				row = event(1, 1, 15)
			}
			var changes Changes
			changed := slices.Clone(row)
			changed[c] = Null()
			changes.Add(Change{Table: table, Old: row, New: changed})
			falls := meets(changes.touch(shapes), on[i])
			switch shown := l.watched.Has(c) || l.order == c; {
			case shown && !falls:
				t.Fatalf("list %d stays when c%d changes, which it shows", i, c-4)
			case !shown && falls:
				coarse++
				if i < shapes.Bounds.Many {
					t.Errorf("list %d falls when c%d changes, which it does not show", i, c-4)
				}
			}
		}
	}
	if coarse == 0 {
		t.Error("nothing is coarse")
	}
	var d Dependencies
	s := byColumns(table, nil, 3)
	for range 5 { // one family more
		shapes.Use(&Plan{Sources: []Source{s}}).Begin(&d, 1, nil, nil)
		s.Watched.Add(4 + len(d.Hashes)%8)
	}
	if got := why(d); got != coarseWatched {
		t.Errorf("coarse: %q", got)
	}
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
