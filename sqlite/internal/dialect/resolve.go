package dialect

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/sqldep"
)

// maxSelects is the number of SELECTs, with views and common table expressions
// counted once for each use, above which a statement is not understood.
const maxSelects = 64

// A resolver finds out what the names in a statement stand for.
type resolver struct {
	*analysis
	selects  int
	deriving []*ast.CTE // the common table expressions that are being read
	failed   string     // why the statement is not understood, or ""
}

// fail gives up.
func (r *resolver) fail(reason string) {
	if r.failed == "" {
		r.failed = reason
	}
}

// A scope is a SELECT with the names that are seen in it.
type scope struct {
	*resolver
	outer *scope // the one around it, or nil

	ctes []*ast.CTE // of a WITH clause, which is a scope by itself; then nothing below counts

	to       *sqldep.Select
	from     *ast.SelectQuery // nil for VALUES
	items    []item
	outputs  []output // what the result's columns are; nil if that is unclear
	inResult bool     // an expression of the result is being read
}

// An item is an element of the FROM clause with its names.
type item struct {
	*sqldep.Item
	name    string   // its alias or else the table's name
	table   *Table   // nil if it is derived
	names   []string // of a derived item's columns; nil if unclear
	outputs []output // of the one SELECT that it is derived from
}

// An output is a column of a result: that of a table, or the zero Column.
type output struct {
	name string
	sqldep.Column
}

// query returns a query with its names resolved, in the scope around it, or nil;
// and the scopes of its SELECTs.
func (r *resolver) query(s *ast.SelectStmt, outer *scope) (*sqldep.Query, []*scope) {
	if s.With != nil {
		outer = &scope{resolver: r, outer: outer, ctes: s.With.CTEs}
	}
	q := &sqldep.Query{Merged: slices.ContainsFunc(s.Ops, func(op ast.CompoundOp) bool { return !op.All })}
	var scopes []*scope
	for _, core := range s.Cores {
		if r.selects++; r.selects > maxSelects {
			r.fail(coarseSyntax)
		}
		if r.failed != "" {
			return nil, nil
		}
		b := &scope{resolver: r, outer: outer, to: &sqldep.Select{}}
		if around := outer.selecting(); around != nil {
			b.to.Outer = around.to
		}
		switch core := core.(type) {
		case *ast.SelectQuery:
			q.Cut = q.Cut || core.Limit != nil
			b.from = core
			b.read(len(s.Cores) > 1)
		case *ast.ValuesClause:
			b.to.Values = len(core.Rows)
			for _, row := range core.Rows {
				b.to.Results = append(b.to.Results, b.exprs(row)...)
			}
		default:
			r.fail(coarseSyntax)
		}
		q.Selects = append(q.Selects, b.to)
		scopes = append(scopes, b)
	}
	return q, scopes
}

// selecting returns the scope or the first around it that is a SELECT, or nil.
func (b *scope) selecting() *scope {
	for b != nil && b.to == nil {
		b = b.outer
	}
	return b
}

// read reads the SELECT, which is one of a compound or not.
func (b *scope) read(compound bool) {
	q, to := b.from, b.to
	for _, ref := range q.From {
		if !b.addItem(ref) {
			return
		}
	}
	b.inResult = true
	b.result()
	b.inResult = false
	for i, ref := range q.From {
		to.Items[i].Args, to.Items[i].On = b.exprs(ref.Args), b.expr(ref.On)
	}
	to.Where = b.expr(q.Where)
	to.Distinct = q.Distinct == ast.DistinctDistinct
	for _, e := range q.GroupBy {
		to.GroupBy = append(to.GroupBy, b.term(e))
	}
	to.Having = b.expr(q.Having)
	for _, w := range q.Windows {
		to.Windows = append(to.Windows, sqldep.Call{Class: sqldep.Window, Args: b.window(w)})
	}
	if q.Limit != nil {
		to.Limit, to.Offset = b.expr(q.Limit.Count), b.expr(q.Limit.Offset)
	}
	if compound {
		return // the terms of ORDER BY are columns of the result
	}
	for _, t := range q.OrderBy {
		descending := t.Order == ast.SortDesc
		nulls := t.Nulls != ast.NullsDefault && (t.Nulls == ast.NullsFirst) == descending
		to.OrderBy = append(to.OrderBy, sqldep.Order{By: b.term(t.Expr), Descending: descending, Nulls: nulls, Last: t.Nulls == ast.NullsLast})
	}
}

// add adds an item to the FROM clause.
func (b *scope) add(it item) {
	b.items = append(b.items, it)
	b.to.Add(it.Item)
}

func (b *scope) addItem(ref *ast.TableRef) bool {
	to := &sqldep.Item{Left: ref.Join != nil && ref.Join.Type&ast.JoinLeft != 0}
	unusual := len(ref.Using) > 0 || ref.List != nil || ref.Join != nil && ref.Join.Type&(ast.JoinNatural|ast.JoinRight) != 0
	switch {
	case unusual:
		// SQLite's authorizer is silent about the columns that USING and NATURAL
		// compare. A RIGHT or FULL JOIN makes what stands before it nullable.
		b.fail(coarseJoin)
	case ref.Select != nil:
		b.derive(ref.Select, nil, b.outer, item{Item: to, name: aliasOf(ref, "")})
	case ref.Name == nil:
		b.fail(coarseSyntax)
	case ref.HasArgs:
		b.addFunction(ref, to)
	default:
		b.addNamed(ref, to)
	}
	return b.failed == ""
}

// addNamed adds a common table expression, a table or a view.
func (b *scope) addNamed(ref *ast.TableRef, to *sqldep.Item) {
	name := lower(ref.Name.Name.Name)
	it := item{Item: to, name: aliasOf(ref, name)}
	if ref.Name.Schema == nil {
		if cte, scope := b.cte(name); cte != nil {
			if slices.Contains(b.deriving, cte) {
				b.add(it) // it is recursive
				return
			}
			b.deriving = append(b.deriving, cte)
			b.derive(cte.Select, cte.Columns, scope, it)
			b.deriving = b.deriving[:len(b.deriving)-1]
			return
		}
	} else if lower(ref.Name.Schema.Name) != "main" {
		b.fail(coarseTables)
		return
	}
	t := b.Tables[name]
	switch {
	case t == nil:
		b.fail(coarseTables)
	case t.View:
		view, ok := b.text(t.SQL).stmt().(*ast.CreateViewStmt)
		if !ok {
			b.fail(coarseParse)
			return
		}
		var names []*ast.Ident
		for _, c := range view.Columns {
			names = append(names, c.Name)
		}
		b.derive(view.Select, names, nil, it)
	default:
		it.table, to.Table = t, &t.Table
		b.add(it)
	}
}

func aliasOf(ref *ast.TableRef, name string) string {
	if ref.Alias != nil {
		return lower(ref.Alias.Name)
	}
	return name
}

// addFunction adds a table-valued function whose rows depend on its arguments
// alone.
func (b *scope) addFunction(ref *ast.TableRef, to *sqldep.Item) {
	name := lower(ref.Name.Name.Name)
	if !pure(name) || ref.Name.Schema != nil {
		b.fail(coarseVirtual)
		return
	}
	b.add(item{Item: to, name: aliasOf(ref, name)})
}

// derive adds an item that is made of a SELECT, in the scope around that. names are
// those that it gives to the columns of the result, or none.
func (b *scope) derive(s *ast.SelectStmt, names []*ast.Ident, around *scope, it item) {
	q, scopes := b.query(s, around)
	if b.failed != "" {
		return
	}
	it.Query = q
	it.names = columnNames(names, scopes[0])
	if len(scopes) == 1 {
		it.outputs = scopes[0].outputs
	}
	b.add(it)
}

// columnNames returns the names of a derived item's columns, or nil where they
// are unclear.
func columnNames(given []*ast.Ident, b *scope) (names []string) {
	for _, n := range given {
		names = append(names, lower(n.Name))
	}
	if len(given) > 0 {
		if b.outputs != nil && len(b.outputs) != len(given) {
			return nil
		}
		return names
	}
	for _, o := range b.outputs {
		if o.name == "" || slices.Contains(names, o.name) {
			return nil
		}
		names = append(names, o.name)
	}
	return names
}

// cte returns the common table expression that a name stands for, and the scope
// in which it is defined.
func (b *scope) cte(name string) (*ast.CTE, *scope) {
	for ; b != nil; b = b.outer {
		for _, c := range b.ctes {
			if lower(c.Name.Name) == name {
				return c, b
			}
		}
	}
	return nil, nil
}

// result reads what the SELECT shows. It stays unclear which columns these are
// where a star stands for some that are unclear.
func (b *scope) result() {
	clear := true
	for _, r := range b.from.Columns {
		star, ok := r.Expr.(*ast.Star)
		if !ok {
			e := b.expr(r.Expr)
			column, _ := e.(sqldep.Column)
			b.to.Results = append(b.to.Results, e)
			b.outputs = append(b.outputs, output{nameOf(r), column})
			continue
		}
		for i := range b.items {
			it := &b.items[i]
			if star.Table != nil && it.name != lower(star.Table.Name) {
				continue
			}
			columns, known := it.columns()
			clear = clear && known
			b.outputs = append(b.outputs, columns...)
			if it.table == nil {
				b.to.Results = append(b.to.Results, sqldep.Unclear{Local: true})
				continue
			}
			for c := range it.Table.Columns {
				b.to.Results = append(b.to.Results, sqldep.Column{Item: it.Item, Number: c})
			}
		}
	}
	if !clear {
		b.outputs = nil
	}
	for _, o := range b.outputs {
		b.to.Outputs = append(b.to.Outputs, o.Column)
	}
}

// nameOf returns the name of a result column in lower case, or "" where it is up
// to SQLite.
func nameOf(r *ast.ResultColumn) string {
	if r.Alias != nil {
		return lower(r.Alias.Name)
	}
	switch e := unparen(r.Expr).(type) {
	case *ast.Ident:
		return lower(e.Name)
	case *ast.QualifiedRef:
		return lower(e.Parts[len(e.Parts)-1].Name)
	}
	return ""
}

// columns returns the columns that a star stands for in an item.
func (it *item) columns() (out []output, known bool) {
	if it.table != nil {
		for c := range it.Table.Columns {
			if !it.table.Hidden[c] {
				out = append(out, output{it.Table.Columns[c].Name, sqldep.Column{Item: it.Item, Number: c}})
			}
		}
		return out, true
	}
	for c, name := range it.names {
		o := output{name: name}
		if c < len(it.outputs) {
			o.Column = it.outputs[c].Column
		}
		out = append(out, o)
	}
	return out, it.names != nil
}

// lookup finds a column by SQLite's rules: in the innermost SELECT first; there
// an alias of the result, which is no column, comes before the SELECT around it,
// but not within the result.
func (b *scope) lookup(table string, ident *ast.Ident) (c sqldep.Column, ok bool) {
	name := lower(ident.Name)
	for ; b != nil; b = b.outer {
		if b.to == nil {
			continue
		}
		found, n, unclear := b.find(table, name)
		switch {
		case n > 0:
			return found, n == 1 && found.Item != nil
		case unclear:
			return c, false
		case rowid(name):
			return b.lookupRowID(table)
		case table == "" && !b.inResult && b.alias(name) != nil:
			return c, false
		}
	}
	return c, false
}

// find counts the items that have a column with a name. unclear says that there
// may be more.
func (b *scope) find(table, name string) (found sqldep.Column, n int, unclear bool) {
	for i := range b.items {
		it := &b.items[i]
		switch {
		case table != "" && it.name != table:
		case it.table != nil:
			if c := it.Table.Column(name); c >= 0 {
				found = sqldep.Column{Item: it.Item, Number: c}
				n++
			}
		case it.names == nil:
			unclear = true
		default:
			if c := slices.Index(it.names, name); c >= 0 {
				columns, _ := it.columns()
				found = columns[c].Column
				n++
			}
		}
	}
	return found, n, unclear
}

// rowid reports whether a name stands for the rowid where no column has it.
func rowid(name string) bool { return name == "rowid" || name == "oid" || name == "_rowid_" }

// lookupRowID finds the INTEGER PRIMARY KEY that a name of the rowid stands for,
// where a single item can be meant.
func (b *scope) lookupRowID(table string) (c sqldep.Column, ok bool) {
	if len(b.items) != 1 || table != "" && b.items[0].name != table || b.items[0].table == nil || b.items[0].table.RowID < 0 {
		return c, false
	}
	return sqldep.Column{Item: b.items[0].Item, Number: b.items[0].table.RowID}, true
}

// alias returns the result column with an alias.
func (b *scope) alias(name string) *ast.ResultColumn {
	if b.from == nil {
		return nil
	}
	for _, r := range b.from.Columns {
		if r.Alias != nil && lower(r.Alias.Name) == name {
			return r
		}
	}
	return nil
}

// named reports whether an alias of this SELECT or one around it has the name.
func (b *scope) named(name string) bool {
	for ; b != nil; b = b.outer {
		if b.alias(name) != nil {
			return true
		}
	}
	return false
}
