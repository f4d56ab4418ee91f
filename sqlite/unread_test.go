package sqlite

import (
	"context"
	"database/sql"
	"testing"

	"github.com/unstale/unstale"
)

// Whoever reads no row of a query learns something of its rows all the same:
// whether the first one fails, which is computed when the query begins, and of
// what types its values are; whether any of them fails, if he executes it.
func TestRowsThatNobodyReads(t *testing.T) {
	t.Parallel()
	const (
		valid = `SELECT t.id, t.u, json(u.x) FROM t LEFT JOIN u ON u.id = t.u ORDER BY t.id`
		typed = `SELECT t.id, t.u, u.x FROM t LEFT JOIN u ON u.id = t.u ORDER BY t.id`
		first = `UPDATE u SET x = '{' WHERE id = 1` // which is of the first row
		last  = `UPDATE u SET x = '{' WHERE id = 2` // and this of the last
	)
	failing := func(err error) (string, error) {
		if err != nil {
			return "fails", nil //nolint:nilerr // that is the answer
		}
		return "works", nil
	}
	for name, test := range map[string]struct {
		read   func(context.Context, *sql.DB) (string, error)
		change string
		want   [2]string // before and after the change
	}{
		"closed at once": {func(ctx context.Context, db *sql.DB) (string, error) {
			rows, err := db.QueryContext(ctx, valid)
			if err != nil {
				return failing(err)
			}
			return failing(rows.Close())
		}, first, [2]string{"works", "fails"}},
		"types before the first row": {func(ctx context.Context, db *sql.DB) (string, error) {
			rows, err := db.QueryContext(ctx, typed)
			if err != nil {
				return "", err
			}
			defer func() { _ = rows.Close() }()
			types, err := rows.ColumnTypes()
			if err != nil {
				return "", err
			}
			return types[2].ScanType().String(), rows.Close()
		}, `UPDATE u SET x = 1.5 WHERE id = 1`, [2]string{"int64", "float64"}},
		"executed": {func(ctx context.Context, db *sql.DB) (string, error) {
			_, err := db.ExecContext(ctx, valid)
			return failing(err)
		}, last, [2]string{"works", "fails"}},
		"executed when prepared": {func(ctx context.Context, db *sql.DB) (string, error) {
			stmt, err := db.PrepareContext(ctx, valid)
			if err != nil {
				return "", err
			}
			defer func() { _ = stmt.Close() }()
			_, err = stmt.ExecContext(ctx)
			return failing(err)
		}, last, [2]string{"works", "fails"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t,
				`CREATE TABLE u (id INTEGER PRIMARY KEY, x)`,
				`CREATE TABLE t (id INTEGER PRIMARY KEY, u INTEGER)`,
				`INSERT INTO u VALUES (1, 1), (2, 2)`,
				`INSERT INTO t (u) VALUES (1), (1), (2)`)
			ask := func(want string) (ran bool) {
				t.Helper()
				got, err := unstale.Load(t.Context(), e.cache, "unread", func(ctx context.Context) (string, error) {
					ran = true
					return test.read(ctx, e.db)
				})
				if err != nil || got != want {
					t.Errorf("%q, %v, want %q", got, err, want)
				}
				return ran
			}
			ask(test.want[0])
			ask(test.want[0]) // the first may also have depended on the whole table
			if ask(test.want[0]) {
				t.Errorf("not cached: %v", e.cache.Stats().Refused)
			}
			e.exec(test.change)
			ask(test.want[1])
		})
	}
}
