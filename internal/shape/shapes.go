package shape

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds are what shapes and commits may cost. Beyond them dependencies are coarser.
type Bounds struct {
	Shapes   int // of one table; what would need more is selected by a single column, or depends on the whole table
	Single   int // shapes by a single column, more than that
	Many     int // shapes of one table, from which on
	Watched  int // a family has no more members, but for one that watches every column
	Patience int // after so many that there was no room for, those shapes leave that nothing has used meanwhile

	// What is computed for one commit, whatever its rows: how many images are placed in
	// the sets of a family, and how many dependencies come of that. Where the nodes of an
	// order would take more than their share of those, a set is bumped as a whole; where
	// the sets are too many, the table.
	Placed, Touched int
}

var defaultBounds = Bounds{Shapes: 256, Single: 16, Many: 64, Watched: 4, Patience: 1024, Placed: 250_000, Touched: 100_000}

// Shapes is a database's registry of the shapes that its queries use. It lives
// as long as the database, schema changes included. All methods may be called
// concurrently.
type Shapes struct {
	// Bounds may be changed before the first use.
	Bounds Bounds

	// Leave puts a dependency of a table in flux, because shapes of it are about to
	// leave, and returns what bumps it and ends the flux. It must not call back. Without
	// it none ever leaves.
	Leave func(table string, dependency uint64) (settle func())

	// Share has dependencies name the shapes by which commits are to be described, for
	// others who follow the database. It may be set before the first use.
	Share bool

	hasher hasher
	seq    func() uint64

	mu      sync.Mutex
	clock   uint64              // counts registrations and views, to tell which came first
	byTable map[string][]*shape // replaced, never changed
	refused map[string]int      // how many found no room since it was last looked which shapes are used
	views   map[*View]uint64    // when the open views were opened
	unborn  []*shape
}

// A shapeKey tells the shapes of a table apart.
type shapeKey struct {
	columns    []int     // whose values select the rows, as a selection names them; none for all rows
	watched    ColumnSet // the columns whose values matter
	order      int       // the column whose order matters, or noOrder
	descending bool
	between    bool // ranges have two ends; then descending does not count
}

const noOrder = -1

func (k shapeKey) equal(l shapeKey) bool {
	return k.akin(l) && k.watched == l.watched
}

// akin reports whether shapes are of one family: those that differ in what they
// watch alone. The sets of one are those of the other.
func (k shapeKey) akin(l shapeKey) bool {
	return slices.Equal(k.columns, l.columns) && k.order == l.order && k.descending == l.descending && k.between == l.between
}

func (k shapeKey) direction() uint64 {
	switch {
	case k.between:
		return 2
	case k.descending:
		return 1
	}
	return 0
}

// A shape is what some query asks of a table.
type shape struct {
	shapeKey
	table      string
	start      set       // of all rows, where the hashes of its family's sets begin
	mark       uint64    // of what it watches, mixed into them
	placed     ColumnSet // whose values tell in which set a row lies, and where
	relevant   ColumnSet // of which a change matters
	registered uint64
	birth      atomic.Uint64 // the sequence number at its birth, or never
	used       atomic.Bool   // since it was last looked which are
	left       atomic.Bool   // commits do not know it any more
	kind       string        // names it for others; "" if nobody shares it
}

const never = ^uint64(0)

func newShape(h hasher, table string, k shapeKey) *shape {
	sh := &shape{shapeKey: k, table: table, start: h.begin(table, k), mark: h.watch(k.watched)}
	for _, c := range k.columns {
		sh.placed.Add(number(c))
	}
	if k.order != noOrder {
		sh.placed.Add(k.order)
	}
	sh.relevant = k.watched | sh.placed
	return sh
}

// watching returns the dependency of a set of the family, or of a node of it, as
// the shape watches it.
func (sh *shape) watching(h uint64) uint64 { return mix(h, sh.mark) }

// NewShapes returns an empty registry. The database's dependencies are hashed with
// its key: who shares it has the same hashes. seq returns the engine's present
// sequence number and must not call back.
func NewShapes(key [16]byte, seq func() uint64) *Shapes {
	return &Shapes{
		hasher:  hasherOf(key),
		seq:     seq,
		Bounds:  defaultBounds,
		byTable: make(map[string][]*shape),
		refused: make(map[string]int),
		views:   make(map[*View]uint64),
	}
}

// Parents returns the dependency of what relies on every foreign key having its
// parent. A commit that may have broken that bumps it.
func (s *Shapes) Parents() uint64 { return s.hasher.parents() }

// Until returns the dependency of what is so until a moment.
func (s *Shapes) Until(moment int64) uint64 { return s.hasher.until(moment) }

// register returns the shape, or one of its family that watches more, which it adds
// where it is new, or nil where the table has too many.
func (s *Shapes) register(t *Table, k shapeKey) *shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := t.Name
	sh, members := s.find(table, k)
	if sh == nil && len(s.byTable[table]) >= s.Bounds.Many && members >= s.Bounds.Watched {
		k.watched = allColumns
		sh, _ = s.find(table, k)
	}
	if sh != nil {
		return sh
	}
	if len(s.byTable[table]) >= s.Bounds.Shapes && !s.sweep(t) {
		return nil
	}
	return s.add(table, k)
}

// add adds a new shape. The caller holds mu.
func (s *Shapes) add(table string, k shapeKey) *shape {
	s.clock++
	sh := newShape(s.hasher, table, k)
	sh.registered = s.clock
	if s.Share {
		sh.kind = marshalKind(table, k)
	}
	sh.birth.Store(never)
	s.byTable = maps.Clone(s.byTable)
	s.byTable[table] = withShape(s.byTable[table], sh)
	s.unborn = append(s.unborn, sh)
	s.deliver()
	return sh
}

// registerOne returns the shape of a table without an order that watches every column and
// whose rows are selected by a single one of these columns: one that is there, or a new
// one, for which there is room beyond what a table has at most.
func (s *Shapes) registerOne(t *Table, columns []int) *shape {
	if len(columns) < 2 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := func(c int) shapeKey { return shapeKey{columns: []int{c}, watched: allColumns, order: noOrder} }
	for _, c := range columns {
		if sh, _ := s.find(t.Name, key(c)); sh != nil {
			sh.used.Store(true)
			return sh
		}
	}
	if len(s.byTable[t.Name]) >= s.Bounds.Shapes+s.Bounds.Single {
		return nil
	}
	return s.add(t.Name, key(t.distinctive(columns)))
}

// distinctive returns one of some columns that is likely to tell few rows from others: a
// part of a key, or of one of another table.
func (t *Table) distinctive(columns []int) int {
	for _, k := range t.Keys {
		for _, c := range columns {
			if slices.Contains(k.Columns, c) {
				return c
			}
		}
	}
	for _, f := range t.Foreign {
		for _, c := range columns {
			if slices.Contains(f.Columns, c) {
				return c
			}
		}
	}
	return columns[0]
}

// find returns the shape, or nil, and how many its family has. The caller holds mu.
func (s *Shapes) find(table string, k shapeKey) (found *shape, members int) {
	for _, sh := range s.byTable[table] {
		if sh.akin(k) {
			members++
		}
		if sh.equal(k) {
			found = sh
		}
	}
	return found, members
}

// sweep makes room among the shapes of a table, and reports whether it did: shapes
// leave that nothing has used for long. The caller holds mu.
//
// Entries that rely on one of them depend on coarse(t). That is in flux from before
// commits do not know the shape until it is bumped, and whoever still has the shape
// afterwards does not find it born, and depends on table(t).
func (s *Shapes) sweep(t *Table) bool {
	if s.Leave == nil {
		return false
	}
	s.refused[t.Name]++
	first := s.refused[t.Name] == 1
	if !first && s.refused[t.Name] < s.Bounds.Patience {
		return false
	}
	s.refused[t.Name] = 1
	shapes := s.byTable[t.Name]
	stay := make([]*shape, 0, len(shapes))
	for _, sh := range shapes {
		if sh.used.Swap(false) || first {
			stay = append(stay, sh)
		}
	}
	if len(stay) == len(shapes) {
		return false
	}
	settle := s.Leave(t.Name, s.hasher.coarse(t))
	defer settle()
	for _, sh := range shapes {
		if !slices.Contains(stay, sh) {
			sh.birth.Store(never)
			sh.left.Store(true)
		}
	}
	s.unborn = slices.DeleteFunc(s.unborn, func(sh *shape) bool { return sh.left.Load() })
	s.byTable = maps.Clone(s.byTable)
	s.byTable[t.Name] = stay
	return true
}

// withShape returns the shapes with another one, next to its family.
func withShape(shapes []*shape, sh *shape) []*shape {
	i := slices.IndexFunc(shapes, func(other *shape) bool { return other.akin(sh.shapeKey) })
	if i < 0 {
		i = len(shapes)
	}
	return slices.Insert(slices.Clone(shapes), i, sh)
}

// kept returns the columns of which images must hold the values.
func (s *Shapes) kept(t *Table) (keep ColumnSet) {
	s.mu.Lock()
	shapes := s.byTable[t.Name]
	s.mu.Unlock()
	for _, sh := range shapes {
		keep |= sh.placed
	}
	if len(t.Keys) > 0 {
		for _, c := range t.Keys[0].Columns {
			keep.Add(c)
		}
	}
	return keep
}

// deliver gives birth to the shapes that every open view knows. The caller
// holds mu.
func (s *Shapes) deliver() {
	s.unborn = slices.DeleteFunc(s.unborn, func(sh *shape) bool {
		for _, opened := range s.views {
			if opened < sh.registered {
				return false
			}
		}
		sh.birth.Store(s.seq())
		return true
	})
}

// A View is the registry as a commit sees it. It must be released.
type View struct {
	shapes  *Shapes
	byTable map[string][]*shape
}

// View opens a view of the registry. A commit opens it before it computes its
// dependencies ([Changes.Dependencies]) and releases it when they were bumped
// and the commit, if it happened, is visible.
func (s *Shapes) View() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	v := &View{shapes: s, byTable: s.byTable}
	s.views[v] = s.clock
	return v
}

// Release ends the view. Only the first call has an effect.
func (v *View) Release() {
	s := v.shapes
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.views, v)
	s.deliver()
}
