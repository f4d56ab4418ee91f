package sqldep

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
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
func Analyze(sql string, s *Schema, a Access, precision Precision) *Plan {
	p := &Plan{}
	reads, refused := tablesOf(sql, s, a)
	if refused != "" {
		p.refused = refused
		return p
	}
	if p.clocked = slices.ContainsFunc(a.Functions, func(f string) bool { return s.timed(lower(f)) }); p.clocked {
		var ok bool
		if p.modifiers, ok = s.modifiers(sql, a); !ok {
			p.refused = refusedFunction
			return p
		}
	}
	an := analysis{schema: s, reads: make(map[*Table]*read), precision: precision}
	for i := range reads {
		an.reads[reads[i].table] = &reads[i]
	}
	an.statement(sql)
	if an.failed != "" {
		an.sources = nil
		for _, r := range reads {
			an.sources = append(an.sources, &source{table: r.table, whole: true})
		}
	}
	p.sources, p.width = an.distinct(), an.width
	p.fallback = cmp.Or(an.failed, an.whole, an.fallback)
	return p
}

// An analysis narrows what a statement reads by its text.
type analysis struct {
	schema    *Schema
	reads     map[*Table]*read // what the database says
	precision Precision
	sources   []*source // what the text says
	blocks    int
	width     int
	deriving  []*ast.CTE // the common table expressions that are being read
	failed    string     // why nothing can be narrowed, or ""
	whole     string     // why all columns or rows count for some table, or ""
	fallback  string     // why something else was not narrowed, or ""
}

// A read is what the database says of a table in a statement.
type read struct {
	table   *Table
	whole   bool // on every change
	columns columnSet
}

// fail gives up narrowing.
func (a *analysis) fail(reason string) {
	if a.failed == "" {
		a.failed = reason
	}
}

// coarser notes why something could not be narrowed, or nothing if it says "".
func (a *analysis) coarser(reason string) {
	if a.fallback == "" && reason != "" {
		a.fallback = reason
	}
}

func (a *analysis) statement(sql string) {
	if a.precision == ByTable {
		a.fail(coarsePrecision)
		return
	}
	for t := range a.reads {
		if t.Virtual || t.shadowOf != nil {
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
	seen := make(map[*Table]bool)
	for _, s := range a.sources {
		seen[s.table] = true
	}
	for t, r := range a.reads {
		if !seen[t] {
			a.fail(coarseTables)
			return
		}
		if r.whole {
			a.whole = coarseVirtual
		}
	}
}

// add adds a source, as wide as the database says.
func (a *analysis) add(s source) {
	r := a.reads[s.table]
	if r == nil {
		// The database reads nothing of it, whatever the text says, or knows better.
		a.fail(coarseTables)
		return
	}
	if r.whole {
		s = source{table: s.table, whole: true}
	}
	a.sources = append(a.sources, &s)
}

// distinct returns the sources, each once, by table name.
func (a *analysis) distinct() []source {
	var out []source
	slices.SortStableFunc(a.sources, func(x, y *source) int { return compareNames(x.table, y.table) })
	for _, s := range a.sources {
		if !slices.ContainsFunc(out, func(o source) bool { return reflect.DeepEqual(o, *s) }) {
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
