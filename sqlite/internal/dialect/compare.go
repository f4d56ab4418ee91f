package dialect

import (
	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/sqldep"
)

func and(x, y sqldep.Expr) sqldep.Expr { return sqldep.Bool{X: x, Y: y} }
func or(x, y sqldep.Expr) sqldep.Expr  { return sqldep.Bool{Or: true, X: x, Y: y} }

// binary returns an expression of two.
func (b *scope) binary(e *ast.BinaryExpr) sqldep.Expr {
	if x, ok := unparen(e.X).(*ast.VectorExpr); ok {
		if y, ok := unparen(e.Y).(*ast.VectorExpr); ok && len(x.List) == len(y.List) {
			return b.rows(e.Op, x, y)
		}
	}
	if e.Op == ast.OpEq {
		return b.equal(e.X, e.Y)
	}
	x, y := b.expr(e.X), b.expr(e.Y)
	switch e.Op {
	case ast.OpAnd, ast.OpOr:
		return sqldep.Bool{Or: e.Op == ast.OpOr, X: x, Y: y}
	case ast.OpLt, ast.OpLe:
		return sqldep.AtMost{X: x, Y: y}
	case ast.OpGt, ast.OpGe:
		return sqldep.AtMost{X: y, Y: x}
	}
	return sqldep.Other{x, y}
}

// rows returns a comparison of two rows: they are equal if all their values are; the
// first ones decide which is less unless they are equal.
func (b *scope) rows(op ast.Operator, x, y *ast.VectorExpr) sqldep.Expr {
	if op == ast.OpEq {
		var all sqldep.Expr
		for i := range x.List {
			if one := b.equal(x.List[i], y.List[i]); all == nil {
				all = one
			} else {
				all = and(all, one)
			}
		}
		return all
	}
	left, right := b.exprs(x.List), b.exprs(y.List)
	more := append(left[1:len(left):len(left)], right[1:]...)
	switch op {
	case ast.OpLt, ast.OpLe:
		return sqldep.AtMost{X: left[0], Y: right[0], More: more}
	case ast.OpGt, ast.OpGe:
		return sqldep.AtMost{X: right[0], Y: left[0], More: more}
	}
	return append(left, right...)
}

// is returns "x IS y". Of a parameter it says that x equals it or is NULL.
func (b *scope) is(e *ast.IsExpr) sqldep.Expr {
	x := b.expr(e.X)
	if e.Not || e.Distinct {
		return sqldep.Other{x, b.expr(e.Y)}
	}
	switch y := unparen(e.Y).(type) {
	case *ast.Literal:
		if y.Kind == ast.LitNull {
			return sqldep.IsNull{X: x}
		}
	case *ast.BindParam:
		if _, ok := x.(sqldep.Column); ok {
			return or(sqldep.Equal{X: x, Y: parameter(y)}, sqldep.IsNull{X: x})
		}
	}
	return sqldep.Other{x, b.expr(e.Y)}
}

// equal returns "x = y", or something that follows from it:
//
//   - lower(column) = lower(value), where one of both or a collation may do: they are
//     equal but for the case of ASCII letters;
//   - coalesce(column, constant) = value: the column equals the value, or is NULL. It
//     is not converted for the comparison, but what equals it without equals it then,
//     too;
//   - column = coalesce(parameter, column), an optional filter: the parameter is NULL, or
//     the column equals it.
func (b *scope) equal(x, y ast.Expr) sqldep.Expr {
	for range 2 {
		first, second, ok := b.coalesced(x)
		value := sqldep.Expr(nil)
		if ok {
			value = b.expr(y)
		}
		if c, ok := first.(sqldep.Column); ok && constant(second) && constant(value) {
			return or(sqldep.Equal{X: c, Y: value}, sqldep.IsNull{X: c})
		}
		c, ok := second.(sqldep.Column)
		of, same := value.(sqldep.Column)
		if p, optional := first.(sqldep.Param); optional && ok && same && c == of {
			return or(sqldep.IsNull{X: p}, sqldep.Equal{X: c, Y: p})
		}
		x, y = y, x
	}
	if b.folds(x) || b.folds(y) {
		for range 2 {
			c, value := b.unfolded(x), b.unfolded(y)
			if c, ok := c.(sqldep.Column); ok && foldable(c) && constant(value) {
				return sqldep.Equal{X: sqldep.Folded{Column: c}, Y: value}
			}
			x, y = y, x
		}
	}
	return sqldep.Equal{X: b.expr(x), Y: b.expr(y)}
}

// fold returns what lower and upper, or the collation NOCASE, are applied to.
func (b *scope) fold(e ast.Expr) (x ast.Expr, ok bool) {
	switch e := unparen(e).(type) {
	case *ast.FuncCall:
		name := lower(e.Name.Name)
		if (name == "lower" || name == "upper") && !b.Replaced[name] && len(e.Args) == 1 && e.Over == nil && e.Filter == nil && !e.Distinct && len(e.OrderBy) == 0 {
			return e.Args[0], true
		}
	case *ast.CollateExpr:
		return e.X, lower(e.Name.Name) == "nocase"
	}
	return e, false
}

// folds reports whether the case of letters in an expression does not count.
func (b *scope) folds(e ast.Expr) bool {
	_, ok := b.fold(e)
	return ok
}

// unfolded returns an expression without what makes case not count.
func (b *scope) unfolded(e ast.Expr) sqldep.Expr {
	for {
		x, ok := b.fold(e)
		if !ok {
			return b.expr(e)
		}
		e = x
	}
}

// foldable reports whether a column has no values that are equal in the column but not
// where case does not count.
func foldable(c sqldep.Column) bool {
	return c.Item.Table != nil && c.Item.Table.Columns[c.Number].Folded != nil
}

// coalesced returns the arguments of coalesce(x, y).
func (b *scope) coalesced(e ast.Expr) (x, y sqldep.Expr, ok bool) {
	f, ok := unparen(e).(*ast.FuncCall)
	if !ok || len(f.Args) != 2 || f.Over != nil || f.Filter != nil || f.Distinct {
		return nil, nil, false
	}
	if name := lower(f.Name.Name); name != "coalesce" && name != "ifnull" || b.Replaced[name] {
		return nil, nil, false
	}
	return b.expr(f.Args[0]), b.expr(f.Args[1]), true
}

// constant reports whether an expression is the same for all rows.
func constant(e sqldep.Expr) bool {
	switch e.(type) {
	case sqldep.Const, sqldep.Param:
		return true
	}
	return false
}
