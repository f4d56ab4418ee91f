package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/unstale/unstale"
	modernc "modernc.org/sqlite"
)

// fill runs f as the function of a Load with a key of its own, and reports
// whether the result was stored.
func (e *env) fill(key string, f func(context.Context) error) (stored bool) {
	e.Helper()
	ran := false
	for range 2 {
		ran = false
		e.inRequest(func(ctx context.Context) {
			if _, err := unstale.Load(ctx, e.cache, key, func(ctx context.Context) (int, error) {
				ran = true
				return 0, f(ctx)
			}); err != nil {
				e.Fatalf("%s: %v", key, err)
			}
		})
	}
	return !ran
}

// stored reports whether a result that fill stored is still valid.
func (e *env) stored(key string) bool {
	e.Helper()
	found := true
	e.inRequest(func(ctx context.Context) {
		if _, err := unstale.Load(ctx, e.cache, key, func(context.Context) (int, error) {
			found = false
			return 0, errors.New("not there")
		}); found != (err == nil) {
			e.Fatal(err)
		}
	})
	return found
}

func TestReadInTransactionBelongsToItsContext(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	if !e.fill("marked", func(ctx context.Context) error {
		tx, err := e.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		_, err = read(context.Background(), tx, "SELECT sum FROM orders WHERE id = 1")
		return err
	}) {
		t.Errorf("not stored: %v", e.cache.Stats().Refused)
	}
	e.exec("UPDATE orders SET sum = 11 WHERE id = 1")
	ran := false
	if _, err := unstale.Load(t.Context(), e.cache, "marked", func(context.Context) (int, error) {
		ran = true
		return 0, nil
	}); err != nil || !ran {
		t.Errorf("the read without a context was not the fill's: ran %v, %v", ran, err)
	}
	unmarked := func(ctx context.Context) error {
		_, err := read(context.Background(), e.db, "SELECT name FROM users WHERE id = 1")
		_, err2 := read(ctx, e.db, "SELECT 2 FROM orders")
		return errors.Join(err, err2)
	}
	e.fill("unmarked", unmarked) // may also have depended on whole tables
	if !e.fill("unmarked", unmarked) {
		t.Errorf("a fill was not stored because somebody read without a context meanwhile: %v", e.cache.Stats().Refused)
	}
	e.exec("UPDATE users SET name = 'two' WHERE id = 2")
	if !e.stored("unmarked") {
		t.Error("an unmarked read counts for more than it reads")
	}
	e.exec("UPDATE users SET name = 'one' WHERE id = 1")
	if e.stored("unmarked") {
		t.Error("an unmarked read does not count for the fill")
	}
	if !e.fill("outside", func(ctx context.Context) error {
		_, err := read(unstale.Outside(ctx), e.db, "SELECT 1 FROM orders")
		_, err2 := read(ctx, e.db, "SELECT 2 FROM orders")
		return errors.Join(err, err2)
	}) {
		t.Errorf("a read outside of any fill concerned one: %v", e.cache.Stats().Refused)
	}
}

// The transaction that a connection ran last owns nothing of what follows.
func TestEndedTransactionOwnsNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	c := e.conn()
	if !e.fill("owner", func(ctx context.Context) error {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		_, err = read(ctx, tx, "SELECT sum FROM orders WHERE id = 1")
		return errors.Join(err, tx.Rollback())
	}) {
		t.Fatalf("not stored: %v", e.cache.Stats().Refused)
	}
	if !e.fill("other", func(ctx context.Context) error {
		c.exec("BEGIN")
		defer c.exec("ROLLBACK")
		_, err := read(context.Background(), c, "SELECT name FROM users WHERE id = 1")
		_, err2 := read(ctx, e.db, "SELECT 1 FROM orders")
		return errors.Join(err, err2)
	}) {
		t.Errorf("not stored: %v", e.cache.Stats().Refused)
	}
	e.exec("UPDATE users SET name = 'one' WHERE id = 1")
	if e.stored("other") {
		t.Error("a read without a context was taken for one of the transaction before")
	}
}

// A transaction sees the database as it was when it first read. What is read in
// it is as old as that.
func TestOldTransactions(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	for name, hold := range map[string]func(t *testing.T, c testConn) (end func()){
		"BeginTx": func(t *testing.T, c testConn) func() {
			tx, err := c.BeginTx(outside(t), &sql.TxOptions{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := read(outside(t), tx, "SELECT 1 FROM users"); err != nil {
				t.Fatal(err)
			}
			return func() { _ = tx.Rollback() }
		},
		"BEGIN": func(_ *testing.T, c testConn) func() {
			c.exec("BEGIN")
			c.exec("SELECT 1 FROM users")
			return func() { c.exec("COMMIT") }
		},
		"SAVEPOINT": func(_ *testing.T, c testConn) func() {
			c.exec("SAVEPOINT s")
			c.exec("SELECT 1 FROM users")
			return func() { c.exec("RELEASE s") }
		},
		"unfinished rows": func(t *testing.T, c testConn) func() {
			rows, err := c.QueryContext(outside(t), "SELECT 1 FROM users")
			if err != nil || !rows.Next() {
				t.Fatal(err)
			}
			return func() { _ = rows.Close() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			e.warm(query)
			c := e.conn()
			end := hold(t, c)
			e.exec("UPDATE orders SET sum = 11 WHERE id = 1")
			// A fill reads through the old transaction, after the commit.
			var got string
			if _, err := unstale.Load(t.Context(), e.cache, "old", func(ctx context.Context) (string, error) {
				var err error
				got, err = read(ctx, heldQuerier(c), query)
				return got, err
			}); err != nil {
				t.Fatal(err)
			}
			if got != "10" {
				t.Fatalf("read %s in the old transaction", got)
			}
			end()
			again, err := unstale.Load(t.Context(), e.cache, "old", func(ctx context.Context) (string, error) {
				return read(ctx, c, query)
			})
			if err != nil || again != "11" {
				t.Errorf("an answer from an old transaction was served: %s, %v", again, err)
			}
			// The next transaction on the same connection is a new one.
			if !e.fill("new", func(ctx context.Context) error {
				_, err := read(ctx, c, query)
				return err
			}) {
				t.Error("an answer from a new transaction was not stored")
			}
		})
	}
}

// heldQuerier queries a connection below database/sql's pool, which lets a
// *sql.Conn be used while one of its transactions is open.
func heldQuerier(c testConn) querier { return c }

func TestOwnWrites(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	c := e.conn()
	c.exec("BEGIN")
	c.exec("UPDATE orders SET sum = 99 WHERE id = 1")
	if e.fill("own", func(ctx context.Context) error {
		_, err := read(ctx, c, "SELECT sum FROM orders WHERE id = 1")
		return err
	}) {
		t.Error("an answer that saw uncommitted changes was stored")
	}
	c.exec("ROLLBACK")
	if !e.fill("after", func(ctx context.Context) error {
		_, err := read(ctx, c, "SELECT sum FROM orders WHERE id = 1")
		return err
	}) {
		t.Errorf("not stored after the rollback: %v", e.cache.Stats().Refused)
	}
	for name, write := range map[string]string{
		"update":    "UPDATE orders SET sum = 1 WHERE id = 1",
		"returning": "INSERT INTO users (name) VALUES ('x') ON CONFLICT DO NOTHING RETURNING id",
		"none":      "DELETE FROM orders WHERE id = -1",
		"ddl":       "CREATE TABLE IF NOT EXISTS extra (id)",
	} {
		if e.fill(name, func(ctx context.Context) error {
			_, err := read(ctx, e.db, write)
			_, err2 := read(ctx, e.db, "SELECT name FROM users WHERE id = 1")
			return errors.Join(err, err2)
		}) {
			t.Errorf("%s: a fill that wrote was stored", name)
		}
	}
}

// Load serves and stores nothing while a transaction of the same request has
// changed something that is not committed.
func TestLoadUnderUncommittedWrites(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	for name, finish := range map[string]struct {
		end  func(*sql.Tx) error
		want string
	}{
		"commit":   {(*sql.Tx).Commit, "99"},
		"rollback": {(*sql.Tx).Rollback, "10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			e.warm(query)
			ctx := outside(t) // as a request that is no fill
			load := func() (got string, ran bool) {
				t.Helper()
				got, err := unstale.Load(ctx, e.cache, key(query, nil), func(ctx context.Context) (string, error) {
					ran = true
					return read(ctx, e.db, query)
				})
				if err != nil {
					t.Fatal(err)
				}
				return got, ran
			}
			if _, ran := load(); ran {
				t.Fatal("not warm")
			}
			tx, err := e.db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(ctx, "UPDATE orders SET sum = 99 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			if _, ran := load(); !ran {
				t.Error("served while its own write was not committed")
			}
			if err := finish.end(tx); err != nil {
				t.Fatal(err)
			}
			if got, _ := load(); got != finish.want {
				t.Errorf("%s, want %s", got, finish.want)
			}
			if _, ran := load(); ran {
				t.Error("not cached after the transaction")
			}
		})
	}
}

func TestFailedReads(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	swallow := func(name string, f func(ctx context.Context)) {
		t.Helper()
		if e.fill(name, func(ctx context.Context) error {
			f(ctx)
			_, err := read(ctx, e.db, "SELECT 1 FROM users")
			return err
		}) {
			t.Errorf("%s: a fill with a failed read was stored", name)
		}
	}
	swallow("no such table", func(ctx context.Context) { _, _ = read(ctx, e.db, "SELECT * FROM nowhere") })
	swallow("cannot be prepared", func(ctx context.Context) { _, _ = e.db.PrepareContext(ctx, "SELECT * FROM nowhere") })
	swallow("error in a row", func(ctx context.Context) {
		_, _ = read(ctx, e.db, "SELECT CASE id WHEN 3 THEN json('{') ELSE id END FROM users ORDER BY id")
	})
	swallow("missing argument", func(ctx context.Context) { _, _ = read(ctx, e.db, "SELECT * FROM users WHERE id = ?") })
	swallow("cancelled before", func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		c := e.conn()
		_ = c.Raw(func(dc any) error {
			_, _ = dc.(*conn).QueryContext(ctx, "SELECT * FROM users", nil)
			return nil
		})
	})
	swallow("cancelled while rows are read", func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		rows, err := e.db.QueryContext(ctx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		cancel()
		for rows.Next() {
		}
		_ = rows.Close()
	})
	if !e.fill("closed early", func(ctx context.Context) error {
		var id int
		return e.db.QueryRowContext(ctx, "SELECT id FROM users ORDER BY id").Scan(&id)
	}) {
		t.Errorf("a read of one row of several was not stored: %v", e.cache.Stats().Refused)
	}
}

func TestWhatCannotBeKnownIsNotCached(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	for _, query := range []string{
		"SELECT random()",
		"SELECT datetime('now')",
		"SELECT CURRENT_TIMESTAMP",
		"SELECT 1; SELECT 2",
		"EXPLAIN SELECT * FROM users",
		"EXPLAIN QUERY PLAN SELECT * FROM users",
		"PRAGMA user_version",
		"SELECT * FROM pragma_table_info('users')",
		"SELECT seq FROM sqlite_sequence",
		"SELECT last_insert_rowid()",
		"SELECT changes()",
		// No table is read: nothing says what else the answer is made of.
		"SELECT 1",
		"SELECT value FROM json_each('[1,2]')",
	} {
		e.uncached(query)
	}
	e.warm("SELECT name FROM users -- ; SELECT 2")
	e.warm("SELECT name FROM users;")
	e.warm("SELECT value FROM json_each('[1,2]'), users WHERE users.id = 1")
}

func TestConnectionState(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM users WHERE id = 1"
	for _, test := range []struct {
		name, change string
		cached       bool
	}{
		{"temporary table", "CREATE TEMP TABLE users (id, name)", false},
		{"temporary table by its schema", "CREATE TABLE temp.users (id, name)", false},
		{"temporary view", "CREATE TEMP VIEW users AS SELECT 1 AS id, 'x' AS name", false},
		{"attach", "ATTACH ':memory:' AS other", false},
		{"pragma that changes results", "PRAGMA case_sensitive_like = on", false},
		{"order of rows", "PRAGMA reverse_unordered_selects = on", false},
		{"unknown pragma", "PRAGMA something_new = 1", false},
		{"harmless pragma", "PRAGMA cache_size = 100", true},
		{"foreign keys", "PRAGMA foreign_keys = off", true},
		{"reading pragma", "PRAGMA journal_mode", true},
		{"table_info", "PRAGMA table_info(users)", true},
		{"user_version", "PRAGMA user_version = 7", true},
		{"optimize", "PRAGMA optimize", true},
		{"a check that opens the temp database", "PRAGMA quick_check", true},
		{"temporary table after a check", "PRAGMA quick_check; CREATE TEMP TABLE users (id, name)", false},
		{"temporary trigger", "CREATE TEMP TRIGGER tt AFTER UPDATE ON users BEGIN SELECT 1; END", false},
		{"journal mode", "PRAGMA journal_mode = wal", true},
		{"another locking mode", "PRAGMA locking_mode = exclusive", false},
		{"where temporary tables lie", "PRAGMA temp_store = memory", true},
		{"no SQL", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			c := e.conn()
			if test.change != "" {
				c.exec(test.change)
			} else {
				c.fail("SLURP users")
			}
			stored := e.fill("x", func(ctx context.Context) error {
				_, err := read(ctx, c, query)
				return err
			})
			if stored != test.cached {
				t.Errorf("stored: %v (%v)", stored, e.cache.Stats().Refused)
			}
			e.warm(query) // other connections go on
		})
	}
}

func TestDetachedConnectionIsTrackedAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	c := e.conn()
	c.exec("ATTACH ':memory:' AS other")
	c.exec("DETACH other")
	if !e.fill("x", func(ctx context.Context) error {
		_, err := read(ctx, c, "SELECT name FROM users WHERE id = 1")
		return err
	}) {
		t.Errorf("not stored: %v", e.cache.Stats().Refused)
	}
}

func TestUnwrappedConnectionIsNotTracked(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	const query = "SELECT sum FROM orders WHERE id = 1"
	e.warm(query)
	c := e.conn()
	if err := c.Raw(func(dc any) error {
		inner := dc.(interface{ Unwrap() driverConn }).Unwrap()
		_, err := inner.(execerContext).ExecContext(context.Background(), "UPDATE orders SET sum = 99 WHERE id = 1", nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, ran := e.load(query); !ran {
		t.Error("served while nobody knew what was done")
	}
	if e.lost("driver access") != 0 || e.inner.InFlux() == 0 {
		t.Error("nothing is in flux")
	}
	c.exec("SELECT 1")
	if e.fill("x", func(ctx context.Context) error {
		_, err := read(ctx, c, query)
		return err
	}) {
		t.Error("stored what was read on an unwrapped connection")
	}
	if err := c.Raw(func(dc any) error {
		hooks := dc.(interface{ Unwrap() driverConn }).Unwrap().(modernc.HookRegisterer)
		hooks.RegisterPreUpdateHook(nil)
		hooks.RegisterCommitHook(nil)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.exec("SELECT 1")
	e.warm(query)
	c.exec("UPDATE orders SET sum = 98 WHERE id = 1")
	e.miss("98", query)
	if n := e.lost(causeForeign); n != 0 {
		t.Errorf("the connection lost its hooks: %d own commits were taken for foreign ones", n)
	}
	if err := c.Raw(func(dc any) error {
		dc.(interface{ Unwrap() driverConn }).Unwrap()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if n := e.inner.InFlux(); n != 0 {
		t.Errorf("%d in flux after the connection went back to the pool", n)
	}
	e.db.SetMaxIdleConns(0) // the state stays with the connection as long as it lives
	e.warm(query)
	if got, _ := e.load(query); got != "98" {
		t.Errorf("%s", got)
	}
}

// Who has the driver's own connection may begin a statement there that commits
// only later, when the hooks are back that did not see what it wrote.
func TestUnfinishedWriteOnUnwrappedConnection(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	const query = "SELECT sum FROM orders WHERE id = 1"
	c := e.conn()
	var unfinished driver.Rows
	if err := c.Raw(func(dc any) error {
		inner := dc.(interface{ Unwrap() driverConn }).Unwrap()
		inner.(modernc.HookRegisterer).RegisterPreUpdateHook(nil)
		var err error
		unfinished, err = inner.(driver.QueryerContext).QueryContext(outside(t), "UPDATE orders SET sum = 99 WHERE id = 1 RETURNING sum", nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	c.exec("SELECT 1")
	e.warm(query)
	c.exec("UPDATE orders SET sum = 21 WHERE id = 2") // is seen, and commits together with the former
	if got, _ := e.load(query); got != "10" {
		t.Fatalf("%s before the commit", got)
	}
	if err := unfinished.Close(); err != nil {
		t.Fatal(err)
	}
	e.miss("99", query)
	c.exec("SELECT 1")
	e.warm(query)
}

type (
	driverConn    = driver.Conn
	execerContext = driver.ExecerContext
)
