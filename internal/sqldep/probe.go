package sqldep

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// maxProbed bounds the values of a probe.
const maxProbed = 1000

// A probe is a query of our own that finds the values by which a source's rows
// are joined, where constants and the result do not tell: for
//
//	SELECT count(*) FROM stars s JOIN cards c ON c.id = s.card WHERE s.user = ?
//
// the cards that matter are those of SELECT s.card FROM stars s WHERE s.user = ?.
//
// It may run at any time after asOf was taken, and need not see what the query
// itself sees: the query depends on the rows that the probe reads, so that an
// answer made while they changed is never used.
type probe struct {
	sql     string
	args    []operand
	columns []int     // of the source, ascending
	values  []operand // of these columns; what comes from the probe is a result column
}

// A Prober runs a probe: it returns the rows of a query, as the database has
// them, one more than limit if there are more, or ok false if that failed.
type Prober func(sql string, args []driver.NamedValue, limit int) (rows [][]Value, ok bool)

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
		case v[0].literal.kind == kindUnknown:
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
func (b *block) probe(i int) *probe {
	path, edges := b.path(i)
	if len(path) == 0 {
		return nil
	}
	p := &probe{}
	values := make(map[int]operand)
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
				values[c] = resultOperand(len(selected))
				selected = append(selected, b.quoted(d[1].place))
			}
		}
	}
	if len(selected) == 0 {
		return nil
	}
	p.columns = b.chosen(i, values)
	for _, c := range p.columns {
		p.values = append(p.values, values[c])
	}
	if !slices.ContainsFunc(p.values, func(o operand) bool { return o.row }) {
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
				where = append(where, p.condition(b.quoted(place{item, c}), v))
			}
		}
	}
	sql.WriteString(" WHERE " + strings.Join(where, " AND "))
	p.sql = sql.String()
	return p
}

// chosen returns the columns by which to select the rows of an item, of those
// with values: a unique key if possible.
func (b *block) chosen(i int, values map[int]operand) []int {
	for _, k := range b.items[i].table.Keys {
		if !slices.ContainsFunc(k.Columns, func(c int) bool { _, ok := values[c]; return !ok || values[c].literal.kind == kindNull }) {
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
func (p *probe) condition(column string, values []operand) string {
	if len(values) == 1 && values[0].literal.kind == kindNull {
		return column + " IS NULL"
	}
	for range values {
		p.args = append(p.args, operand{})
	}
	copy(p.args[len(p.args)-len(values):], values)
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ") + ")"
}

// probed is how a query's probe went before.
type probed struct{ tooMany atomic.Bool }

// probe adds the sets that the source's probe finds. It returns false, and adds
// nothing, if that is not possible.
func (d *deps) probe(s *querySource, args []driver.NamedValue, run Prober) bool {
	p := s.source.probe
	if p == nil || run == nil || s.probed.tooMany.Load() {
		return false
	}
	own := make([]driver.NamedValue, len(p.args))
	for i := range p.args {
		v, ok := p.args[i].value(args)
		if !ok {
			return false
		}
		own[i] = driver.NamedValue{Ordinal: i + 1, Value: v.argument()}
	}
	sh := d.query.shape(&s.joined, s.source.table.Name)
	if sh == nil {
		return false
	}
	rows, ok := run(p.sql, own, maxProbed)
	if len(rows) > maxProbed {
		s.probed.tooMany.Store(true)
	}
	if !ok || len(rows) > maxProbed {
		return false
	}
	start := len(d.list)
	d.shape(s, &s.joined)
	for _, row := range rows {
		null := false
		h, ok := sh.with(d.query.shapes.hasher, s.source.table, func(c int) (Value, bool) {
			if o := &p.values[c]; !o.row {
				return o.value(args)
			} else if o.result < len(row) {
				null = null || row[o.result].kind == kindNull
				return row[o.result], row[o.result].kind != kindUnknown
			}
			return Value{}, false
		})
		switch {
		case null: // it equals nothing
		case !ok:
			d.list = d.list[:start]
			return false
		default:
			d.list = append(d.list, uint64(h))
		}
	}
	return true
}

// argument returns the value as a driver takes it.
func (v Value) argument() driver.Value {
	switch v.kind {
	case kindInt:
		return int64(v.num)
	case kindFloat:
		return v.float()
	case kindText:
		return v.text
	case kindBlob:
		return []byte(v.text)
	}
	return nil
}
