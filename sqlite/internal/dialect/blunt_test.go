package dialect

import (
	"math/rand/v2"
	"testing"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

// A front end that knows less finds plans that are as safe: with anything in the
// tree replaced by Other, made of its parts, no answer changes without a bump.
func TestKnowingLessIsSafe(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	failure, s := search(t, 1, *pairs, mutant{tree: func(q *sqldep.Query) { blunter{r}.query(q) }})
	t.Logf("%+v", s)
	if failure != "" {
		t.Errorf("an answer changed and nothing it depends on was bumped\n%s", failure)
	}
}

// analyzed is Analyze with a tree that edit has changed.
func analyzed(sql string, s *Schema, access Access, edit func(*sqldep.Query)) *shape.Plan {
	a := &analysis{Schema: s, sql: sql, access: access, texts: make(map[string]*text)}
	reads, refused := a.tables()
	if refused != "" {
		return &shape.Plan{Refused: refused}
	}
	q, coarse := a.resolve(reads)
	if coarse == "" {
		edit(q)
	}
	return dialect.Analyze(q, coarse, reads, sqldep.PrecisionExact)
}

// A blunter makes a tree say less.
type blunter struct{ *rand.Rand }

func (b blunter) chance() bool { return b.IntN(12) == 0 }

func (b blunter) query(q *sqldep.Query) {
	for _, s := range q.Selects {
		for _, it := range s.Items {
			it.Args, it.On = b.exprs(it.Args), b.expr(it.On)
			if it.Query != nil {
				b.query(it.Query)
			}
		}
		s.Results, s.GroupBy, s.Windows = b.exprs(s.Results), b.exprs(s.GroupBy), b.exprs(s.Windows)
		s.Where, s.Having, s.Limit, s.Offset = b.expr(s.Where), b.expr(s.Having), b.expr(s.Limit), b.expr(s.Offset)
		for i := range s.OrderBy {
			s.OrderBy[i].By = b.expr(s.OrderBy[i].By)
			s.OrderBy[i].Nulls = s.OrderBy[i].Nulls || b.chance()
		}
		for i := range s.Outputs {
			if b.chance() {
				s.Outputs[i] = sqldep.Column{}
			}
		}
		if b.chance() {
			s.Outputs = nil
		}
		s.Aliased = s.Aliased || b.chance()
	}
}

func (b blunter) exprs(list []sqldep.Expr) (out []sqldep.Expr) {
	for _, e := range list {
		out = append(out, b.expr(e))
	}
	return out
}

func (b blunter) expr(e sqldep.Expr) sqldep.Expr {
	less := b.chance()
	switch e := e.(type) {
	case nil:
		return nil
	case sqldep.Column:
		if less {
			return []sqldep.Expr{sqldep.Other{e}, sqldep.Unclear{}}[b.IntN(2)]
		}
		return e
	case sqldep.Const:
		if less {
			return []sqldep.Expr{sqldep.Const{}, sqldep.Other{}}[b.IntN(2)]
		}
		return e
	case sqldep.Param:
		if less {
			return sqldep.Other{}
		}
		return e
	case sqldep.Equal:
		x, y := b.expr(e.X), b.expr(e.Y)
		if less {
			return sqldep.Other{x, y}
		}
		return sqldep.Equal{X: x, Y: y}
	case sqldep.In:
		x, list := b.expr(e.X), b.exprs(e.List)
		if less {
			return append(sqldep.Other{x}, list...)
		}
		return sqldep.In{X: x, List: list}
	case sqldep.IsNull:
		if less {
			return sqldep.Other{b.expr(e.X)}
		}
		return sqldep.IsNull{X: b.expr(e.X)}
	case sqldep.Bool:
		x, y := b.expr(e.X), b.expr(e.Y)
		if less {
			return sqldep.Other{x, y}
		}
		return sqldep.Bool{Or: e.Or, X: x, Y: y}
	case sqldep.Call:
		e.Args = b.exprs(e.Args)
		if less {
			e.Class, e.Extreme = sqldep.Aggregate, sqldep.NoExtreme
		}
		return e
	case sqldep.Subquery:
		b.query(e.Query)
		e.Set = e.Set && !less
		return e
	case sqldep.Other:
		return sqldep.Other(b.exprs(e))
	}
	return e
}
