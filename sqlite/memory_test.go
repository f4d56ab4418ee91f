package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/unstale/unstale"
)

func TestDatabaseInMemory(t *testing.T) {
	t.Parallel()
	for _, name := range []string{":memory:", "", "file::memory:", "file::memory:?cache=shared", "file:x?mode=memory&cache=shared"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			e := openEnv(t, c, name, Config{}, people)
			other := openEnv(t, c, name, Config{}, "CREATE TABLE people (id INTEGER)")
			if n, err := read(outside(t), other.db, "SELECT count(*) FROM people"); err != nil || n != "0" {
				t.Errorf("two databases in memory are one: %s, %v", n, err)
			}
			e.warm("SELECT name FROM people WHERE id = 1")
			e.warm("SELECT name FROM people WHERE id = 2")
			e.exec("UPDATE people SET name = 'ann' WHERE id = 1")
			e.miss("ann", "SELECT name FROM people WHERE id = 1")
			e.hit("SELECT name FROM people WHERE id = 2")
			e.exec("ALTER TABLE people ADD COLUMN more DEFAULT 1")
			e.miss("2|bob|40|y|1", "SELECT * FROM people WHERE id = 2")
		})
	}
}

// All connections of the pool share the database, which stays as long as the
// *sql.DB, whatever connections come and go.
func TestDatabaseInMemoryIsThePools(t *testing.T) {
	t.Parallel()
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*unstale.Cache{"on": newCache(t), "off": off, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := Open(":memory:", c)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			db.SetMaxIdleConns(0) // no connection outlives its use
			ctx := outside(t)
			if _, err := db.ExecContext(ctx, "CREATE TABLE n (i INTEGER PRIMARY KEY, x)"); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					for j := range 20 {
						if _, err := db.ExecContext(ctx, "INSERT INTO n (x) VALUES (?)", i*100+j); err != nil {
							t.Error(err)
							return
						}
						var n int
						if err := db.QueryRowContext(ctx, "SELECT count(*) FROM n").Scan(&n); err != nil || n == 0 {
							t.Error(n, err)
						}
					}
				})
			}
			all.Wait()
			if s, err := read(ctx, db, "SELECT count(*) FROM n"); err != nil || s != "160" {
				t.Errorf("%s, %v", s, err)
			}
		})
	}
}

func TestConcurrentUseInMemory(t *testing.T) {
	t.Parallel()
	e := openEnv(t, newCache(t), ":memory:", Config{}, shop)
	var all sync.WaitGroup
	for id := 1; id <= 3; id++ {
		all.Go(func() {
			for i := range 50 {
				if _, err := e.db.ExecContext(outside(t), "UPDATE orders SET sum = ? WHERE id = ?", i, id); err != nil {
					t.Error(err)
					return
				}
				if got, _ := e.load("SELECT sum FROM orders WHERE id = ?", id); got != fmt.Sprint(i) {
					t.Errorf("%s after %d was acknowledged", got, i)
				}
			}
		})
	}
	all.Wait()
	e.warm("SELECT sum FROM orders WHERE id = 1")
}

// A connection that outlives its *sql.DB is captured until it is closed.
func TestClosedDatabase(t *testing.T) {
	t.Parallel()
	e := openEnv(t, newCache(t), ":memory:", Config{}, shop)
	c := e.conn()
	e.warm("SELECT name FROM users")
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	e.hit("SELECT name FROM users")
	c.exec("UPDATE users SET name = 'x' WHERE id = 1")
	if _, err := unstale.Load(t.Context(), e.cache, key("SELECT name FROM users", nil), func(context.Context) (string, error) {
		return "", errors.New("a miss")
	}); err == nil {
		t.Error("a hit after a write on a connection that outlived its database")
	}
	if e.lost("database closed") != 0 {
		t.Errorf("causes: %v", e.cache.Stats().Invalidations)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if e.lost("database closed") != 1 {
		t.Errorf("causes: %v", e.cache.Stats().Invalidations)
	}
}
