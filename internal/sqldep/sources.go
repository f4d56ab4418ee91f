package sqldep

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
)

// close turns the tables of the block, and of those inside, into sources. all
// says that the order in which rows are visited may decide, so that all columns
// of the rows count: whichever way SQLite takes through the tables, it follows
// from the schema and from the rows that it meets.
func (b *block) close(all bool) {
	if b.analysis.failed != "" {
		return
	}
	fixed := b.fixed(b.purpose)
	if !fixed {
		b.analysis.coarse = coarseOrder
	}
	all = all || !fixed
	b.ordered = !all && !b.orderedBy(func(place) bool { return false })
	for _, it := range b.items {
		for _, in := range it.blocks() {
			if fixed {
				in.purpose = anyRows
			}
			in.close(all)
		}
	}
	b.tables(all)
	for _, in := range b.inside {
		if in.role == roleResult && b.shows() {
			in.shown = b
		}
		in.close(all)
	}
}

// tables adds what the block depends on in its own tables.
func (b *block) tables(all bool) {
	a := b.analysis
	var open []int // the items that are neither found by a key nor followed
	sources := make([]shape.Source, len(b.items))
	for i := range b.items {
		t := b.items[i].table
		if t == nil {
			continue
		}
		r := a.reads[t]
		if r == nil {
			a.fail(coarseTables)
			return
		}
		s := shape.Source{Table: t, Watched: r.columns}
		if all {
			s.Watched = t.Every()
			s.Coarse = a.precision == ByRow
		}
		var keyed bool
		s.Sets, keyed = b.selections(i)
		s.Broad = s.Sets
		switch {
		case keyed:
			a.add(s)
			b.found = append(b.found, i)
		case a.precision == ByRow:
			s.Sets, s.Broad = nil, nil
			a.add(s)
		case !b.follow(i, &s, all):
			b.span(i, &s)
			sources[i] = s
			open = append(open, i)
		}
	}
	b.reach(open)
	for _, i := range open {
		s := &sources[i]
		if s.Span == nil {
			s.Probe = b.probe(i)
		}
		if s.Probe == nil && b.split(i, s, all) {
			continue
		}
		if s.Probe == nil && len(s.Sets) == 0 && len(b.items) > 1 {
			a.coarser(coarseJoined)
		}
		a.add(*s)
	}
}

// selections returns the sets of rows to which constants narrow the item, by a
// unique key if they do, or none.
func (b *block) selections(i int) (sets []shape.Selection, keyed bool) {
	for _, k := range b.items[i].table.Keys {
		if rows := b.combine(i, k.Columns); len(rows) > 0 && (sets == nil || len(rows) < len(sets)) {
			sets = rows
		}
	}
	if sets != nil {
		return sets, true
	}
	var columns []int
	for p := range b.values {
		if p.item == i {
			columns = append(columns, p.column)
		}
	}
	slices.SortFunc(columns, func(x, y int) int { return len(b.values[place{i, x}]) - len(b.values[place{i, y}]) })
	for len(columns) > 0 {
		sorted := slices.Sorted(slices.Values(columns))
		if sets := b.combine(i, sorted); sets != nil {
			return sets, false
		}
		columns = columns[:len(columns)-1] // the longest list
	}
	return nil, false
}

// combine returns the sets for every combination of the columns' values, or none
// if one has none or there are too many. The columns are put in order.
func (b *block) combine(i int, columns []int) []shape.Selection {
	columns = slices.Sorted(slices.Values(columns))
	sets := []shape.Selection{{Columns: columns}}
	for _, c := range columns {
		values := b.values[place{i, c}]
		if len(sets)*len(values) > maxRows || len(values) == 0 {
			return nil
		}
		var next []shape.Selection
		for _, s := range sets {
			for _, v := range values {
				next = append(next, shape.Selection{Columns: columns, Values: append(slices.Clip(s.Values), v)})
			}
		}
		sets = next
	}
	return sets
}

// shows reports whether every row of the block that counts is a row of the
// statement's result.
func (b *block) shows() bool {
	q := b.query
	return b.top && q != nil && len(q.GroupBy) == 0 && q.Having == nil && q.Distinct != ast.DistinctDistinct &&
		!b.aggregates.any && !b.aggregates.window && !b.aggregates.unclear && !b.aliases && b.outputs != nil
}

// shownAs returns the column of the result that shows a column of the block, or one
// that equals it in every row.
func (b *block) shownAs(p place) (result int, ok bool) {
	same := []place{p}
	for k := 0; k < len(same); k++ {
		for r, o := range b.outputs {
			if o.ok && o.column == (column{b, same[k]}) {
				return r, true
			}
		}
		for _, e := range b.equal {
			for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
				if e.item == anyItem && d[0] == (column{b, same[k]}) && d[1].block == b && !slices.Contains(same, d[1].place) {
					same = append(same, d[1].place)
				}
			}
		}
	}
	return 0, false
}

// orderedBy reports whether ORDER BY contains a column for which f is true, or
// anything that is no column.
func (b *block) orderedBy(f func(place) bool) bool {
	return b.query != nil && slices.ContainsFunc(b.query.OrderBy, func(t *ast.OrderingTerm) bool {
		p, ok := b.sortColumn(t.Expr)
		return !ok || f(p)
	})
}

// span narrows a source to the rows up to the last one of the result.
func (b *block) span(i int, s *shape.Source) {
	q := b.query
	if !b.top || q == nil {
		return
	}
	if b.extreme(s) || q.Limit == nil {
		return
	}
	if !b.shows() || len(q.OrderBy) == 0 {
		b.analysis.coarser(coarseLimit)
		return
	}
	for _, t := range q.OrderBy {
		p, ok := b.sortColumn(t.Expr)
		if ok && b.constant[p] == equal {
			continue // the same in all rows
		}
		if ok && p.item != i {
			return // it is another item that has a span
		}
		nulls := t.Nulls == ast.NullsDefault || (t.Nulls == ast.NullsFirst) == (t.Order != ast.SortDesc)
		if !ok || b.items[i].left || !ordered(b.def(p)) || !nulls {
			b.analysis.coarser(coarseLimit)
			return
		}
		result, shown := b.shownAs(p)
		limit, _, fits := operandOf(q.Limit.Count, &shape.Column{Type: integerType})
		if !shown || !fits {
			b.analysis.coarser(coarseLimit)
			return
		}
		s.Span = &shape.Span{Column: p.column, Descending: t.Order == ast.SortDesc, End: shape.ResultOperand(result), Limit: &limit}
		return
	}
}

// extreme narrows a source of which the result is the least or the greatest
// value of a column.
func (b *block) extreme(s *shape.Source) bool {
	q := b.query
	if len(q.Columns) != 1 || len(b.items) != 1 || len(q.GroupBy) > 0 || q.Having != nil {
		return false
	}
	f, ok := unparen(q.Columns[0].Expr).(*ast.FuncCall)
	if !ok || len(f.Args) != 1 || f.Filter != nil || f.Over != nil || f.Distinct || len(f.OrderBy) > 0 {
		return false
	}
	name := lower(f.Name.Name)
	p, ok := b.ownColumn(f.Args[0])
	if !ok || name != "min" && name != "max" || !ordered(b.def(p)) {
		return false
	}
	s.Span = &shape.Span{Column: p.column, Descending: name == "max", End: shape.ResultOperand(0)}
	return true
}

// ordered reports whether the places of a column's values in its order are known.
func ordered(c *shape.Column) bool {
	if !c.Comparable() {
		return false
	}
	_, ok := c.Type.Place(nil, shape.Null())
	return ok
}
