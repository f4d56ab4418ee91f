package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/unstale/unstale"
)

// Whatever no row image describes invalidates everything.
func TestSchemaChanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, change, query, want string }{
		{"drop and create", "DROP TABLE notes; CREATE TABLE notes AS SELECT 1 AS id, 2 AS user, 'new' AS body", "SELECT body FROM notes WHERE id = 1", "new"},
		{"drop column", "ALTER TABLE notes DROP COLUMN user", "SELECT * FROM notes WHERE id = 1", "1|hi"},
		{"add column", "ALTER TABLE notes ADD COLUMN c DEFAULT 5", "SELECT * FROM notes WHERE id = 1", "1|1|hi|5"},
		{"rename table", "ALTER TABLE notes RENAME TO old; CREATE TABLE notes (id INTEGER PRIMARY KEY, body)", "SELECT count(*) FROM notes", "0"},
		{"create view over a name", "DROP VIEW spent; CREATE VIEW spent AS SELECT 'x' AS name, body AS total FROM notes WHERE id = 1", "SELECT total FROM spent", "hi"},
		{"inside a transaction", "BEGIN; ALTER TABLE notes DROP COLUMN user; UPDATE notes SET body = 'x'; COMMIT", "SELECT * FROM notes WHERE id = 1", "1|x"},
		{"written schema", "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'body', 'text') WHERE name = 'notes'; PRAGMA writable_schema = reset", "SELECT text FROM notes WHERE id = 1", "hi"},
		{"vacuum", "CREATE TABLE v (a); INSERT INTO v VALUES (1), (2); DELETE FROM v WHERE a = 1; VACUUM", "SELECT rowid FROM v", "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			e.warm("SELECT name FROM users WHERE id = 1")
			_, _ = unstale.Load(t.Context(), e.cache, key(test.query, nil), func(ctx context.Context) (string, error) {
				return read(ctx, e.db, test.query)
			})
			before := total(e)
			e.exec(test.change)
			if total(e) == before {
				t.Error("nothing fell")
			}
			e.miss(test.want, test.query)
			e.db.SetMaxIdleConns(0) // some of the pragmas stay with the connection
			e.warm(test.query)
			e.exec("UPDATE orders SET sum = 5 WHERE id = 1")
			e.hit(test.query)
			if n := e.lost(causeForeign); n != 0 {
				t.Errorf("%d own commits were taken for foreign ones", n)
			}
		})
	}
}

func TestSchemaChangeInTransaction(t *testing.T) {
	t.Parallel()
	const query = "SELECT * FROM notes WHERE id = 1"
	e := newEnv(t, shop)
	e.warm(query)
	c := e.conn()
	c.exec("BEGIN")
	c.exec("ALTER TABLE notes ADD COLUMN c DEFAULT 5")
	e.hit(query) // nothing is committed
	c.exec("UPDATE notes SET c = 6 WHERE id = 1")
	e.hit(query)
	c.exec("ROLLBACK")
	e.hit(query)
	c.exec("BEGIN")
	c.exec("ALTER TABLE notes ADD COLUMN c DEFAULT 5")
	c.exec("COMMIT")
	e.miss("1|1|hi|5", query)
	e.warm(query)
	e.exec("UPDATE notes SET c = 6 WHERE id = 2")
	e.hit(query)
	e.exec("UPDATE notes SET c = 6 WHERE id = 1")
	e.miss("1|1|hi|6", query)
}

func TestStatementsThatUpset(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.db.SetMaxIdleConns(0)
	for _, statement := range []string{
		"ANALYZE", "ANALYZE; ANALYZE", "REINDEX", "VACUUM", "ATTACH ':memory:' AS x", "PRAGMA user_version = 3",
		"PRAGMA incremental_vacuum", "PRAGMA application_id = 7", "CREATE INDEX i ON users (visits)", "DROP INDEX i",
	} {
		e.warm("SELECT name FROM users WHERE id = 1")
		e.exec(statement)
		if _, ran := e.load("SELECT name FROM users WHERE id = 1"); !ran {
			t.Errorf("%s: nothing fell", statement)
		}
	}
	for _, statement := range []string{"CREATE TEMP TABLE x (a)", "PRAGMA cache_size = 50", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA integrity_check"} {
		e.warm("SELECT name FROM users WHERE id = 1")
		e.exec(statement)
		e.hit("SELECT name FROM users WHERE id = 1")
	}
}

// A write into a file that the cache knows under another Database's name, or
// under no name at all, concerns everything.
func TestAttachedDatabaseIsWritten(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	a := openEnv(t, c, filepath.Join(t.TempDir(), "a.db"), Config{}, people)
	b := openEnv(t, c, filepath.Join(t.TempDir(), "b.db"), Config{}, people)
	conn := a.conn()
	conn.exec("ATTACH '" + b.path + "' AS other")
	conn.exec("ATTACH '" + a.path + "' AS self")
	const query = "SELECT name FROM people WHERE id = 1"
	b.warm(query + " -- b")
	a.warm(query + " -- a")
	conn.exec("UPDATE other.people SET name = 'ann' WHERE id = 1")
	b.miss("ann", query+" -- b")
	a.warm(query + " -- a")
	conn.exec("UPDATE self.people SET name = 'amy' WHERE id = 1")
	a.miss("amy", query+" -- a")
	conn.exec("BEGIN; UPDATE people SET age = 1 WHERE id = 1; UPDATE other.people SET name = 'bea' WHERE id = 1; COMMIT")
	b.miss("bea", query+" -- b")
	// Temporary tables are nobody else's.
	conn.exec("CREATE TEMP TABLE mine (i)")
	a.warm(query + " -- a")
	conn.exec("INSERT INTO mine VALUES (1)")
	a.hit(query + " -- a")
}

// A database in memory has no file that anybody watches: what is attached and
// written concerns it, too. No other test may take a name meanwhile.
func TestAttachedMemoryIsWritten(t *testing.T) { //nolint:paralleltest // see there
	c := newCache(t)
	a := openEnv(t, c, ":memory:", Config{}, people)
	conn := openEnv(t, c, filepath.Join(t.TempDir(), "b.db"), Config{}, people).conn()
	conn.exec(fmt.Sprintf("ATTACH 'file:/unstale-%d?vfs=memdb' AS other", memoryNames.Load()))
	const query = "SELECT name FROM people WHERE id = 1"
	a.warm(query)
	conn.exec("UPDATE other.people SET name = 'ann' WHERE id = 1")
	a.miss("ann", query)
}

// A write that no words announce and no row image shows is noticed by the pages
// it wrote.
func TestWriteWithoutRowImages(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.warm("SELECT name FROM users WHERE id = 1")
	c := e.conn()
	s := c.session()
	s.db.texts.Put("PRAGMA user_version = 7", text{}) // as if the text were not understood
	c.exec("INSERT INTO log (what) VALUES ('x')")
	e.hit("SELECT name FROM users WHERE id = 1")
	c.exec("PRAGMA user_version = 7")
	e.miss("ada", "SELECT name FROM users WHERE id = 1")
	if e.lost(causeUnseen) == 0 {
		t.Errorf("causes: %v", e.cache.Stats().Invalidations)
	}
	s.db.texts.Put("DROP TABLE notes", text{})
	e.warm("SELECT name FROM users WHERE id = 1")
	c.exec("DROP TABLE notes")
	e.miss("ada", "SELECT name FROM users WHERE id = 1")
}
