package sqldep

import (
	"slices"
	"strconv"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
)

// fixed reports whether the block's result is a function of the values of the
// columns that it reads, whichever way its rows are visited: that no tie, no
// choice of rows and no aggregate depends on their order.
func (b *block) fixed(use purpose) bool {
	q, agg := b.query, &b.aggregates
	if b.compound || q == nil {
		return (use == anyRows || len(b.rows) == 1) && !b.cut && !b.merged
	}
	if b.determine(nil).all() {
		return true // there is at most one row
	}
	if agg.window || agg.any && (agg.ordered || agg.unclear) {
		return false
	}
	if len(q.GroupBy) > 0 {
		return b.fixedGroups(use)
	}
	if agg.any {
		return q.Having == nil && len(agg.bare) == 0 // there is exactly one group
	}
	if q.Having != nil {
		return false
	}
	if use == anyRows && q.Limit == nil {
		return q.Distinct != ast.DistinctDistinct || b.shownOnce()
	}
	return q.Distinct != ast.DistinctDistinct && b.determine(b.orderColumns()).all()
}

// shownOnce reports whether rows of the result that are equal are the same, so
// that it does not matter which of them DISTINCT keeps.
func (b *block) shownOnce() bool {
	return b.outputs != nil && !slices.ContainsFunc(b.outputs, func(o output) bool { return !o.ok || !o.column.def().Distinct() })
}

// fixedGroups does the same for a block with GROUP BY: every bare column must be
// the same in all rows of a group, and ORDER BY must tell the groups apart.
func (b *block) fixedGroups(use purpose) bool {
	if b.aggregates.unclear {
		return false
	}
	columns := make([]place, 0, len(b.query.GroupBy))
	for _, e := range b.query.GroupBy {
		c, ok := b.sortColumn(e)
		if !ok {
			return false
		}
		columns = append(columns, c)
	}
	group := b.determine(columns)
	for _, p := range b.aggregates.bare {
		if !group.items[p.item] && !(group.same(p) && b.def(p).Distinct()) {
			return false
		}
	}
	if use == anyRows && b.query.Limit == nil {
		return true
	}
	sorted := b.orderColumns()
	if b.query.Distinct == ast.DistinctDistinct || slices.ContainsFunc(sorted, func(p place) bool { return !group.same(p) }) {
		return false
	}
	order := b.determine(sorted)
	for _, p := range columns {
		if !order.same(p) {
			return false
		}
	}
	return true
}

func (b *block) def(p place) *shape.Column { return &b.items[p.item].table.Columns[p.column] }

// orderColumns returns the columns in ORDER BY.
func (b *block) orderColumns() []place {
	var out []place
	for _, t := range b.query.OrderBy {
		if c, ok := b.sortColumn(t.Expr); ok {
			out = append(out, c)
		}
	}
	return out
}

// sortColumn returns the column that a term of ORDER BY or GROUP BY is. A
// number stands for a result column. In ORDER BY a name is an alias of the
// result first; in GROUP BY a column, so that both must agree.
func (b *block) sortColumn(e ast.Expr) (place, bool) {
	columns := b.query.Columns
	star := false
	for _, r := range columns {
		_, ok := r.Expr.(*ast.Star)
		star = star || ok
	}
	e = unparen(e)
	switch x := e.(type) {
	case *ast.Literal:
		n, err := strconv.Atoi(x.Value)
		if x.Kind != ast.LitInteger || err != nil || n < 1 || n > len(columns) || star {
			return place{}, false
		}
		e = columns[n-1].Expr
	case *ast.Ident:
		if r := b.alias(lower(x.Name)); r != nil {
			// The columns that a star stands for have names as well.
			if star {
				return place{}, false
			}
			if c, ok := b.ownColumn(e); ok {
				aliased, same := b.ownColumn(r.Expr)
				return c, same && c == aliased
			}
			e = r.Expr
		}
	}
	return b.ownColumn(e)
}

// ownColumn returns the column of this block that an expression is.
func (b *block) ownColumn(e ast.Expr) (place, bool) {
	c, ok := b.resolve(e)
	return c.place, ok && c.block == b
}

// A determination says which columns and items are the same in any two rows of
// the block that agree in some columns.
type determination struct {
	agree   []place
	columns map[place]knowledge
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
func knownBy(item int) knowledge {
	if item == anyItem {
		return equal
	}
	return matched
}

func (d determination) all() bool { return !slices.Contains(d.items, false) }

// same reports whether a column compares as the same.
func (d determination) same(p place) bool {
	return d.items[p.item] || d.columns[p] == equal || slices.Contains(d.agree, p)
}

// determine returns what is the same in any two rows of the block that agree,
// as ORDER BY and GROUP BY compare, in the given columns. Constants and columns
// of the blocks around are the same in all of them.
//
// An item is the same row in both, or absent from both, if the columns of one of
// its unique keys are the same. Whether a LEFT JOIN finds a row may also depend
// on everything before it.
func (b *block) determine(agree []place) determination {
	d := determination{agree: agree, columns: make(map[place]knowledge), items: make([]bool, len(b.items))}
	for _, p := range agree {
		// A column that cannot be NULL but in rows that a LEFT JOIN did not find is
		// equal if the item is absent from both.
		d.columns[p] = tied
		if b.items[p.item].table.Columns[p.column].NotNull {
			d.columns[p] = equal
		}
	}
	for p, k := range b.constant {
		d.columns[p] = max(d.columns[p], k)
	}
	for again := true; again; {
		again = false
		for _, e := range b.equal {
			for _, x := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
				to, from := x[0], x[1]
				known := from.block != b && b.within(from.block) || from.block == b && (d.columns[from.place] != 0 || d.items[from.item])
				if k := knownBy(e.item); known && b.applies(e, to) && d.columns[to.place] < k {
					d.columns[to.place] = k
					again = true
				}
			}
		}
		for i := range b.items {
			if !d.items[i] && b.items[i].table != nil && b.keyed(i, &d) {
				d.items[i] = true
				again = true
			}
		}
	}
	return d
}

// keyed reports whether a unique key makes the item the same.
func (b *block) keyed(i int, d *determination) bool {
	for _, k := range b.items[i].table.Keys {
		known := equal
		for _, c := range k.Columns {
			known = min(known, d.columns[place{i, c}])
		}
		if known == equal || known == matched && !slices.Contains(d.items[:i], false) {
			return true
		}
	}
	return false
}

// applies reports whether an equality says something about a column of this block.
func (b *block) applies(e equality, to column) bool {
	return to.block == b && (e.item == anyItem || e.item == to.item)
}
