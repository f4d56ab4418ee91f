package sqldep

import (
	"fmt"
	"slices"
	"strings"

	"github.com/unstale/unstale/internal/shape"
)

// A search finds how constants reach the items of a block by equalities.
type search struct {
	*block
	open    []*Item // those to be reached
	found   []*Item // those at which it begins
	reached map[*Item]step
}

// A step is the item from which another one was reached, and by what equality.
type step struct {
	from *Item
	by   equality
}

// reach begins with the items that constants find by a key, or else with the open
// one of which they say most; that one depends on what they say. Every other item
// is reached from one that was reached before, so that no two are found by one
// another: also from one of a block around, whose rows it is computed for, or of a
// block from which an item is derived, whose rows that may show.
func (s *search) reach() {
	if len(s.found) == 0 {
		best := 0
		for _, it := range s.open {
			if n := s.weight(it); n > best {
				best, s.found = n, []*Item{it}
			}
		}
	}
	s.reached = make(map[*Item]step)
	for queue := append(slices.Clone(s.found), s.elsewhere()...); len(queue) > 0; queue = queue[1:] {
		for e, d := range s.equals() {
			to, from := d[0].Item, d[1].Item
			_, known := s.reached[to]
			wanted := slices.Contains(s.open, to) && !known && !slices.Contains(s.found, to)
			seen := from.Table == nil || !from.Table.Guarded
			if wanted && seen && from == queue[0] && e.applies(s.block, d[0]) { // for all rows that matter
				s.reached[to] = step{from, e}
				queue = append(queue, to)
			}
		}
	}
}

// elsewhere returns the items of other blocks at which a path may begin.
func (s *search) elsewhere() (items []*Item) {
	add := func(b *block) {
		if b == nil || b.search == nil {
			return
		}
		items = append(items, b.search.found...)
		for _, it := range b.Items { // in their order
			if _, ok := b.search.reached[it]; ok {
				items = append(items, it)
			}
		}
	}
	for b := s.outer(); b != nil; b = b.outer() {
		add(b)
	}
	for _, it := range s.Items {
		add(it.inner())
	}
	return items
}

// weight says how much constants say of an item: a parameter more than a
// literal, which mostly says of what kind a row is.
func (s *search) weight(it *Item) (n int) {
	for c, v := range s.values {
		switch {
		case c.Item != it, c.Number < 0: // the probe does not look for texts in any case
		case v[0].Literal.Kind() == shape.KindUnknown:
			n += 100
		default:
			n++
		}
	}
	return n
}

// path returns the items by which an item was reached, nearest first, and the
// equality by which each of them, but for the first, leads to the one before; or
// none.
func (s *search) path(it *Item) (items []*Item, edges []equality) {
	for {
		step, ok := it.of.block.search.reached[it]
		if !ok {
			return items, edges
		}
		items, edges = append(items, step.from), append(edges, step.by)
		it = step.from
	}
}

// probe returns how to find the values by which an item is joined, or nil.
func (s *search) probe(it *Item) *shape.Probe {
	path, edges := s.path(it)
	if len(path) == 0 {
		return nil
	}
	var selected []string
	values := s.operands(it, func(me Column) (result int, ok bool) {
		for _, from := range s.equalTo(me) {
			if slices.Contains(path, from.Item) {
				selected = append(selected, s.name(from))
				return len(selected) - 1, true
			}
		}
		return 0, false
	})
	if len(selected) == 0 {
		return nil
	}
	p := &shape.Probe{}
	p.Columns, _ = s.chosen(it, values)
	for _, c := range p.Columns {
		p.Values = append(p.Values, values[c])
	}
	if !slices.ContainsFunc(p.Values, func(o shape.Operand) bool { return o.Row }) {
		return nil
	}
	var from, where []string
	for k, item := range path {
		if k > 0 {
			where = append(where, s.name(edges[k].x)+" = "+s.name(edges[k].y))
		}
		from = append(from, s.analysis.dialect.Table(item.Table)+" AS "+s.alias(item))
		for c := range item.Table.Columns {
			if v := item.of.block.values[Column{item, c}]; len(v) > 0 {
				where = append(where, s.condition(p, Column{item, c}, v))
			}
		}
	}
	p.SQL = "SELECT DISTINCT " + strings.Join(selected, ", ") + " FROM " + strings.Join(from, ", ") + " WHERE " + strings.Join(where, " AND ")
	return p
}

// name returns a column's name in the probe.
func (s *search) name(c Column) string {
	return s.alias(c.Item) + "." + s.analysis.dialect.Quote(c.def().Name)
}

// alias returns the name of an item in the probe: those of other blocks have the number of
// the block in it.
func (s *search) alias(it *Item) string {
	if it.of.block == s.block {
		return fmt.Sprintf("p%d", it.number)
	}
	return fmt.Sprintf("p%d_%d", it.of.block.number, it.number)
}

// condition returns that a column has one of the values, and keeps their
// operands as arguments.
func (s *search) condition(p *shape.Probe, c Column, values []shape.Operand) string {
	if len(values) == 1 && values[0].Each {
		p.Args = append(p.Args, values[0])
		return s.name(c) + " " + s.analysis.dialect.Any(s.analysis.dialect.Placeholder(len(p.Args)))
	}
	var list, either []string
	for _, v := range values {
		if v.Literal.Kind() == shape.KindNull {
			either = []string{s.name(c) + " IS NULL"}
			continue
		}
		for n := v.Number; n <= max(v.Number, v.Last); n++ {
			one := v
			one.Number, one.Last = n, 0
			p.Args = append(p.Args, one)
			list = append(list, s.analysis.dialect.Placeholder(len(p.Args)))
		}
	}
	if len(list) > 0 {
		either = append(either, s.name(c)+" IN ("+strings.Join(list, ", ")+")")
	}
	if len(either) == 1 {
		return either[0]
	}
	return "(" + strings.Join(either, " OR ") + ")"
}
