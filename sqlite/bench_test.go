package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/unstale/unstale"
)

// benchDatabase opens a database of 9,000 rows with or without a cache; with
// one, used says that some cached answer reads what the benchmark changes, by two
// keys, so that row images are decoded and hashed.
func benchDatabase(b *testing.B, on, used bool) (*sql.DB, *unstale.Cache) {
	b.Helper()
	var c *unstale.Cache
	if on {
		c = newCache(b)
	}
	db, err := Open(filepath.Join(b.TempDir(), "bench.db"), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	ctx := outside(b)
	if _, err := db.ExecContext(ctx, `CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c TEXT, d REAL);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
		INSERT INTO t SELECT i, i, 'some text ' || i, 'more', 1.5 FROM n`); err != nil {
		b.Fatal(err)
	}
	if used {
		if _, err := unstale.Load(b.Context(), c, "warm", func(ctx context.Context) (string, error) {
			if text, err := read(ctx, db, "SELECT a FROM t WHERE id = ?", 1); err != nil {
				return text, err
			}
			return read(ctx, db, "SELECT a, d FROM t WHERE b = ?", "some text 1")
		}); err != nil {
			b.Fatal(err)
		}
	}
	return db, c
}

// What capture adds to a write.
func BenchmarkWrite(b *testing.B) {
	for _, write := range []struct{ name, query string }{
		{"one row", "UPDATE t SET a = a + 1 WHERE id = ?"},
		{"9000 rows", "UPDATE t SET a = a + 1 WHERE id > -?"},
	} {
		for _, mode := range []struct {
			name     string
			on, used bool
		}{{"plain", false, false}, {"nobody reads the table", true, false}, {"captured", true, true}} {
			b.Run(write.name+"/"+mode.name, func(b *testing.B) {
				db, _ := benchDatabase(b, mode.on, mode.used)
				s, err := db.PrepareContext(b.Context(), write.query)
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				ctx := outside(b)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.ExecContext(ctx, 7); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// What tracking adds to a read: outside of a fill, and within one.
func BenchmarkRead(b *testing.B) {
	point := func(b *testing.B, db *sql.DB, ctx context.Context) {
		b.Helper()
		s, err := db.PrepareContext(b.Context(), "SELECT b FROM t WHERE id = ?")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		var text string
		b.ReportAllocs()
		b.ResetTimer()
		for b.Loop() {
			if err := s.QueryRowContext(ctx, 7).Scan(&text); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("plain", func(b *testing.B) {
		db, _ := benchDatabase(b, false, false)
		point(b, db, outside(b))
	})
	b.Run("outside of a fill", func(b *testing.B) {
		db, _ := benchDatabase(b, true, false)
		point(b, db, outside(b))
	})
	b.Run("in a fill", func(b *testing.B) {
		db, c := benchDatabase(b, true, false)
		for b.Loop() {
			// One fill collects a thousand reads, so that it does not grow.
			if _, err := unstale.Load(b.Context(), c, "fill", func(ctx context.Context) (int, error) {
				unstale.NoStore(ctx)
				for range 1000 {
					var text string
					if err := db.QueryRowContext(ctx, "SELECT b FROM t WHERE id = ?", 7).Scan(&text); err != nil {
						return 0, err
					}
				}
				return 0, nil
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a thousand plain", func(b *testing.B) {
		db, _ := benchDatabase(b, false, false)
		for b.Loop() {
			for range 1000 {
				var text string
				if err := db.QueryRowContext(outside(b), "SELECT b FROM t WHERE id = ?", 7).Scan(&text); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("catch up", func(b *testing.B) {
		e := newEnv(b)
		for b.Loop() {
			_ = e.inner.CatchUp(b.Context())
		}
	})
}
