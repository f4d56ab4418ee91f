package dialect

import (
	"database/sql/driver"
	"testing"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

// smallSchema is a schema without a database.
func smallSchema() *Schema {
	columns := func() []shape.Column {
		return []shape.Column{
			{Name: "id", Type: TypeOf("INTEGER", false, "", false), NotNull: true}, {Name: "a", Type: TypeOf("TEXT", false, "", false)}, {Name: "b", Type: TypeOf("TEXT", false, "NOCASE", false)},
			{Name: "g", Generated: shape.Virtual},
		}
	}
	return NewSchema([]*Table{
		{Table: shape.Table{Name: "t", Columns: columns(), Keys: []shape.Key{{Columns: []int{1}}}}, RowID: 0},
		{Table: shape.Table{Name: "u", Columns: columns(), Keys: []shape.Key{{Columns: []int{0, 1}}, {Columns: []int{2}}}}, RowID: -1},
		{Table: shape.Table{Name: "v", Columns: columns()}, RowID: -1, View: true},
	})
}

// Whatever the text is, every table that the database says is read is in the
// plan, and the plan works.
func FuzzAnalyze(f *testing.F) {
	for _, sql := range []string{
		"SELECT a FROM t WHERE id = ?",
		"SELECT t.a, u.* FROM t LEFT JOIN u ON u.id = t.id AND u.a = 'x' WHERE t.id IN (1, -2, ?3) ORDER BY 1, t.id LIMIT 3",
		"SELECT count(*), max(a) FROM t GROUP BY b HAVING min(b) > :x ORDER BY b COLLATE NOCASE",
		"SELECT EXISTS (SELECT 1 FROM u WHERE u.id = t.id AND a = $1), (SELECT a FROM u LIMIT 1) FROM t ORDER BY rowid",
		"WITH x AS (SELECT 1) SELECT * FROM x UNION VALUES (1)",
		"SELECT sum(a) OVER (PARTITION BY b ORDER BY id) FROM t, u USING (id) WHERE NOT (a LIKE 'x%' OR b BETWEEN 1 AND 2)",
		"SELECT (a, b) = (1, 2), CASE WHEN a THEN b END, CAST(a AS INT) FROM (t JOIN u) WHERE x IN u",
		"SELECT", ";", "SELECT 1; SELECT 2", "INSERT INTO t VALUES (1)", "EXPLAIN SELECT 1", "\x00", "'", "SELECT ((((((1))))))",
	} {
		f.Add(sql, byte(3), int64(1), "x")
	}
	f.Fuzz(func(t *testing.T, sql string, tables byte, i int64, s string) {
		schema := smallSchema()
		var a Access
		want := 0
		for bit, name := range []string{"t", "u", "v"} {
			if tables&(1<<bit) == 0 {
				continue
			}
			for _, c := range schema.Tables[name].Columns[:3] {
				a.Reads = append(a.Reads, Read{Table: name, Column: c.Name})
			}
			if name != "v" {
				want++
			}
		}
		p := Analyze(sql, schema, a, sqldep.PrecisionExact)
		if p.Refused != "" || len(p.Sources) < want {
			t.Fatalf("%q: %s", sql, p)
		}
		shapes := shape.NewShapes([16]byte{1}, func() uint64 { return 1 })
		args := []driver.NamedValue{{Ordinal: 1, Value: i}, {Ordinal: 2, Value: s}, {Ordinal: 3, Name: "x", Value: i}}
		var deps shape.Dependencies
		if run := shapes.Use(p).Begin(&deps, 1, args, nil); run != nil {
			run.Row(func(int) shape.Value { return shape.Int(i) })
			run.End(&deps, i%2 == 0, i%3 == 0)
		}
		if len(deps.Hashes) < want {
			t.Fatalf("%q: %d dependencies of %s", sql, len(deps.Hashes), p)
		}
	})
}
