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
// the query must know; until he does the source depends on all parents as well.
func (b *block) follow(i int, s *shape.Source, all bool) bool {
	if p := b.shown; p != nil {
		return b.followOuter(p, i, s)
	}
	it := &b.items[i]
	child, foreign := b.parentOf(i)
	key := foreign.ParentColumns
	required := child >= 0 && !it.left
	if required && !all && b.keyOnly(i, key) {
		// One row, whatever it holds.
		s.Unless, s.Watched = true, b.deciding(i, s.Watched)
		b.analysis.add(*s)
		return true
	}
	if !b.shows() || !required && !it.left || !b.decidesNothing(i, key) {
		return false
	}
	sets, single := b.shownSets(i, it.left)
	limited := b.query.Limit != nil
	free := b.ordered && !b.orderedBy(func(p place) bool { return p.item == i })
	if sets == nil || required && !single || limited && (!free || b.query.Limit.Offset != nil && !single) {
		return false
	}
	if required {
		all := *s
		all.Unless, all.Watched = true, b.deciding(i, s.Watched)
		b.analysis.add(all)
	}
	s.Sets, s.Entire = sets, !free
	b.analysis.add(*s)
	return true
}

// followOuter does the same for an item of a subquery in the result of p.
func (b *block) followOuter(p *block, i int, s *shape.Source) bool {
	if p.query.Limit != nil && !p.ordered {
		return false
	}
	t := b.items[i].table
	var columns []int
	values := make(map[int]shape.Operand)
	for c := range t.Columns {
		if o, ok := b.given(i, c); ok {
			columns, values[c] = append(columns, c), o
			continue
		}
		for _, e := range b.equal {
			for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
				if d[0] != (column{b, place{i, c}}) || !b.applies(e, d[0]) || d[1].block != p {
					continue
				}
				if r, ok := p.shownAs(d[1].place); ok {
					if _, has := values[c]; !has {
						columns = append(columns, c)
					}
					values[c] = shape.ResultOperand(r)
				}
			}
		}
	}
	sets := selectionOf(columns, values)
	if sets == nil {
		return false
	}
	s.Sets, s.Entire = sets, !p.ordered
	b.analysis.add(*s)
	return true
}

// given returns the single constant that a column equals.
func (b *block) given(i, c int) (shape.Operand, bool) {
	if v := b.values[place{i, c}]; len(v) == 1 {
		return v[0], true
	}
	return shape.Operand{}, false
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

// shownSets returns the item's rows by what the result shows of the columns that
// they are joined by: by a unique key if possible, which makes them single.
func (b *block) shownSets(i int, left bool) (sets []shape.Selection, single bool) {
	t := b.items[i].table
	values := make(map[int]shape.Operand)
	for c := range t.Columns {
		if o, ok := b.given(i, c); ok {
			values[c] = o
		} else if o, ok := b.joinedTo(i, c, left); ok {
			values[c] = o
		}
	}
	for _, k := range t.Keys {
		if !slices.ContainsFunc(k.Columns, func(c int) bool { _, ok := values[c]; return !ok || b.mayBeNull(place{i, c}) }) {
			if sets := selectionOf(slices.Sorted(slices.Values(k.Columns)), values); sets != nil {
				return sets, true
			}
		}
	}
	var columns []int
	for c := range t.Columns {
		if _, ok := values[c]; ok {
			columns = append(columns, c)
		}
	}
	return selectionOf(columns, values), false
}

// joinedTo returns the column of the result that shows what a column of the item
// is joined to. That of a LEFT JOIN itself is no help, since it is NULL where the
// join found nothing.
func (b *block) joinedTo(i, c int, left bool) (shape.Operand, bool) {
	me := column{b, place{i, c}}
	if !left && b.def(me.place).Comparable() {
		if r, ok := b.shownAs(me.place); ok {
			return shape.ResultOperand(r), true
		}
		return shape.Operand{}, false
	}
	for _, e := range b.equal {
		for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
			if e.item == i && d[0] == me && d[1].block == b && d[1].item < i {
				if r, ok := b.shownAs(d[1].place); ok {
					return shape.ResultOperand(r), true
				}
			}
		}
	}
	return shape.Operand{}, false
}

// parentOf returns the item whose foreign key requires that this one has exactly
// one row for each of its own, and that key; or -1.
func (b *block) parentOf(i int) (child int, key shape.ForeignKey) {
	for c := range b.items {
		it := &b.items[c]
		if c == i || it.table == nil || it.left {
			continue
		}
		for _, f := range it.table.Foreign {
			if f.Parent != b.items[i].table.Name || !unique(b.items[i].table, f.ParentColumns) {
				continue
			}
			joined := true
			for k := range f.Columns {
				joined = joined && b.joins(place{c, f.Columns[k]}, place{i, f.ParentColumns[k]})
			}
			if joined {
				return c, f
			}
		}
	}
	return -1, shape.ForeignKey{}
}

// joins reports whether an inner join says that two columns are equal.
func (b *block) joins(x, y place) bool {
	return slices.ContainsFunc(b.equal, func(e equality) bool {
		return e.item == anyItem && e.x.block == b && e.y.block == b && (e.x.place == x && e.y.place == y || e.x.place == y && e.y.place == x)
	})
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
func (b *block) keyOnly(i int, key []int) bool {
	if b.aggregates.unclear || b.query == nil {
		return false
	}
	for p := range b.uses {
		if p.item == i && (!slices.Contains(key, p.column) || !b.def(p).Distinct()) {
			return false
		}
	}
	return b.decidesNothing(i, key)
}

// decidesNothing reports whether the item has no say in which rows the block has,
// but for being found by the key, if it is required.
func (b *block) decidesNothing(i int, key []int) bool {
	if b.asking[i] {
		return false // they require one another
	}
	if b.asking == nil {
		b.asking = make(map[int]bool)
	}
	b.asking[i] = true
	defer delete(b.asking, i)
	left := b.items[i].left
	for p, r := range b.uses {
		if p.item != i {
			continue
		}
		switch {
		case r&roleFilter != 0:
			return false
		case r&roleEdge == 0:
		case left:
			return false
		case !slices.Contains(key, p.column) && !b.requires(p):
			return false
		}
	}
	return true
}

// requires reports whether a column is used in joins only to find the parent that
// a foreign key requires, and is never NULL.
func (b *block) requires(p place) bool {
	if !b.def(p).NotNull {
		return false
	}
	for _, e := range b.equal {
		for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
			if d[0] != (column{b, p}) || e.item != anyItem {
				continue
			}
			if d[1].block != b {
				return false
			}
			child, key := b.parentOf(d[1].item)
			k := slices.Index(key.Columns, p.column)
			if child != p.item || b.items[d[1].item].left || k < 0 || key.ParentColumns[k] != d[1].column {
				return false
			}
			if !b.decidesNothing(d[1].item, key.ParentColumns) {
				return false // what the parent decides its child decides, too
			}
		}
	}
	return true
}

// deciding returns the columns of those that are read that decide more than what
// is shown of the item's rows.
func (b *block) deciding(i int, read shape.ColumnSet) shape.ColumnSet {
	var shown shape.ColumnSet
	for p := range b.uses {
		if p.item == i && b.def(p).Generated != shape.NotGenerated {
			return read // it is made of columns that nobody named
		}
	}
	for c := range b.items[i].table.Columns {
		if c < shape.MaxColumn && b.uses[place{i, c}] == roleResult {
			shown.Add(c)
		}
	}
	return read &^ shown
}

// mayBeNull reports whether a column may be NULL in a row that the block found,
// so that its value does not tell which row it is.
func (b *block) mayBeNull(p place) bool {
	if v, ok := b.given(p.item, p.column); ok {
		return v.Literal.Kind() == shape.KindNull
	}
	return !b.def(p).NotNull && !slices.ContainsFunc(b.equal, func(e equality) bool {
		return (e.item == anyItem || e.item == p.item) && (e.x == column{b, p} || e.y == column{b, p})
	})
}

// split adds the source of an item of which the result shows a unique key, as
// two: what decides which rows there are, of all rows, and what is only shown, of
// those in the result.
func (b *block) split(i int, s *shape.Source, all bool) bool {
	if all || !b.shows() || !(b.residual || len(b.items) > 1 || b.query.Limit != nil && b.query.Limit.Offset != nil) {
		return false
	}
	shown := s.Watched &^ b.deciding(i, s.Watched)
	if shown == 0 {
		return false
	}
	t := b.items[i].table
	for _, k := range t.Keys {
		columns := slices.Sorted(slices.Values(k.Columns))
		values := make(map[int]shape.Operand)
		for _, c := range columns {
			r, ok := b.shownAs(place{i, c})
			if !ok || !t.Columns[c].Comparable() || b.mayBeNull(place{i, c}) {
				break
			}
			values[c] = shape.ResultOperand(r)
		}
		if len(values) < len(columns) {
			continue
		}
		rows := *s
		rows.Sets, rows.Watched, rows.Span = selectionOf(columns, values), shown, nil
		b.analysis.add(rows)
		s.Watched &^= shown
		b.analysis.add(*s)
		return true
	}
	return false
}
