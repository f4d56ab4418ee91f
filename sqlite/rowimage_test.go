package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"runtime"
	"testing"

	modernc "modernc.org/sqlite"
)

// The driver's own row images are wrong in two ways. When this test fails, the
// driver has been mended, and image need not go below it any longer.
func TestDriverRowImages(t *testing.T) {
	t.Parallel()
	c, err := new(modernc.Driver).Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	exec := func(sql string) {
		t.Helper()
		if _, err := c.(driver.ExecerContext).ExecContext(context.Background(), sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE t (a INTEGER, v AS (a * 100) VIRTUAL, s TEXT)")
	var got string
	c.(modernc.HookRegisterer).RegisterPreUpdateHook(func(d modernc.SQLitePreUpdateData) {
		dest := make([]any, d.Count())
		if err := d.New(dest...); err != nil {
			t.Error(err)
		}
		got = fmt.Sprintf("%q", dest)
	})
	exec("INSERT INTO t (a, s) VALUES (7, 'x' || char(0) || 'y')")
	if got != `['\a' '\a' "x"]` { // 7, again 7 in place of 700, and "x" of "x\x00y"
		t.Errorf("the driver's row image is %s", got)
	}
}

func TestRowImages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, schema, write string
		query, want         string
		args                []any
		keeps               string
	}{
		{name: "text that differs after a NUL byte",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO t VALUES (1, 'a' || char(0) || 'b'), (2, 'a' || char(0) || 'b')",
			write:  "UPDATE t SET s = 'a' || char(0) || 'c' WHERE id = 1",
			query:  "SELECT hex(s) FROM t WHERE id = 1", want: "610063", keeps: "SELECT hex(s) FROM t WHERE id = 2"},
		{name: "key with a NUL byte",
			schema: "CREATE TABLE t (s TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('a' || char(0) || 'b', 1), ('a', 1)",
			write:  "UPDATE t SET n = 2 WHERE s != 'a'",
			query:  "SELECT n FROM t WHERE s = ?", args: []any{"a\x00b"}, want: "2"},
		{name: "virtual generated column",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, v AS (a * 10) VIRTUAL, b INTEGER); INSERT INTO t (id, a, b) VALUES (1, 1, 1)",
			write:  "UPDATE t SET a = 2",
			query:  "SELECT v FROM t WHERE id = 1", want: "20"},
		{name: "column after a virtual generated one",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, v AS (id * 10) VIRTUAL, b INTEGER, c INTEGER); INSERT INTO t (id, b, c) VALUES (1, 1, 1), (2, 1, 1)",
			write:  "UPDATE t SET b = 2 WHERE id = 1",
			query:  "SELECT b FROM t WHERE id = 1", want: "2", keeps: "SELECT c FROM t WHERE id = 1"},
		{name: "stored generated column",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, v AS (a * 10) STORED); INSERT INTO t (id, a) VALUES (1, 1)",
			write:  "UPDATE t SET a = 2",
			query:  "SELECT v FROM t WHERE id = 1", want: "20"},
		{name: "column added later",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER); INSERT INTO t VALUES (1, 1), (2, 1); ALTER TABLE t ADD COLUMN z TEXT DEFAULT 'd'",
			write:  "UPDATE t SET z = 'e' WHERE id = 1",
			query:  "SELECT z FROM t WHERE id = 1", want: "e", keeps: "SELECT z FROM t WHERE id = 2"},
		{name: "large value",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, big BLOB, a INTEGER); INSERT INTO t VALUES (1, zeroblob(200000), 1), (2, zeroblob(200000), 1)",
			write:  "UPDATE t SET big = randomblob(200000) WHERE id = 1",
			query:  "SELECT hex(substr(big, 1, 1)) = '00' AND length(big) = 200000 AND hex(big) = hex(zeroblob(200000)) FROM t WHERE id = 1", want: "0",
			keeps: "SELECT a FROM t WHERE id = 1"},
		{name: "affinity",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER UNIQUE, s TEXT UNIQUE, n INTEGER); INSERT INTO t VALUES (1, '12', 34, 1), (2, 13, 35, 1)",
			write:  "UPDATE t SET n = 2 WHERE id = 1",
			query:  "SELECT n FROM t WHERE k = ?", args: []any{12}, want: "2", keeps: "SELECT n FROM t WHERE id = 2"},
		{name: "affinity of text",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER UNIQUE, s TEXT UNIQUE, n INTEGER); INSERT INTO t VALUES (1, '12', 34, 1)",
			write:  "UPDATE t SET n = 2 WHERE id = 1",
			query:  "SELECT n FROM t WHERE s = ?", args: []any{34}, want: "2"},
		{name: "a column without affinity keeps 1 and 1.0 apart only where SQL does",
			schema: "CREATE TABLE t (k PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1.0, 1)",
			write:  "UPDATE t SET n = 2",
			query:  "SELECT n FROM t WHERE k = ?", args: []any{1}, want: "2"},
		{name: "collation",
			schema: "CREATE TABLE t (s TEXT COLLATE NOCASE PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('Ada', 1)",
			write:  "UPDATE t SET n = 2",
			query:  "SELECT n FROM t WHERE s = ?", args: []any{"ada"}, want: "2"},
		{name: "rowid moves",
			schema: "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)",
			write:  "UPDATE t SET rowid = 9 WHERE a = 1",
			query:  "SELECT rowid FROM t WHERE a = 1", want: "9"},
		{name: "utf-16",
			schema: "CREATE TABLE t (s TEXT PRIMARY KEY, n TEXT); INSERT INTO t VALUES ('ä', 'x'), ('b', 'x')",
			write:  "UPDATE t SET n = 'ü' WHERE s = 'ä'",
			query:  "SELECT n FROM t WHERE s = ?", args: []any{"ä"}, want: "ü", keeps: "SELECT n FROM t WHERE s = 'b'"},
		{name: "strict table",
			schema: "CREATE TABLE t (s ANY PRIMARY KEY, n INTEGER) STRICT; INSERT INTO t VALUES ('1', 1), (1, 5)",
			write:  "UPDATE t SET n = n + 1",
			query:  "SELECT n FROM t WHERE s = ?", args: []any{1}, want: "6"},
		{name: "integer primary key descending",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, n INTEGER); INSERT INTO t VALUES (1, 1), (NULL, 1)",
			write:  "UPDATE t SET n = 2 WHERE id = 1",
			query:  "SELECT n FROM t WHERE id = ?", args: []any{1}, want: "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			first := ""
			if test.name == "utf-16" {
				first = "PRAGMA encoding = 'UTF-16'; "
			}
			var e *env
			if first != "" {
				e = openEnv(t, newCache(t), t.TempDir()+"/t.db?_pragma=encoding('UTF-16')", Config{}, test.schema)
			} else {
				e = newEnv(t, test.schema)
			}
			e.warm(test.query, test.args...)
			if test.keeps != "" {
				e.warm(test.keeps)
			}
			e.exec(test.write)
			e.miss(test.want, test.query, test.args...)
			if test.keeps != "" {
				e.hit(test.keeps)
			}
		})
	}
}

func TestVirtualTables(t *testing.T) {
	t.Parallel()
	e := newEnv(t, `CREATE VIRTUAL TABLE fts USING fts5(body); INSERT INTO fts VALUES ('hello world');
		CREATE VIRTUAL TABLE box USING rtree(id, x0, x1); INSERT INTO box VALUES (1, 0, 1);
		CREATE TABLE other (id INTEGER PRIMARY KEY); INSERT INTO other VALUES (1)`)
	e.warm("SELECT count(*) FROM fts WHERE fts MATCH 'hello'")
	e.warm("SELECT count(*) FROM box WHERE x0 >= 0")
	e.warm("SELECT id FROM other WHERE id = 1")
	e.exec("INSERT INTO fts VALUES ('hello again')")
	e.miss("2", "SELECT count(*) FROM fts WHERE fts MATCH 'hello'")
	e.hit("SELECT count(*) FROM box WHERE x0 >= 0")
	e.exec("INSERT INTO box VALUES (2, 1, 2)")
	e.miss("2", "SELECT count(*) FROM box WHERE x0 >= 0")
	e.exec("DELETE FROM fts")
	e.miss("0", "SELECT count(*) FROM fts WHERE fts MATCH 'hello'")
	e.hit("SELECT id FROM other WHERE id = 1")
}

// What is kept of the rows of an open transaction is small, whatever the rows are.
// It must not run beside others, whose memory it would take for its own.
func TestImagesAreSmall(t *testing.T) {
	e := newEnv(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, seen INTEGER, body TEXT);
		CREATE TABLE u (id INTEGER PRIMARY KEY, seen INTEGER, body TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO t SELECT i, 0, hex(zeroblob(30000)) FROM n;
		INSERT INTO u SELECT * FROM t`)
	e.warm("SELECT seen FROM t WHERE id = 1")
	e.warm("SELECT body FROM t WHERE id = 1")
	e.warm("SELECT seen FROM u WHERE id = 1")
	e.warm("SELECT count(*) FROM u WHERE body = 'x'")
	for _, test := range []struct {
		table  string
		most   int // bytes
		coarse uint64
	}{
		{"t", 1 << 20, 0},  // nobody asks for rows by their body, which is watched alone
		{"u", 17 << 20, 1}, // 36 MB of it tell in which set a row lies
	} {
		c := e.conn()
		c.exec("BEGIN")
		before := heap()
		c.exec("UPDATE " + test.table + " SET seen = 1")
		if grown := heap() - before; grown > test.most {
			t.Errorf("%s: %d bytes are kept", test.table, grown)
		}
		c.exec("COMMIT")
		if got := e.cache.Stats().CoarseWrites["too many bytes"]; got != test.coarse {
			t.Errorf("%s: %d commits were coarse", test.table, got)
		}
		e.miss("1", "SELECT seen FROM "+test.table+" WHERE id = 1")
	}
	e.hit("SELECT body FROM t WHERE id = 1")
}

// heap returns how many bytes are in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
