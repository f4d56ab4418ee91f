package sqldep

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
)

// A block is one SELECT with its FROM clause, or the VALUES of a compound.
//
// It is read in three passes: from and conjuncts collect the tables and what
// WHERE and ON say of them; resolveAll carries known values over equalities and
// looks at every expression; close turns the tables into sources.
type block struct {
	analysis *analysis
	outer    *block // the block around it, or nil
	purpose  purpose
	top      bool // its rows are the statement's result
	compound bool // it is one of several in a compound
	query    *ast.SelectQuery
	rows     [][]ast.Expr // of VALUES; then there is no query
	cut      bool         // the compound has a LIMIT
	merged   bool         // the compound keeps one of several rows that are equal

	scope bool       // it stands for a WITH clause only, whose names the blocks inside see
	ctes  []*ast.CTE // of that clause

	items    []item
	outputs  []output // what the result's columns are; nil if that is unclear
	equal    []equality
	residual bool // WHERE or ON says more than what is in equal and values

	arguments []ast.Expr                // of table-valued functions
	constant  map[place]knowledge       // columns that equal a constant
	values    map[place][]shape.Operand // what the column must equal one of
	inside    []nested                  // the blocks in its expressions

	aggregates aggregates
	ordered    bool           // ORDER BY orders by columns, and totally
	found      []int          // the items at which the search for the others begins
	reached    map[int]step   // the items that it found
	asking     map[int]bool   // the items of which decidesNothing is being asked
	shown      *block         // the block whose result shows the one value of this one, or nil
	role       role           // of the expression that is walked over
	joined     int            // the item whose ON clause it is, if it is roleOn
	uses       map[place]role // of its columns
	aliases    bool           // an alias of the result is used elsewhere than in the result
}

// An item is one element of a FROM clause.
type item struct {
	name   string       // its alias or else the table's name
	table  *shape.Table // nil if it is derived
	left   bool         // the right side of a LEFT JOIN
	inner  *block       // the block that it is derived from, if that is a single one and known
	others []*block     // the blocks, if they are several
	names  []string     // of a derived item's columns; nil if unclear
}

// An output is a column of a block's result: a column of some block, or, if ok is
// false, anything else.
type output struct {
	name   string
	column column
	ok     bool
}

// A nested is a block in an expression of another one.
type nested struct {
	*block
	role role // of the expression
}

// A place is a column of an item.
type place struct{ item, column int }

// A column is a column of an item of some block.
type column struct {
	block *block
	place
}

func (c column) def() *shape.Column { return &c.block.items[c.item].table.Columns[c.column] }

// An equality says that two columns are equal without conversion in every row
// that matters to item, or to any item of the block.
type equality struct {
	x, y column
	item int
}

const anyItem = -1

// from reads the FROM clause and the equalities of its ON clauses.
func (b *block) from(list []*ast.TableRef) {
	for _, ref := range list {
		if !b.addItem(ref) {
			return
		}
	}
	for i, ref := range list {
		item := anyItem
		if b.items[i].left {
			item = i // ON narrows the right side only: left rows stay without it
		}
		b.conjuncts(ref.On, item)
	}
}

func (b *block) addItem(ref *ast.TableRef) bool {
	a := b.analysis
	left := ref.Join != nil && ref.Join.Type&ast.JoinLeft != 0
	switch {
	case len(ref.Using) > 0 || ref.List != nil || ref.Join != nil && ref.Join.Type&(ast.JoinNatural|ast.JoinRight) != 0:
		// SQLite's authorizer is silent about the columns that USING and NATURAL
		// compare. A RIGHT or FULL JOIN makes what stands before it nullable.
		a.fail(coarseJoin)
		return false
	case ref.Select != nil:
		return b.derive(ref.Select, nil, b.outer, aliasOf(ref, ""), left)
	case ref.Name == nil:
		a.fail(coarseSyntax)
		return false
	case ref.HasArgs:
		return b.addFunction(ref, left)
	}
	name := lower(ref.Name.Name.Name)
	if ref.Name.Schema == nil {
		if cte, scope := b.cte(name); cte != nil {
			if slices.Contains(a.deriving, cte) {
				b.items = append(b.items, item{name: aliasOf(ref, name), left: left}) // it is recursive
				return true
			}
			a.deriving = append(a.deriving, cte)
			defer func() { a.deriving = a.deriving[:len(a.deriving)-1] }()
			return b.derive(cte.Select, cte.Columns, scope, aliasOf(ref, name), left)
		}
	} else if lower(ref.Name.Schema.Name) != "main" {
		a.fail(coarseTables)
		return false
	}
	t := a.schema.Tables[name]
	if t == nil {
		a.fail(coarseTables)
		return false
	}
	if t.View {
		return b.addView(t, aliasOf(ref, name), left)
	}
	b.items = append(b.items, item{name: aliasOf(ref, name), table: t, left: left})
	return true
}

func aliasOf(ref *ast.TableRef, name string) string {
	if ref.Alias != nil {
		return lower(ref.Alias.Name)
	}
	return name
}

// conjuncts collects the equalities that an expression implies. They hold for
// every row that matters to the item, or to any.
func (b *block) conjuncts(e ast.Expr, item int) {
	switch e := unparen(e).(type) {
	case nil:
	case *ast.BinaryExpr:
		switch e.Op {
		case ast.OpAnd:
			b.conjuncts(e.X, item)
			b.conjuncts(e.Y, item)
		case ast.OpOr:
			if !b.alternatives(e, item) {
				b.analysis.coarser(coarseOr)
				b.residual = true
			}
		case ast.OpEq:
			b.addEquality(e.X, e.Y, item)
		default:
			b.residual = true
		}
	case *ast.InExpr:
		x, ok := b.resolve(e.X)
		if !ok || e.Not || len(e.List) == 0 || len(e.List) > maxRows || !b.addValues(x, e.List, item) {
			b.residual = true
		}
	case *ast.NullCheckExpr:
		// Where an outer join found nothing its columns are NULL, too.
		x, ok := b.resolve(e.X)
		if !ok || e.Test != ast.TestIsNull || !b.addNull(x, item) {
			b.residual = true
		}
	case *ast.IsExpr:
		x, ok := b.resolve(e.X)
		if l, null := unparen(e.Y).(*ast.Literal); !ok || e.Not || e.Distinct || !null || l.Kind != ast.LitNull || !b.addNull(x, item) {
			b.residual = true
		}
	default:
		b.residual = true
	}
}

// alternatives reads "x = 1 OR x = 2" like "x IN (1, 2)".
func (b *block) alternatives(e ast.Expr, item int) bool {
	var column ast.Expr
	var list []ast.Expr
	var collect func(ast.Expr) bool
	collect = func(e ast.Expr) bool {
		or, ok := unparen(e).(*ast.BinaryExpr)
		switch {
		case ok && or.Op == ast.OpOr:
			return collect(or.X) && collect(or.Y)
		case !ok || or.Op != ast.OpEq:
			return false
		}
		x, y := or.X, or.Y
		if _, ok := b.resolve(x); !ok {
			x, y = y, x
		}
		c, ok := b.resolve(x)
		if !ok {
			return false
		}
		if column != nil {
			if first, _ := b.resolve(column); first != c {
				return false
			}
		}
		column = x
		list = append(list, y)
		return len(list) <= maxRows
	}
	if !collect(e) {
		return false
	}
	c, _ := b.resolve(column)
	return b.addValues(c, list, item)
}

// addEquality adds "x = y". A constant has no affinity and no collation, so the
// column's apply. Two columns must share them, or else values that differ could
// be equal.
func (b *block) addEquality(x, y ast.Expr, item int) {
	cx, okX := b.resolve(x)
	cy, okY := b.resolve(y)
	switch {
	case okX && okY:
		if alike(cx, cy) {
			b.equal = append(b.equal, equality{cx, cy, item})
		}
		b.residual = b.residual || !b.edge(x, y)
	case okX:
		b.residual = !b.addValues(cx, []ast.Expr{y}, item) || b.residual
	case okY:
		b.residual = !b.addValues(cy, []ast.Expr{x}, item) || b.residual
	default:
		b.residual = true
	}
}

// alike reports whether equal values of two columns are the same to both.
func alike(x, y column) bool {
	dx, dy := x.def(), y.def()
	return dx.Type == dy.Type && dx.Comparable() && dy.Comparable()
}

// edge reports whether "x = y" is an equality of two columns of this very block.
func (b *block) edge(x, y ast.Expr) bool {
	cx, okX := b.resolve(x)
	cy, okY := b.resolve(y)
	return okX && okY && cx.block == b && cy.block == b && alike(cx, cy)
}

// owner returns the block of which a column's values may be narrowed by what
// this block says of it for an item, or nil: this one, or one that an item is
// derived from.
func (b *block) owner(c column, item int) *block {
	if c.block == b {
		if item == anyItem || item == c.item {
			return b
		}
		return nil
	}
	for i := range b.items {
		if in := b.items[i].inner; in != nil && (item == anyItem || item == i) && in.transparent(c) {
			return in.owner(c, anyItem)
		}
	}
	return nil
}

// transparent reports whether a condition on a column of the block's result
// holds as well for the rows that the result is made of.
func (b *block) transparent(c column) bool {
	if b.query == nil || b.compound || b.query.Limit != nil || b.windows() {
		return false
	}
	if !b.grouped() {
		return true
	}
	return c.block == b && slices.ContainsFunc(b.query.GroupBy, func(e ast.Expr) bool {
		p, ok := b.sortColumn(e)
		return ok && p == c.place
	})
}

// addValues adds that a column equals one of the list's constants. It reports
// whether the list holds nothing but constants that it knows how to compare.
func (b *block) addValues(c column, list []ast.Expr, item int) bool {
	owner := b.owner(c, item)
	if owner == nil {
		return false
	}
	operands, fit := make([]shape.Operand, len(list)), true
	for i, e := range list {
		var constant, fits bool
		operands[i], constant, fits = b.operandOf(e, c.def())
		if !constant {
			return false
		}
		fit = fit && fits
	}
	if len(list) == 1 {
		if owner.constant == nil {
			owner.constant = make(map[place]knowledge)
		}
		owner.constant[c.place] = max(owner.constant[c.place], knownBy(item))
	}
	if !fit {
		b.analysis.coarser(coarseValue)
		return false
	}
	if old, known := owner.values[c.place]; !known || len(operands) < len(old) {
		owner.setValues(c.place, operands)
	}
	return true
}

// operandOf is operandOf with TRUE and FALSE, which are 1 and 0 unless they name
// a column.
func (b *block) operandOf(e ast.Expr, c *shape.Column) (o shape.Operand, constant, fits bool) {
	if id, ok := unparen(e).(*ast.Ident); ok && id.Quote == ast.QuoteNone {
		n := lower(id.Name)
		if _, column := b.lookup("", id); !column && (n == "true" || n == "false") && !b.named(n) {
			return literal(n == "true", c, true)
		}
	}
	return operandOf(e, c)
}

// addNull adds that a column is NULL. Where it belongs to the right side of a
// LEFT JOIN, that may mean that there is no row.
func (b *block) addNull(c column, item int) bool {
	owner := b.owner(c, item)
	if owner == nil || !c.def().Comparable() || b.nullable(c, item) {
		return false
	}
	owner.setValues(c.place, []shape.Operand{{Literal: shape.Null()}})
	return true
}

// nullable reports whether a column may be NULL, where an expression is looked at
// for an item, because a LEFT JOIN found nothing, in this block or one that it
// derives an item from.
func (b *block) nullable(c column, item int) bool {
	if c.block == b {
		return item == anyItem && b.items[c.item].left
	}
	for i := range b.items {
		if in := b.items[i].inner; in != nil && in.owner(c, anyItem) != nil {
			return item == anyItem && b.items[i].left || in.nullable(c, anyItem)
		}
	}
	return true
}

func (b *block) setValues(p place, v []shape.Operand) {
	if b.values == nil {
		b.values = make(map[place][]shape.Operand)
	}
	b.values[p] = v
}

// spreadValues carries known values over equalities: a.id = b.a_id and a.id = 1
// give b.a_id = 1. Values of the blocks around hold inside as well: a row for
// which they do not hold leaves that block in any case.
func (b *block) spreadValues() {
	for again := true; again; {
		again = false
		for _, e := range b.equal {
			for _, d := range [2][2]column{{e.x, e.y}, {e.y, e.x}} {
				to, from := d[0], d[1]
				owner := b.owner(to, e.item)
				if owner == nil {
					continue
				}
				v, known := from.block.values[from.place]
				if known && len(v) == 1 && v[0].Literal.Kind() == shape.KindNull {
					continue // NULL equals nothing
				}
				if old, has := owner.values[to.place]; known && (!has || len(v) < len(old)) {
					owner.setValues(to.place, v)
					again = true
				}
			}
		}
	}
}

// resolve returns the column that an expression is, where that is certain.
func (b *block) resolve(e ast.Expr) (column, bool) {
	switch e := unparen(e).(type) {
	case *ast.Ident:
		return b.lookup("", e)
	case *ast.QualifiedRef:
		if len(e.Parts) == 2 {
			return b.lookup(lower(e.Parts[0].Name), e.Parts[1])
		}
	}
	return column{}, false
}

func unparen(e ast.Expr) ast.Expr {
	for {
		p, ok := e.(*ast.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}
