package sqldep

import "slices"

// fixed reports whether the block's result is a function of the values of the
// columns that it reads, whichever way its rows are visited: that no tie, no
// choice of rows and no aggregate depends on their order.
func (b *block) fixed(use purpose) bool {
	agg := &b.aggregates
	if b.compound() || b.Values > 0 {
		return (use == anyRows || b.Values == 1) && !b.query.Cut && !b.query.Merged
	}
	if b.determine(nil).all() {
		return true // there is at most one row
	}
	if agg.window || agg.any && (agg.ordered || agg.unclear) {
		return false
	}
	if len(b.GroupBy) > 0 {
		return b.fixedGroups(use)
	}
	if agg.any {
		return b.Having == nil && len(agg.bare) == 0 // there is exactly one group
	}
	if b.Having != nil {
		return false
	}
	if use == anyRows && b.Limit == nil {
		return !b.Distinct || b.shownOnce()
	}
	return !b.Distinct && b.determine(b.orderColumns()).all()
}

// shownOnce reports whether rows of the result that are equal are the same, so
// that it does not matter which of them DISTINCT keeps.
func (b *block) shownOnce() bool {
	return b.Outputs != nil && !slices.ContainsFunc(b.Outputs, func(c Column) bool { return c.Item == nil || !c.def().Distinct() })
}

// fixedGroups does the same for a block with GROUP BY: every bare column must be
// the same in all rows of a group, and ORDER BY must tell the groups apart.
func (b *block) fixedGroups(use purpose) bool {
	if b.aggregates.unclear {
		return false
	}
	columns := make([]Column, 0, len(b.GroupBy))
	for _, e := range b.GroupBy {
		c, ok := b.own(e)
		if !ok {
			return false
		}
		columns = append(columns, c)
	}
	group := b.determine(columns)
	for _, c := range b.aggregates.bare {
		if !group.items[c.Item.number] && !(group.same(c) && c.def().Distinct()) {
			return false
		}
	}
	if use == anyRows && b.Limit == nil {
		return true
	}
	sorted := b.orderColumns()
	if b.Distinct || slices.ContainsFunc(sorted, func(c Column) bool { return !group.same(c) }) {
		return false
	}
	order := b.determine(sorted)
	return !slices.ContainsFunc(columns, func(c Column) bool { return !order.same(c) })
}

// orderColumns returns the columns in ORDER BY.
func (b *block) orderColumns() []Column {
	var out []Column
	for _, o := range b.OrderBy {
		if c, ok := b.own(o.By); ok {
			out = append(out, c)
		}
	}
	return out
}

// A determination says which columns and items are the same in any two rows of
// the block that agree in some columns.
type determination struct {
	agree   []Column
	columns map[Column]knowledge
	items   []bool
}

// knowledge says how a column is known to be the same.
type knowledge uint8

const (
	tied    knowledge = iota + 1 // or both are NULL, which a unique key allows in many rows
	matched                      // where its item is present: an outer join may leave it out
	equal                        // in any case
)

// knownBy returns how a condition makes a column known that holds for every row
// that matters to the item, or to any.
func knownBy(item *Item) knowledge {
	if item == anyItem {
		return equal
	}
	return matched
}

func (d *determination) all() bool { return !slices.Contains(d.items, false) }

// same reports whether a column compares as the same.
func (d *determination) same(c Column) bool {
	return d.items[c.Item.number] || d.columns[c] == equal || slices.Contains(d.agree, c)
}

// determine returns what is the same in any two rows of the block that agree,
// as ORDER BY and GROUP BY compare, in the given columns. Constants and columns
// of the blocks around are the same in all of them.
//
// An item is the same row in both, or absent from both, if the columns of one of
// its unique keys are the same. Whether a LEFT JOIN finds a row may also depend
// on everything before it.
func (b *block) determine(agree []Column) *determination {
	d := &determination{agree: agree, columns: make(map[Column]knowledge), items: make([]bool, len(b.Items))}
	for _, c := range agree {
		// A column that cannot be NULL but in rows that a LEFT JOIN did not find is
		// equal if the item is absent from both.
		d.columns[c] = tied
		if c.def().NotNull {
			d.columns[c] = equal
		}
	}
	for c, k := range b.constant {
		d.columns[c] = max(d.columns[c], k)
	}
	for again := true; again; {
		again = false
		for e, x := range b.equals() {
			to, from := x[0], x[1]
			around := from.block() != b && b.within(from.block())
			known := around || from.block() == b && (d.columns[from] != 0 || d.items[from.Item.number])
			if k := knownBy(e.item); known && e.applies(b, to) && d.columns[to] < k {
				d.columns[to] = k
				again = true
			}
		}
		for i, it := range b.Items {
			if !d.items[i] && it.Table != nil && d.keyed(it) {
				d.items[i] = true
				again = true
			}
		}
	}
	return d
}

// keyed reports whether a unique key makes the item the same.
func (d *determination) keyed(it *Item) bool {
	for _, k := range it.Table.Keys {
		known := equal
		for _, c := range k.Columns {
			known = min(known, d.columns[Column{it, c}])
		}
		if known == equal || known == matched && !slices.Contains(d.items[:it.number], false) {
			return true
		}
	}
	return false
}
