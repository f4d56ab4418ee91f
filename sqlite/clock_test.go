package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/unstale/unstale"
	modernc "modernc.org/sqlite"
)

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

// What looks at the clock is not stored, wherever the word for the present comes
// from; other functions of date and time are like any other.
func TestClockIsSeen(t *testing.T) {
	t.Parallel()
	e := newEnv(t,
		`CREATE TABLE notes (id INTEGER PRIMARY KEY, at, kind TEXT)`, `CREATE TABLE made (id INTEGER PRIMARY KEY, at, day AS (date(at)))`, `INSERT INTO made (id, at) VALUES (1, 5)`,
		`CREATE VIEW days AS SELECT id, date(at) AS day FROM notes`,
		`INSERT INTO notes (id, at, kind) VALUES (1, '2026-01-02', 'a'), (2, 'now', 'b'), (3, 1767312000, 'c'), (4, x'6e6f77', 'd'), (5, '2026-01-03', 'a')`)
	for _, test := range []struct {
		query  string
		args   []any
		cached bool
	}{
		{`SELECT date(at) FROM notes WHERE id = 1`, nil, true},
		{`SELECT date(at, 'unixepoch') FROM notes WHERE id = 3`, nil, true},
		{`SELECT day FROM days WHERE id = 1`, nil, true},
		{`SELECT day FROM made WHERE id = 1`, nil, true},
		{`SELECT kind FROM notes WHERE at < date(?)`, []any{"2026-01-04"}, true},
		{`SELECT kind FROM notes WHERE at < date(?)`, []any{nil}, true},
		{`SELECT kind FROM notes WHERE at < date(?, ?)`, []any{"2026-01-04", "+1 day"}, true},
		{`SELECT kind, count(*) FROM notes WHERE id IN (1, 5) GROUP BY date(at) ORDER BY 1`, nil, true},
		{`SELECT id FROM notes WHERE id = 9 AND date(at) = '2026-01-02'`, nil, true}, // no row is looked at

		{`SELECT date(at) FROM notes WHERE id = 2`, nil, false},
		{`SELECT date(at) FROM notes WHERE id = 4`, nil, false},
		{`SELECT day FROM days WHERE id = 2`, nil, false},
		{`SELECT id FROM notes WHERE date(at) = '1970-01-01' ORDER BY id`, nil, false}, // it returns nothing
		{`SELECT id FROM notes WHERE id >= 1 AND coalesce(date(at), '') < '2026-01-03' ORDER BY id`, nil, false},
		{`SELECT max(date(at)) FROM notes`, nil, false},
		{`SELECT kind FROM notes WHERE at < date(?)`, []any{"now"}, false},
		{`SELECT kind FROM notes WHERE at < date(?)`, []any{"NoW"}, false},
		{`SELECT kind FROM notes WHERE at < date(?)`, []any{[]byte("now")}, false},
		{`SELECT kind FROM notes WHERE at < unixepoch(?)`, []any{"subsec"}, false},
		{`SELECT kind FROM notes WHERE at < date(:when)`, []any{sql.Named("when", "now")}, false},
		{`SELECT kind FROM notes WHERE at < date('2026-01-04', ?)`, []any{"localtime"}, false},
		{`SELECT kind FROM notes WHERE at < date('2026-01-04', ?)`, []any{"Utc"}, false},
	} {
		if test.cached {
			e.warm(test.query, test.args...)
		} else {
			e.uncached(test.query, test.args...)
		}
	}
}

// The rows that are not read to the end, or not at all, look at the clock, too.
func TestClockIsSeenInTime(t *testing.T) {
	t.Parallel()
	e := newEnv(t, `CREATE TABLE notes (id INTEGER PRIMARY KEY, at)`, `INSERT INTO notes VALUES (1, '2026-01-02'), (2, 'now'), (3, 'now')`)
	stmt, err := e.db.PrepareContext(outside(t), `SELECT date(at) FROM notes WHERE id >= ? ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stmt.Close() })
	for _, test := range []struct {
		from, rows int
		cached     bool
	}{{1, 0, true}, {1, 1, true}, {1, 2, false}, {2, 0, false}, {2, 1, false}, {3, 1, false}} {
		stored := false
		for range 3 {
			stored = true
			_, err := unstale.Load(t.Context(), e.cache, fmt.Sprint(test), func(ctx context.Context) (string, error) {
				stored = false
				rows, err := stmt.QueryContext(ctx, test.from)
				if err != nil {
					return "", err
				}
				for range test.rows {
					rows.Next()
				}
				return "", rows.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if stored != test.cached {
			t.Errorf("%+v: stored %t", test, stored)
		}
	}
}

// Who runs a query without looking at its rows does not see the clock either.
func TestClockUnseen(t *testing.T) {
	t.Parallel()
	e := newEnv(t, `CREATE TABLE notes (id INTEGER PRIMARY KEY, at)`, `INSERT INTO notes VALUES (1, 'now')`)
	for range 3 {
		ran := false
		_, err := unstale.Load(t.Context(), e.cache, "k", func(ctx context.Context) (string, error) {
			ran = true
			_, err := e.db.ExecContext(ctx, `SELECT date(at) FROM notes`)
			return "", err
		})
		if err != nil || !ran {
			t.Fatalf("%v %t", err, ran)
		}
	}
}

// A function of the application that has the name of one of SQLite's is another one.
func TestReplacedFunctionOfTime(t *testing.T) {
	t.Parallel()
	d := new(modernc.Driver)
	d.MustRegisterScalarFunction("date", 1, func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) {
		return time.Now().String(), nil
	})
	e := openEnv(t, newCache(t), t.TempDir()+"/t.db", Config{Driver: d}, people)
	e.uncached(`SELECT date(name) FROM people WHERE id = 1`)
	e.warm(`SELECT time(name) FROM people WHERE id = 1`)
}
