package sqldep

// A clause is where in a SELECT an expression stands.
type clause uint8

const (
	whereClause     clause = iota // WHERE, ON, LIMIT: it looks at one row at a time
	resultClause                  // the result, ORDER BY or HAVING: with aggregates, it looks at a group
	aggregateClause               // inside an aggregate's parentheses
)

// Uses are what the expressions of a block use, and for what.
type uses struct {
	columns    map[Column]role // of the block
	aggregates aggregates
	inside     []nested // the blocks in its expressions
	aliases    bool     // an alias of the result may be used elsewhere than in the result

	role   role  // of the expression that is being walked over
	joined *Item // the item whose ON clause it is, if it is roleOn
}

// aggregates is what the walk over a block's expressions found.
type aggregates struct {
	any     bool     // there are aggregates
	ordered bool     // one whose result depends on the order of the rows
	window  bool     // there are window functions
	unclear bool     // a name that could be anything
	bare    []Column // columns that are used outside of aggregates
}

// A nested is a block in an expression of another one.
type nested struct {
	*block
	role role // of the expression
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

// look carries known values over equalities, also into the blocks that items are
// derived from, and walks over all expressions.
func (b *block) look() {
	b.spread()
	b.role = roleFilter // what a query in FROM uses decides which rows there are
	for _, it := range b.Items {
		for _, in := range it.blocks {
			in.look()
		}
	}
	for _, it := range b.Items {
		b.walkAll(it.Args, whereClause)
	}
	b.role = roleResult
	if b.Values > 0 {
		b.walkAll(b.Results, whereClause)
		return
	}
	b.walkAll(b.Results, resultClause)
	for _, it := range b.Items {
		b.walkConjuncts(it.On, it)
	}
	b.walkConjuncts(b.Where, anyItem)
	b.role = roleFilter
	b.walkAll(b.GroupBy, whereClause)
	b.walk(b.Having, resultClause)
	b.walkAll(b.Windows, resultClause)
	b.walk(b.Limit, whereClause)
	b.walk(b.Offset, whereClause)
	b.role = roleOrder
	b.aliases = b.Aliased
	for _, o := range b.OrderBy {
		if c, ok := b.own(o.By); ok { // only its place in the order counts
			b.note(c)
			continue
		}
		b.aliases = true
		b.walk(o.By, resultClause)
	}
}

// walkConjuncts walks over an ON clause, or over WHERE for anyItem.
func (b *block) walkConjuncts(e Expr, item *Item) {
	left := item != anyItem && item.Left
	if and, ok := e.(Bool); ok && !and.Or {
		b.walkConjuncts(and.X, item)
		b.walkConjuncts(and.Y, item)
		return
	}
	eq, isEqual := e.(Equal)
	switch {
	case left:
		b.role, b.joined = roleOn, item
	case isEqual && b.edge(eq):
		b.role = roleEdge
	default:
		b.role = roleFilter
	}
	b.walk(e, whereClause)
}

// note notes the use of a column of this block or one around it.
func (b *block) note(c Column) {
	of := c.block()
	if of.columns == nil {
		of.columns = make(map[Column]role)
	}
	r := of.role
	if r == roleOn && c.Item != of.joined {
		r = roleFilter // it may decide how many rows are found
	}
	of.columns[c] |= r
}

func (b *block) walkAll(list []Expr, in clause) {
	for _, e := range list {
		b.walk(e, in)
	}
}

// walk walks over an expression, which may be nil, and analyses the queries in it.
func (b *block) walk(e Expr, in clause) {
	if b.analysis.failed != "" {
		return
	}
	switch e := e.(type) {
	case nil:
	case Column:
		b.use(e, in)
	case Unclear:
		b.useAny(e, in)
	case Call:
		b.call(e, in)
	case Subquery:
		b.subquery(e, in)
	default:
		b.walkAll(e.parts(), in)
	}
}

// subquery analyses a query inside the block.
func (b *block) subquery(e Subquery, in clause) {
	if in == aggregateClause && !b.analysis.dialect.Levels {
		b.analysis.fail(coarseAggregate)
		return
	}
	use := firstRows
	if e.Set {
		use = anyRows
	}
	for _, n := range b.analysis.open(e.Query, use) {
		b.inside = append(b.inside, nested{n, b.role})
	}
}

// use notes the use of a column. Used inside a query that the block contains,
// it counts as used outside of aggregates.
func (b *block) use(c Column, in clause) {
	of := c.block()
	if !b.within(of) {
		// It belongs to a derived item: any of its rows may show it.
		b.aggregates.unclear = b.aggregates.unclear || in == resultClause
		return
	}
	b.note(c)
	if of != b || in == resultClause {
		of.aggregates.bare = append(of.aggregates.bare, c)
	}
	if of != b && in == aggregateClause && !b.analysis.dialect.Levels {
		b.analysis.fail(coarseAggregate) // it may be an aggregate of the block around
	}
}

// useAny notes the use of columns of which nobody knows which they are.
func (b *block) useAny(e Unclear, in clause) {
	b.aggregates.unclear = true
	if e.Local {
		return
	}
	for o := b; o != nil; o = o.outer() {
		o.aggregates.unclear = true
	}
	if in == aggregateClause {
		b.analysis.fail(coarseAggregate)
	}
}

// call notes a function call.
func (b *block) call(f Call, in clause) {
	switch f.Class {
	case Window:
		b.aggregates.window = true
	case Aggregate, OrderFree:
		b.aggregates.any = true
		b.aggregates.ordered = b.aggregates.ordered || f.Class == Aggregate
		in = aggregateClause
	}
	b.walkAll(f.Args, in)
}

// own returns the column of this block that an expression is.
func (b *block) own(e Expr) (Column, bool) {
	c, ok := e.(Column)
	return c, ok && b.Has(c)
}
