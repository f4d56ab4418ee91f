package shape

import "database/sql/driver"

// A Guard is a condition on a parameter alone: that it is NULL, or that it equals a
// value.
type Guard struct {
	Operand
	Equals Value // Unknown: that it is NULL
}

// fails reports whether the guard certainly does not hold with these arguments.
func (g *Guard) fails(args []driver.NamedValue) bool {
	for i := range args {
		if !g.names(&args[i]) {
			continue
		}
		v, ok := g.Type.Fit(args[i].Value)
		if g.Equals.kind == KindUnknown {
			return ok && v.kind != KindNull
		}
		v, known := g.Type.Key(v)
		w, comparable := g.Type.Key(g.Equals)
		return ok && known && comparable && v != w
	}
	return false
}

// Failing returns which guards fail with these arguments, one bit for each.
func (p *Plan) Failing(args []driver.NamedValue) (mask uint) {
	for i := range p.Guards {
		if p.Guards[i].fails(args) {
			mask |= 1 << i
		}
	}
	return mask
}

// Fail returns those of the guards whose bits are set.
func (p *Plan) Fail(mask uint) (failing []Guard) {
	for i, g := range p.Guards {
		if mask>>i&1 == 1 {
			failing = append(failing, g)
		}
	}
	return failing
}
