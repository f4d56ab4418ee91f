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
		"NULL in a unique key that the result shows": {
			Setup:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b)"},
			Reads:   []sqlgen.Read{one("SELECT b, a FROM t WHERE (1) ORDER BY id")},
			Changes: []sqlgen.Change{change("INSERT INTO t (id) VALUES (4)"), change("UPDATE t SET b = 1")},
		},
		"a virtual column filters, and its source is shown": {
			Setup: []string{
				"CREATE TABLE t (id PRIMARY KEY, a, b, g AS (length(b) + 1)) WITHOUT ROWID",
				"INSERT INTO t (id, a, b) VALUES ('b', 1.0, 'a'), ('A', 1.5, NULL)",
			},
			Reads:   []sqlgen.Read{one("SELECT b, id FROM t WHERE g = 1 ORDER BY id")},
			Changes: []sqlgen.Change{change("UPDATE t SET b = ''")},
		},
		"a virtual column orders, and its source is shown": {
			Setup: []string{
				"CREATE TABLE t (id PRIMARY KEY, p, a, c, g AS (coalesce(a, '-') || '.')) WITHOUT ROWID",
				"INSERT INTO t (id, p, a, c) VALUES ('a ', 2, NULL, 'x'), ('a', 2, 0, 'y'), ('1', 2, 0, 'z')",
			},
			Reads:   []sqlgen.Read{one("SELECT * FROM t WHERE (g, id) > ('', 'a') ORDER BY g, id LIMIT 1")},
			Changes: []sqlgen.Change{change("UPDATE t SET a = NULL")},
		},
		"a parent goes while foreign keys are not enforced": {
			Loose: true,
			Setup: []string{
				"CREATE TABLE p (id INTEGER PRIMARY KEY, a)", "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p(id))",
				"INSERT INTO p VALUES (1, 'x')", "INSERT INTO c VALUES (1, 1)",
			},
			Reads:   []sqlgen.Read{one("SELECT c.id FROM c JOIN p ON p.id = c.p ORDER BY c.id")},
			Changes: []sqlgen.Change{change("DELETE FROM p")},
		},
		"a cascade that fails half-way and is committed": {
			Setup: []string{
				"CREATE TABLE p (id INTEGER PRIMARY KEY)",
				"CREATE TABLE c (id INTEGER PRIMARY KEY, k INTEGER, p INTEGER REFERENCES p(id) ON DELETE CASCADE, a TEXT) STRICT",
				"CREATE TRIGGER tr BEFORE DELETE ON c BEGIN UPDATE c SET k = old.a; END",
				"INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (2, 8, 1, 'b'), (1, 9, 1, 'a')",
			},
			Reads:   []sqlgen.Read{one("SELECT p.id FROM c JOIN p ON c.p = p.id ORDER BY c.id")},
			Changes: []sqlgen.Change{change("BEGIN", "DELETE FROM p", "COMMIT")},
		},
		"two tables that would be found by one another": {
			Setup: []string{
				"CREATE TABLE t1 (id INTEGER, p, a)", "CREATE TABLE t2 (id, p INTEGER)",
				"INSERT INTO t2 VALUES ('b', 5), ('', 2)",
			},
			Reads:   []sqlgen.Read{one("SELECT x1.id FROM t2 x1 JOIN t1 x2 ON x2.id = x1.p JOIN t1 x3 ON x3.id = x1.p WHERE x3.a IN (1) AND 1 = x2.p ORDER BY x3.id")},
			Changes: []sqlgen.Change{change("INSERT INTO t1 VALUES (2, 1, 1)")},
		},
		"a parent that its own parent may hide": {
			Setup: []string{
				"CREATE TABLE o (id INTEGER PRIMARY KEY, x)", "CREATE TABLE u (id INTEGER PRIMARY KEY, o INTEGER NOT NULL REFERENCES o(id), n)",
				"CREATE TABLE c (id INTEGER PRIMARY KEY, u INTEGER NOT NULL REFERENCES u(id))",
				"INSERT INTO o VALUES (1, 0), (2, 5)", "INSERT INTO u VALUES (1, 1, 'a')", "INSERT INTO c VALUES (1, 1)",
			},
			Reads:   []sqlgen.Read{one("SELECT c.id, c.u, u.n FROM c JOIN u ON u.id = c.u JOIN o ON o.id = u.o WHERE o.x = 5 ORDER BY c.id")},
			Changes: []sqlgen.Change{change("UPDATE u SET o = 2")},
		},
		"an alias that orders has the name of a column": {
			Setup: []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER)", "INSERT INTO t VALUES (1, 1, 5, 1), (2, 2, 6, 1), (3, 3, 7, 0)"},
			Reads: []sqlgen.Read{
				one("SELECT id, b AS a FROM t WHERE c > 0 ORDER BY a, id LIMIT 1"),
				one("SELECT b AS a, * FROM t WHERE c > 0 ORDER BY a, id LIMIT 1"),
				one("SELECT id, b AS a FROM t WHERE c > 0 ORDER BY a COLLATE NOCASE, id LIMIT 1"),
				one("SELECT id, b FROM t WHERE c > 0 ORDER BY 2 COLLATE NOCASE, id LIMIT 1"),
				one("SELECT id, b FROM t WHERE c > 0 ORDER BY +2, id LIMIT 1"),
			},
			Changes: []sqlgen.Change{change("UPDATE t SET b = 1 WHERE id = 2")},
		},
		"an alias that its own expression does not see": {
			Setup: []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER)", "INSERT INTO t VALUES (1, 1, 5, 1), (2, 2, 6, 1), (3, 3, 7, 0)"},
			Reads: []sqlgen.Read{
				one("SELECT id, b FROM t WHERE (SELECT b AS b) > 6 ORDER BY id"),
			},
			Changes: []sqlgen.Change{change("UPDATE t SET b = 9 WHERE id = 2")},
		},
		"an absent row within a joined view": {
			Setup: []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER)", "INSERT INTO t VALUES (1, 1, 5, 1), (2, 2, 6, 1), (3, 3, 7, 0)", "CREATE TABLE w (id INTEGER PRIMARY KEY, t INTEGER, x INTEGER)", "CREATE VIEW v AS SELECT t.id AS tid, w.x AS wx FROM t LEFT JOIN w ON w.t = t.id"},
			Reads: []sqlgen.Read{
				one("SELECT t.id, v.tid FROM t LEFT JOIN v ON v.wx IS NULL AND v.tid = t.id ORDER BY t.id"),
			},
			Changes: []sqlgen.Change{change("INSERT INTO w VALUES (1, 1, 5)")},
		},
		"IS DISTINCT FROM NULL, and a limit in other digits": {
			Setup: []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER)", "INSERT INTO t VALUES (1, 1, 5, 1), (2, 2, 6, 1), (3, 3, 7, 0)"},
			Reads: []sqlgen.Read{
				one("SELECT id FROM t WHERE a IS DISTINCT FROM NULL ORDER BY id"),
				one("SELECT id, a FROM t ORDER BY id LIMIT 0x5"),
			},
			Changes: []sqlgen.Change{change("INSERT INTO t VALUES (8, 8, 8, 8)")},
		},
		"NOCASE ends at a NUL byte": {
			Setup: []string{"CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE)", "INSERT INTO n VALUES (5, 'a' || char(0) || 'b')"},
			Reads: []sqlgen.Read{
				one("SELECT id, a FROM n ORDER BY a, id LIMIT 1"),
			},
			Changes: []sqlgen.Change{change("INSERT INTO n VALUES (1, 'a' || char(0) || 'c')")},
		},
		"DISTINCT keeps one of several equal values": {
			Setup: []string{
				"CREATE TABLE d (id INTEGER PRIMARY KEY, a, c INTEGER, p TEXT, q TEXT)", "CREATE INDEX i ON d (c, a)",
				"INSERT INTO d VALUES (1, 1, 1, 'some twenty-five bytes...', ''), (2, 1.0, 2, 'some twenty-five bytes...', '')",
			},
			Reads: []sqlgen.Read{
				one("SELECT count(*) FILTER (WHERE typeof(x) = 'integer') FROM (SELECT DISTINCT a AS x FROM d)"),
				one("SELECT count(*) FILTER (WHERE typeof(x) = 'integer') FROM (SELECT a AS x FROM d UNION SELECT 'zz')"),
			},
			Changes: []sqlgen.Change{change("UPDATE d SET c = 0 WHERE id = 2")},
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
