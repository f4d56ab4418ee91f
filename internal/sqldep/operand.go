package sqldep

import (
	"strconv"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
)

// operandOf returns an expression as an operand for a column. constant reports
// whether it is a parameter or a literal at all; fits, whether it may be of the
// kind that the column holds.
func operandOf(e ast.Expr, c *shape.Column) (o shape.Operand, constant, fits bool) {
	e = unparen(e)
	o.Type = c.Type
	sign := ""
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == ast.OpMinus {
		if l, ok := u.X.(*ast.Literal); ok && l.Kind == ast.LitInteger {
			e, sign = l, "-"
		}
	}
	switch e := e.(type) {
	case *ast.BindParam:
		o.Number, o.Name = parameter(e)
		return o, true, c.Comparable()
	case *ast.Literal:
		switch e.Kind {
		case ast.LitInteger:
			i, err := strconv.ParseInt(sign+e.Value, 10, 64) // not hexadecimal ones, nor what is no integer
			return literal(i, c, err == nil)
		case ast.LitString:
			return literal(e.Value, c, true)
		case ast.LitFloat, ast.LitBlob, ast.LitNull:
			return o, true, false
		}
	}
	return o, false, false
}

// literal returns a literal as an operand for a column.
func literal(value any, c *shape.Column, known bool) (o shape.Operand, constant, fits bool) {
	if known && c.Comparable() {
		o.Literal, fits = c.Type.Fit(value)
	}
	return o, true, fits
}

// parameter returns under which number or name a driver finds a parameter's
// argument. $1 is the argument with that ordinal, as ?1 is.
func parameter(p *ast.BindParam) (number int, name string) {
	if p.Kind == ast.ParamAnon || p.Kind == ast.ParamNumber {
		return p.Number, ""
	}
	if n, err := strconv.Atoi(p.Name); err == nil && p.Kind == ast.ParamDollar && strconv.Itoa(n) == p.Name {
		return n, ""
	}
	return 0, p.Name
}
