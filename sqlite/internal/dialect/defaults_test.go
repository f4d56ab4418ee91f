package dialect

import "testing"

// What stands in a DEFAULT alone is not called by who reads the column.
func TestDefaults(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, `
		CREATE TABLE made (id INTEGER PRIMARY KEY, name TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP, s INTEGER DEFAULT (0 + random()), date TEXT DEFAULT current_date);
		CREATE TABLE gen (id INTEGER PRIMARY KEY, at TEXT DEFAULT (CURRENT_TIME), low AS (lower(at)));
		CREATE TABLE same (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIME, label AS ('CURRENT_TIME' || id));
		CREATE VIEW plain AS SELECT id, at FROM made;
		CREATE VIEW today AS SELECT id, at FROM made WHERE at > CURRENT_TIMESTAMP;
		CREATE VIEW "of today" AS SELECT id FROM today;
		CREATE TABLE other (id INTEGER PRIMARY KEY)`)
	const refused = "refused: volatile function"
	for _, test := range []struct{ sql, want string }{
		{"SELECT at FROM made WHERE id = ?", "made[id=?1]{id at}"},
		{"SELECT s FROM made WHERE id = ?", "made[id=?1]{id s}"},
		{"SELECT * FROM made WHERE id = ?", "made[id=?1]{*}"},
		{"SELECT date FROM made WHERE id = ?", "made[id=?1]{id date}"},
		{"SELECT at FROM plain WHERE id = ?", "made[id=?1]{*} (no total order)"},
		{"SELECT at, low FROM gen WHERE id = ?", "gen[id=?1]{*}"},
		{"SELECT count(at) FROM made", "made{at}"},

		{"SELECT at, current_timestamp FROM made WHERE id = ?", refused},
		{"SELECT at FROM made WHERE id = ? AND at < Current_Timestamp", refused},
		{"SELECT s FROM made WHERE id = random()", refused},
		{`SELECT s FROM made WHERE id = "random"()`, refused},
		{"SELECT s FROM made WHERE id = [RANDOM] ()", refused},
		{"SELECT s FROM made ORDER BY `random`()", refused},
		{"SELECT s FROM made WHERE id = /* nothing */ random/**/()", refused},
		{"SELECT at FROM today WHERE id = ?", refused},
		{"SELECT count(*) FROM today", refused},
		{`SELECT made.at FROM made, "of today"`, refused},
		{"SELECT at FROM made WHERE id IN (SELECT id FROM [OF TODAY])", refused},
		{"SELECT at FROM made WHERE (id, at) IN plain AND (id, at) IN today", refused},
		{"WITH w AS (SELECT CURRENT_TIMESTAMP AS x) SELECT at FROM made, w", refused},
		{"SELECT at FROM same WHERE id = ?", refused}, // the word is elsewhere, in a table with a generated column
		{"SELECT random() FROM other", refused},
	} {
		p, err := d.analyze(test.sql)
		if err != nil {
			t.Errorf("%s: %v", test.sql, err)
			continue
		}
		if got := p.String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.sql, got, test.want)
		}
	}
}
