package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unstale/unstale"
	modernc "modernc.org/sqlite"
)

const shop = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, visits INTEGER DEFAULT 0);
	CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users ON DELETE CASCADE, sum INTEGER);
	CREATE TABLE notes (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users ON DELETE SET NULL, body TEXT);
	CREATE TABLE pairs (a INTEGER, b TEXT, v INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
	CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT);
	CREATE TRIGGER visited AFTER UPDATE OF visits ON users BEGIN INSERT INTO log (what) VALUES ('visit ' || new.id); END;
	CREATE VIEW spent AS SELECT users.name, sum(orders.sum) AS total FROM users JOIN orders ON orders.user = users.id GROUP BY users.id ORDER BY users.id;
	INSERT INTO users VALUES (1, 'ada', 0), (2, 'bob', 0), (3, 'eve', 0);
	INSERT INTO orders VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30);
	INSERT INTO notes VALUES (1, 1, 'hi'), (2, 2, 'ho');
	INSERT INTO pairs VALUES (1, 'x', 10), (1, 'y', 20), (2, 'x', 30);
	INSERT INTO log (what) VALUES ('begin')`

// What other databases do not have; adaptertest has the rest.
func TestWritesAreCaptured(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		write   string
		query   string // whose answer changes
		want    string
		keeps   []string // whose answers do not
		failing bool     // the write's Exec fails
	}{
		{"trigger", "UPDATE users SET visits = 1 WHERE id = 2", "SELECT what FROM log WHERE id = 2", "visit 2",
			[]string{"SELECT what FROM log WHERE id = 1", "SELECT name FROM users WHERE id = 2"}, false},
		{"replace", "REPLACE INTO users VALUES (9, 'bob', 0)", "SELECT count(*) FROM users WHERE id = 2", "0",
			[]string{"SELECT name FROM users WHERE id = 1"}, false},
		{"update or replace", "UPDATE OR REPLACE users SET name = 'bob' WHERE id = 1", "SELECT count(*) FROM users WHERE id = 2", "0", nil, false},
		{"view", "UPDATE orders SET sum = 11 WHERE id = 1", "SELECT total FROM spent WHERE name = 'ada'", "31", nil, false},
		{"without rowid update", "UPDATE pairs SET v = 11 WHERE a = 1 AND b = 'x'", "SELECT v FROM pairs WHERE a = 1 AND b = 'x'", "11",
			[]string{"SELECT v FROM pairs WHERE a = 1 AND b = 'y'", "SELECT v FROM pairs WHERE a = 2 AND b = 'x'"}, false},
		{"without rowid key", "UPDATE pairs SET b = 'z' WHERE a = 1 AND b = 'x'", "SELECT v FROM pairs WHERE a = 1 AND b = 'z'", "10",
			[]string{"SELECT v FROM pairs WHERE a = 1 AND b = 'y'"}, false},
		{"without rowid delete", "DELETE FROM pairs WHERE b = 'y'", "SELECT v FROM pairs WHERE a = 1 AND b = 'y'", "",
			[]string{"SELECT v FROM pairs WHERE a = 1 AND b = 'x'"}, false},
		{"multi-statement", "UPDATE orders SET sum = 1 WHERE id = 1; UPDATE users SET name = 'ann' WHERE id = 1", "SELECT name FROM users WHERE id = 1", "ann",
			[]string{"SELECT sum FROM orders WHERE id = 2"}, false},
		{"commit, then fail", "UPDATE orders SET sum = 1 WHERE id = 1; SELECT nothing FROM nowhere", "SELECT sum FROM orders WHERE id = 1", "1",
			[]string{"SELECT sum FROM orders WHERE id = 2"}, true},
		{"fail half-way, keeping what was done", "INSERT OR FAIL INTO users (id, name) VALUES (7, 'new'), (8, 'bob')", "SELECT name FROM users WHERE id = 7", "new",
			[]string{"SELECT name FROM users WHERE id = 1"}, true},
		{"explicit transaction in one text", "BEGIN; UPDATE orders SET sum = 5 WHERE id = 1; COMMIT", "SELECT sum FROM orders WHERE id = 1", "5",
			[]string{"SELECT sum FROM orders WHERE id = 2"}, false},
		{"savepoint kept", "SAVEPOINT s; UPDATE orders SET sum = 5 WHERE id = 1; RELEASE s", "SELECT sum FROM orders WHERE id = 1", "5",
			[]string{"SELECT sum FROM orders WHERE id = 2"}, false},
		{"savepoint inside undone", "BEGIN; UPDATE orders SET sum = 5 WHERE id = 1; SAVEPOINT s; UPDATE orders SET sum = 5 WHERE id = 3; ROLLBACK TO s; COMMIT",
			"SELECT sum FROM orders WHERE id = 1", "5", []string{"SELECT sum FROM orders WHERE id = 2"}, false},
		{"after what was rolled back", "BEGIN; UPDATE users SET name = 'x' WHERE id = 1; ROLLBACK; UPDATE orders SET sum = 5 WHERE id = 1", "SELECT sum FROM orders WHERE id = 1", "5",
			[]string{"SELECT name FROM users WHERE id = 1"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			e.exec("SELECT 1")
			e.warm(test.query)
			for _, q := range test.keeps {
				e.warm(q)
			}
			fell := total(e)
			_, err := e.db.ExecContext(outside(t), test.write)
			if (err != nil) != test.failing {
				t.Fatalf("%s: %v", test.write, err)
			}
			e.miss(test.want, test.query)
			for _, q := range test.keeps {
				e.hit(q)
			}
			if total(e) != fell {
				t.Errorf("everything fell: %v", e.cache.Stats().Invalidations)
			}
		})
	}
}

// total returns how often everything was invalidated, for whatever cause.
func total(e *env) (n uint64) {
	for cause, count := range e.cache.Stats().Invalidations {
		if cause != "write" {
			n += count
		}
	}
	return n
}

func TestNothingIsInvalidatedByWhatChangesNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.warm("SELECT name FROM users WHERE id = 1")
	e.warm("SELECT sum(sum) FROM orders")
	before := e.cache.Stats().Invalidations
	for _, write := range []string{
		"UPDATE users SET name = name",
		"UPDATE users SET name = 'x' WHERE id = 99",
		"INSERT INTO users VALUES (1, 'x', 0) ON CONFLICT DO NOTHING",
		"INSERT OR IGNORE INTO users VALUES (1, 'x', 0)",
		"BEGIN IMMEDIATE; COMMIT",
		"BEGIN; UPDATE users SET name = 'x' WHERE id = 1; ROLLBACK",
		"SAVEPOINT s; DELETE FROM orders; ROLLBACK TO s; RELEASE s; SELECT 1",
		"DELETE FROM orders WHERE id = 99",
	} {
		e.exec(write)
		e.hit("SELECT name FROM users WHERE id = 1")
		if !strings.HasPrefix(write, "SAVEPOINT") { // what was undone counts as changed
			e.hit("SELECT sum(sum) FROM orders")
		} else {
			e.warm("SELECT sum(sum) FROM orders")
		}
	}
	if after := e.cache.Stats().Invalidations; fmt.Sprint(without(after, "write")) != fmt.Sprint(without(before, "write")) {
		t.Errorf("invalidations: %v, before %v", after, before)
	}
}

func without(m map[string]uint64, key string) map[string]uint64 {
	out := make(map[string]uint64)
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func TestReturningCommitsWhileRowsAreRead(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	for name, finish := range map[string]func(*sql.Rows) error{
		"closed early": func(r *sql.Rows) error { return r.Close() },
		"read to the end": func(r *sql.Rows) error {
			for r.Next() {
			}
			return r.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			e.warm(query)
			rows, err := e.db.QueryContext(outside(t), "UPDATE orders SET sum = sum + 1 RETURNING id")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rows.Close() }()
			if !rows.Next() {
				t.Fatal("no row")
			}
			e.hit(query) // nothing is committed yet
			if err := finish(rows); err != nil {
				t.Fatal(err)
			}
			e.miss("11", query)
		})
	}
}

// The commit happens in the call of Next that finds no more rows.
func TestReturningIsSettledBeforeRowsAreClosed(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	c := e.conn()
	if err := c.Raw(func(dc any) error {
		rows, err := dc.(driver.QueryerContext).QueryContext(outside(t), "UPDATE orders SET sum = 5 WHERE id = 1 RETURNING id", nil)
		if err != nil {
			return err
		}
		for dest := make([]driver.Value, 1); err == nil; {
			err = rows.Next(dest)
		}
		if n := e.inner.InFlux(); n != 0 || e.cache.Stats().Invalidations["write"] == 0 {
			t.Errorf("%d commits in flux: %v", n, e.cache.Stats().Invalidations)
		}
		return rows.Close()
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDeferredForeignKeyFailsAtCommit(t *testing.T) {
	t.Parallel()
	e := newEnv(t, `CREATE TABLE p (id INTEGER PRIMARY KEY);
		CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED)`)
	e.warm("SELECT count(*) FROM c")
	tx, err := e.db.BeginTx(outside(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(outside(t), "INSERT INTO c VALUES (1, 99)"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err == nil {
		t.Fatal("the commit did not fail")
	}
	e.hit("SELECT count(*) FROM c")

	// The same by words: the transaction stays open, and can be mended.
	c := e.conn()
	c.exec("BEGIN")
	c.exec("INSERT INTO c VALUES (1, 99)")
	c.fail("COMMIT")
	e.hit("SELECT count(*) FROM c")
	c.exec("INSERT INTO p VALUES (99)")
	c.exec("COMMIT")
	e.miss("1", "SELECT count(*) FROM c")
}

// A commit hook may run for a commit that then fails. Its dependencies are
// settled then, and again when the transaction is committed after all.
func TestFailedCommitKeepsItsChanges(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	const query = "SELECT sum FROM orders WHERE id = 1"
	e.warm(query)
	c := e.conn()
	c.exec("BEGIN")
	c.exec("UPDATE orders SET sum = 99 WHERE id = 1")
	c.session().onCommit() // as SQLite does before a commit that then fails
	if e.inner.InFlux() != 1 {
		t.Error("nothing is in flux")
	}
	c.exec("SAVEPOINT s") // any call
	if e.inner.InFlux() != 0 {
		t.Error("the failed commit is still in flux")
	}
	e.warm(query)
	c.exec("COMMIT")
	e.miss("99", query)
}

func TestContextCancelledInsideCommit(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	const query = "SELECT sum FROM orders WHERE id = 1"
	for i := range 50 {
		ctx, cancel := context.WithCancel(outside(t))
		tx, err := e.db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE orders SET sum = ? WHERE id = 1", 1000+i); err != nil {
			t.Fatal(err)
		}
		e.load(query)
		go cancel()
		_ = tx.Commit()
		cancel()
		var want string
		if err := e.db.QueryRowContext(outside(t), query).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got, _ := e.load(query); got != want {
			t.Fatalf("round %d: %s from the cache, %s in the database", i, got, want)
		}
	}
}

func TestPanicInHookInvalidatesEverything(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.warm("SELECT sum FROM orders WHERE id = 1")
	c := e.conn()
	s := c.session()
	s.schema = &schema{cookie: s.native.cookie(), byName: map[string]*table{"orders": {}}}
	c.exec("UPDATE orders SET sum = 99 WHERE id = 1")
	e.miss("99", "SELECT sum FROM orders WHERE id = 1")
	if e.lost(causePanic) == 0 {
		t.Errorf("causes: %v", e.cache.Stats().Invalidations)
	}
}

func TestWriteOfManyRows(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.exec("WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO orders SELECT i, 1, 0 FROM n")
	e.warm("SELECT sum FROM orders WHERE id = 1")
	e.warm("SELECT name FROM users WHERE id = 1")
	c := e.conn()
	c.session().changes.Limit = 50 // images are kept of no more rows
	c.exec("UPDATE orders SET sum = sum + 1")
	const query = "SELECT sum FROM orders WHERE id = 1"
	why := e.cache.Explain(key(query, nil))
	if len(why) != 1 || why[0].Change == nil || !strings.HasSuffix(why[0].Change.String(), ": rows of orders (too many rows), 104 more") {
		t.Errorf("explained by %+v", why)
	}
	if got := e.cache.Stats().CoarseWrites; len(got) != 1 || got["too many rows"] != 1 {
		t.Errorf("counted: %v", got)
	}
	e.miss("11", query)
	e.hit("SELECT name FROM users WHERE id = 1")
}

func TestPreparedStatementsWrite(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	s, err := e.db.PrepareContext(outside(t), "UPDATE orders SET sum = ? WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i := range 3 {
		e.warm("SELECT sum FROM orders WHERE id = ?", 1)
		e.warm("SELECT sum FROM orders WHERE id = ?", 2)
		if _, err := s.ExecContext(unstale.Outside(t.Context()), 100+i, 1); err != nil {
			t.Fatal(err)
		}
		e.miss(fmt.Sprint(100+i), "SELECT sum FROM orders WHERE id = ?", 1)
		e.hit("SELECT sum FROM orders WHERE id = ?", 2)
	}
}

// A function of the application panics in the middle of a statement that has put
// everything in flux.
func TestPanicInStatement(t *testing.T) {
	t.Parallel()
	d := new(modernc.Driver)
	d.MustRegisterScalarFunction("boom", 0, func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) {
		panic("boom")
	})
	e := openEnv(t, newCache(t), filepath.Join(t.TempDir(), "test.db"), Config{Driver: d}, shop)
	for _, statement := range []string{
		"UPDATE orders SET sum = boom()",
		"UPDATE orders SET sum = 5 WHERE id = 1; ANALYZE; SELECT boom()",
		"CREATE TABLE b AS SELECT boom()",
	} {
		func() {
			defer func() { t.Logf("%s: %v", statement, recover()) }()
			_, err := e.db.ExecContext(outside(t), statement)
			t.Logf("%s: %v", statement, err)
		}()
		if n := e.inner.InFlux(); n != 0 {
			t.Errorf("%s: %d in flux", statement, n)
		}
	}
}

// Somebody begins to ask for rows by a column while a transaction is open whose
// images do not hold it.
func TestAskedWhileOpen(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.warm("SELECT sum FROM orders WHERE id = 1")
	c := e.conn()
	c.exec("BEGIN")
	c.exec("UPDATE orders SET sum = 30 WHERE id = 2")
	e.warm("SELECT count(*) FROM orders WHERE sum = 30")
	c.exec("COMMIT")
	e.miss("2", "SELECT count(*) FROM orders WHERE sum = 30")
	if got := e.cache.Stats().CoarseWrites["rows unknown"]; got != 1 {
		t.Errorf("counted %d times", got)
	}
}
