package sqlite

import "testing"

// A column whose DEFAULT is the clock is read like any other.
func TestClockDefaults(t *testing.T) {
	t.Parallel()
	e := newEnv(t,
		`CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP, s INTEGER NOT NULL DEFAULT (strftime('%s', 'now')), r DEFAULT (random()))`,
		`CREATE VIEW late AS SELECT id FROM notes WHERE at > CURRENT_TIMESTAMP`,
		`INSERT INTO notes (id, body) VALUES (1, 'a'), (2, 'b')`)
	for _, query := range []string{
		`SELECT at FROM notes WHERE id = 1`,
		`SELECT * FROM notes WHERE id = 1`,
		`SELECT s, r FROM notes WHERE id = 1`,
		`SELECT body FROM notes WHERE id = 1 AND at > '2020-01-01'`,
	} {
		e.warm(query)
		e.exec(`UPDATE notes SET at = at || '.' WHERE id = 2`)
		e.hit(query)
		e.exec(`UPDATE notes SET at = at || '.', s = s + 1 WHERE id = 1`)
		if _, ran := e.load(query); !ran {
			t.Errorf("%s: a hit after a change", query)
		}
	}
	for _, query := range []string{
		`SELECT at, CURRENT_TIMESTAMP FROM notes WHERE id = 1`,
		`SELECT r FROM notes WHERE id = 1 AND random() <> 0`,
		`SELECT at FROM notes WHERE id NOT IN late ORDER BY id`,
	} {
		e.uncached(query)
	}
}
