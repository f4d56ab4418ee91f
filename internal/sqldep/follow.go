package sqldep

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// follow adds the source of an item of which the result shows, row by row, the
// values that its rows are joined by: a dependency on these rows alone. That
// holds if every row of the item that counts belongs to a row of the result. It
// does where the item decides nothing about which rows there are: it is the right
// side of a LEFT JOIN, or the parent that a foreign key requires, or the block is
// a subquery that computes a value of the result.
//
// A foreign key may have no parent where its enforcement was off. Whoever runs
// the query must know; until they do the source depends on all parents as well.
func (b *block) follow(it *Item, s *shape.Source, all bool) bool {
	if b.shown != nil {
		return b.followOuter(it, s)
	}
	child, foreign := b.parentOf(it)
	key := foreign.ParentColumns
	required := child != nil && !it.Left
	if required && !all && b.keyOnly(it, key) {
		// One row, whatever it holds.
		s.Unless, s.Watched = true, b.deciding(it, s.Watched)
		b.analysis.add(*s)
		return true
	}
	joined := required || it.Left
	if !joined || !b.shows() || !b.decidesNothing(it, key) {
		return false
	}
	values := b.operands(it, b.joinedTo)
	columns, single := b.chosen(it, values)
	sets := selectionOf(columns, values)
	free := b.ordered && !b.orderedBy(func(c Column) bool { return c.Item == it }) // it has no say in their order
	cut := b.Limit != nil && (!free || b.Offset != nil && !single)
	if sets == nil || required && !single || cut {
		return false
	}
	if required {
		all := *s
		all.Unless, all.Watched = true, b.deciding(it, s.Watched)
		b.analysis.add(all)
	}
	s.Sets, s.Entire = sets, !free
	b.analysis.add(*s)
	return true
}

// followOuter does the same for an item of a subquery in the result of another
// block.
func (b *block) followOuter(it *Item, s *shape.Source) bool {
	p := b.shown
	if p.Limit != nil && !p.ordered {
		return false
	}
	values := b.operands(it, func(me Column) (result int, ok bool) {
		for _, from := range b.equalTo(me) {
			if from.block() == p {
				if result, ok = p.shownAs(from); ok {
					break
				}
			}
		}
		return result, ok
	})
	sets := selectionOf(known(it, values), values)
	if sets == nil {
		return false
	}
	s.Sets, s.Entire = sets, !p.ordered
	b.analysis.add(*s)
	return true
}

// selectionOf returns the set of the rows with these values, or none if none of
// them comes from the result.
func selectionOf(columns []int, values map[int]shape.Operand) []shape.Selection {
	w := shape.Selection{Columns: columns}
	found := false
	for _, c := range columns {
		w.Values = append(w.Values, values[c])
		found = found || values[c].Row
	}
	if !found {
		return nil
	}
	return []shape.Selection{w}
}

// operands returns what is known of an item's columns: the constants that they
// equal, or else the columns of a result in which find sees them.
func (b *block) operands(it *Item, find func(Column) (result int, ok bool)) map[int]shape.Operand {
	values := make(map[int]shape.Operand)
	for c := range it.Table.Columns {
		if o, ok := b.given(Column{it, c}); ok {
			values[c] = o
		} else if r, ok := find(Column{it, c}); ok {
			values[c] = shape.ResultOperand(r)
		}
	}
	return values
}

// known returns the columns of an item with values, in order.
func known(it *Item, values map[int]shape.Operand) (columns []int) {
	for c := range it.Table.Columns {
		if _, ok := values[c]; ok {
			columns = append(columns, c)
		}
	}
	return columns
}

// chosen returns the columns by which to select the rows of an item, of those with
// values: a unique key if possible, which makes them single.
func (b *block) chosen(it *Item, values map[int]shape.Operand) (columns []int, single bool) {
	for _, k := range it.Table.Keys {
		if !slices.ContainsFunc(k.Columns, func(c int) bool { _, ok := values[c]; return !ok || b.mayBeNull(Column{it, c}) }) {
			return slices.Sorted(slices.Values(k.Columns)), true
		}
	}
	return known(it, values), false
}

// joinedTo returns the column of the result that shows what a column is joined
// to. That of a LEFT JOIN itself does not tell, since it is NULL where the join
// found nothing.
func (b *block) joinedTo(me Column) (result int, ok bool) {
	if !me.Item.Left {
		if !me.def().Comparable() {
			return 0, false
		}
		return b.shownAs(me)
	}
	for e, from := range b.equalTo(me) {
		if e.item == me.Item && from.block() == b && from.Item.number < me.Item.number {
			if r, ok := b.shownAs(from); ok {
				return r, true
			}
		}
	}
	return 0, false
}

// parentOf returns the item whose foreign key requires that this one has exactly
// one row for each of its own, and that key; or nil.
func (b *block) parentOf(parent *Item) (child *Item, key shape.ForeignKey) {
	for _, it := range b.Items {
		if it == parent || it.Table == nil || it.Left {
			continue
		}
		for _, f := range it.Table.Foreign {
			if f.Parent != parent.Table.Name || !unique(parent.Table, f.ParentColumns) {
				continue
			}
			joined := true
			for k := range f.Columns {
				joined = joined && b.joins(Column{it, f.Columns[k]}, Column{parent, f.ParentColumns[k]})
			}
			if joined {
				return it, f
			}
		}
	}
	return nil, shape.ForeignKey{}
}

// joins reports whether an inner join says that two columns are equal.
func (b *block) joins(x, y Column) bool {
	for e, other := range b.equalTo(x) {
		if e.item == anyItem && other == y {
			return true
		}
	}
	return false
}

// unique reports whether columns are those of a unique key.
func unique(t *shape.Table, columns []int) bool {
	sorted := slices.Sorted(slices.Values(columns))
	return slices.ContainsFunc(t.Keys, func(k shape.Key) bool {
		return slices.Equal(slices.Sorted(slices.Values(k.Columns)), sorted)
	})
}

// keyOnly reports whether the block uses nothing of a required parent but the key
// that it is joined by.
func (b *block) keyOnly(it *Item, key []int) bool {
	if b.aggregates.unclear || b.Values > 0 {
		return false
	}
	for c := range b.columns {
		if c.Item == it && (!slices.Contains(key, c.Number) || !c.def().Distinct()) {
			return false
		}
	}
	return b.decidesNothing(it, key)
}

// decidesNothing reports whether the item has no say in which rows the block has,
// but for being found by the key, if it is required. asking are the items of which
// that is being asked.
func (b *block) decidesNothing(it *Item, key []int, asking ...*Item) bool {
	if slices.Contains(asking, it) {
		return false // they require one another
	}
	asking = append(asking, it)
	for c, r := range b.columns {
		if c.Item != it {
			continue
		}
		switch {
		case r&roleFilter != 0:
			return false
		case r&roleEdge == 0:
		case it.Left:
			return false
		case !slices.Contains(key, c.Number) && !b.requires(c, asking):
			return false
		}
	}
	return true
}

// requires reports whether a column is used in joins only to find the parent that
// a foreign key requires, and is never NULL.
func (b *block) requires(c Column, asking []*Item) bool {
	if !c.def().NotNull {
		return false
	}
	for e, to := range b.equalTo(c) {
		if e.item != anyItem {
			continue
		}
		if to.block() != b || to.Item.Left {
			return false
		}
		child, key := b.parentOf(to.Item)
		k := slices.Index(key.Columns, c.Number)
		found := child == c.Item && k >= 0 && key.ParentColumns[k] == to.Number
		// What the parent decides its child decides, too.
		if !found || !b.decidesNothing(to.Item, key.ParentColumns, asking...) {
			return false
		}
	}
	return true
}

// deciding returns the columns of those that are read that decide more than what
// is shown of the item's rows.
func (b *block) deciding(it *Item, read shape.ColumnSet) shape.ColumnSet {
	var shown shape.ColumnSet
	for c := range b.columns {
		if c.Item == it && c.def().Generated != shape.NotGenerated {
			return read // it is made of columns that nobody named
		}
	}
	for c := range min(len(it.Table.Columns), shape.MaxColumn) {
		if b.columns[Column{it, c}] == roleResult {
			shown.Add(c)
		}
	}
	return read &^ shown
}

// mayBeNull reports whether a column may be NULL in a row that the block found,
// so that its value does not tell which row it is.
func (b *block) mayBeNull(c Column) bool {
	if v, ok := b.given(c); ok {
		return v.Literal.Kind() == shape.KindNull
	}
	if c.def().NotNull {
		return false
	}
	for range b.equalTo(c) {
		return false
	}
	return true
}

// split takes out of the source of an item of which the result shows a unique key what
// is only shown, and adds that for the rows in the result. What is left decides which
// rows there are.
func (b *block) split(it *Item, s *shape.Source, all bool) bool {
	narrowed := b.residual || len(b.Items) > 1 || b.Offset != nil // a row may leave the result without its columns
	if all || !b.shows() || !narrowed {
		return false
	}
	shown := s.Watched &^ b.deciding(it, s.Watched)
	if shown == 0 {
		return false
	}
	for _, k := range it.Table.Keys {
		columns := slices.Sorted(slices.Values(k.Columns))
		values := make(map[int]shape.Operand)
		for _, c := range columns {
			me := Column{it, c}
			r, ok := b.shownAs(me)
			if !ok || !me.def().Comparable() || b.mayBeNull(me) {
				break
			}
			values[c] = shape.ResultOperand(r)
		}
		if len(values) < len(columns) {
			continue
		}
		rows := *s
		rows.Sets, rows.Watched, rows.Span, rows.Range = selectionOf(columns, values), shown, nil, nil
		b.analysis.add(rows)
		s.Watched &^= shown
		return true
	}
	return false
}
