package sqldep

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
)

// A block is one SELECT with its FROM clause.
type block struct {
	analysis *analysis
	outer    *block // the block around it, or nil
	query    *ast.SelectQuery
	items    []item
	equal    []equality
	constant map[place]knowledge // columns that equal a constant
	values   map[place][]operand // what the column must equal one of
	nested   []*Table            // the tables of the blocks inside

	aggregates aggregates
}

// An item is one table of a FROM clause.
type item struct {
	name  string // its alias or else the table's name
	table *Table
	left  bool // the right side of a LEFT JOIN
}

// A place is a column of an item.
type place struct{ item, column int }

// A column is a column of an item of some block.
type column struct {
	block *block
	place
}

func (c column) def() *Column { return &c.block.items[c.item].table.Columns[c.column] }

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
	switch {
	case ref.Select != nil:
		a.fail(coarseFrom)
		return false
	case ref.List != nil || ref.HasArgs || ref.Name == nil:
		a.fail(coarseJoin)
		return false
	case len(ref.Using) > 0 || ref.Join != nil && ref.Join.Type&(ast.JoinNatural|ast.JoinRight) != 0:
		// SQLite's authorizer is silent about the columns that USING and NATURAL
		// compare. A RIGHT or FULL JOIN makes what stands before it nullable.
		a.fail(coarseJoin)
		return false
	case ref.Name.Schema != nil && lower(ref.Name.Schema.Name) != "main":
		a.fail(coarseTables)
		return false
	}
	name := lower(ref.Name.Name.Name)
	t := a.schema.Tables[name]
	if t == nil {
		a.fail(coarseTables)
		return false
	}
	if ref.Alias != nil {
		name = lower(ref.Alias.Name)
	}
	b.items = append(b.items, item{name: name, table: t, left: ref.Join != nil && ref.Join.Type&ast.JoinLeft != 0})
	return true
}

// conjuncts collects the equalities that an expression implies. They hold for
// every row that matters to the item, or to any.
func (b *block) conjuncts(e ast.Expr, item int) {
	switch e := unparen(e).(type) {
	case *ast.BinaryExpr:
		switch e.Op {
		case ast.OpAnd:
			b.conjuncts(e.X, item)
			b.conjuncts(e.Y, item)
		case ast.OpOr:
			b.analysis.coarser(coarseOr)
		case ast.OpEq:
			b.addEquality(e.X, e.Y, item)
		}
	case *ast.InExpr:
		if x, ok := b.resolve(e.X); ok && !e.Not && len(e.List) > 0 && len(e.List) <= maxRows {
			b.addValues(x, e.List, item)
		}
	}
}

// addEquality adds "x = y". A constant has no affinity and no collation, so the
// column's apply. Two columns must share them, or else values that differ could
// be equal.
func (b *block) addEquality(x, y ast.Expr, item int) {
	cx, okX := b.resolve(x)
	cy, okY := b.resolve(y)
	switch {
	case okX && okY:
		dx, dy := cx.def(), cy.def()
		if dx.Affinity == dy.Affinity && dx.binary() && dy.binary() {
			b.equal = append(b.equal, equality{cx, cy, item})
		}
	case okX:
		b.addValues(cx, []ast.Expr{y}, item)
	case okY:
		b.addValues(cy, []ast.Expr{x}, item)
	}
}

// addValues adds that a column equals one of the list's constants.
func (b *block) addValues(c column, list []ast.Expr, item int) {
	if c.block != b || item != anyItem && item != c.item {
		return
	}
	operands, fit := make([]operand, len(list)), true
	for i, e := range list {
		var constant, fits bool
		operands[i], constant, fits = operandOf(e, c.def())
		if !constant {
			return
		}
		fit = fit && fits
	}
	if len(list) == 1 {
		if b.constant == nil {
			b.constant = make(map[place]knowledge)
		}
		b.constant[c.place] = max(b.constant[c.place], knownBy(item))
	}
	if old, known := b.values[c.place]; fit && (!known || len(operands) < len(old)) {
		b.setValues(c.place, operands)
	}
}

func (b *block) setValues(p place, v []operand) {
	if b.values == nil {
		b.values = make(map[place][]operand)
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
				if !b.applies(e, to) {
					continue
				}
				v, known := from.block.values[from.place]
				if old, has := b.values[to.place]; known && (!has || len(v) < len(old)) {
					b.setValues(to.place, v)
					again = true
				}
			}
		}
	}
}

// applies reports whether an equality says something about a column of this block.
func (b *block) applies(e equality, to column) bool {
	return to.block == b && (e.item == anyItem || e.item == to.item)
}

// narrow returns the rows, by unique key, to which the item is narrowed, or none.
func (b *block) narrow(i int) []row {
	var best []row
	for _, k := range b.items[i].table.Keys {
		rows := []row{{columns: k.Columns}}
		for _, c := range k.Columns {
			rows = extend(rows, b.values[place{i, c}])
		}
		if len(rows) > 0 && (best == nil || len(rows) < len(best)) {
			best = rows
		}
	}
	return best
}

// unnarrowed returns why an item that has no rows could have some: a key whose
// columns all equal something.
func (b *block) unnarrowed(i int) (reason string) {
	joined := func(p place) bool {
		return slices.ContainsFunc(b.equal, func(e equality) bool {
			return b.applies(e, e.x) && e.x.place == p || b.applies(e, e.y) && e.y.place == p
		})
	}
	for _, k := range b.items[i].table.Keys {
		constant, known := true, true
		for _, c := range k.Columns {
			p := place{i, c}
			_, has := b.values[p]
			has = has || b.constant[p] != 0
			constant = constant && has
			known = known && (has || joined(p))
		}
		switch {
		case constant:
			return coarseValue
		case known:
			reason = coarseJoined
		}
	}
	return reason
}

// extend returns every row with every value for its next column, or none if
// there are no values or too many rows.
func extend(rows []row, values []operand) []row {
	if len(rows)*len(values) > maxRows {
		return nil
	}
	var out []row
	for _, r := range rows {
		for _, v := range values {
			out = append(out, row{r.columns, append(slices.Clip(r.values), v)})
		}
	}
	return out
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

// lookup finds a column by SQLite's rules: in the innermost block first; there
// an alias of the result, which is no column, comes before the block around it.
func (b *block) lookup(table string, ident *ast.Ident) (column, bool) {
	name := lower(ident.Name)
	for ; b != nil; b = b.outer {
		found := column{block: b}
		n := 0
		for i := range b.items {
			if table != "" && b.items[i].name != table {
				continue
			}
			if c := b.items[i].table.column(name); c >= 0 {
				found.place = place{i, c}
				n++
			}
		}
		switch {
		case n > 0:
			return found, n == 1
		case rowid(name):
			return b.lookupRowID(table)
		case table == "" && b.alias(name) != nil:
			return column{}, false
		}
	}
	return column{}, false
}

// rowid reports whether a name stands for the rowid where no column has it.
func rowid(name string) bool { return name == "rowid" || name == "oid" || name == "_rowid_" }

// lookupRowID finds the INTEGER PRIMARY KEY that a name of the rowid stands for,
// where a single item can be meant.
func (b *block) lookupRowID(table string) (column, bool) {
	if len(b.items) != 1 || table != "" && b.items[0].name != table || b.items[0].table.RowID < 0 {
		return column{}, false
	}
	return column{b, place{0, b.items[0].table.RowID}}, true
}

// alias returns the result column with an alias.
func (b *block) alias(name string) *ast.ResultColumn {
	if b.query == nil {
		return nil
	}
	for _, r := range b.query.Columns {
		if r.Alias != nil && lower(r.Alias.Name) == name {
			return r
		}
	}
	return nil
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
