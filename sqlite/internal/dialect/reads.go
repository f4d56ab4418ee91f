package dialect

import (
	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

// An Access is what the database's authorizer reported when a statement was
// prepared.
type Access struct {
	Reads     []Read
	Functions []string // SQL functions that are called
	Others    []string // every action but select, read, function and recursive, in words of the caller
}

// A Read is one report of a read.
type Read struct {
	Database string // such as "main" or "temp"; "" where the database reports none
	Table    string
	Column   string // "" for a table of which rows but no columns are used, such as by COUNT(*); "ROWID" for the rowid of a table without INTEGER PRIMARY KEY
}

// Why a result must not be cached. The words appear in logs and as a metric's
// label.
const (
	refusedAction   = "not a query"
	refusedFunction = "volatile function"
	refusedTable    = "unknown table"
	refusedDatabase = "other database"
	refusedCompared = "natural join or using that cannot be parsed"
)

// pure reports whether a table-valued function depends on its arguments alone.
func pure(table string) bool {
	switch table {
	case "json_each", "json_tree", "jsonb_each", "jsonb_tree":
		return true
	}
	return false
}

// expression reports whether a name is that of a common table expression of the
// statement, of which the authorizer reports that it is read if no column is.
func (a *analysis) expression(name string) bool {
	found := false
	ast.Walk(a.text(a.sql).stmt(), func(n ast.Node) bool {
		cte, ok := n.(*ast.CTE)
		found = found || ok && lower(cte.Name.Name) == name
		return !found
	})
	return found
}

// tables returns a read for every table in the Access, with the columns read and
// coarse where only every change will do, or why the result must not be cached.
func (a *analysis) tables() (reads []sqldep.Read, refused string) {
	if len(a.access.Others) > 0 {
		return nil, refusedAction
	}
	var through *passages
	for _, f := range a.access.Functions {
		f = lower(f)
		if a.deterministic[f] || scalarFunctions[f] || aggregateFunctions[f] || a.timed(f) {
			continue
		}
		if through == nil {
			through = a.through()
		}
		if !through.onlyDefault(f) {
			return nil, refusedFunction
		}
	}
	t := tableReads{schema: a.Schema, index: make(map[*Table]int)}
	for _, r := range a.access.Reads {
		if r.Database != "" && lower(r.Database) != "main" {
			return nil, refusedDatabase
		}
		name := lower(r.Table)
		if a.Tables[name] == nil && (pure(name) || r.Database == "" && r.Column == "" && a.expression(name)) {
			continue
		}
		if !t.add(name, lower(r.Column)) {
			return nil, refusedTable
		}
	}
	named, ok := a.compared()
	if !ok {
		return nil, refusedCompared
	}
	for _, table := range named {
		t.of(table).Coarse = coarseJoin
	}
	return t.reads, ""
}

// tableReads collects reads by table.
type tableReads struct {
	schema *Schema
	index  map[*Table]int
	reads  []sqldep.Read
}

// add adds a read of a column. It reports whether the table is known.
func (t *tableReads) add(name, column string) bool {
	table := t.schema.Tables[name]
	if table == nil || table.opaque {
		return false
	}
	if table.View {
		return true // the tables behind it are reported too
	}
	if table.Virtual {
		t.of(table).Coarse = coarseVirtual
		for _, content := range table.content {
			c := t.schema.Tables[content]
			if c == nil || c.View || c.Virtual {
				return false
			}
			t.of(c).Coarse = coarseVirtual
		}
		return true
	}
	r := t.of(table)
	if column == "" {
		return true
	}
	i := table.Column(column)
	switch {
	case len(table.Along) > 0:
		r.Coarse = coarseVirtual // its virtual table may write it in ways of its own
	case i < 0 && rowid(column):
		// A row that gets another rowid counts as another row.
	case i < 0, table.Columns[i].Generated != shape.NotGenerated:
		r.Columns = table.Every() // of which its value is made
	default:
		r.Columns.Add(i)
	}
	return true
}

func (t *tableReads) of(table *Table) *sqldep.Read {
	i, ok := t.index[table]
	if !ok {
		i = len(t.reads)
		t.index[table] = i
		t.reads = append(t.reads, sqldep.Read{Table: &table.Table})
	}
	return &t.reads[i]
}
