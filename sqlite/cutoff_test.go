package sqlite

import (
	"context"
	"errors"
	"testing"

	modernc "modernc.org/sqlite"
)

// A write that is interrupted takes its transaction with it; what follows on the
// connection commits by itself.
func TestInterruptedWrite(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	e := newEnv(t, shop)
	e.warm(query)
	c := e.conn()
	s := c.session()
	c.exec("BEGIN")
	c.exec("UPDATE orders SET sum = 50 WHERE id = 1")
	ctx, cancel := context.WithCancel(outside(t))
	defer cancel()
	s.inner.(modernc.HookRegisterer).RegisterPreUpdateHook(func(d modernc.SQLitePreUpdateData) {
		s.onChange(d)
		cancel() // in the middle of it
	})
	_, err := c.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n)
		INSERT INTO orders SELECT i, 1, 0 FROM n`)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !s.native.autocommit() || s.Uncommitted() {
		t.Error("the transaction is still open")
	}
	e.hit(query)
	c.exec("UPDATE orders SET sum = 60 WHERE id = 1")
	e.miss("60", query)
}

// In memory a reader keeps a transaction from being committed. It stays open,
// and is committed when the reader is gone.
func TestBusyCommit(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	e := openEnv(t, newCache(t), "file::memory:?_pragma=busy_timeout(0)", Config{}, shop)
	e.warm(query)
	rows, err := e.conn().QueryContext(outside(t), "SELECT id FROM users")
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	c := e.conn()
	c.exec("BEGIN")
	c.exec("UPDATE orders SET sum = 99 WHERE id = 1")
	c.fail("COMMIT")
	e.hit(query)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	c.exec("COMMIT")
	e.miss("99", query)
}
