package sqldep

import (
	"github.com/sqlc-dev/meyer/ast"
)

// A clause is where in a SELECT an expression stands.
type clause uint8

const (
	whereClause     clause = iota // WHERE, ON, LIMIT: it looks at one row at a time
	resultClause                  // the result, ORDER BY or HAVING: with aggregates, it looks at a group
	aggregateClause               // inside an aggregate's parentheses
)

// aggregates is what the walk over a block's expressions found.
type aggregates struct {
	any     bool    // there are aggregates
	ordered bool    // one whose result depends on the order of the rows
	window  bool    // there are window functions
	unclear bool    // a name that could be anything
	bare    []place // columns that are used outside of aggregates
}

// A role is what an expression's value is used for.
type role uint8

const (
	roleResult role = 1 << iota // it is shown
	roleFilter                  // it decides which rows there are
	roleEdge                    // it is one side of an equality of two columns that does
	roleOn                      // it decides what a LEFT JOIN finds
	roleOrder                   // it decides their order
)

// resolveAll carries known values over equalities, also into the blocks that
// items are derived from, and walks over all expressions.
func (b *block) resolveAll() {
	if b.analysis.failed != "" {
		return
	}
	b.spreadValues()
	for _, it := range b.items {
		for _, in := range it.blocks() {
			in.resolveAll()
		}
	}
	b.role = roleFilter
	for _, e := range b.arguments {
		b.walk(e, whereClause)
	}
	b.role = roleResult
	for _, values := range b.rows {
		for _, e := range values {
			b.walk(e, whereClause)
		}
	}
	if b.query != nil {
		b.walkQuery()
	}
}

// blocks returns those that the item is derived from.
func (it *item) blocks() []*block {
	if it.inner != nil {
		return []*block{it.inner}
	}
	return it.others
}

// walkQuery walks over all expressions of the query.
func (b *block) walkQuery() {
	q := b.query
	b.role = roleResult
	for _, r := range q.Columns {
		b.walk(r.Expr, resultClause)
	}
	for i, ref := range q.From {
		b.walkConjuncts(ref.On, i)
	}
	b.walkConjuncts(q.Where, anyItem)
	b.role = roleFilter
	for _, e := range q.GroupBy {
		b.walk(e, whereClause)
	}
	b.walk(q.Having, resultClause)
	if len(q.Windows) > 0 {
		b.aggregates.window = true
	}
	for _, w := range q.Windows {
		b.walkNode(w, resultClause)
	}
	if q.Limit != nil {
		b.walk(q.Limit.Count, whereClause)
		b.walk(q.Limit.Offset, whereClause)
	}
	b.role = roleOrder
	for _, t := range q.OrderBy {
		if b.compound {
			break // its terms are columns of the result
		}
		if p, ok := b.sortColumn(t.Expr); ok { // only its place in the order counts
			b.note(column{b, p})
			continue
		}
		// It may name a column of the result, by alias or number, in ways that
		// only SQLite knows.
		b.aliases = true
		b.walk(t.Expr, resultClause)
	}
}

// walkConjuncts walks over an ON clause, or over WHERE for anyItem.
func (b *block) walkConjuncts(e ast.Expr, item int) {
	if and, ok := unparen(e).(*ast.BinaryExpr); ok {
		switch {
		case and.Op == ast.OpAnd:
			b.walkConjuncts(and.X, item)
			b.walkConjuncts(and.Y, item)
			return
		case and.Op == ast.OpEq && b.edge(and.X, and.Y) && (item == anyItem || !b.items[item].left):
			b.role = roleEdge
			b.walk(e, whereClause)
			return
		}
	}
	b.role = roleFilter
	if item != anyItem && b.items[item].left {
		b.role, b.joined = roleOn, item
	}
	b.walk(e, whereClause)
}

// note notes the use of a column of this block or one around it.
func (b *block) note(c column) {
	if c.block.uses == nil {
		c.block.uses = make(map[place]role)
	}
	r := c.block.role
	if r == roleOn && c.item != c.block.joined {
		r = roleFilter // it may decide how many rows are found
	}
	c.block.uses[c.place] |= r
}

// within reports whether c is this block or one around it.
func (b *block) within(c *block) bool {
	for ; b != nil; b = b.outer {
		if b == c {
			return true
		}
	}
	return false
}

// walk walks over an expression, which may be nil, and analyses the queries in it.
func (b *block) walk(e ast.Expr, in clause) {
	if e == nil || b.analysis.failed != "" {
		return
	}
	switch e := e.(type) {
	case *ast.Ident:
		b.use("", e, in)
	case *ast.QualifiedRef:
		if len(e.Parts) == 2 {
			b.use(lower(e.Parts[0].Name), e.Parts[1], in)
		} else {
			b.use(lower(e.Parts[len(e.Parts)-2].Name), e.Parts[len(e.Parts)-1], in)
		}
	case *ast.Star:
		b.star(e)
	case *ast.FuncCall:
		b.call(e, in)
	case *ast.SubqueryExpr:
		b.inner(e.Select, firstRows, in)
	case *ast.ExistsExpr:
		b.inner(e.Select, anyRows, in)
	case *ast.InExpr:
		if e.Table != nil {
			b.analysis.fail(coarseSyntax)
			return
		}
		b.walk(e.X, in)
		for _, x := range e.List {
			b.walk(x, in)
		}
		if e.Select != nil {
			b.inner(e.Select, anyRows, in)
		}
	case *ast.LikeExpr:
		b.walk(e.X, in) // Op is an Ident, but no column
		b.walk(e.Y, in)
		b.walk(e.Escape, in)
	case *ast.CollateExpr:
		b.walk(e.X, in)
	case *ast.CastExpr:
		b.walk(e.X, in)
	case *ast.Literal, *ast.BindParam:
	case *ast.NullCheckExpr:
		if e.Test == ast.TestNotNullWords {
			// The parser reads "NOT a NOT NULL" otherwise than SQLite does.
			b.analysis.fail(coarseSyntax)
			return
		}
		b.walk(e.X, in)
	case *ast.BinaryExpr, *ast.UnaryExpr, *ast.ParenExpr, *ast.IsExpr, *ast.BetweenExpr,
		*ast.CaseExpr, *ast.VectorExpr:
		b.walkChildren(e, in)
	default:
		b.analysis.fail(coarseSyntax)
	}
}

// walkNode walks over a part of an expression that is none itself.
func (b *block) walkNode(n ast.Node, in clause) {
	if e, ok := n.(ast.Expr); ok {
		b.walk(e, in)
		return
	}
	b.walkChildren(n, in)
}

func (b *block) walkChildren(n ast.Node, in clause) {
	for _, c := range n.Children() {
		b.walkNode(c, in)
	}
}

// inner analyses a query inside the block.
func (b *block) inner(s *ast.SelectStmt, use purpose, in clause) {
	if in == aggregateClause {
		b.analysis.fail(coarseAggregate)
		return
	}
	for _, n := range b.analysis.open(s, b, use) {
		b.inside = append(b.inside, nested{n, b.role})
	}
}

// use notes the use of a column. Used inside a query that the block contains,
// it counts as used outside of aggregates.
func (b *block) use(table string, name *ast.Ident, in clause) {
	c, ok := b.lookup(table, name)
	switch {
	case !ok && table == "" && harmless(b, name):
		if b.role != roleResult && b.alias(lower(name.Name)) != nil {
			b.aliases = true
		}
	case !ok:
		for o := b; o != nil; o = o.outer {
			o.aggregates.unclear = true
		}
		if in == aggregateClause {
			b.analysis.fail(coarseAggregate)
		}
	case !b.within(c.block):
		// It belongs to a derived item: any of its rows may show it.
		if in == resultClause {
			b.aggregates.unclear = true
		}
	default:
		b.note(c)
		switch {
		case c.block != b:
			c.block.bare(c.place)
			if in == aggregateClause {
				b.analysis.fail(coarseAggregate) // it may be an aggregate of the block around
			}
		case in == resultClause:
			b.bare(c.place)
		}
	}
}

// harmless reports whether a name that is no column is one of the words for 1
// and 0, or stands for a result column of the same block, which is walked over
// anyway. The result itself does not see its aliases.
func harmless(b *block, name *ast.Ident) bool {
	n := lower(name.Name)
	return name.Quote == ast.QuoteNone && (n == "true" || n == "false") || b.role != roleResult && b.alias(n) != nil && !rowid(n)
}

func (b *block) bare(p place) { b.aggregates.bare = append(b.aggregates.bare, p) }

// star notes the use of all columns.
func (b *block) star(s *ast.Star) {
	for i := range b.items {
		if s.Table != nil && b.items[i].name != lower(s.Table.Name) {
			continue
		}
		if b.items[i].table == nil {
			b.aggregates.unclear = true
			continue
		}
		for c := range b.items[i].table.Columns {
			b.note(column{b, place{i, c}})
			b.bare(place{i, c})
		}
	}
}

// call notes a function call. A function that is not known as a scalar may be
// an aggregate.
func (b *block) call(f *ast.FuncCall, in clause) {
	name := lower(f.Name.Name)
	alone := scalar(name) || (name == "min" || name == "max") && len(f.Args) > 1
	if f.Over != nil {
		b.aggregates.window = true
		alone = true
	}
	if !alone {
		b.aggregates.any = true
		if !b.unordered(name, f) {
			b.aggregates.ordered = true
		}
		in = aggregateClause
	}
	for _, e := range f.Args {
		b.walk(e, in)
	}
	for _, t := range f.OrderBy {
		b.walk(t.Expr, in)
	}
	b.walk(f.Filter, in)
	if f.Over != nil {
		b.walkChildren(f.Over, in)
	}
}

// windows reports whether the block has window functions, before it was walked
// over.
func (b *block) windows() bool {
	found := len(b.query.Windows) > 0
	b.calls(func(f *ast.FuncCall) { found = found || f.Over != nil })
	return found
}

// grouped reports whether the block's rows are groups, before it was walked
// over.
func (b *block) grouped() bool {
	found := len(b.query.GroupBy) > 0 || b.query.Having != nil
	b.calls(func(f *ast.FuncCall) {
		found = found || aggregateFunctions[lower(f.Name.Name)] || !scalar(lower(f.Name.Name))
	})
	return found
}

// calls calls f for every function call in the result and the order.
func (b *block) calls(f func(*ast.FuncCall)) {
	visit := func(n ast.Node) bool {
		if c, ok := n.(*ast.FuncCall); ok {
			f(c)
		}
		return true
	}
	for _, r := range b.query.Columns {
		ast.Walk(r.Expr, visit)
	}
	for _, t := range b.query.OrderBy {
		ast.Walk(t.Expr, visit)
	}
}

// unordered reports whether an aggregate's result does not depend on the order
// of the rows. The least of several values that are equal but not the same, such
// as 1 and 1.0 or 'a' and 'A', depends on which comes first.
func (b *block) unordered(name string, f *ast.FuncCall) bool {
	switch name {
	case "count":
		return true
	case "min", "max":
		if len(f.Args) != 1 {
			return false
		}
		c, ok := b.resolve(f.Args[0])
		return ok && c.block == b && c.def().Distinct()
	}
	return false
}
