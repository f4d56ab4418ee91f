package sqldep

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/unstale/unstale/internal/shape"
)

// derive adds an item that is made of a SELECT. names are those that it gives to
// the columns of the result, or none; scope is the block around the SELECT.
func (b *block) derive(s *ast.SelectStmt, names []*ast.Ident, scope *block, name string, left bool) bool {
	blocks := b.analysis.from(s, scope, firstRows)
	if len(blocks) == 0 {
		b.analysis.fail(coarseSyntax)
		return false
	}
	it := item{name: name, left: left, others: blocks}
	if len(blocks) == 1 {
		it.inner, it.others = blocks[0], nil
	}
	it.names = columnNames(names, blocks[0])
	b.items = append(b.items, it)
	return true
}

// columnNames returns the names of a derived item's columns, or nil where they
// are unclear.
func columnNames(given []*ast.Ident, b *block) (names []string) {
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

// addView adds a view.
func (b *block) addView(t *shape.Table, name string, left bool) bool {
	stmt, err := parser.ParseStatement(t.SQL)
	view, ok := stmt.(*ast.CreateViewStmt)
	if err != nil || !ok {
		b.analysis.fail(coarseParse)
		return false
	}
	var names []*ast.Ident
	for _, c := range view.Columns {
		names = append(names, c.Name)
	}
	return b.derive(view.Select, names, nil, name, left)
}

// addFunction adds a table-valued function whose rows depend on its arguments
// alone.
func (b *block) addFunction(ref *ast.TableRef, left bool) bool {
	name := lower(ref.Name.Name.Name)
	if !pure(name) || ref.Name.Schema != nil {
		b.analysis.fail(coarseVirtual)
		return false
	}
	b.items = append(b.items, item{name: aliasOf(ref, name), left: left})
	b.arguments = append(b.arguments, ref.Args...)
	return true
}

// cte returns the common table expression that a name stands for, and the scope
// in which it is defined.
func (b *block) cte(name string) (*ast.CTE, *block) {
	for ; b != nil; b = b.outer {
		for _, c := range b.ctes {
			if lower(c.Name.Name) == name {
				return c, b
			}
		}
	}
	return nil, nil
}

// result returns the columns of the block's result, or nil if it is unclear what
// they are.
func (b *block) result() (out []output) {
	defer func(r role) { b.role = r }(b.role)
	b.role = roleResult
	for _, r := range b.query.Columns {
		star, ok := r.Expr.(*ast.Star)
		if !ok {
			o := output{name: nameOf(r)}
			o.column, o.ok = b.resolve(r.Expr)
			out = append(out, o)
			continue
		}
		for i := range b.items {
			if star.Table != nil && b.items[i].name != lower(star.Table.Name) {
				continue
			}
			columns, ok := b.columnsOf(i)
			if !ok {
				return nil
			}
			out = append(out, columns...)
		}
	}
	return out
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

// columnsOf returns the columns that a star stands for in an item.
func (b *block) columnsOf(i int) (out []output, ok bool) {
	it := &b.items[i]
	if it.table != nil {
		for c := range it.table.Columns {
			if !it.table.Columns[c].Hidden {
				out = append(out, output{it.table.Columns[c].Name, column{b, place{i, c}}, true})
			}
		}
		return out, true
	}
	for c, name := range it.names {
		o := output{name: name}
		if it.inner != nil && c < len(it.inner.outputs) {
			o.column, o.ok = it.inner.outputs[c].column, it.inner.outputs[c].ok
		}
		out = append(out, o)
	}
	return out, it.names != nil
}

// lookup finds a column by SQLite's rules: in the innermost block first; there
// an alias of the result, which is no column, comes before the block around it,
// but not within the result.
// A column of a derived item is the one that it is made of.
func (b *block) lookup(table string, ident *ast.Ident) (column, bool) {
	name := lower(ident.Name)
	for ; b != nil; b = b.outer {
		if b.scope {
			continue
		}
		found, n, unclear := b.find(table, name)
		switch {
		case n > 0:
			return found.column, n == 1 && found.ok
		case unclear:
			return column{}, false
		case rowid(name):
			return b.lookupRowID(table)
		case table == "" && b.role != roleResult && b.alias(name) != nil:
			return column{}, false
		}
	}
	return column{}, false
}

// find counts the items that have a column with a name. unclear says that there
// may be more.
func (b *block) find(table, name string) (found output, n int, unclear bool) {
	for i := range b.items {
		it := &b.items[i]
		switch {
		case table != "" && it.name != table:
		case it.table != nil:
			if c := it.table.Column(name); c >= 0 {
				found = output{name, column{b, place{i, c}}, true}
				n++
			}
		case it.names == nil:
			unclear = true
		default:
			if c := slices.Index(it.names, name); c >= 0 {
				columns, _ := b.columnsOf(i)
				found = columns[c]
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
func (b *block) lookupRowID(table string) (column, bool) {
	if len(b.items) != 1 || table != "" && b.items[0].name != table || b.items[0].table == nil || b.items[0].table.RowID < 0 {
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

// named reports whether an alias of this block or one around it has the name.
func (b *block) named(name string) bool {
	for ; b != nil; b = b.outer {
		if b.alias(name) != nil {
			return true
		}
	}
	return false
}
