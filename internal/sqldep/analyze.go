package sqldep

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// Why dependencies are coarser than they might be.
const (
	coarseTables    = "tables differ"
	coarseAggregate = "outer aggregate"
	coarseOrder     = "no total order"
	coarseOr        = "or"
	coarseValue     = "affinity or collation"
	coarseJoined    = "join on columns that are not in the result"
	coarseLimit     = "limit by an order that is not in the result"
	coarsePrecision = "configured"
	coarseCondition = "condition that is no equality"
	CoarseTwice     = "a query stands twice in the tree" // against the contract of [Query]
)

// Bounds of the sets of a table, above which all rows count as read: as the plan keeps
// them, where a run of parameters is one, and as runs of the query know them.
const (
	maxRows = 64
	maxKeys = 1000
)

// Precision is how finely dependencies are told apart.
type Precision uint8

// The precisions, from the finest on.
const (
	PrecisionExact Precision = iota
	PrecisionRow             // rows by unique key, and columns
	PrecisionTable
)

// A Dialect is what the analysis has to know of a database.
type Dialect struct {
	Moment      shape.Type                      // of what an Until compares with the present; nil if there is none
	Integer     shape.Type                      // of what LIMIT counts
	Table       func(*shape.Table) string       // a table in a FROM clause
	Quote       func(name string) string        // any other name
	Placeholder func(number int) string         // an argument, from 1 on
	Any         func(placeholder string) string // that something equals an element of an argument; nil if there is no such Param

	// Untyped is how values compare of which neither is a column's, or nil if that is not
	// known.
	Untyped shape.Type

	// AnyOrder says that rows which are not told apart by ORDER BY may come in any order,
	// and another one the next time, though nothing has changed: whatever order an answer
	// has is right. Otherwise all columns of rows count whose order may decide.
	AnyOrder bool

	// Levels says that front ends know to which SELECT an aggregate belongs: the one in
	// which it stands. Otherwise it may be one around, of which it uses columns.
	Levels bool
}

// A Read is what the database says of a table in a statement.
type Read struct {
	Table   *shape.Table
	Columns shape.ColumnSet // of which the values are read
	Coarse  string          // why the statement depends on every change of it, or ""
}

// Analyze returns the plan of a query of which the database says that it reads
// certain tables. It never fails: what it does not understand becomes coarser. The
// query is nil where its text was not understood; coarse says why.
func (d *Dialect) Analyze(q *Query, coarse string, reads []Read, precision Precision) *shape.Plan {
	a := analysis{dialect: d, reads: make(map[*shape.Table]*Read), precision: precision, failed: coarse}
	for i := range reads {
		a.reads[reads[i].Table] = &reads[i]
	}
	if precision == PrecisionTable {
		a.failed = coarsePrecision
	}
	if a.failed == "" {
		a.failing = q.Failing
		a.query(q)
	}
	if a.failed != "" {
		a.sources, a.ends = nil, nil
		for _, r := range reads {
			a.sources = append(a.sources, &shape.Source{Table: r.Table, Coarse: true, Reason: a.failed})
		}
	}
	p := &shape.Plan{Sources: a.distinct(), Width: a.width, Ends: a.ends, Coarse: cmp.Or(a.failed, a.coarse, a.finer)}
	if a.failed == "" {
		p.Guards = a.guards
	}
	return p
}

// An analysis narrows what a statement reads by its text.
type analysis struct {
	dialect   *Dialect
	reads     map[*shape.Table]*Read // what the database says
	precision Precision
	sources   []*shape.Source // what the text says
	blocks    int
	ends      []shape.Operand // when the result is another one by itself
	width     int
	failed    string // why nothing can be narrowed, or ""
	coarse    string // why all columns or rows count for some table, or ""
	finer     string // why something else was not narrowed, or ""

	vague map[*Item]string // why conditions on an item do not narrow it

	failing []shape.Guard // by the arguments
	guards  []shape.Guard // of which that is not known
}

// fail gives up narrowing.
func (a *analysis) fail(reason string) {
	if a.failed == "" {
		a.failed = reason
	}
}

func (a *analysis) query(q *Query) {
	top := a.open(q, firstRows)
	if a.failed == "" && len(top) == 1 {
		top[0].top = true
		a.width = len(top[0].Outputs)
	}
	for _, b := range top {
		b.close(false)
		a.ends = append(a.ends, b.ends()...)
	}
	seen := make(map[*shape.Table]bool)
	for _, s := range a.sources {
		seen[s.Table] = true
	}
	for t, r := range a.reads {
		if !seen[t] {
			a.fail(coarseTables)
		}
		a.coarse = cmp.Or(r.Coarse, a.coarse)
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
	if r.Coarse != "" {
		s = shape.Source{Table: s.Table, Coarse: true, Reason: r.Coarse}
	}
	a.finer = cmp.Or(a.finer, s.Reason)
	a.sources = append(a.sources, &s)
}

// distinct returns the sources, each once, by table name.
func (a *analysis) distinct() []shape.Source {
	var out []shape.Source
	slices.SortStableFunc(a.sources, func(x, y *shape.Source) int { return shape.CompareNames(x.Table, y.Table) })
	for _, s := range a.sources {
		same := func(o shape.Source) bool {
			o.Reason = s.Reason // people alone see it
			return reflect.DeepEqual(o, *s)
		}
		if !slices.ContainsFunc(out, same) {
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

// open returns the blocks of a query, with everything in it looked at.
func (a *analysis) open(q *Query, use purpose) []*block {
	blocks := a.read(q, use)
	for _, b := range blocks {
		b.look()
	}
	return blocks
}

// read returns the blocks of a query with their FROM and WHERE clauses read.
func (a *analysis) read(q *Query, use purpose) []*block {
	blocks := make([]*block, len(q.Selects))
	for i, s := range q.Selects {
		if s.block != nil {
			a.fail(CoarseTwice)
			return nil
		}
		a.blocks++
		b := &block{Select: s, query: q, analysis: a, number: a.blocks, purpose: use}
		blocks[i], s.block = b, b
		for _, it := range s.Items {
			if it.Query != nil {
				it.blocks = a.read(it.Query, firstRows)
			}
		}
		for _, it := range s.Items {
			if it.Left {
				b.conjuncts(it.On, it) // ON narrows the right side only: left rows stay without it
			} else {
				b.conjuncts(it.On, anyItem)
			}
		}
		b.conjuncts(s.Where, anyItem)
	}
	return blocks
}
