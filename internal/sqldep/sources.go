package sqldep

import (
	"cmp"
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// close turns the tables of the block, and of those inside, into sources. all
// says that the order in which rows are visited may decide, so that all columns
// of the rows count: whichever way the database takes through the tables, it
// follows from the schema and from the rows that it meets.
func (b *block) close(all bool) {
	if b.analysis.failed != "" {
		return
	}
	fixed := b.analysis.dialect.AnyOrder || b.fixed(b.purpose)
	if !fixed {
		b.analysis.coarse = coarseOrder
	}
	all = all || !fixed
	b.ordered = !all && !b.orderedBy(func(Column) bool { return false })
	for _, it := range b.Items {
		for _, in := range it.blocks {
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
	search := &search{block: b} // for what is neither found by a key nor followed
	sources := make(map[*Item]*shape.Source)
	for _, it := range b.Items {
		if it.Table == nil {
			continue
		}
		r := a.reads[it.Table]
		if r == nil {
			a.fail(coarseTables)
			return
		}
		s := shape.Source{Table: it.Table, Watched: r.Columns}
		if all {
			s.Watched = it.Table.Every()
			s.Coarse = a.precision == PrecisionRow
			s.Reason = coarseOrder
		}
		var keyed bool
		s.Sets, keyed = selections(it, b.values)
		s.Broad = s.Sets
		switch {
		case keyed:
			a.add(s)
			search.found = append(search.found, it)
		case a.precision == PrecisionRow:
			s.Sets, s.Broad = nil, nil
			s.Reason = cmp.Or(s.Reason, coarsePrecision)
			a.add(s)
		case !b.follow(it, &s, all):
			var reason string
			s.Span, reason = b.span(it)
			s.Reason = cmp.Or(s.Reason, reason)
			if b.chosenFrom(it, &s, all) {
				continue
			}
			s.Range = b.between(it, s.Span, b.bounds)
			sources[it] = &s
			search.open = append(search.open, it)
		}
	}
	b.search = search
	search.reach()
	for _, it := range search.open {
		s := sources[it]
		if s.Span == nil {
			s.Probe = search.probe(it)
		}
		if s.Probe == nil {
			s.Reason = cmp.Or(s.Reason, a.vague[it])
			if b.split(it, s, all) {
				a.add(*s)
				continue
			}
		}
		if s.Probe == nil && len(s.Sets) == 0 && len(b.Items) > 1 {
			s.Reason = cmp.Or(s.Reason, coarseJoined)
		}
		a.add(*s)
	}
}

// selections returns the sets of rows to which constants narrow the item, by a
// unique key if they do, or none.
func selections(it *Item, values map[Column][]shape.Operand) (sets []shape.Selection, keyed bool) {
	for _, k := range it.Table.Keys {
		if rows := combine(it, k.Columns, values); len(rows) > 0 && (sets == nil || len(rows) < len(sets)) {
			sets = rows
		}
	}
	if sets != nil {
		return sets, true
	}
	var columns []int
	for c := range it.Table.Columns {
		for _, c := range []int{c, shape.Folded(c)} {
			if _, ok := values[Column{it, c}]; ok {
				columns = append(columns, c)
				break
			}
		}
	}
	slices.SortStableFunc(columns, func(x, y int) int { return count(values[Column{it, x}]) - count(values[Column{it, y}]) })
	for len(columns) > 0 {
		if sets := combine(it, columns, values); sets != nil {
			return sets, false
		}
		columns = columns[:len(columns)-1] // the longest list
	}
	return nil, false
}

// combine returns the sets for every combination of the columns' values, or none
// if one has none or there are too many. The columns are put in order.
func combine(it *Item, columns []int, given map[Column][]shape.Operand) []shape.Selection {
	columns = slices.Sorted(slices.Values(columns))
	sets, keys := []shape.Selection{{Columns: columns}}, 1
	for _, c := range columns {
		values := given[Column{it, c}]
		keys *= count(values)
		if len(sets)*len(values) > maxRows || keys > maxKeys || len(values) == 0 {
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
	grouped := len(b.GroupBy) > 0 || b.Having != nil || b.Distinct || b.aggregates.any || b.aggregates.window
	return b.top && b.Values == 0 && !grouped && !b.aggregates.unclear && !b.aliases && b.Outputs != nil
}

// shownAs returns the column of the result that shows a column of the block, or one
// that equals it in every row.
func (b *block) shownAs(c Column) (result int, ok bool) {
	same := []Column{c}
	for k := 0; k < len(same); k++ {
		if r := slices.Index(b.Outputs, same[k]); r >= 0 {
			return r, true
		}
		for e, other := range b.equalTo(same[k]) {
			if e.item == anyItem && other.block() == b && !slices.Contains(same, other) {
				same = append(same, other)
			}
		}
	}
	return 0, false
}

// orderedBy reports whether ORDER BY contains a column for which f is true, or
// anything that is no column.
func (b *block) orderedBy(f func(Column) bool) bool {
	return slices.ContainsFunc(b.OrderBy, func(o Order) bool {
		c, ok := b.own(o.By)
		return !ok || f(c)
	})
}

// span returns how the item is narrowed to the rows up to the last one of the
// result, or nil, and why it is not although there is a limit.
func (b *block) span(it *Item) (span *shape.Span, reason string) {
	if !b.top || b.Values > 0 {
		return nil, ""
	}
	if s := b.extreme(); s != nil || b.Limit == nil {
		return s, ""
	}
	if !b.shows() || len(b.OrderBy) == 0 {
		return nil, coarseLimit
	}
	// The first term that differs between rows decides.
	i := slices.IndexFunc(b.OrderBy, func(o Order) bool {
		c, ok := b.own(o.By)
		return !ok || b.constant[c] != equal
	})
	if i < 0 {
		return nil, ""
	}
	first := b.OrderBy[i]
	c, ok := b.own(first.By)
	if ok && c.Item != it {
		return nil, "" // it is another item that has a span
	}
	if ok && !it.Left && ordered(c.def()) && (!first.Nulls || first.Last) {
		result, shown := b.shownAs(c)
		limit, _, fits := operandOf(b.Limit, &shape.Column{Type: b.analysis.dialect.Integer})
		if shown && fits {
			// Where NULLs come last the rows up to a value are fewer than in the type's order.
			return &shape.Span{Column: c.Number, Descending: first.Descending, End: shape.ResultOperand(result), Limit: &limit, Value: first.Nulls}, ""
		}
	}
	return nil, coarseLimit
}

// extreme returns how the block's only item is narrowed if the result is the least
// or the greatest value of a column, or nil.
func (b *block) extreme() *shape.Span {
	if len(b.Results) != 1 || len(b.Items) != 1 || len(b.GroupBy) > 0 || b.Having != nil {
		return nil
	}
	f, ok := b.Results[0].(Call)
	if !ok || f.Extreme == NoExtreme {
		return nil
	}
	c, ok := b.own(f.Args[0])
	if !ok || !ordered(c.def()) {
		return nil
	}
	return &shape.Span{Column: c.Number, Descending: f.Extreme == Greatest, End: shape.ResultOperand(0)}
}

// ordered reports whether the places of a column's values in its order are known.
func ordered(c *shape.Column) bool {
	if !c.Comparable() {
		return false
	}
	_, ok := c.Type.Place(nil, shape.Null())
	return ok
}

// ends returns the moments at which the block's rows are others by themselves, as many
// as there are conditions, or fewer where that is not known: what leaves is a row that
// the result shows, with when it does, and leaves room for none that was skipped.
func (b *block) ends() (list []shape.Operand) {
	for _, e := range b.until {
		if c, ok := e.(Column); ok {
			result, shown := 0, false
			if c.block() == b && !c.Item.Left && b.shows() && b.Offset == nil {
				result, shown = b.shownAs(c)
			}
			if shown {
				list = append(list, shape.ResultOperand(result))
			}
			continue
		}
		if o, constant, fits := operandOf(e, &shape.Column{Type: b.analysis.dialect.Moment}); constant && fits && b.top {
			list = append(list, o)
		}
	}
	return list
}
