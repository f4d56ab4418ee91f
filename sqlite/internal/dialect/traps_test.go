package dialect

import (
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

// Each trap is a query whose answer the change changes although a careless
// analysis, which overlooks what is cut out of the text, would not think so.
func TestTraps(t *testing.T) {
	t.Parallel()
	for _, trap := range []struct {
		name     string
		ddl      string
		query    string
		change   string
		careless func(sql string, s *Schema, a Access) *shape.Plan
	}{
		{
			name:   "two rows with NULL in a unique key tie",
			ddl:    "CREATE TABLE t (u INTEGER UNIQUE, a); INSERT INTO t(rowid, u, a) VALUES (1, NULL, 'x'), (2, NULL, 'y')",
			query:  "SELECT a FROM t ORDER BY u",
			change: "UPDATE t SET rowid = 3 WHERE a = 'x'",
		},
		{
			name:     "COLLATE on the column",
			ddl:      "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, a); INSERT INTO t VALUES ('x', 1), ('X', 2)",
			query:    "SELECT count(a) FROM t WHERE k COLLATE NOCASE = 'x'",
			change:   "DELETE FROM t WHERE k = 'X'",
			careless: without(" COLLATE NOCASE"),
		},
		{
			name:     "COLLATE on the value",
			ddl:      "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, a); INSERT INTO t VALUES ('x', 1), ('X', 2)",
			query:    "SELECT count(a) FROM t WHERE k = 'x' COLLATE NOCASE",
			change:   "DELETE FROM t WHERE k = 'X'",
			careless: without(" COLLATE NOCASE"),
		},
		{
			name:   "a collation of the column",
			ddl:    "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, a); INSERT INTO t VALUES ('X', 2)",
			query:  "SELECT a FROM t WHERE k = 'x'",
			change: "DELETE FROM t WHERE k = 'X'",
		},
		{
			name:   "ORDER BY another collation",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE); INSERT INTO t VALUES (1, 'x'), (2, 'X')",
			query:  "SELECT k FROM t NOT INDEXED ORDER BY k COLLATE NOCASE",
			change: "UPDATE t SET id = 3 WHERE id = 1",
		},
		{
			name:   "LIMIT in a subquery",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (a); INSERT INTO t VALUES (1), (2); INSERT INTO u VALUES (1), (2)",
			query:  "SELECT id FROM t WHERE id IN (SELECT a FROM u LIMIT 1) ORDER BY id",
			change: "UPDATE u SET rowid = 3 WHERE a = 1",
		},
		{
			name:   "a value that the column converts",
			ddl:    "CREATE TABLE t (k PRIMARY KEY NOT NULL, a); INSERT INTO t VALUES (1, 'x')",
			query:  "SELECT a FROM t WHERE k = 1.0",
			change: "UPDATE t SET a = 'y'",
			careless: func(sql string, s *Schema, a Access) *shape.Plan {
				return Analyze(strings.Replace(sql, "1.0", "10", 1), remake(s, integer), a, sqldep.PrecisionExact)
			},
		},
		{
			name:     "columns of different affinity",
			ddl:      "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (k TEXT PRIMARY KEY NOT NULL, a); INSERT INTO t VALUES (1); INSERT INTO u VALUES ('1', 'x'), ('01', 'y')",
			query:    "SELECT u.a FROM t JOIN u ON u.k = t.id WHERE t.id = 1",
			change:   "UPDATE u SET a = 'z' WHERE k = '01'",
			careless: columns(integer),
		},
		{
			name:     "an alias of the result in ORDER BY",
			ddl:      "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'x', 1), (2, 'x', 2); CREATE INDEX i ON t (a, b)",
			query:    "SELECT a AS id, b FROM t ORDER BY id",
			change:   "UPDATE t SET b = 3 WHERE id = 1",
			careless: forgetting("b", without(" AS id, b")),
		},
		{
			name:   "a row absent from an outer join within a group",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, a, g); CREATE TABLE u (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1, 1), (2, 9, 1); INSERT INTO u VALUES (1, 'x')",
			query:  "SELECT u.n, count(*) FROM t LEFT JOIN u ON u.id = 1 AND t.a > 5 GROUP BY t.g ORDER BY t.g",
			change: "UPDATE t SET id = 3 WHERE id = 1",
		},
		{
			name:   "MIN of equal values that differ",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE); INSERT INTO t VALUES (1, 'x'), (2, 'X')",
			query:  "SELECT min(a) FROM t",
			change: "UPDATE t SET id = 3 WHERE id = 1",
		},
		{
			name:   "an aggregate of ordered rows",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL); INSERT INTO t VALUES (1, 1), (2, 2)",
			query:  "SELECT group_concat(a) FROM t",
			change: "UPDATE t SET id = 9 WHERE id = 1",
		},
		{
			name:   "a view",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE VIEW v AS SELECT a FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'x')",
			query:  "SELECT a FROM v",
			change: "UPDATE t SET a = 'y'",
		},
		{
			name:   "full text",
			ddl:    "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x')",
			query:  "SELECT count(*) FROM f WHERE f MATCH 'x'",
			change: "INSERT INTO f VALUES ('x')",
		},
		{
			name:   "full text with external content",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE VIRTUAL TABLE f USING fts5(a, content=\"t\", content_rowid=id); INSERT INTO t VALUES (1, 'x'); INSERT INTO f(f) VALUES ('rebuild')",
			query:  "SELECT a FROM f WHERE f MATCH 'x'",
			change: "UPDATE t SET a = 'y'",
		},
		{
			name:   "USING, of whose columns the authorizer says nothing",
			ddl:    "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE u (a); INSERT INTO t VALUES (1, 'x'); INSERT INTO u VALUES ('x')",
			query:  "SELECT t.id FROM t JOIN u USING (a) ORDER BY t.id",
			change: "UPDATE t SET a = 'y'",
		},
	} {
		t.Run(trap.name, func(t *testing.T) {
			t.Parallel()
			d := openDatabase(t, trap.ddl)
			access, err := d.prepare(trap.query)
			if err != nil {
				t.Fatal(err)
			}
			before, values, err := d.read(trap.query)
			if err != nil {
				t.Fatal(err)
			}
			var changes shape.Changes
			d.changed = changes.Add
			d.exec(t, trap.change)
			after, err := d.rows(trap.query)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Equal(before, after) {
				t.Fatalf("the answer remains %q", before)
			}
			plan := Analyze(trap.query, d.schema, access, sqldep.PrecisionExact)
			if plan.Refused == "" && !bumps(&changes, plan, values) {
				t.Errorf("%q became %q without a bump of %s", before, after, plan)
			}
			if trap.careless == nil {
				return
			}
			if plan := trap.careless(trap.query, d.schema, access); bumps(&changes, plan, values) {
				t.Errorf("no trap: the careless plan %s is bumped too", plan)
			}
		})
	}
}

// bumps reports whether the changes bump anything that the plan depends on.
func bumps(changes *shape.Changes, p *shape.Plan, rows [][]shape.Value) bool {
	shapes := shape.NewShapes([16]byte{1}, func() uint64 { return 1 })
	var deps shape.Dependencies
	if run := shapes.Use(p).Begin(&deps, 1, nil, nil); run != nil {
		for _, row := range rows {
			run.Row(func(c int) shape.Value { return row[c] })
		}
		run.End(&deps, true, true)
	}
	view := shapes.View()
	defer view.Release()
	bumped := changes.Dependencies(nil, view)
	return slices.ContainsFunc(deps.Hashes, func(h uint64) bool { return slices.Contains(bumped, h) })
}

func integer(c *shape.Column) { c.Type = integerType }

// without analyses a text from which a part is cut out.
func without(part string) func(string, *Schema, Access) *shape.Plan { return instead(part, "") }

// instead analyses a text with a part replaced.
func instead(part, by string) func(string, *Schema, Access) *shape.Plan {
	return func(sql string, s *Schema, a Access) *shape.Plan {
		return Analyze(strings.Replace(sql, part, by, 1), s, a, sqldep.PrecisionExact)
	}
}

// forgetting takes the reads of a column out of an analysis.
func forgetting(name string, analyze func(string, *Schema, Access) *shape.Plan) func(string, *Schema, Access) *shape.Plan {
	return func(sql string, s *Schema, a Access) *shape.Plan {
		p := analyze(sql, s, a)
		for i := range p.Sources {
			s := &p.Sources[i]
			var forgotten shape.ColumnSet
			forgotten.Add(s.Table.Column(name))
			s.Watched &^= forgotten
		}
		return p
	}
}

// columns analyses with a schema whose columns are edited.
func columns(edit func(*shape.Column)) func(string, *Schema, Access) *shape.Plan {
	return func(sql string, s *Schema, a Access) *shape.Plan {
		return Analyze(sql, remake(s, edit), a, sqldep.PrecisionExact)
	}
}
