package sqldep

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/unstale/unstale/internal/shape"
)

// Why dependencies are coarser than they might be.
const (
	coarseParse     = "parse failed"
	coarseTables    = "tables differ"
	coarseVirtual   = "virtual table"
	coarseJoin      = "using, natural, right or full join"
	coarseSyntax    = "syntax"
	coarseAggregate = "outer aggregate"
	coarseOrder     = "no total order"
	coarseOr        = "or"
	coarseValue     = "affinity or collation"
	coarseJoined    = "join on columns that are not in the result"
	coarseLimit     = "limit by an order that is not in the result"
	coarsePrecision = "configured"
)

// maxRows is the number of sets above which a table counts as read whole, and
// maxBlocks that of SELECTs, with views and common table expressions counted
// once for each use, above which a statement is not understood.
const (
	maxRows   = 64
	maxBlocks = 64
)

// Precision is how finely dependencies are told apart.
type Precision uint8

// The precisions, from the finest on.
const (
	Exact Precision = iota
	ByRow           // rows by unique key, and columns
	ByTable
)

// Analyze returns the plan of a statement. It never fails: what it does not
// understand becomes coarser or is refused.
func Analyze(sql string, s *Schema, a Access, precision Precision) *shape.Plan {
	p := &shape.Plan{}
	reads, refused := tablesOf(sql, s, a)
	if refused != "" {
		p.Refused = refused
		return p
	}
	if p.Clocked = slices.ContainsFunc(a.Functions, func(f string) bool { return s.timed(lower(f)) }); p.Clocked {
		var ok bool
		if p.Zoneless, ok = s.modifiers(sql, a); !ok {
			p.Refused = refusedFunction
			return p
		}
	}
	an := analysis{schema: s, reads: make(map[*shape.Table]*read), precision: precision}
	for i := range reads {
		an.reads[reads[i].table] = &reads[i]
	}
	an.statement(sql)
	if an.failed != "" {
		an.sources = nil
		for _, r := range reads {
			an.sources = append(an.sources, &shape.Source{Table: r.table, Coarse: true})
		}
	}
	p.Sources, p.Width = an.distinct(), an.width
	p.Coarse = cmp.Or(an.failed, an.coarse, an.finer)
	return p
}

// An analysis narrows what a statement reads by its text.
type analysis struct {
	schema    *Schema
	reads     map[*shape.Table]*read // what the database says
	precision Precision
	sources   []*shape.Source // what the text says
	blocks    int
	width     int
	deriving  []*ast.CTE // the common table expressions that are being read
	failed    string     // why nothing can be narrowed, or ""
	coarse    string     // why all columns or rows count for some table, or ""
	finer     string     // why something else was not narrowed, or ""
}

// A read is what the database says of a table in a statement.
type read struct {
	table   *shape.Table
	coarse  bool // on every change
	columns shape.ColumnSet
}

// fail gives up narrowing.
func (a *analysis) fail(reason string) {
	if a.failed == "" {
		a.failed = reason
	}
}

// coarser notes why something could not be narrowed, or nothing if it says "".
func (a *analysis) coarser(reason string) {
	if a.finer == "" && reason != "" {
		a.finer = reason
	}
}

func (a *analysis) statement(sql string) {
	if a.precision == ByTable {
		a.fail(coarsePrecision)
		return
	}
	for t := range a.reads {
		if t.Virtual || len(t.Along) > 0 {
			a.fail(coarseVirtual)
			return
		}
	}
	stmt, err := parser.ParseStatement(sql)
	if err != nil {
		a.fail(coarseParse)
		return
	}
	query, ok := stmt.(*ast.SelectStmt)
	if !ok {
		a.fail(coarseSyntax)
		return
	}
	top := a.open(query, nil, firstRows)
	if a.failed == "" && len(top) == 1 {
		top[0].top = true
		a.width = len(top[0].outputs)
	}
	for _, b := range top {
		b.close(false)
	}
	if a.failed != "" {
		return
	}
	seen := make(map[*shape.Table]bool)
	for _, s := range a.sources {
		seen[s.Table] = true
	}
	for t, r := range a.reads {
		if !seen[t] {
			a.fail(coarseTables)
			return
		}
		if r.coarse {
			a.coarse = coarseVirtual
		}
	}
}

// add adds a source, as wide as the database says.
func (a *analysis) add(s shape.Source) {
	r := a.reads[s.Table]
	if r == nil {
		// The database reads nothing of it, whatever the text says, or knows better.
		a.fail(coarseTables)
		return
	}
	if r.coarse {
		s = shape.Source{Table: s.Table, Coarse: true}
	}
	a.sources = append(a.sources, &s)
}

// distinct returns the sources, each once, by table name.
func (a *analysis) distinct() []shape.Source {
	var out []shape.Source
	slices.SortStableFunc(a.sources, func(x, y *shape.Source) int { return shape.CompareNames(x.Table, y.Table) })
	for _, s := range a.sources {
		if !slices.ContainsFunc(out, func(o shape.Source) bool { return reflect.DeepEqual(o, *s) }) {
			out = append(out, *s)
		}
	}
	return out
}

// A purpose is what a SELECT's rows are used for.
type purpose uint8

const (
	firstRows purpose = iota // as a result or for their first row: their order matters
	anyRows                  // as a set
)

// open returns the blocks of a SELECT, with their names resolved. Expressions in
// it may use the columns of the blocks around it, from outer on.
func (a *analysis) open(s *ast.SelectStmt, outer *block, use purpose) []*block {
	blocks := a.from(s, outer, use)
	for _, b := range blocks {
		b.resolveAll()
	}
	return blocks
}

// from returns the blocks of a SELECT with their FROM and WHERE clauses read.
func (a *analysis) from(s *ast.SelectStmt, outer *block, use purpose) []*block {
	if s.With != nil {
		outer = &block{analysis: a, outer: outer, ctes: s.With.CTEs, scope: true}
	}
	var blocks []*block
	cut := false
	for _, core := range s.Cores {
		if a.blocks++; a.blocks > maxBlocks {
			a.fail(coarseSyntax)
			return nil
		}
		b := &block{analysis: a, outer: outer, purpose: use, compound: len(s.Cores) > 1}
		switch core := core.(type) {
		case *ast.SelectQuery:
			b.query = core
			cut = cut || core.Limit != nil
			b.from(core.From)
			if a.failed != "" {
				return nil
			}
			b.conjuncts(core.Where, anyItem)
			b.outputs = b.result()
		case *ast.ValuesClause:
			b.rows = core.Rows
		default:
			a.fail(coarseSyntax)
			return nil
		}
		blocks = append(blocks, b)
	}
	merged := slices.ContainsFunc(s.Ops, func(op ast.CompoundOp) bool { return !op.All })
	for _, b := range blocks {
		b.cut, b.merged = cut, merged
	}
	return blocks
}
