package sqldep

import (
	"strconv"
	"unicode/utf8"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
)

// operandOf returns an expression as an operand for a column. constant reports
// whether it is a parameter or a literal at all; fits, whether it may be of the
// kind that the column holds.
func operandOf(e ast.Expr, c *shape.Column) (o shape.Operand, constant, fits bool) {
	e = unparen(e)
	o.Affinity = c.Affinity
	fits = c.Comparable()
	sign := ""
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == ast.OpMinus {
		if l, ok := u.X.(*ast.Literal); ok && l.Kind == ast.LitInteger {
			e, sign = l, "-"
		}
	}
	switch e := e.(type) {
	case *ast.BindParam:
		o.Number, o.Name = parameter(e)
		return o, true, fits
	case *ast.Literal:
		switch e.Kind {
		case ast.LitInteger:
			i, err := strconv.ParseInt(sign+e.Value, 10, 64)
			if err != nil {
				return o, true, false // a hexadecimal one, or one that is no integer
			}
			o.Literal = shape.Int(i)
			return o, true, fits && c.Affinity != shape.AffinityText
		case ast.LitString:
			o.Literal = shape.Text(e.Value)
			return o, true, fits && (c.Affinity == shape.AffinityText || c.Affinity == shape.AffinityBlob) && utf8.ValidString(e.Value)
		case ast.LitFloat, ast.LitBlob, ast.LitNull:
			return o, true, false
		}
	}
	return o, false, false
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
