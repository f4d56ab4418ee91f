package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// What lies between two times of Go depends on no other rows, in every way in which the
// driver writes times that is known, and on all rows in others.
func TestTimesAsArguments(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, test := range []struct {
		parameters string
		stays      bool
	}{
		{"", true},
		{"&_time_format=sqlite", true},
		{"&_time_format=datetime", true},
		{"&_time_format=string_no_monotonic", true},
		{"&_time_integer_format=unix", false},
		{"&_timezone=UTC", false},
	} {
		c, err := unstale.New(unstale.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		db, err := Open(t.TempDir()+"/t.db?_pragma=synchronous(off)"+test.parameters, c)
		if err != nil {
			t.Fatal(err)
		}
		write := func(text string, args ...any) {
			if _, err := db.ExecContext(unstale.Outside(t.Context()), text, args...); err != nil {
				t.Fatal(err)
			}
		}
		write("CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME NOT NULL)")
		write("INSERT INTO t (at) VALUES (?)", noon)
		load := func() (answer string, hit bool) {
			hit = true
			answer, err := unstale.Load(t.Context(), c, "t", func(ctx context.Context) (string, error) {
				hit = false
				var n, exact int
				err := db.QueryRowContext(ctx, "SELECT count(*) FROM t WHERE at >= ? AND at < ?", noon, noon.Add(time.Hour)).Scan(&n)
				if err == nil {
					err = db.QueryRowContext(ctx, "SELECT count(*) FROM t WHERE at = :at", sql.Named("at", noon)).Scan(&exact)
				}
				return fmt.Sprint(n, exact), err
			})
			if err != nil {
				t.Fatal(err)
			}
			return answer, hit
		}
		load()
		write("INSERT INTO t (at) VALUES (?)", noon.Add(2*time.Hour))
		if _, hit := load(); hit != test.stays {
			t.Errorf("%q: another row is written, and the answer stays %t", test.parameters, hit)
		}
		write("INSERT INTO t (at) VALUES (?)", noon.Add(time.Minute))
		if got, _ := load(); got != "2 1" {
			t.Errorf("%q: %s", test.parameters, got)
		}
		write("INSERT INTO t (at) VALUES (?)", noon)
		if got, _ := load(); got != "3 2" {
			t.Errorf("%q: %s", test.parameters, got)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		c.Close()
	}
}
