package sqldep

import (
	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/unstale/unstale/internal/shape"
)

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
func expression(sql, name string) bool {
	stmt, err := parser.ParseStatement(sql)
	if err != nil {
		return false
	}
	found := false
	ast.Walk(stmt, func(n ast.Node) bool {
		if cte, ok := n.(*ast.CTE); ok && lower(cte.Name.Name) == name {
			found = true
		}
		return !found
	})
	return found
}

// tablesOf returns a read for every table in the Access, with the columns read
// and coarse where only table(t) will do, or why the result must not be cached.
func tablesOf(sql string, s *Schema, a Access) (reads []read, refused string) {
	if len(a.Others) > 0 {
		return nil, refusedAction
	}
	var through *passages
	for _, f := range a.Functions {
		f = lower(f)
		if s.deterministic[f] || scalarFunctions[f] || aggregateFunctions[f] || s.timed(f) {
			continue
		}
		if through == nil {
			through = s.through(sql, a)
		}
		if !through.onlyDefault(f) {
			return nil, refusedFunction
		}
	}
	t := tableReads{schema: s, index: make(map[string]int)}
	for _, r := range a.Reads {
		if r.Database != "" && lower(r.Database) != "main" {
			return nil, refusedDatabase
		}
		name := lower(r.Table)
		if s.Tables[name] == nil && (pure(name) || r.Database == "" && r.Column == "" && expression(sql, name)) {
			continue
		}
		if !t.add(name, lower(r.Column)) {
			return nil, refusedTable
		}
	}
	named, ok := s.compared(sql)
	if !ok {
		return nil, refusedCompared
	}
	for _, table := range named {
		t.of(table).coarse = true
	}
	return t.reads, ""
}

// tableReads collects reads by table.
type tableReads struct {
	schema *Schema
	index  map[string]int
	reads  []read
}

// add adds a read of a column. It reports whether the table is known.
func (t *tableReads) add(name, column string) bool {
	table := t.schema.Tables[name]
	if table == nil || table.Opaque {
		return false
	}
	if table.View {
		return true // the tables behind it are reported too
	}
	if table.Virtual {
		t.of(table).coarse = true
		for _, content := range t.schema.content[table] {
			c := t.schema.Tables[content]
			if c == nil || c.View || c.Virtual {
				return false
			}
			t.of(c).coarse = true
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
		r.coarse = true // its virtual table may write it in ways of its own
	case i < 0 && rowid(column):
		// A row that gets another rowid counts as another row.
	case i < 0, table.Columns[i].Generated != shape.NotGenerated:
		r.columns = table.Every() // of which its value is made
	default:
		r.columns.Add(i)
	}
	return true
}

func (t *tableReads) of(table *shape.Table) *read {
	i, ok := t.index[table.Name]
	if !ok {
		i = len(t.reads)
		t.index[table.Name] = i
		t.reads = append(t.reads, read{table: table})
	}
	return &t.reads[i]
}
