package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// library is a schema of which lists are made.
var library = []string{
	`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT, boss INTEGER REFERENCES users (id))`,
	`CREATE TABLE cards (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
		title TEXT, public BOOLEAN NOT NULL, stars INTEGER NOT NULL DEFAULT 0, made DATETIME, seen INTEGER NOT NULL DEFAULT 0)`,
	`CREATE TABLE files (id INTEGER PRIMARY KEY, card INTEGER REFERENCES cards (id) ON DELETE CASCADE, name TEXT)`,
	`CREATE VIEW shown AS SELECT c.id, c.title, u.name FROM cards c JOIN users u ON u.id = c.owner WHERE c.public = 1`,
	`INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'bob'), (3, 'cid')`,
	`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
		INSERT INTO cards (id, owner, title, public, stars, made) SELECT i, 1 + i % 2, 'card ' || i, i <= 30, i, datetime('2026-01-01', i || ' minutes') FROM n`,
	`INSERT INTO files (card, name) VALUES (30, 'a'), (30, 'b'), (29, 'c'), (1, 'd')`,
}

// proven waits until the foreign keys are proven.
func (e *env) proven() {
	e.Helper()
	for deadline := time.Now().Add(10 * time.Second); !e.inner.parents.Holds(e.inner.parents.Proof()); {
		if time.Now().After(deadline) {
			e.Fatal("the foreign keys are not proven")
		}
		time.Sleep(time.Millisecond)
	}
}

// Where foreign keys are not enforced, a parent may be missing and come back.
func TestParentsThatAreMissing(t *testing.T) {
	t.Parallel()
	const query = `SELECT c.id, c.owner, u.name FROM cards c JOIN users u ON u.id = c.owner WHERE c.public = 1 ORDER BY c.id`
	e := newEnv(t, library...)
	e.proven()
	e.warm(query)
	conn, err := e.db.Conn(outside(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, s := range []string{`PRAGMA foreign_keys = 0`, `DELETE FROM users WHERE id = 2`} {
		if _, err := conn.ExecContext(outside(t), s); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := e.load(query); strings.Contains(got, "bob") {
		t.Errorf("a user who is gone: %s", got)
	}
	for range 3 { // whatever a proof says meanwhile
		e.load(query)
	}
	e.exec(`INSERT INTO users (id, name) VALUES (2, 'bert')`)
	if got, _ := e.load(query); !strings.Contains(got, "bert") {
		t.Errorf("a user who is back is missing: %s", got)
	}
}

// A value in a result is what SQLite has, not what the driver makes of it.
func TestResultsWithNULBytes(t *testing.T) {
	t.Parallel()
	e := newEnv(t,
		`CREATE TABLE tags (tag TEXT PRIMARY KEY NOT NULL, text TEXT)`,
		`CREATE TABLE uses (id INTEGER PRIMARY KEY, tag TEXT)`,
		`INSERT INTO tags VALUES ('a' || char(0) || 'b', 'x'), ('a', 'y')`,
		`INSERT INTO uses (tag) SELECT tag FROM tags`)
	const query = `SELECT u.id, u.tag, t.text FROM uses u LEFT JOIN tags t ON t.tag = u.tag ORDER BY u.id`
	e.warm(query)
	e.exec(`UPDATE tags SET text = 'z' WHERE tag = 'a' || char(0) || 'b'`)
	if got, ran := e.load(query); !ran || !strings.Contains(got, "z") {
		t.Errorf("stale: %q", got)
	}
}

// Who reads only the first rows depends on no more than these, and on what could
// come before them.
func TestRowsReadInPart(t *testing.T) {
	t.Parallel()
	e := newEnv(t, library...)
	e.proven()
	const query = `SELECT c.id, c.title, c.made, c.owner, u.name FROM cards c JOIN users u ON u.id = c.owner ORDER BY c.made DESC, c.id DESC LIMIT 20`
	first := func() (title string, ran bool) {
		title, err := unstale.Load(t.Context(), e.cache, "first", func(ctx context.Context) (string, error) {
			ran = true
			var title string
			err := e.db.QueryRowContext(ctx, query).Scan(new(int), &title, new(any), new(int), new(string))
			return title, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return title, ran
	}
	for attempt := 1; ; attempt++ {
		first()
		e.exec(`UPDATE cards SET title = ? WHERE id < 20`, fmt.Sprint("x", attempt))
		if _, ran := first(); !ran {
			break
		}
		if attempt == 3 { // dependencies may share a slot once
			t.Fatal("a change of rows that were not read is a miss")
		}
	}
	e.exec(`INSERT INTO cards (owner, title, public, made) VALUES (1, 'new', 1, '2027-01-01 00:00:00')`)
	if title, _ := first(); title != "new" {
		t.Errorf("stale: %q", title)
	}
}

// Rows that are still open when the answer is made could say anything.
func TestRowsLeftOpen(t *testing.T) {
	t.Parallel()
	e := newEnv(t, library...)
	var open *sql.Rows
	runs := 0
	for range 2 {
		if _, err := unstale.Load(t.Context(), e.cache, "open", func(ctx context.Context) (string, error) {
			runs++
			rows, err := e.db.QueryContext(context.WithoutCancel(ctx), `SELECT id, title FROM cards ORDER BY id LIMIT 3`)
			if err != nil {
				return "", err
			}
			if open != nil {
				_ = open.Close()
			}
			open = rows
			rows.Next()
			return "", rows.Err()
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	if runs != 2 {
		t.Errorf("the function ran %d times, want 2", runs)
	}
}

// Coarser precisions invalidate more.
func TestPrecision(t *testing.T) {
	t.Parallel()
	for precision, want := range map[Precision]string{PrecisionExact: "hit hit miss", PrecisionRow: "hit miss miss", PrecisionTable: "miss miss miss"} {
		e := openEnv(t, newCache(t), t.TempDir()+"/test.db", Config{Precision: precision}, library...)
		const query = `SELECT title FROM cards WHERE owner = 1 AND public = 1 ORDER BY id`
		var got []string
		for _, change := range []string{`UPDATE cards SET seen = 1 WHERE id = 2`, `UPDATE cards SET title = 'x' WHERE owner = 2`, `UPDATE cards SET title = 'y' WHERE id = 2`} {
			e.warm(query)
			e.exec(change)
			_, ran := e.load(query)
			got = append(got, map[bool]string{true: "miss", false: "hit"}[ran])
		}
		if s := fmt.Sprint(strings.Join(got, " ")); s != want {
			t.Errorf("precision %d: %s, want %s", precision, s, want)
		}
	}
}

// What relied on the foreign keys falls with the first commit that does not keep
// them.
func TestParentsThatLeave(t *testing.T) {
	t.Parallel()
	const query = `SELECT count(*) FROM cards c JOIN users u ON u.id = c.owner`
	e := newEnv(t, library...)
	e.proven()
	e.warm(query)
	c := e.conn()
	c.exec(`PRAGMA foreign_keys = 0`)
	c.exec(`DELETE FROM users WHERE id = 2`)
	e.miss("20", query)
}

// Enforcement counts when the row changes, not when the commit comes.
func TestEnforcementThatComesTooLate(t *testing.T) {
	t.Parallel()
	const query = `SELECT count(*) FROM cards c JOIN users u ON u.id = c.owner`
	e := newEnv(t, library...)
	e.proven()
	e.warm(query)
	c := e.conn()
	c.exec(`PRAGMA foreign_keys = 0`)
	rows, err := c.QueryContext(outside(t), `DELETE FROM users WHERE id = 2 RETURNING id`)
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	c.exec(`PRAGMA foreign_keys = 1`)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	e.miss("20", query)
}

// database/sql ends the rows of a transaction whose context has ended, and tells
// nobody who does not ask.
func TestContextOfTheTransactionEnds(t *testing.T) {
	t.Parallel()
	e := newEnv(t, library...)
	runs := 0
	for range 2 {
		if _, err := unstale.Load(t.Context(), e.cache, "cut", func(ctx context.Context) (string, error) {
			runs++
			inner, cancel := context.WithCancel(ctx)
			defer cancel()
			tx, err := e.db.BeginTx(inner, nil)
			if err != nil {
				return "", err
			}
			defer func() { _ = tx.Rollback() }()
			rows, err := tx.QueryContext(ctx, `SELECT id FROM users ORDER BY id`)
			if err != nil {
				return "", err
			}
			defer func() { _ = rows.Close() }()
			n := 0
			for rows.Next() {
				n++
				cancel()
				for rows.Err() == nil { // until database/sql has noticed
					time.Sleep(time.Millisecond)
				}
			}
			return fmt.Sprint(n), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 2 {
		t.Errorf("an answer that was cut off is stored")
	}
}

// A probe that was cut off says nothing of how many values there are: the next
// one is run, and finds them.
func TestProbeCutOff(t *testing.T) {
	t.Parallel()
	const query = `SELECT count(*) FROM files f JOIN cards c ON c.id = f.card WHERE f.name = ? AND c.public = 1`
	e := newEnv(t, library...)
	if e.fill("cut", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return e.conn().Raw(func(dc any) error {
			_, err := dc.(*conn).QueryContext(ctx, query, []driver.NamedValue{{Ordinal: 1, Value: "a"}})
			if err == nil {
				t.Error("the query was not cut off")
			}
			return nil
		})
	}) {
		t.Error("an answer that was cut off is stored")
	}
	for attempt := 1; ; attempt++ {
		e.warm(query, "a")
		e.exec(`UPDATE cards SET public = NOT public WHERE id = 12`)
		if _, ran := e.load(query, "a"); !ran {
			break
		}
		if attempt == 3 { // dependencies may share a slot once
			t.Fatal("a change of a row that the probe did not find is a miss")
		}
	}
	e.exec(`UPDATE cards SET public = 0 WHERE id = 30`)
	e.miss("0", query, "a")
}
