package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"

	modernc "modernc.org/sqlite"
)

// unwrapped calls f with the driver's own connection.
func (c testConn) unwrapped(f func(driver.Conn) error) {
	c.env.Helper()
	if err := c.Raw(func(dc any) error { return f(dc.(interface{ Unwrap() driver.Conn }).Unwrap()) }); err != nil {
		c.env.Fatal(err)
	}
}

// Somebody takes the hooks from the driver's own connection, writes, and leaves
// the transaction open. Its commit is of more than what was seen afterwards.
func TestUnwrappedConnectionLeftInTransaction(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM users WHERE id = 1"
	for name, then := range map[string]string{"more is written": "UPDATE orders SET sum = 11 WHERE id = 1", "nothing": "SELECT 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			e.warm("SELECT sum FROM orders WHERE id = 1")
			c := e.conn()
			c.unwrapped(func(inner driver.Conn) error {
				inner.(modernc.HookRegisterer).RegisterPreUpdateHook(nil)
				_, err := inner.(driver.ExecerContext).ExecContext(context.Background(), "BEGIN; UPDATE users SET name = 'ann' WHERE id = 1", nil)
				return err
			})
			c.exec(then)
			e.warm(query) // as it is committed
			c.exec("COMMIT")
			e.miss("ann", query)
			e.warm(query) // other connections go on
			c.exec("UPDATE orders SET sum = 12 WHERE id = 1")
			e.hit(query) // and this one's next transaction is like any other
		})
	}
}

// A database is replaced by another one's content, page by page.
func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"file": filepath.Join(t.TempDir(), "a.db"), "memory": ":memory:"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := filepath.Join(t.TempDir(), "source.db")
			other, err := sql.Open("sqlite", source)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Close() }()
			if _, err := other.Exec(`CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER, name TEXT); INSERT INTO people VALUES (1, 44, 'bob')`); err != nil {
				t.Fatal(err)
			}
			const query = "SELECT name FROM people WHERE id = 1"
			e := openEnv(t, newCache(t), path, Config{}, `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)`, `INSERT INTO people VALUES (1, 'ada')`)
			e.warm(query)
			c := e.conn()
			c.unwrapped(func(inner driver.Conn) error {
				b, err := inner.(interface {
					NewRestore(string) (*modernc.Backup, error)
				}).NewRestore(source)
				if err != nil {
					return err
				}
				if _, err := b.Step(-1); err != nil {
					return err
				}
				return b.Finish()
			})
			if _, ran := e.load(query); !ran {
				t.Error("served while nobody knew what was done")
			}
			c.exec("SELECT 1")
			if got, _ := e.load(query); got != "bob" {
				t.Errorf("%q", got)
			}
			e.warm(query)
			c.exec("UPDATE people SET name = 'bea' WHERE age = 44")
			e.miss("bea", query)
		})
	}
}
