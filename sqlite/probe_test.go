package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"testing"

	"github.com/unstale/unstale/internal/shape"
)

// A probe takes no more steps than it may, whether it finds much, little or nothing,
// and says how many it took.
func TestProbeIsBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t, `CREATE TABLE ev (id INTEGER PRIMARY KEY, tenant INTEGER, kind INTEGER, name TEXT, b BLOB, f REAL);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
			INSERT INTO ev SELECT i, i % 2, i % 3, 'k' || char(0) || (i % 3), x'00ff', 0.5 FROM n`)
	s := e.conn().session()
	ctx := context.Background()
	for _, test := range []struct {
		query string
		args  []any
		limit int
		rows  int
	}{
		{"SELECT DISTINCT kind FROM ev WHERE tenant = ?1", []any{int64(1)}, 10, 3},
		{"SELECT DISTINCT kind FROM ev WHERE name = ?1 AND b = ?2 AND f = ?3", []any{"k\x002", []byte{0, 255}, 0.5}, 10, 1},
		{"SELECT DISTINCT kind FROM ev WHERE tenant IS ?1", []any{nil}, 10, 0},
		{"SELECT DISTINCT id FROM ev WHERE tenant = ?1", []any{int64(1)}, 10, 11},
	} {
		var args []driver.NamedValue
		for i, v := range test.args {
			args = append(args, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		rows, took, ok := s.Probe(ctx, test.query, args, test.limit, 1_000_000)
		if !ok || len(rows) != test.rows || took == 0 {
			t.Errorf("%s: %d rows, %d steps, %t", test.query, len(rows), took, ok)
		}
		if again, same, ok := s.Probe(ctx, test.query, args, test.limit, took+100); !ok || len(again) != len(rows) || same != took {
			t.Errorf("%s: within %d steps it took %d, %t", test.query, took+100, same, ok)
		}
		for _, work := range []int{1, 20, took / 2} {
			if _, spent, ok := s.Probe(ctx, test.query, args, test.limit, work); ok || spent < work || spent > work+100 {
				t.Errorf("%s: within %d steps it took %d of %d, %t", test.query, work, spent, took, ok)
			}
		}
		var n int // the connection runs as long as it likes
		if err := e.conn().QueryRowContext(outside(t), "SELECT count(*) FROM ev a, ev b WHERE a.kind + b.kind < 0 AND b.id < 50").Scan(&n); err != nil {
			t.Error(err)
		}
	}
	if _, _, ok := s.Probe(ctx, "SELECT nothing FROM ev", nil, 10, 1000); ok {
		t.Error("a probe that does not compile is no failure")
	}
	if s.native.handle().FxProgress != 0 || s.native.reading() {
		t.Error("something is left of a probe")
	}
}

// What probes read is no more than what their queries read, and a little: a page of
// ten rows does not read all rows of a tenant, though that is what its join depends on.
func TestProbesReadNoMoreThanQueries(t *testing.T) {
	t.Parallel()
	e := newEnv(t, `CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT);
		CREATE TABLE ev (id INTEGER PRIMARY KEY, tenant INTEGER, at INTEGER, kind INTEGER);
		CREATE INDEX i ON ev (tenant, at);
		INSERT INTO kinds VALUES (0, 'a'), (1, 'b'), (2, 'c'), (3, 'unused');
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO ev SELECT i, i % 2, i, i % 3 FROM n;
		INSERT INTO ev VALUES (90000, 7, 1, 1), (90001, 7, 2, 2)`)
	const page = "SELECT e.id, e.at, k.name FROM ev e JOIN kinds k ON k.id = e.kind WHERE e.tenant = ? ORDER BY e.at DESC, e.id DESC LIMIT 10"
	const total = "SELECT count(*) FROM ev e JOIN kinds k ON k.id = e.kind WHERE e.tenant = ? AND k.name <> 'x'"
	c, took := e.conn(), 0
	s := c.session()
	s.Session = e.inner.NewSession(spying{s, &took})
	own := func(query string, tenant int64) int {
		_, steps, ok := s.native.probe(query, named([]driver.Value{tenant}), 100, 10_000_000)
		if !ok {
			t.Fatal(query)
		}
		return steps
	}
	runs := 0
	run := func(query string, tenant int) {
		runs++
		if !e.fill(fmt.Sprint(runs), func(ctx context.Context) error {
			_, err := read(ctx, c, query, tenant)
			return err
		}) {
			t.Fatalf("%s is not stored", query)
		}
	}
	// unconcerned reports whether the last run does not depend on a kind that it does not
	// join.
	unconcerned := func() bool {
		e.exec("UPDATE kinds SET name = name || 'x' WHERE id = 3")
		return e.stored(fmt.Sprint(runs))
	}
	e.exec("UPDATE kinds SET name = name || 'x' WHERE id = 3") // the shapes are not born yet
	const little = 10_100                                      // to begin with, and what SQLite takes before it looks
	for i := range 400 {
		run(page, 1)
		if most := little + i*own(page, 1); took > most {
			t.Fatalf("%d runs: probes took %d steps, want at most %d", i+1, took, most)
		}
	}
	if unconcerned() {
		t.Error("what no probe found is known")
	}
	if took == 0 {
		t.Error("there was no probe")
	}
	run(page+" --", 7)
	run(page+" --", 7)
	if !unconcerned() {
		t.Error("a tenant with few rows depends on every kind")
	}
	for range 3 {
		run(total, 1)
	}
	if !unconcerned() {
		t.Error("a query that reads all rows of its tenant has no probe that does")
	}
}

// A spying connection counts the steps of probes.
type spying struct {
	*session
	took *int
}

func (s spying) Probe(ctx context.Context, sql string, args []driver.NamedValue, limit, work int) ([][]shape.Value, int, bool) {
	rows, took, ok := s.session.Probe(ctx, sql, args, limit, work)
	*s.took += took
	return rows, took, ok
}
