package shape

import "slices"

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
		for _, along := range t.Along {
			dst = append(dst, h.table(along))
		}
		dst = tc.dependencies(dst, h, t, v.byTable[t.Name])
	}
	return dst
}

// maxGrown bounds the dependencies for which there is room before anybody knows
// how many they are: mostly one for each row and shape that watches the change.
const maxGrown = 1 << 15

// dependencies appends what the table's changes bump beside table(t).
func (tc *tableChanges) dependencies(dst []uint64, h hasher, t *Table, shapes []*shape) []uint64 {
	if tc.coarse {
		return append(dst, h.coarse(t))
	}
	dst = slices.Grow(dst, min(len(tc.rows)*len(shapes), maxGrown))
	start := len(dst)
	moves := make([]ColumnSet, len(tc.rows))
	for i := range tc.rows {
		moves[i] = t.difference(&tc.rows[i])
	}
	var b Code
	for _, sh := range shapes {
		for i := range tc.rows {
			var ok bool
			if dst, ok = sh.dependencies(dst, h, t, &tc.rows[i], moves[i], &b); !ok {
				return append(dst[:start], h.coarse(t))
			}
		}
	}
	return dst
}

// allColumns is the difference between rows that are not the same row. It
// matters to every shape.
const allColumns = ^ColumnSet(0)

// difference returns the columns in which a changed row differs: all of them for
// a row that comes, goes or moves to another place in the table.
func (t *Table) difference(ch *Change) ColumnSet {
	if ch.Old == nil || ch.New == nil || ch.Moved {
		return allColumns
	}
	var d ColumnSet
	for c := range t.Columns {
		if t.changed(c, ch.Old, ch.New) {
			d.Add(c)
		}
	}
	return d
}

// dependencies appends what a changed row bumps in the sets of a shape. moved
// are the columns in which it differs. ok is false where an image does not tell.
func (sh *shape) dependencies(dst []uint64, h hasher, t *Table, ch *Change, moved ColumnSet, b *Code) (_ []uint64, ok bool) {
	if moved != allColumns && moved&sh.relevant() == 0 {
		return dst, true
	}
	var before set
	for i, image := range [2][]Value{ch.Old, ch.New} {
		if image == nil {
			continue
		}
		s, ok := sh.of(h, t, image)
		if !ok {
			return dst, false
		}
		if i == 0 {
			before = s
		} else if s == before && (sh.order == noOrder || ch.Old[sh.order].same(image[sh.order])) {
			continue // in the same place
		}
		if sh.order == noOrder {
			dst = append(dst, uint64(s))
			continue
		}
		if *b, ok = t.Columns[sh.order].place(*b, image[sh.order]); !ok {
			return dst, false
		}
		if sh.descending {
			b.turn()
		}
		dst = appendRowNodes(dst, s, *b)
	}
	return dst, true
}

// relevant returns the columns of which a change matters to the shape.
func (sh *shape) relevant() ColumnSet {
	r := sh.watched
	for _, c := range sh.columns {
		r.Add(c)
	}
	if sh.order != noOrder {
		r.Add(sh.order)
	}
	return r
}

// of returns the set of the shape in which an image lies.
func (sh *shape) of(h hasher, t *Table, image []Value) (_ set, ok bool) {
	s := sh.start
	for _, c := range sh.columns {
		if c >= len(image) {
			return 0, false
		}
		if s, ok = h.add(s, image[c], &t.Columns[c]); !ok {
			return 0, false
		}
	}
	return set(s), sh.order < len(image)
}
