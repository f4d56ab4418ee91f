package sqldep

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// Optional filters, such as "? IS NULL OR x = ?", are decided by their arguments: a
// query has a plan for each choice of the conditions on parameters alone, called
// guards, that fail. The plan of a query without such a choice holds for all.

// maxGuards bounds the guards of a query.
const maxGuards = 6

// guard returns a condition on a parameter alone.
func (a *analysis) guard(e Expr) (g shape.Guard, ok bool) {
	if a.dialect.Untyped == nil {
		return g, false
	}
	switch e := e.(type) {
	case IsNull:
		p, ok := e.X.(Param)
		return shape.Guard{Operand: shape.Operand{Type: a.dialect.Untyped, Number: p.Number, Name: p.Name}}, ok
	case Equal:
		p, ok := e.X.(Param)
		c := e.Y
		if !ok {
			p, ok = e.Y.(Param)
			c = e.X
		}
		k, constant := c.(Const)
		if !ok || !constant || k.Value == nil {
			return g, false
		}
		g = shape.Guard{Operand: shape.Operand{Type: a.dialect.Untyped, Number: p.Number, Name: p.Name}}
		g.Equals, ok = a.dialect.Untyped.Fit(k.Value)
		return g, ok
	}
	return g, false
}

// fails reports whether a guard fails, and notes it if that is not known.
func (a *analysis) fails(g shape.Guard) bool {
	if slices.Contains(a.failing, g) {
		return true
	}
	if len(a.guards) < maxGuards && !slices.Contains(a.guards, g) {
		a.guards = append(a.guards, g)
	}
	return false
}
