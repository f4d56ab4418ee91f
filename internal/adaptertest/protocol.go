package adaptertest

import (
	"context"
	"database/sql"
	"testing"
	"time"
)

const (
	sumOf1   = "SELECT sum FROM orders WHERE id = 1"
	raise1   = "UPDATE orders SET sum = 99 WHERE id = 1"
	patience = 10 * time.Second
)

// begin begins a transaction.
func (e *env) begin(ctx context.Context) *sql.Tx {
	e.Helper()
	tx, err := e.DB.BeginTx(ctx, nil)
	if err != nil {
		e.Fatal(err)
	}
	return tx
}

// run executes in a transaction, outside of any fill.
func (e *env) run(tx *sql.Tx, query string) {
	e.Helper()
	if _, err := tx.ExecContext(outside(), query); err != nil {
		e.Fatalf("%s: %v", query, err)
	}
}

func (a Adapter) transactions(t *testing.T) {
	t.Parallel()
	sub := func(name string, f func(e *env)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(a.open(t, a.shop()...))
		})
	}
	sub("what is rolled back changes nothing", func(e *env) {
		e.warm(sumOf1)
		tx := e.begin(outside())
		e.run(tx, raise1)
		_ = tx.Rollback()
		e.hit(sumOf1)
	})
	sub("what is not committed changes nothing yet", func(e *env) {
		if !a.Concurrent {
			e.Skip("readers and writers wait for one another")
		}
		e.warm(sumOf1)
		tx := e.begin(outside())
		e.run(tx, raise1)
		e.hit(sumOf1)
		if err := tx.Commit(); err != nil {
			e.Fatal(err)
		}
		e.miss("99", sumOf1)
	})
	sub("a savepoint that is undone, in a transaction that is not", func(e *env) {
		e.warm(sumOf1)
		tx := e.begin(outside())
		e.run(tx, raise1)
		e.run(tx, "SAVEPOINT s")
		e.run(tx, "UPDATE orders SET sum = 98 WHERE id IN (1, 2)")
		e.run(tx, "ROLLBACK TO SAVEPOINT s")
		e.run(tx, "RELEASE SAVEPOINT s")
		if err := tx.Commit(); err != nil {
			e.Fatal(err)
		}
		e.miss("99", sumOf1)
		e.fresh("20", "SELECT sum FROM orders WHERE id = 2")
	})
	sub("what follows on what was rolled back", func(e *env) {
		e.warm("SELECT name FROM users WHERE id = 1")
		e.warm(sumOf1)
		e.DB.SetMaxOpenConns(1)
		tx := e.begin(outside())
		e.run(tx, "UPDATE users SET name = 'x' WHERE id = 1")
		_ = tx.Rollback()
		e.exec(raise1)
		e.miss("99", sumOf1)
		if a.Rows {
			e.hit("SELECT name FROM users WHERE id = 1")
		}
	})
	sub("own writes are not stored", func(e *env) {
		for name, end := range map[string]func(*sql.Tx) error{"committed": (*sql.Tx).Commit, "rolled back": (*sql.Tx).Rollback} {
			if e.stored(name, func(ctx context.Context) (string, error) {
				tx := e.begin(outside())
				e.run(tx, raise1)
				got, err := e.read(ctx, tx, sumOf1)
				if err == nil && got != "99" {
					e.Errorf("%s: %s in its own transaction", name, got)
				}
				if err := end(tx); err != nil {
					e.Error(err)
				}
				return got, err
			}) {
				e.Errorf("%s: stored what its own transaction had not committed", name)
			}
		}
	})
	sub("who writes is not stored", func(e *env) {
		if e.stored("writer", func(ctx context.Context) (string, error) {
			if _, err := e.DB.ExecContext(ctx, "UPDATE users SET visits = visits + 1"); err != nil {
				return "", err
			}
			return e.read(ctx, e.DB, sumOf1)
		}) {
			e.Error("a fill that writes runs no more")
		}
	})
	sub("an old transaction", func(e *env) {
		if !a.Concurrent {
			e.Skip("readers and writers wait for one another")
		}
		e.warm(sumOf1)
		tx, err := e.DB.BeginTx(outside(), &sql.TxOptions{Isolation: sql.LevelDefault, ReadOnly: true})
		if err != nil {
			e.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := e.read(outside(), tx, sumOf1); err != nil {
			e.Fatal(err)
		}
		e.exec(raise1)
		var before string
		e.fill("of an old transaction", func(ctx context.Context) (string, error) {
			before, err = e.read(ctx, tx, sumOf1)
			return before, err
		})
		_ = tx.Rollback()
		if got, _ := e.fill("of an old transaction", func(ctx context.Context) (string, error) { return e.read(ctx, e.DB, sumOf1) }); got != "99" {
			e.Errorf("%s, which a transaction saw that began before (%s)", got, before)
		}
	})
	sub("the transaction's context counts", func(e *env) {
		query := func(ctx context.Context) (string, error) {
			tx, err := e.DB.BeginTx(ctx, nil)
			if err != nil {
				return "", err
			}
			defer tx.Rollback()
			return e.read(context.Background(), tx, sumOf1)
		}
		if !e.stored("by its transaction", query) {
			e.Errorf("not stored: %v", e.cache.Stats().Refused)
		}
		e.exec(raise1)
		if got, _ := e.fill("by its transaction", query); got != "99" {
			e.Errorf("%s", got)
		}
	})
	sub("a failed statement", func(e *env) {
		e.warm("SELECT count(*) FROM users")
		if _, err := e.DB.ExecContext(outside(), "INSERT INTO users VALUES (8, 'new', 0), (9, 'ada', 0)"); err == nil {
			e.Error("it did not fail")
		}
		e.fresh("3", "SELECT count(*) FROM users")
	})
}

func (a Adapter) reads(t *testing.T) {
	t.Parallel()
	sub := func(name string, f func(e *env)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(a.open(t, a.shop()...))
		})
	}
	sub("a read overlapped by a write", func(e *env) {
		read, written := make(chan string), make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.fill("overlapped", func(ctx context.Context) (string, error) {
				got, err := e.read(ctx, e.DB, sumOf1)
				read <- got
				<-written
				return got, err
			})
		}()
		if got := <-read; got != "10" {
			e.Errorf("%s before the write", got)
		}
		e.exec(raise1)
		close(written)
		<-done
		if got, ran := e.fill("overlapped", func(ctx context.Context) (string, error) { return e.read(ctx, e.DB, sumOf1) }); got != "99" || !ran {
			e.Errorf("%s, ran %t", got, ran)
		}
	})
	sub("rows that are read while a write commits", func(e *env) {
		if !a.Concurrent {
			e.Skip("readers and writers wait for one another")
		}
		query := func(write bool) func(context.Context) (string, error) {
			return func(ctx context.Context) (string, error) {
				rows, err := e.DB.QueryContext(ctx, "SELECT sum FROM orders ORDER BY id")
				if err != nil {
					return "", err
				}
				defer rows.Close()
				last := ""
				for rows.Next() {
					if last == "" && write {
						e.exec("UPDATE orders SET sum = sum + 1")
					}
					if err := rows.Scan(&last); err != nil {
						return "", err
					}
				}
				return last, rows.Err()
			}
		}
		e.fill("rows", query(true))
		if got, _ := e.fill("rows", query(false)); got != "31" {
			e.Errorf("%s", got)
		}
	})
	sub("rows that are not read to their end", func(e *env) {
		first := func(ctx context.Context) (string, error) {
			rows, err := e.DB.QueryContext(ctx, "SELECT sum FROM orders WHERE buyer = 1 ORDER BY id")
			if err != nil {
				return "", err
			}
			defer rows.Close()
			got := ""
			if rows.Next() {
				err = rows.Scan(&got)
			}
			return got, err
		}
		e.stored("first", first)
		e.exec(raise1)
		if got, _ := e.fill("first", first); got != "99" {
			e.Errorf("%s", got)
		}
	})
	sub("reads without a context", func(e *env) {
		query := func(context.Context) (string, error) { return e.read(context.Background(), e.DB, sumOf1) }
		e.stored("unmarked", query)
		e.exec(raise1)
		if got, _ := e.fill("unmarked", query); got != "99" {
			e.Errorf("%s", got)
		}
	})
	sub("reads outside concern nobody", func(e *env) {
		if !e.stored("outside", func(ctx context.Context) (string, error) {
			if _, err := e.read(outside(), e.DB, sumOf1); err != nil {
				return "", err
			}
			return e.read(ctx, e.DB, "SELECT name FROM users WHERE id = 1")
		}) {
			e.Errorf("not stored: %v", e.cache.Stats().Refused)
		}
		e.exec(raise1)
		_, ran := e.fill("outside", func(context.Context) (string, error) { return "", nil })
		if a.Rows && ran {
			e.Error("it depends on what was read outside")
		}
	})
	sub("failed reads are not stored", func(e *env) {
		if e.stored("failed", func(ctx context.Context) (string, error) {
			if _, err := e.read(ctx, e.DB, "SELECT nothing FROM nowhere"); err == nil {
				e.Error("it did not fail")
			}
			return e.read(ctx, e.DB, sumOf1)
		}) {
			e.Error("stored")
		}
	})
	sub("reads that are cut off are not stored", func(e *env) {
		if e.stored("cut off", func(ctx context.Context) (string, error) {
			cut, cancel := context.WithCancel(ctx)
			defer cancel()
			rows, err := e.DB.QueryContext(cut, "SELECT id FROM orders")
			if err != nil {
				return "", err
			}
			rows.Next()
			cancel()
			return "", rows.Close()
		}) {
			e.Error("stored")
		}
	})
	sub("prepared statements", func(e *env) {
		s, err := e.DB.PrepareContext(outside(), e.rebind("SELECT sum FROM orders WHERE id = ?"))
		if err != nil {
			e.Fatal(err)
		}
		defer s.Close()
		query := func(ctx context.Context) (got string, err error) {
			err = s.QueryRowContext(ctx, 1).Scan(&got)
			return got, err
		}
		e.stored("prepared", query)
		w, err := e.DB.PrepareContext(outside(), e.rebind("UPDATE orders SET sum = ? WHERE id = ?"))
		if err != nil {
			e.Fatal(err)
		}
		defer w.Close()
		if _, err := w.ExecContext(outside(), 99, 1); err != nil {
			e.Fatal(err)
		}
		if got, _ := e.fill("prepared", query); got != "99" {
			e.Errorf("%s", got)
		}
	})
	sub("who returns rows of a write", func(e *env) {
		if !a.Returning {
			e.Skip("there is no RETURNING")
		}
		e.warm(sumOf1)
		rows, err := e.DB.QueryContext(outside(), raise1+" RETURNING sum")
		if err != nil {
			e.Fatal(err)
		}
		rows.Next()
		if err := rows.Close(); err != nil {
			e.Fatal(err)
		}
		e.miss("99", sumOf1)
	})
	sub("several statements in one text", func(e *env) {
		if !a.Several {
			e.Skip("a text is one statement")
		}
		e.warm(sumOf1)
		e.warm("SELECT name FROM users WHERE id = 1")
		e.exec(raise1 + "; UPDATE users SET name = 'ann' WHERE id = 1")
		e.miss("99", sumOf1)
		e.miss("ann", "SELECT name FROM users WHERE id = 1")
	})
}

// strangers write past the adapter.
func (a Adapter) strangers(t *testing.T) {
	t.Parallel()
	e := a.open(t, a.shop()...)
	for _, write := range []string{
		raise1, "UPDATE orders SET sum = 10 WHERE id = 1", "DELETE FROM orders WHERE id = 1", "INSERT INTO orders VALUES (1, 1, 50)",
	} {
		e.warm(sumOf1)
		if _, err := e.Other.ExecContext(context.Background(), write); err != nil {
			t.Fatal(err)
		}
		want, err := e.read(context.Background(), e.Other, sumOf1)
		if err != nil {
			t.Fatal(err)
		}
		e.miss(want, sumOf1)
		e.exec("UPDATE users SET visits = visits + 1") // ours go on
		e.fresh(want, sumOf1)
	}
}

// loss is followed by nothing that is stale, and then by hits.
func (a Adapter) loss(t *testing.T) {
	t.Parallel()
	e := a.open(t, a.shop()...)
	e.warm(sumOf1)
	e.Lose()
	e.exec(raise1)
	e.fresh("99", sumOf1)
	for end := time.Now().Add(patience); ; {
		e.load(sumOf1)
		if _, ran := e.load(sumOf1); !ran {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no hits any more")
		}
	}
	e.exec("UPDATE orders SET sum = 98 WHERE id = 1")
	e.miss("98", sumOf1)
}

// closing takes a database out of its cache, and leaves others in it.
func (a Adapter) closing(t *testing.T) {
	t.Parallel()
	e := a.open(t, a.shop()...)
	other := &env{TB: t, Adapter: a, Database: a.Open(t, e.cache), cache: e.cache}
	other.exec("CREATE TABLE other (id INTEGER PRIMARY KEY, v INTEGER)")
	other.exec("INSERT INTO other VALUES (1, 1)")
	other.ready()
	e.warm(sumOf1)
	const query = "SELECT v FROM other WHERE id = 1"
	other.warm(query)
	if err := e.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ran := e.fill(sumOf1, func(context.Context) (string, error) { return "", nil }); !ran {
		t.Error("served of a database that nobody watches")
	}
	other.warm(query)
	other.exec("UPDATE other SET v = 2 WHERE id = 1")
	other.miss("2", query)
	if n := e.cache.Stats().OpenFills; n != 0 {
		t.Errorf("%d fills are open", n)
	}
}
