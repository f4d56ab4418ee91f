package sqldep

import (
	"fmt"
	"slices"
	"strings"

	"github.com/unstale/unstale/internal/shape"
)

// reach finds, for the open items, how constants reach them by equalities. It
// begins with those that constants find by a key, or else with the one of which
// they say most; that one depends on what they say. Every other item is reached
// from one that was reached before, so that no two are found by one another.
func (b *block) reach(open []int) {
	if len(b.found) == 0 {
		best := 0
		for _, i := range open {
			if n := b.weight(i); n > best {
				best, b.found = n, []int{i}
			}
		}
	}
	b.reached = make(map[int]step)
	for queue := slices.Clone(b.found); len(queue) > 0; queue = queue[1:] {
		for _, e := range b.equal {
			for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
				to := d[0].item
				_, known := b.reached[to]
				// The equality must hold for all rows that matter.
				if d[1].block == b && d[1].item == queue[0] && b.applies(e, d[0]) && !known && !slices.Contains(b.found, to) && slices.Contains(open, to) {
					b.reached[to] = step{queue[0], e}
					queue = append(queue, to)
				}
			}
		}
	}
}

// A step is the item from which another one was reached, and by what equality.
type step struct {
	from int
	by   equality
}

// weight says how much constants say of an item: a parameter more than a
// literal, which mostly says of what kind a row is.
func (b *block) weight(i int) (n int) {
	for p, v := range b.values {
		switch {
		case p.item != i:
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
func (b *block) path(i int) (items []int, edges []equality) {
	for {
		s, ok := b.reached[i]
		if !ok {
			return items, edges
		}
		items, edges = append(items, s.from), append(edges, s.by)
		i = s.from
	}
}

// probe returns how to find the values by which an item is joined, or nil.
func (b *block) probe(i int) *shape.Probe {
	path, edges := b.path(i)
	if len(path) == 0 {
		return nil
	}
	p := &shape.Probe{}
	values := make(map[int]shape.Operand)
	var selected []string
	t := b.items[i].table
	for c := range t.Columns {
		if o, ok := b.given(i, c); ok {
			values[c] = o
			continue
		}
		for _, e := range b.equal {
			for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
				if _, has := values[c]; has || d[0] != (column{b, place{i, c}}) || !b.applies(e, d[0]) || d[1].block != b || !slices.Contains(path, d[1].item) {
					continue
				}
				values[c] = shape.ResultOperand(len(selected))
				selected = append(selected, b.quoted(d[1].place))
			}
		}
	}
	if len(selected) == 0 {
		return nil
	}
	p.Columns = b.chosen(i, values)
	for _, c := range p.Columns {
		p.Values = append(p.Values, values[c])
	}
	if !slices.ContainsFunc(p.Values, func(o shape.Operand) bool { return o.Row }) {
		return nil
	}
	var sql strings.Builder
	sql.WriteString("SELECT DISTINCT " + strings.Join(selected, ", ") + " FROM ")
	var where []string
	for k, item := range path {
		if k > 0 {
			sql.WriteString(", ")
			where = append(where, b.quoted(edges[k].x.place)+" = "+b.quoted(edges[k].y.place))
		}
		fmt.Fprintf(&sql, "main.%s AS p%d", quote(b.items[item].table.Name), item)
		for c := range b.items[item].table.Columns {
			if v := b.values[place{item, c}]; len(v) > 0 {
				where = append(where, condition(p, b.quoted(place{item, c}), v))
			}
		}
	}
	sql.WriteString(" WHERE " + strings.Join(where, " AND "))
	p.SQL = sql.String()
	return p
}

// chosen returns the columns by which to select the rows of an item, of those
// with values: a unique key if possible.
func (b *block) chosen(i int, values map[int]shape.Operand) []int {
	for _, k := range b.items[i].table.Keys {
		if !slices.ContainsFunc(k.Columns, func(c int) bool { _, ok := values[c]; return !ok || values[c].Literal.Kind() == shape.KindNull }) {
			return slices.Sorted(slices.Values(k.Columns))
		}
	}
	var columns []int
	for c := range b.items[i].table.Columns {
		if _, ok := values[c]; ok {
			columns = append(columns, c)
		}
	}
	return columns
}

func (b *block) quoted(p place) string {
	return fmt.Sprintf("p%d.%s", p.item, quote(b.def(p).Name))
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// condition returns that a column has one of the values, and keeps their
// operands as arguments.
func condition(p *shape.Probe, column string, values []shape.Operand) string {
	if len(values) == 1 && values[0].Literal.Kind() == shape.KindNull {
		return column + " IS NULL"
	}
	for range values {
		p.Args = append(p.Args, shape.Operand{})
	}
	copy(p.Args[len(p.Args)-len(values):], values)
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ") + ")"
}
