package dialect

import (
	"database/sql/driver"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/shape"
)

// Functions of date and time are like any other where neither the clock nor the
// time zone can be meant, as far as the text tells.
func TestFunctionsOfTime(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, `
		CREATE TABLE notes (id INTEGER PRIMARY KEY, at TEXT DEFAULT (datetime('now')), n INTEGER, day AS (date(at)));
		CREATE VIEW days AS SELECT id, date(at, 'start of month') AS month FROM notes;
		CREATE VIEW local AS SELECT id, date(at, 'localtime') AS day FROM notes;
		CREATE VIEW shifted AS SELECT id, date(at, n) AS day FROM notes;
		CREATE VIEW "of local" AS SELECT id FROM local`)
	const refused = "refused: volatile function"
	for _, test := range []struct{ sql, want string }{
		{"SELECT at FROM notes WHERE id = ?", "notes[id=?1]{id at}"},
		{"SELECT date(at) FROM notes WHERE id = ?", "notes[id=?1]{id at}"},
		{"SELECT STRFTIME('%Y', at, 'unixepoch') FROM notes WHERE id = ?", "notes[id=?1]{id at}"},
		{"SELECT id FROM notes WHERE at > date('2026-01-01') ORDER BY id", "notes{id at} (condition that is no equality)"},
		{"SELECT id FROM notes WHERE at > date(0, 'unixepoch', '-1 day', 7) ORDER BY id", "notes{id at} (condition that is no equality)"},
		{"SELECT id FROM notes WHERE at > date(?, ?2, '+' || ? || ' days') AND id = 1", "notes[id=1]{id at}"},
		{"SELECT date(at), count(*) FROM notes GROUP BY date(at) ORDER BY 1", "notes{*} (no total order)"},
		{"SELECT timediff(at, ?) FROM notes WHERE id = 1", "notes[id=1]{id at}"},
		{"SELECT day FROM notes WHERE id = 1", "notes[id=1]{*}"},
		{"SELECT count(month) FROM days", "notes (outer aggregate)"},
		{"SELECT id FROM notes WHERE id = 1 AND at > (SELECT max(julianday(at)) FROM notes)", "notes[id=1]{id at} notes{*} (no total order)"},
		{"SELECT date(coalesce(at, 'now')) FROM notes WHERE id = 1", "notes[id=1]{id at}"}, // seen when it runs

		{"SELECT id, date() FROM notes", refused},
		{"SELECT id, strftime('%Y') FROM notes", refused},
		{"SELECT id, date('now') FROM notes", refused},
		{"SELECT id, date(('NOW'), '+1 day') FROM notes", refused},
		{"SELECT id, unixepoch('subsec') FROM notes", refused},
		{"SELECT id, strftime('%s', 'now') FROM notes", refused},
		{"SELECT id FROM notes WHERE at > CURRENT_TIMESTAMP", refused},
		{"SELECT date(at, 'localtime') FROM notes WHERE id = ?", refused},
		{"SELECT date(at, 'UTC') FROM notes WHERE id = ?", refused},
		{"SELECT date(at, n) FROM notes WHERE id = ?", refused},
		{"SELECT date(at, 'local' || 'time') FROM notes WHERE id = ?", refused},
		{"SELECT date(at, '' || ?) FROM notes WHERE id = ?", refused},
		{"SELECT date(at, lower(?)) FROM notes WHERE id = ?", refused},
		{"SELECT date(at, x'757463') FROM notes WHERE id = ?", refused},
		{"SELECT id FROM local WHERE id = ?", refused},
		{"SELECT id FROM shifted WHERE id = ?", refused},
		{`SELECT at FROM notes WHERE date(at) > 1 AND id IN "of local"`, refused},
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

// A parameter that is a modifier must not be one of those that go by the time zone.
func TestZonedParameters(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, `CREATE TABLE notes (id INTEGER PRIMARY KEY, at TEXT)`)
	for _, text := range []string{"SELECT date(at, ?) FROM notes", "SELECT date(at, (:m)) FROM notes"} {
		p, err := d.analyze(text)
		if err != nil || p.Refused != "" || !p.Clocked {
			t.Fatalf("%s: %v %v", text, p, err)
		}
		q := shape.NewShapes([16]byte{1}, func() uint64 { return 0 }).Use(p)
		for _, test := range []struct {
			value driver.Value
			want  bool
		}{
			{"+1 day", false}, {"unixepoch", false}, {nil, false}, {int64(3), false}, {1.5, false}, {true, false}, {"now", false},
			{"localtime", true}, {"LocalTime", true}, {"utc", true}, {"UTC\x00", true}, {[]byte("+1 day"), true}, {time.Unix(0, 0), true},
		} {
			if got := q.Zoned([]driver.NamedValue{{Ordinal: 1, Name: "m", Value: test.value}}); got != test.want {
				t.Errorf("%s with %#v: %t", text, test.value, got)
			}
		}
		if !q.Zoned(nil) {
			t.Errorf("%s: without arguments", text)
		}
	}
}
