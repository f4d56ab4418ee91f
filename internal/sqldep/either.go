package sqldep

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// An alternative is what one side of an OR says of the columns of an item.
type alternative struct {
	values map[Column][]shape.Operand
	bounds map[Column]bounds
}

// maxAlternatives bounds the sides of an OR that are looked at one by one.
const maxAlternatives = 16

// disjuncts returns the sides of an OR.
func disjuncts(e Expr) []Expr {
	if or, ok := e.(Bool); ok && or.Or {
		return append(disjuncts(or.X), disjuncts(or.Y)...)
	}
	return []Expr{e}
}

// either reads an OR. It reports whether that is all that the OR says; what it does
// not narrow is vague.
func (b *block) either(e Bool, item *Item) bool {
	all := disjuncts(e)
	open := false
	list := slices.DeleteFunc(slices.Clone(all), func(d Expr) bool {
		g, ok := b.analysis.guard(d)
		if !ok {
			return false
		}
		fails := b.analysis.fails(g)
		open = open || !fails
		return fails
	})
	switch {
	case open:
		return false // for these arguments it narrows nothing
	case len(list) == 0:
	case len(list) == 1:
		b.conjuncts(list[0], item)
		return false // it is another OR for other arguments
	case b.oneOf(list, item):
		return len(list) == len(all)
	case b.alternatives(list, item):
		return false
	}
	b.vague(e, item, coarseOr)
	return false
}

// oneOf reads "x = 1 OR x IN (2, 3)" like "x IN (1, 2, 3)".
func (b *block) oneOf(list []Expr, item *Item) bool {
	var column Column
	var values []Expr
	for _, e := range list {
		var x Expr
		switch e := e.(type) {
		case Equal:
			y := e.Y
			if x = e.X; !selects(x) {
				x, y = y, x
			}
			values = append(values, y)
		case In:
			x = e.X
			values = append(values, e.List...)
		}
		c, ok := selecting(x)
		if !ok || column.Item != nil && column != c {
			return false
		}
		column = c
	}
	return len(values) <= maxKeys && b.addValues(column, values, item)
}

// selects reports whether rows are selected by the values of an expression.
func selects(e Expr) bool {
	_, ok := selecting(e)
	return ok
}

// alternatives reads an OR of which every side narrows one item, by other columns or
// between other bounds. It reports whether it narrows some.
func (b *block) alternatives(list []Expr, item *Item) bool {
	if len(list) > maxAlternatives {
		return false
	}
	said := make([]map[*Item]*alternative, len(list))
	for i, e := range list {
		said[i] = make(map[*Item]*alternative)
		b.says(said[i], e, item)
	}
	narrows := false
	for it := range said[0] {
		var all []*alternative
		keyed := true
		for _, s := range said {
			if s[it] == nil {
				break
			}
			all = append(all, s[it])
			keyed = keyed && len(s[it].values) > 0
		}
		if len(all) < len(list) {
			continue
		}
		if keyed {
			if b.choices == nil {
				b.choices = make(map[*Item][]*alternative)
			}
			if len(b.choices[it]) == 0 || len(all) < len(b.choices[it]) {
				b.choices[it] = all
			}
			narrows = true
		}
		narrows = b.hull(it, all) || narrows
	}
	return narrows
}

// says notes what an expression says of the items of the block.
func (b *block) says(to map[*Item]*alternative, e Expr, item *Item) {
	of := func(c Column) *alternative {
		if c.Item.Table == nil || c.block() != b || item != anyItem && item != c.Item {
			return nil
		}
		a := to[c.Item]
		if a == nil {
			a = &alternative{values: make(map[Column][]shape.Operand), bounds: make(map[Column]bounds)}
			to[c.Item] = a
		}
		return a
	}
	values := func(x Expr, list []Expr) {
		c, ok := selecting(x)
		if !ok || len(list) == 0 || len(list) > maxRows {
			return
		}
		operands := make([]shape.Operand, len(list))
		for i, e := range list {
			if operands[i], _, ok = operandOf(e, c.def()); !ok {
				return
			}
		}
		if a := of(c); a != nil && (a.values[c] == nil || len(operands) < len(a.values[c])) {
			a.values[c] = operands
		}
	}
	switch e := e.(type) {
	case Bool:
		if !e.Or {
			b.says(to, e.X, item)
			b.says(to, e.Y, item)
		}
	case Equal:
		if selects(e.X) {
			values(e.X, []Expr{e.Y})
		} else {
			values(e.Y, []Expr{e.X})
		}
	case In:
		values(e.X, e.List)
	case IsNull:
		if c, ok := e.X.(Column); ok && c.block() == b && c.def().Comparable() && !b.nullable(c, item) {
			if a := of(c); a != nil {
				a.values[c] = []shape.Operand{{Literal: shape.Null()}}
			}
		}
	case AtMost:
		if c, v, ok := bounded(e); ok {
			if a := of(c); a != nil {
				sum := a.bounds[c]
				sum.add(v)
				a.bounds[c] = sum
			}
		}
	}
}

// hull adds the bounds of an item's columns that hold whichever alternative does: of
// each the widest.
func (b *block) hull(it *Item, all []*alternative) (narrows bool) {
	for n := range it.Table.Columns {
		c := Column{it, n}
		if !ordered(c.def()) {
			continue
		}
		var low, high shape.Bound
		lows, highs := 0, 0
		for _, a := range all {
			values, v := a.values[c], a.bounds[c]
			switch {
			case len(values) > 0:
				low, lows = append(low, values...), lows+1
				high, highs = append(high, values...), highs+1
			default:
				if len(v.low) > 0 {
					low, lows = append(low, v.low[0]...), lows+1
				}
				if len(v.high) > 0 {
					high, highs = append(high, v.high[0]...), highs+1
				}
			}
		}
		var v bounds
		if lows == len(all) {
			v.low = []shape.Bound{low}
		}
		if highs == len(all) {
			v.high = []shape.Bound{high}
		}
		if v.low != nil || v.high != nil {
			b.bound(c, v)
			narrows = true
		}
	}
	return narrows
}

// chosenFrom adds a source of an item for each of the alternatives that narrow it, or
// reports that they do not.
func (b *block) chosenFrom(it *Item, s *shape.Source, all bool) bool {
	var list []shape.Source
	for _, a := range b.choices[it] {
		values := make(map[Column][]shape.Operand)
		for _, given := range []map[Column][]shape.Operand{b.values, a.values} {
			for c, v := range given {
				if old := values[c]; c.Item == it && (old == nil || count(v) < count(old)) {
					values[c] = v
				}
			}
		}
		one := *s
		one.Sets, _ = selections(it, values)
		if len(one.Sets) == 0 {
			return false
		}
		one.Broad, one.Range = one.Sets, nil
		i := slices.IndexFunc(list, func(o shape.Source) bool { return slices.Equal(o.Sets[0].Columns, one.Sets[0].Columns) })
		if i < 0 {
			list = append(list, one)
			continue
		}
		list[i].Sets = append(slices.Clip(list[i].Sets), one.Sets...)
		list[i].Broad = list[i].Sets
	}
	if len(list) == 0 {
		return false
	}
	b.split(it, s, all)
	for _, one := range list {
		one.Watched = s.Watched
		b.analysis.add(one)
	}
	return true
}
