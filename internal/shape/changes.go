package shape

// What is kept of one transaction's changes is bounded. A table of which there would
// be more is described by the table alone.
const (
	// DefaultBulkLimit is the number of changed rows of one table.
	DefaultBulkLimit = 10_000
	// maxImages bounds the bytes of the images of all tables.
	maxImages = 16 << 20
)

// A Change is one changed row. Old is nil for an insert, New for a delete. An
// image has a value for every column of the table, in the order of
// Table.Columns; those that are not known, virtual generated columns among
// them, or need not be ([Room.Keep]), are Unknown. Of an update that changes none of
// the columns that are kept, Old and New may be one.
type Change struct {
	Table   *Table
	Old     []Value
	New     []Value
	Differs ColumnSet // the columns that an update changed, or may have, but for virtual ones; none: as the images say
	Moved   bool      // an update gave the row another place in the table, which no column shows
}

// Changes collects the changed rows of a transaction. The zero value is ready
// for use. It is not safe for concurrent use.
type Changes struct {
	// Limit is the number of rows of one table above which changes are described
	// by the table alone; 0 means DefaultBulkLimit.
	Limit int

	tables  map[*Table]*tableChanges
	list    []*Table // of tables
	rows    int
	bytes   int // of images
	placing placing
}

// tableChanges are the changes of one table.
type tableChanges struct {
	coarse string // why they are described by the table alone, or ""
	rows   []Change
	read   bool // some query depends on a part of the table

	room  Room
	bytes int // of the room
}

// Why the changes of a table are described by the table alone.
const (
	coarseUnknown = "rows unknown"
	coarseRows    = "too many rows"
	coarseBytes   = "too many bytes"
	coarseSets    = "too many sets of rows"
)

// Empty reports whether nothing changed.
func (c *Changes) Empty() bool { return c.rows == 0 }

// Rows returns the number of changed rows that were added.
func (c *Changes) Rows() int { return c.rows }

// Room returns where images of the table's rows are to lie, and says what they must
// hold, or returns nil if images do not matter any more: then AddUnknown says as much
// as Add.
func (c *Changes) Room(t *Table, s *Shapes) *Room {
	tc := c.of(t)
	if tc.coarse != "" {
		return nil
	}
	if len(tc.rows) == 0 {
		tc.room.Keep = s.kept(t)
	}
	return &tc.room
}

// Add adds a changed row and keeps its images. An update that changes nothing
// is dropped.
func (c *Changes) Add(ch Change) {
	t := ch.Table
	for _, image := range [][]Value{ch.Old, ch.New} {
		if image != nil && len(image) != len(t.Columns) {
			c.AddUnknown(t) // of another schema than the table's
			return
		}
	}
	if ch.Differs == 0 && ch.Old != nil && ch.New != nil && !ch.still() {
		ch.Differs = t.difference(ch.Old, ch.New)
	}
	if ch.difference() == 0 {
		return
	}
	c.rows++
	tc := c.of(t)
	limit := c.Limit
	if limit <= 0 {
		limit = DefaultBulkLimit
	}
	c.bytes += tc.room.taken - tc.bytes
	tc.bytes = tc.room.taken
	switch {
	case tc.coarse != "":
	case ch.Old == nil && ch.New == nil:
		c.widen(tc, coarseUnknown)
	case len(tc.rows) >= limit:
		c.widen(tc, coarseRows)
	case c.bytes > maxImages:
		c.widen(tc, coarseBytes)
	default:
		tc.rows = append(tc.rows, ch)
	}
}

// widen describes the changes of a table by the table alone from now on.
func (c *Changes) widen(tc *tableChanges, why string) {
	if tc.coarse == "" {
		c.bytes -= tc.bytes
		tc.coarse, tc.rows, tc.room, tc.bytes = why, nil, Room{}, 0
	}
}

// AddUnknown adds a change of the table of which nothing else is known.
func (c *Changes) AddUnknown(t *Table) {
	c.rows++
	c.widen(c.of(t), coarseUnknown)
}

// Coarse returns why tables are described by the table alone, once for each that
// some query reads finer. It follows Dependencies.
func (c *Changes) Coarse() (reasons []string) {
	for _, t := range c.list {
		if tc := c.tables[t]; tc.coarse != "" && tc.read {
			reasons = append(reasons, tc.coarse)
		}
	}
	return reasons
}

// Reset forgets everything.
func (c *Changes) Reset() {
	clear(c.tables)
	c.list, c.rows, c.bytes = c.list[:0], 0, 0
}

func (c *Changes) of(t *Table) *tableChanges {
	tc := c.tables[t]
	if tc == nil {
		if c.tables == nil {
			c.tables = make(map[*Table]*tableChanges)
		}
		tc = &tableChanges{}
		c.tables[t], c.list = tc, append(c.list, t)
	}
	return tc
}

// allColumns is the difference between rows that are not the same row. It
// matters to every shape.
const allColumns = ^ColumnSet(0)

// difference returns the columns in which a changed row differs: all of them for
// a row that comes, goes or moves to another place in the table.
func (ch *Change) difference() ColumnSet {
	if ch.Old == nil || ch.New == nil || ch.Moved {
		return allColumns
	}
	return ch.Differs
}

// still reports whether old and new are one image.
func (ch *Change) still() bool {
	return len(ch.Old) > 0 && len(ch.New) > 0 && &ch.Old[0] == &ch.New[0]
}

// touch reports whether a difference matters to what these columns are relevant to.
func (s ColumnSet) touch(relevant ColumnSet) bool { return s == allColumns || s&relevant != 0 }

// difference returns the columns in which two images of a row differ, or may. Virtual
// generated ones, which no image knows, differ only if others do.
func (t *Table) difference(old, new []Value) (d ColumnSet) {
	for c := range t.Columns {
		if t.Columns[c].Generated != Virtual && !old[c].same(new[c]) {
			d.Add(c)
		}
	}
	return d
}
