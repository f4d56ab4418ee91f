package sqldep

import (
	"cmp"
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
)

// Why dependencies are coarser than rows and columns.
const (
	coarseParse     = "parse failed"
	coarseTables    = "tables differ"
	coarseView      = "view"
	coarseVirtual   = "virtual table"
	coarseColumn    = "rowid or generated column"
	coarseWith      = "common table expression"
	coarseCompound  = "compound select"
	coarseFrom      = "subquery in from"
	coarseJoin      = "join"
	coarseSyntax    = "syntax"
	coarseAggregate = "outer aggregate"
	coarseOrder     = "no total order"
	coarseOr        = "or"
	coarseValue     = "affinity or collation"
	coarseJoined    = "join on non-constant"
)

// maxRows is the number of rows above which a table counts as read whole.
const maxRows = 64

// Analyze returns the plan of a statement. It never fails: what it does not
// understand becomes coarser or is refused.
func Analyze(sql string, s *Schema, a Access) *Plan {
	p := &Plan{}
	p.reads, p.refused = tablesOf(sql, s, a)
	if p.refused != "" {
		return p
	}
	slices.SortFunc(p.reads, func(a, b read) int { return compareNames(a.table, b.table) })
	an := analysis{schema: s, tables: make(map[*Table]*tableUse)}
	an.statement(sql, p.reads, a)
	for i := range p.reads {
		r := &p.reads[i]
		use := an.tables[r.table]
		switch {
		case an.failed != "":
			r.whole = true
		case r.whole:
			an.whole = coarseColumn
		case use.whole:
			r.whole = true
		case !use.all && len(use.rows) <= maxRows:
			r.rows = use.rows
		}
	}
	p.fallback = cmp.Or(an.failed, an.whole, an.fallback)
	return p
}

// An analysis narrows what a statement reads by its text.
type analysis struct {
	schema   *Schema
	tables   map[*Table]*tableUse
	failed   string // why nothing can be narrowed, or ""
	whole    string // why only table(t) will do for some table, or ""
	fallback string // why something else was not narrowed, or ""
}

// A tableUse is what the text says about a table.
type tableUse struct {
	whole bool  // the result depends on more than the table's columns and rows
	all   bool  // some occurrence of the table is not narrowed to rows
	rows  []row // those of the other occurrences
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

func (a *analysis) statement(sql string, reads []read, access Access) {
	for _, r := range access.Reads {
		if t := a.schema.Tables[lower(r.Table)]; t != nil && t.View {
			a.fail(coarseView)
			return
		}
	}
	for i := range reads {
		if reads[i].table.Virtual || reads[i].table.shadowOf != nil {
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
	a.query(query, nil, firstRows)
	if a.failed != "" {
		return
	}
	if len(a.tables) != len(reads) {
		a.fail(coarseTables)
		return
	}
	for i := range reads {
		if a.tables[reads[i].table] == nil {
			a.fail(coarseTables)
			return
		}
	}
}

// A purpose is what a SELECT's rows are used for.
type purpose uint8

const (
	firstRows purpose = iota // as a result or for their first row: their order matters
	anyRows                  // as a set
)

// query analyses a SELECT and returns the tables that it reads. Expressions in
// it may use the columns of the blocks around it, from outer on.
func (a *analysis) query(s *ast.SelectStmt, outer *block, use purpose) []*Table {
	if s.With != nil {
		a.fail(coarseWith)
		return nil
	}
	if len(s.Cores) != 1 {
		a.fail(coarseCompound)
		return nil
	}
	switch core := s.Cores[0].(type) {
	case *ast.SelectQuery:
		return a.selectQuery(core, outer, use)
	case *ast.ValuesClause:
		b := &block{analysis: a, outer: outer}
		for _, values := range core.Rows {
			for _, e := range values {
				b.walk(e, whereClause)
			}
		}
		return b.nested
	}
	a.fail(coarseSyntax)
	return nil
}

func (a *analysis) selectQuery(q *ast.SelectQuery, outer *block, use purpose) []*Table {
	b := &block{analysis: a, outer: outer, query: q}
	b.from(q.From)
	if a.failed != "" {
		return nil
	}
	b.conjuncts(q.Where, anyItem)
	b.spreadValues()
	b.walkQuery()
	if a.failed != "" {
		return nil
	}
	tables := b.nested
	for i := range b.items {
		t := b.items[i].table
		tables = append(tables, t)
		u := a.of(t)
		rows := b.narrow(i)
		if len(rows) == 0 {
			u.all = true
			a.coarser(b.unnarrowed(i))
		}
		u.rows = append(u.rows, rows...)
	}
	if !b.fixed(use) {
		// The order in which the block visits its rows may decide, and with it
		// that of the blocks inside, which SQLite may turn into joins.
		a.whole = coarseOrder
		for _, t := range tables {
			a.of(t).whole = true
		}
	}
	return tables
}

func (a *analysis) of(t *Table) *tableUse {
	u := a.tables[t]
	if u == nil {
		u = &tableUse{}
		a.tables[t] = u
	}
	return u
}
