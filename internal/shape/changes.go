package shape

// DefaultBulkLimit is the number of changed rows of one table in a transaction
// above which a Changes keeps no images.
const DefaultBulkLimit = 10_000

// A Change is one changed row. Old is nil for an insert, New for a delete. An
// image has a value for every column of the table, in the order of
// Table.Columns; those that are not known, virtual generated columns among
// them, are Unknown.
type Change struct {
	Table *Table
	Old   []Value
	New   []Value
	Moved bool // an update gave the row another place in the table, which no column shows

	differs ColumnSet // the columns in which Old and New differ, or may
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
	placing placing
}

// tableChanges are the changes of one table.
type tableChanges struct {
	coarse string // why they are described by the table alone, or ""
	rows   []Change
	read   bool // some query depends on a part of the table
}

// Why the changes of a table are described by the table alone.
const (
	coarseUnknown = "rows unknown"
	coarseRows    = "too many rows"
	coarseSets    = "too many sets of rows"
)

// Empty reports whether nothing changed.
func (c *Changes) Empty() bool { return len(c.tables) == 0 }

// Rows returns the number of changed rows that were added.
func (c *Changes) Rows() int { return c.rows }

// Wants reports whether images of the table's rows still matter. If not,
// AddUnknown says as much as Add.
func (c *Changes) Wants(t *Table) bool {
	tc := c.tables[t]
	return tc == nil || tc.coarse == ""
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
	if ch.differs = t.difference(&ch); ch.differs == 0 {
		return
	}
	c.rows++
	tc := c.of(t)
	limit := c.Limit
	if limit <= 0 {
		limit = DefaultBulkLimit
	}
	switch {
	case tc.coarse != "":
	case ch.Old == nil && ch.New == nil:
		tc.widen(coarseUnknown)
	case len(tc.rows) >= limit:
		tc.widen(coarseRows)
	default:
		tc.rows = append(tc.rows, ch)
	}
}

// widen describes the changes by the table alone from now on.
func (tc *tableChanges) widen(why string) {
	if tc.coarse == "" {
		tc.coarse, tc.rows = why, nil
	}
}

// AddUnknown adds a change of the table of which nothing else is known.
func (c *Changes) AddUnknown(t *Table) {
	c.rows++
	c.of(t).widen(coarseUnknown)
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
	c.list, c.rows = c.list[:0], 0
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

// changed reports whether column i may differ between two images. A virtual
// generated column, which no image knows, differs only if another one does.
func (t *Table) changed(i int, old, new []Value) bool {
	return t.Columns[i].Generated != Virtual && !old[i].same(new[i])
}
