package adaptertest

import (
	"fmt"
	"testing"
)

// library is a schema of which lists are made.
func (a Adapter) library() []string {
	s := []string{
		`CREATE TABLE users (id ` + a.Identity + `, name TEXT NOT NULL, mail TEXT, boss INTEGER REFERENCES users (id))`,
		`CREATE TABLE cards (id ` + a.Identity + `, owner INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
			title TEXT, public NUMERIC(1) NOT NULL, stars INTEGER NOT NULL DEFAULT 0, made TIMESTAMP, seen INTEGER NOT NULL DEFAULT 0)`,
		`CREATE TABLE files (id ` + a.Identity + `, card INTEGER REFERENCES cards (id) ON DELETE CASCADE, name TEXT)`,
		`CREATE VIEW shown AS SELECT c.id, c.title, u.name FROM cards c JOIN users u ON u.id = c.owner WHERE c.public = 1`,
		`INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'bob'), (3, 'cid')`,
	}
	for i := 1; i <= 40; i++ {
		public := 1
		if i > 30 {
			public = 0
		}
		s = append(s, fmt.Sprintf(`INSERT INTO cards (id, owner, title, public, stars, made) VALUES (%d, %d, 'card %d', %d, %d, '2026-01-01 00:%02d:00')`,
			i, 1+i%2, i, public, i, i))
	}
	return append(s, `INSERT INTO files (id, card, name) VALUES (101, 30, 'a'), (102, 30, 'b'), (103, 29, 'c'), (104, 1, 'd')`)
}

// whatInvalidates says of statements which changes concern their answers and
// which do not.
func (a Adapter) whatInvalidates(t *testing.T) {
	t.Parallel()
	const list = `SELECT c.id, c.title, c.made, c.owner, u.name FROM cards c JOIN users u ON u.id = c.owner
		WHERE c.public = 1 ORDER BY c.made DESC, c.id DESC LIMIT 5`
	const second = list + ` OFFSET 5`
	for _, test := range []struct {
		query        string
		hits, misses []string
	}{
		{list, []string{
			`UPDATE cards SET title = 'x' WHERE id = 20`,
			`UPDATE cards SET seen = seen + 1`,
			`UPDATE cards SET title = 'x' WHERE id = 40`,
			`INSERT INTO cards (id, owner, title, public, made) VALUES (50, 3, 'old', 1, '2025-01-01 00:00:00')`,
			`INSERT INTO cards (id, owner, title, public, made) VALUES (50, 3, 'private', 0, '2027-01-01 00:00:00')`,
			`DELETE FROM cards WHERE id = 3`,
			`UPDATE users SET mail = 'a@b'`,
			`UPDATE users SET name = 'dan' WHERE id = 3`,
			`INSERT INTO users (id, name) VALUES (9, 'new')`,
		}, []string{
			`UPDATE cards SET title = 'x' WHERE id = 28`,
			`UPDATE users SET name = 'bert' WHERE id = 2`,
			`DELETE FROM cards WHERE id = 30`,
			`UPDATE cards SET public = 1 WHERE id = 31`,
			`UPDATE cards SET made = '2026-06-01 00:00:00' WHERE id = 2`,
			`INSERT INTO cards (id, owner, title, public, made) VALUES (50, 3, 'new', 1, '2027-01-01 00:00:00')`,
			`DELETE FROM users WHERE id = 1`,
		}},
		{second, []string{
			`UPDATE cards SET title = 'x' WHERE id = 30`, // on the first page
			`UPDATE cards SET title = 'x' WHERE id = 3`,
			`DELETE FROM cards WHERE id = 3`,
		}, []string{
			`UPDATE cards SET title = 'x' WHERE id = 23`,
			`DELETE FROM cards WHERE id = 30`,
			`UPDATE cards SET public = 0 WHERE id = 22`,
		}},
		{`SELECT count(*) FROM cards WHERE public = 1`, []string{
			`UPDATE cards SET title = 'x', stars = 7`, `INSERT INTO cards (id, owner, public) VALUES (50, 3, 0)`,
		}, []string{
			`INSERT INTO cards (id, owner, public) VALUES (50, 3, 1)`, `UPDATE cards SET public = 0 WHERE id = 1`, `DELETE FROM cards WHERE id = 4`,
		}},
		{`SELECT count(*) FROM cards c JOIN users u ON u.id = c.owner WHERE c.public = 1`, []string{
			`UPDATE users SET name = 'x'`, `INSERT INTO users (id, name) VALUES (9, 'new')`,
		}, []string{`DELETE FROM users WHERE id = 2`, `UPDATE cards SET owner = 3, public = 0 WHERE id = 4`}},
		{`SELECT max(made) FROM cards WHERE public = 1`, []string{
			`DELETE FROM cards WHERE id = 29`, `INSERT INTO cards (id, owner, public, made) VALUES (50, 1, 1, '2025-01-01 00:00:00')`,
		}, []string{`DELETE FROM cards WHERE id = 30`, `INSERT INTO cards (id, owner, public, made) VALUES (50, 1, 1, '2027-01-01 00:00:00')`}},
		{`SELECT c.id, c.title, (SELECT count(*) FROM files f WHERE f.card = c.id) FROM cards c WHERE c.public = 1 ORDER BY c.stars DESC, c.id LIMIT 2`, []string{
			`DELETE FROM files WHERE card = 1`, `INSERT INTO files (id, card, name) VALUES (110, 28, 'x')`, `UPDATE files SET name = 'y'`,
		}, []string{`DELETE FROM files WHERE card = 29`, `INSERT INTO files (id, card, name) VALUES (110, 30, 'x')`, `UPDATE cards SET stars = 100 WHERE id = 4`}},
		{`SELECT c.id, f.id, f.name FROM cards c LEFT JOIN files f ON f.card = c.id WHERE c.owner = 1 ORDER BY c.id, f.id`, []string{
			`DELETE FROM files WHERE card = 29`, `UPDATE cards SET title = 'x'`,
		}, []string{`UPDATE files SET name = 'y' WHERE card = 30`, `INSERT INTO files (id, card, name) VALUES (110, 2, 'x')`}},
		{`SELECT title, name FROM shown WHERE id = 7`, []string{
			`UPDATE cards SET title = 'x' WHERE id = 8`, `DELETE FROM cards WHERE id = 1`,
		}, []string{`UPDATE cards SET title = 'x' WHERE id = 7`, `UPDATE users SET name = 'bert' WHERE id = 2`}},
		{`WITH mine AS (SELECT id, title FROM cards WHERE owner = 2) SELECT title FROM mine ORDER BY id`, []string{
			`UPDATE cards SET title = 'x' WHERE owner = 1`,
		}, []string{`UPDATE cards SET owner = 3 WHERE id = 7`}},
		{`SELECT id FROM cards WHERE owner = 1 UNION SELECT id FROM files WHERE card = 30`, []string{
			`UPDATE cards SET title = 'x' WHERE owner = 2`, `DELETE FROM files WHERE card = 29`,
		}, []string{`DELETE FROM files WHERE card = 30`, `DELETE FROM cards WHERE id = 2`}},
		{`SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM cards WHERE owner = u.id AND public = 0) ORDER BY id`, []string{
			`UPDATE cards SET owner = 2 WHERE id = 2`,
		}, []string{`UPDATE cards SET owner = 3 WHERE id = 40`}},
		{`SELECT name FROM users WHERE boss IS NULL ORDER BY id`, []string{
			`UPDATE users SET mail = 'x'`,
		}, []string{`UPDATE users SET boss = 1 WHERE id = 2`}},
	} {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			missed := func(change string) bool {
				e := a.open(t, a.library()...)
				e.warm(test.query)
				e.exec(change)
				_, ran := e.load(test.query)
				return ran
			}
			for _, change := range test.hits {
				// Dependencies that share a slot of the ledger fall together: but
				// not the same ones three times in a row.
				for attempt := 1; a.Rows && missed(change); attempt++ {
					if attempt == 3 {
						t.Errorf("a miss after %s", change)
						break
					}
				}
			}
			for _, change := range test.misses {
				if !missed(change) {
					t.Errorf("stale after %s", change)
				}
			}
		})
	}
}

// shop is a schema whose rows hang together.
func (a Adapter) shop() []string {
	return append(append([]string{
		`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, visits INTEGER DEFAULT 0)`,
		`CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER REFERENCES users (id) ON DELETE CASCADE, sum INTEGER)`,
		`CREATE TABLE notes (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE SET NULL, body TEXT)`,
		`CREATE TABLE pairs (a INTEGER, b TEXT, v INTEGER, PRIMARY KEY (a, b))`,
		`CREATE VIEW spent AS SELECT users.name, sum(orders.sum) AS total FROM users JOIN orders ON orders.buyer = users.id GROUP BY users.id, users.name`,
		`INSERT INTO users VALUES (1, 'ada', 0), (2, 'bob', 0), (3, 'eve', 0)`,
		`INSERT INTO orders VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30)`,
		`INSERT INTO notes VALUES (1, 1, 'hi'), (2, 2, 'ho')`,
		`INSERT INTO pairs VALUES (1, 'x', 10), (1, 'y', 20), (2, 'x', 30)`,
	}, a.Schema()...), `INSERT INTO item VALUES (1, 'one', 1, ''), (2, 'two', 1, '')`, `INSERT INTO mirror VALUES (1, 1), (2, 1)`)
}

// writes says of writes of every kind what they change.
func (a Adapter) writes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		write string
		query string // whose answer changes
		want  string
		keeps []string // whose answers do not
	}{
		{"insert", "INSERT INTO users VALUES (4, 'joe', 0)", "SELECT name FROM users WHERE id = 4", "joe",
			[]string{"SELECT name FROM users WHERE id = 1", "SELECT sum FROM orders WHERE id = 1"}},
		{"update of one column", "UPDATE users SET name = 'ann' WHERE id = 1", "SELECT name FROM users WHERE id = 1", "ann",
			[]string{"SELECT name FROM users WHERE id = 2", "SELECT visits FROM users WHERE id = 1", "SELECT count(*) FROM users"}},
		{"update of a unique key", "UPDATE users SET name = 'ann' WHERE id = 1", "SELECT id FROM users WHERE name = 'ann'", "1",
			[]string{"SELECT id FROM users WHERE name = 'bob'"}},
		{"update of the old key", "UPDATE users SET name = 'ann' WHERE id = 1", "SELECT id FROM users WHERE name = 'ada'", "", nil},
		{"update of the primary key", "UPDATE orders SET id = 9 WHERE id = 1", "SELECT sum FROM orders WHERE id = 9", "10",
			[]string{"SELECT sum FROM orders WHERE id = 2"}},
		{"update of a part of a key", "UPDATE pairs SET b = 'z' WHERE a = 1 AND b = 'x'", "SELECT v FROM pairs WHERE a = 1 AND b = 'z'", "10",
			[]string{"SELECT v FROM pairs WHERE a = 1 AND b = 'y'"}},
		{"update by a part of a key", "UPDATE pairs SET v = 11 WHERE b = 'x'", "SELECT v FROM pairs WHERE a = 2 AND b = 'x'", "11",
			[]string{"SELECT v FROM pairs WHERE a = 1 AND b = 'y'"}},
		{"delete", "DELETE FROM orders WHERE id = 1", "SELECT sum FROM orders WHERE id = 1", "",
			[]string{"SELECT sum FROM orders WHERE id = 2"}},
		{"delete of everything", "DELETE FROM orders", "SELECT count(*) FROM orders", "0",
			[]string{"SELECT count(*) FROM users"}},
		{"trigger", "UPDATE item SET version = 2 WHERE id = 1", "SELECT version FROM audit WHERE item = 1", "2",
			[]string{"SELECT version FROM audit WHERE item = 2", "SELECT version FROM mirror WHERE id = 2"}},
		{"trigger that updates", "UPDATE item SET version = 2 WHERE id = 1", "SELECT version FROM mirror WHERE id = 1", "2",
			[]string{"SELECT name FROM item WHERE id = 1"}},
		{"cascade", "DELETE FROM users WHERE id = 1", "SELECT sum FROM orders WHERE id = 2", "",
			[]string{"SELECT sum FROM orders WHERE id = 3"}},
		{"set null", "DELETE FROM users WHERE id = 1", "SELECT author FROM notes WHERE id = 1", "<nil>",
			[]string{"SELECT author FROM notes WHERE id = 2", "SELECT body FROM notes WHERE id = 1"}},
		{"upsert", "INSERT INTO users VALUES (1, 'x', 0) ON CONFLICT (id) DO UPDATE SET name = 'ann'", "SELECT name FROM users WHERE id = 1", "ann",
			[]string{"SELECT name FROM users WHERE id = 2"}},
		{"update from", "UPDATE orders SET sum = users.id FROM users WHERE users.id = orders.buyer AND users.id = 2", "SELECT sum FROM orders WHERE id = 3", "2",
			[]string{"SELECT sum FROM orders WHERE id = 1"}},
		{"insert select", "INSERT INTO orders SELECT id + 100, buyer, sum FROM orders", "SELECT sum FROM orders WHERE id = 101", "10",
			[]string{"SELECT sum FROM orders WHERE id = 1"}},
		{"view", "UPDATE orders SET sum = 11 WHERE id = 1", "SELECT total FROM spent WHERE name = 'ada'", "31", nil},
		{"common table expression", "WITH n AS (SELECT 1 AS id) UPDATE orders SET sum = 5 WHERE id IN (SELECT id FROM n)", "SELECT sum FROM orders WHERE id = 1", "5",
			[]string{"SELECT sum FROM orders WHERE id = 2"}},
		{"what changes nothing", "UPDATE users SET name = name", "", "",
			[]string{"SELECT name FROM users WHERE id = 1", "SELECT count(*) FROM users"}},
		{"what finds nothing", "DELETE FROM orders WHERE id = 99", "", "",
			[]string{"SELECT sum FROM orders WHERE id = 1", "SELECT count(*) FROM orders"}},
		{"conflict", "INSERT INTO users VALUES (1, 'x', 0) ON CONFLICT DO NOTHING", "", "",
			[]string{"SELECT name FROM users WHERE id = 1", "SELECT count(*) FROM users"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := a.open(t, a.shop()...)
			if test.query != "" {
				e.warm(test.query)
			}
			for _, q := range test.keeps {
				e.warm(q)
			}
			fell := e.fell()
			e.exec(test.write)
			if test.query != "" {
				e.miss(test.want, test.query)
			}
			for _, q := range test.keeps {
				if a.Rows {
					e.hit(q)
				}
			}
			if e.fell() != fell {
				t.Errorf("everything fell: %v", e.cache.Stats().Invalidations)
			}
		})
	}
	t.Run("another schema", func(t *testing.T) {
		t.Parallel()
		e := a.open(t, a.shop()...)
		e.DB.SetMaxIdleConns(0) // some drivers fail once on a connection that has prepared it
		e.warm("SELECT * FROM users WHERE id = 1")
		e.exec("ALTER TABLE users ADD COLUMN mail TEXT DEFAULT 'none'")
		e.miss("1|ada|0|none", "SELECT * FROM users WHERE id = 1")
		e.warm("SELECT * FROM users WHERE id = 1")
		e.exec("UPDATE users SET mail = 'a@b' WHERE id = 1")
		e.miss("1|ada|0|a@b", "SELECT * FROM users WHERE id = 1")
	})
}

// fell returns how often everything was invalidated, for whatever cause.
func (e *env) fell() (n uint64) {
	for cause, count := range e.cache.Stats().Invalidations {
		if cause != "write" {
			n += count
		}
	}
	return n
}
