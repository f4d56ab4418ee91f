package sqldep

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
	Moved bool // an update changed the rowid of a table without INTEGER PRIMARY KEY
}

// Changes collects the changed rows of a transaction. The zero value is ready
// for use. It is not safe for concurrent use.
type Changes struct {
	// Limit is the number of rows of one table above which changes are described
	// by the table alone; 0 means DefaultBulkLimit.
	Limit int

	tables map[*Table]*tableChanges
	rows   int
}

// tableChanges are the changes of one table.
type tableChanges struct {
	coarse bool // they cannot be described by images
	rows   []Change
}

// Empty reports whether nothing changed.
func (c *Changes) Empty() bool { return len(c.tables) == 0 }

// Rows returns the number of changed rows that were added.
func (c *Changes) Rows() int { return c.rows }

// Wants reports whether images of the table's rows still matter. If not,
// AddUnknown says as much as Add.
func (c *Changes) Wants(t *Table) bool {
	tc := c.tables[t]
	return tc == nil || !tc.coarse
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
	if ch.Old != nil && ch.New != nil && !ch.Moved && t.unchanged(ch.Old, ch.New) {
		return
	}
	c.rows++
	tc := c.of(t)
	if tc.coarse {
		return
	}
	limit := c.Limit
	if limit <= 0 {
		limit = DefaultBulkLimit
	}
	if len(tc.rows) >= limit || ch.Old == nil && ch.New == nil {
		tc.coarse, tc.rows = true, nil
		return
	}
	tc.rows = append(tc.rows, ch)
}

// AddUnknown adds a change of the table of which nothing else is known.
func (c *Changes) AddUnknown(t *Table) {
	c.rows++
	tc := c.of(t)
	tc.coarse, tc.rows = true, nil
}

// Reset forgets everything.
func (c *Changes) Reset() {
	clear(c.tables)
	c.rows = 0
}

func (c *Changes) of(t *Table) *tableChanges {
	tc := c.tables[t]
	if tc == nil {
		if c.tables == nil {
			c.tables = make(map[*Table]*tableChanges)
		}
		tc = &tableChanges{}
		c.tables[t] = tc
	}
	return tc
}

// changed reports whether column i may differ between two images. A virtual
// generated column, which no image knows, differs only if another one does.
func (t *Table) changed(i int, old, new []Value) bool {
	return t.Columns[i].Generated != Virtual && !old[i].same(new[i])
}

func (t *Table) unchanged(old, new []Value) bool {
	for i := range t.Columns {
		if t.changed(i, old, new) {
			return false
		}
	}
	return true
}

// Dependencies appends what the changes bump. The view must have been opened
// after the last change and be released after the bump.
func (c *Changes) Dependencies(dst []uint64, v *View) []uint64 {
	h := v.shapes.hasher
	for t, tc := range c.tables {
		dst = append(dst, h.table(t))
		if t.shadowOf != nil {
			dst = append(dst, h.table(t.shadowOf))
		}
		dst = tc.dependencies(dst, h, t, v.byTable[t.Name])
	}
	return dst
}

// dependencies appends what the table's changes bump beside table(t).
func (tc *tableChanges) dependencies(dst []uint64, h hasher, t *Table, shapes []*shape) []uint64 {
	if tc.coarse {
		return append(dst, h.coarse(t))
	}
	start := len(dst)
	dst = tc.wholeSet(dst, h, t)
	for _, sh := range shapes {
		for i := range tc.rows {
			var ok bool
			if dst, ok = sh.dependencies(dst, h, t, &tc.rows[i]); !ok {
				return append(dst[:start], h.coarse(t))
			}
		}
	}
	return dst
}

// wholeSet appends what the changes bump in the set of all rows, each
// dependency once.
func (tc *tableChanges) wholeSet(dst []uint64, h hasher, t *Table) []uint64 {
	s := h.whole(t.Name)
	start := len(dst)
	for i := range tc.rows {
		if tc.rows[i].Old == nil || tc.rows[i].New == nil {
			dst = append(dst, h.member(s))
			break
		}
	}
	for c := range t.Columns {
		for i := range tc.rows {
			ch := &tc.rows[i]
			if ch.Old != nil && ch.New != nil && t.changed(c, ch.Old, ch.New) {
				dst = append(dst, h.column(s, c))
				break
			}
		}
	}
	if len(dst) > start {
		dst = append(dst, h.touch(s))
	}
	return dst
}

// dependencies appends what a changed row bumps in the sets of a shape. ok is
// false where an image does not tell.
func (sh *shape) dependencies(dst []uint64, h hasher, t *Table, ch *Change) (_ []uint64, ok bool) {
	old, okOld := sh.locate(ch.Old)
	new, okNew := sh.locate(ch.New)
	if !okOld || !okNew {
		return dst, false
	}
	if old && new && sh.stays(ch) {
		s, start := h.row(t.Name, sh.columns, ch.Old), len(dst)
		for c := range t.Columns {
			if t.changed(c, ch.Old, ch.New) {
				dst = append(dst, h.column(s, c))
			}
		}
		if len(dst) > start {
			dst = append(dst, h.touch(s))
		}
		return dst, true
	}
	if old {
		s := h.row(t.Name, sh.columns, ch.Old)
		dst = append(dst, h.member(s), h.touch(s))
	}
	if new {
		s := h.row(t.Name, sh.columns, ch.New)
		dst = append(dst, h.member(s), h.touch(s))
	}
	return dst, true
}

// locate reports whether an image lies in a set of the shape: a row with NULL in
// an equality column lies in none. ok is false where the image does not tell.
func (sh *shape) locate(image []Value) (in, ok bool) {
	if image == nil {
		return false, true
	}
	in = true
	for _, c := range sh.columns {
		if c >= len(image) || image[c].kind == kindUnknown {
			return false, false
		}
		in = in && image[c].kind != kindNull
	}
	return in, true
}

// stays reports whether an updated row stays in its set.
func (sh *shape) stays(ch *Change) bool {
	for _, c := range sh.columns {
		if !ch.Old[c].canonicalEqual(ch.New[c]) {
			return false
		}
	}
	return true
}
