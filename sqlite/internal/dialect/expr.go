package dialect

import (
	"slices"
	"strconv"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/sqldep"
)

// expr returns an expression, which may be nil, with its names resolved.
func (b *scope) expr(e ast.Expr) sqldep.Expr {
	if e == nil || b.failed != "" {
		return nil
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return b.expr(e.X)
	case *ast.Ident:
		return b.name("", e)
	case *ast.QualifiedRef:
		n := len(e.Parts)
		c := b.name(lower(e.Parts[n-2].Name), e.Parts[n-1])
		if n > 2 {
			return sqldep.Other{c} // which schema's alias it is only SQLite knows
		}
		return c
	case *ast.BindParam:
		return parameter(e)
	case *ast.Literal:
		return literal(e, "")
	case *ast.UnaryExpr:
		if l, ok := e.X.(*ast.Literal); ok && e.Op == ast.OpMinus && l.Kind == ast.LitInteger {
			return literal(l, "-")
		}
	case *ast.BinaryExpr:
		return b.binary(e)
	case *ast.IsExpr:
		return b.is(e)
	case *ast.NullCheckExpr:
		switch e.Test {
		case ast.TestIsNull:
			return sqldep.IsNull{X: b.expr(e.X)}
		case ast.TestNotNullWords:
			// The parser reads "NOT a NOT NULL" otherwise than SQLite does.
			b.fail(coarseSyntax)
		}
	case *ast.InExpr:
		return b.in(e)
	case *ast.FuncCall:
		return b.call(e)
	case *ast.SubqueryExpr:
		return b.subquery(e.Select, false)
	case *ast.ExistsExpr:
		return b.subquery(e.Select, true)
	case *ast.LikeExpr:
		return b.exprs([]ast.Expr{e.X, e.Y, e.Escape}) // Op is an Ident, but no column
	case *ast.CollateExpr:
		return sqldep.Other{b.expr(e.X)}
	case *ast.CastExpr:
		return sqldep.Other{b.expr(e.X)}
	case *ast.BetweenExpr:
		x := b.expr(e.X)
		if _, ok := x.(sqldep.Column); ok && !e.Not {
			return and(sqldep.AtMost{X: b.expr(e.Lo), Y: x}, sqldep.AtMost{X: x, Y: b.expr(e.Hi)})
		}
		return sqldep.Other{x, b.expr(e.Lo), b.expr(e.Hi)}
	case *ast.CaseExpr, *ast.VectorExpr:
	default:
		b.fail(coarseSyntax)
		return nil
	}
	return b.children(e)
}

// exprs returns expressions with their names resolved.
func (b *scope) exprs(list []ast.Expr) (out sqldep.Other) {
	for _, e := range list {
		out = append(out, b.expr(e))
	}
	return out
}

// children returns what a node is made of.
func (b *scope) children(n ast.Node) (out sqldep.Other) {
	for _, c := range n.Children() {
		if e, ok := c.(ast.Expr); ok {
			out = append(out, b.expr(e))
		} else {
			out = append(out, b.children(c)...)
		}
	}
	return out
}

// name returns what a name stands for: a column, or what is TRUE or FALSE unless
// it is a column, or a column of the same SELECT's result, which is read in any
// case. The result itself does not see its aliases.
func (b *scope) name(table string, ident *ast.Ident) sqldep.Expr {
	if c, ok := b.lookup(table, ident); ok {
		return c
	}
	n := lower(ident.Name)
	word := table == "" && ident.Quote == ast.QuoteNone && (n == "true" || n == "false")
	alias := table == "" && !b.inResult && b.alias(n) != nil
	switch {
	case word && !b.named(n):
		return sqldep.Const{Value: n == "true"}
	case word, alias && !rowid(n):
		b.to.Aliased = b.to.Aliased || alias
		return sqldep.Other{}
	}
	return sqldep.Unclear{}
}

// term returns a term of ORDER BY or GROUP BY. A number stands for a result column.
// In ORDER BY a name is an alias of the result first; in GROUP BY a column, so that
// both must agree. What is no column of this SELECT for certain is Other.
func (b *scope) term(e ast.Expr) sqldep.Expr {
	if c, ok := b.sortColumn(e); ok {
		return c
	}
	return sqldep.Other{b.expr(e)}
}

func (b *scope) sortColumn(e ast.Expr) (c sqldep.Column, ok bool) {
	columns := b.from.Columns
	star := false
	for _, r := range columns {
		_, is := r.Expr.(*ast.Star)
		star = star || is
	}
	e = unparen(e)
	switch x := e.(type) {
	case *ast.Literal:
		n, err := strconv.Atoi(x.Value)
		if x.Kind != ast.LitInteger || err != nil || n < 1 || n > len(columns) || star {
			return c, false
		}
		e = columns[n-1].Expr
	case *ast.Ident:
		if r := b.alias(lower(x.Name)); r != nil {
			// The columns that a star stands for have names as well.
			if star {
				return c, false
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

// ownColumn returns the column of an item of this SELECT that a name is.
func (b *scope) ownColumn(e ast.Expr) (c sqldep.Column, ok bool) {
	switch e := unparen(e).(type) {
	case *ast.Ident:
		c, ok = b.lookup("", e)
	case *ast.QualifiedRef:
		if len(e.Parts) == 2 {
			c, ok = b.lookup(lower(e.Parts[0].Name), e.Parts[1])
		}
	}
	return c, ok && b.to.Has(c)
}

func (b *scope) in(e *ast.InExpr) sqldep.Expr {
	if e.Table != nil {
		b.fail(coarseSyntax)
		return nil
	}
	if x, list := b.foldedIn(e); x != nil {
		return sqldep.In{X: x, List: list}
	}
	x, list := b.expr(e.X), b.exprs(e.List)
	switch {
	case e.Select != nil:
		return sqldep.Other{x, b.subquery(e.Select, true)}
	case e.Not:
		return append(list, x)
	}
	return sqldep.In{X: x, List: list}
}

// foldedIn returns the column and the values of an IN in which case does not count, or
// nil.
func (b *scope) foldedIn(e *ast.InExpr) (x sqldep.Expr, list []sqldep.Expr) {
	if e.Not || e.Select != nil || !b.folds(e.X) && !slices.ContainsFunc(e.List, b.folds) {
		return nil, nil
	}
	c, ok := b.unfolded(e.X).(sqldep.Column)
	if !ok || !foldable(c) {
		return nil, nil
	}
	for _, v := range e.List {
		value := b.unfolded(v)
		if !constant(value) {
			return nil, nil
		}
		list = append(list, value)
	}
	return sqldep.Folded{Column: c}, list
}

func (b *scope) subquery(s *ast.SelectStmt, set bool) sqldep.Expr {
	q, _ := b.query(s, b)
	return sqldep.Subquery{Query: q, Set: set}
}

// call returns a function call. What is not known as a scalar may be an aggregate.
func (b *scope) call(f *ast.FuncCall) sqldep.Expr {
	to := sqldep.Call{Class: sqldep.Aggregate, Args: b.exprs(f.Args)}
	name := lower(f.Name.Name)
	extreme := name == "min" || name == "max"
	switch {
	case f.Over != nil:
		to.Class = sqldep.Window
	case scalar(name), extreme && len(f.Args) > 1:
		to.Class = sqldep.Scalar
	case name == "count":
		to.Class = sqldep.OrderFree
	case extreme && len(f.Args) == 1:
		// The least of several values that are equal but not the same, such as 1 and
		// 1.0 or 'a' and 'A', depends on which comes first.
		if c, ok := to.Args[0].(sqldep.Column); ok && b.to.Has(c) && c.Item.Table.Columns[c.Number].Distinct() {
			to.Class = sqldep.OrderFree
		}
		if f.Filter == nil && !f.Distinct && len(f.OrderBy) == 0 {
			to.Extreme = sqldep.Least
			if name == "max" {
				to.Extreme = sqldep.Greatest
			}
		}
	}
	for _, t := range f.OrderBy {
		to.Args = append(to.Args, b.expr(t.Expr))
	}
	to.Args = append(to.Args, b.expr(f.Filter))
	if f.Over != nil {
		to.Args = append(to.Args, b.window(f.Over)...)
	}
	return to
}

// window returns the expressions in the definition of a window.
func (b *scope) window(w *ast.WindowDef) []sqldep.Expr {
	list := b.exprs(w.Partition)
	for _, t := range w.OrderBy {
		list = append(list, b.expr(t.Expr))
	}
	for _, bound := range []*ast.FrameBound{w.StartBound, w.EndBound} {
		if bound != nil {
			list = append(list, b.expr(bound.Expr))
		}
	}
	return list
}

// literal returns a literal with its sign.
func literal(l *ast.Literal, sign string) sqldep.Expr {
	switch l.Kind {
	case ast.LitInteger:
		if i, err := strconv.ParseInt(sign+l.Value, 10, 64); err == nil { // not hexadecimal ones
			return sqldep.Const{Value: i}
		}
		return sqldep.Const{}
	case ast.LitString:
		return sqldep.Const{Value: l.Value}
	case ast.LitFloat, ast.LitBlob, ast.LitNull:
		return sqldep.Const{}
	}
	return sqldep.Other{} // the time
}

// parameter returns a parameter by the number or name under which a driver finds
// its argument. $1 is the argument with that ordinal, as ?1 is.
func parameter(p *ast.BindParam) sqldep.Param {
	if p.Kind == ast.ParamAnon || p.Kind == ast.ParamNumber {
		return sqldep.Param{Number: p.Number}
	}
	if n, err := strconv.Atoi(p.Name); err == nil && p.Kind == ast.ParamDollar && strconv.Itoa(n) == p.Name {
		return sqldep.Param{Number: n}
	}
	return sqldep.Param{Name: p.Name}
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
