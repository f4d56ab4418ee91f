package sqlite

import "github.com/unstale/unstale/internal/sqlgen"

// keptCases are the minimal forms of what TestDifferential found.
func keptCases() map[string]sqlgen.Case {
	return map[string]sqlgen.Case{
		"the row of another key": {
			Setup:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES (1, 'a')"},
			Reads:   []sqlgen.Read{one("SELECT a FROM t WHERE id = 2")},
			Changes: []sqlgen.Change{change("UPDATE t SET id = 2")},
		},
		"NATURAL JOIN with a table that shows nothing": {
			Setup:   []string{"CREATE TABLE t0 (id, k, a, b)", "CREATE TABLE t1 (a)"},
			Reads:   []sqlgen.Read{one("SELECT x2.a FROM t0 NATURAL LEFT JOIN t1 x2")},
			Changes: []sqlgen.Change{change("INSERT INTO t0 VALUES (3, '1', 2, x'')")},
		},
		"USING with a table that shows nothing": {
			Setup:   []string{"CREATE TABLE t1 (id, g)", "CREATE TABLE t2 (id, g)", "INSERT INTO t1 VALUES (2, 1)"},
			Reads:   []sqlgen.Read{one("SELECT x2.g FROM t2 JOIN t1 x2 USING (id)")},
			Changes: []sqlgen.Change{change("INSERT INTO t2 VALUES (2, 3)")},
		},
	}
}

func one(query string) sqlgen.Read {
	return sqlgen.Read{Shape: "kept", Queries: []sqlgen.Statement{{Text: query}}}
}

func change(texts ...string) (c sqlgen.Change) {
	for _, text := range texts {
		c.Statements = append(c.Statements, sqlgen.Statement{Text: text})
	}
	return c
}
