package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"os"
	"path/filepath"
	"testing"

	modernc "modernc.org/sqlite"
)

// other returns an env of another *sql.DB on the same cache.
func (e *env) other(db *sql.DB) *env {
	return &env{TB: e.TB, cache: e.cache, path: e.path, db: db, inner: e.inner}
}

// Two *sql.DB on one file, a writer and readers, are one to the cache, and closing
// one of them ends nothing for the other.
func TestTwoPools(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	link := func(path string) string {
		other := filepath.Join(filepath.Dir(path), "link.db")
		if err := os.Symlink(path, other); err != nil {
			t.Fatal(err)
		}
		return other
	}
	for name, test := range map[string]struct {
		open func(e *env, c *Connector) (driver.Connector, error)
		idle int // connections that the readers keep
	}{
		"opened twice": {func(e *env, _ *Connector) (driver.Connector, error) { return NewConnector(e.path, e.cache, Config{}) }, 2},
		"opened read-only": {func(e *env, _ *Connector) (driver.Connector, error) {
			return NewConnector("file:"+e.path+"?mode=ro", e.cache, Config{})
		}, 2},
		"by another name": {func(e *env, _ *Connector) (driver.Connector, error) {
			return NewConnector(link(e.path), e.cache, Config{})
		}, 2},
		"one Connector":         {func(_ *env, c *Connector) (driver.Connector, error) { return c, nil }, 2},
		"one, no idle":          {func(_ *env, c *Connector) (driver.Connector, error) { return c, nil }, -1},
		"opened twice, no idle": {func(e *env, _ *Connector) (driver.Connector, error) { return NewConnector(e.path, e.cache, Config{}) }, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := newCache(t)
			path := filepath.Join(t.TempDir(), "t.db")
			connector, err := NewConnector(path, cache, Config{})
			if err != nil {
				t.Fatal(err)
			}
			writer := &env{TB: t, cache: cache, path: path, db: sql.OpenDB(connector), inner: connector.db}
			t.Cleanup(func() { _ = writer.db.Close() })
			writer.exec(shop)
			second, err := test.open(writer, connector)
			if err != nil {
				t.Fatal(err)
			}
			readers := writer.other(sql.OpenDB(second))
			t.Cleanup(func() { _ = readers.db.Close() })
			readers.db.SetMaxIdleConns(test.idle)

			for range 3 {
				readers.warm(query)
				writer.exec("UPDATE orders SET sum = sum + 1 WHERE id = 2")
				readers.hit(query)
				writer.exec("UPDATE orders SET sum = 50 WHERE id = 1")
				readers.miss("50", query)
				writer.exec("UPDATE orders SET sum = 40 WHERE id = 1")
				readers.miss("40", query)
			}
			readers.warm(query)
			if err := writer.db.Close(); err != nil {
				t.Fatal(err)
			}
			if name != "one, no idle" { // there was no connection left
				readers.hit(query)
			}
			readers.warm(query)
			if name != "opened read-only" {
				readers.exec("UPDATE orders SET sum = 30 WHERE id = 1")
				readers.miss("30", query)
			}
			for _, cause := range []string{causeForeign, causeReplaced} {
				if n := writer.lost(cause); n != 0 {
					t.Errorf("%s: %d", cause, n)
				}
			}
			before := writer.lost("database closed")
			if err := readers.db.Close(); err != nil {
				t.Fatal(err)
			}
			if n := writer.lost("database closed"); n != before+1 && test.idle > 0 {
				t.Errorf("closed %d times", n)
			}
			files.mu.Lock()
			defer files.mu.Unlock()
			for key := range files.open {
				if key.cache == cache {
					t.Error("the file is still open")
				}
			}
		})
	}
}

// Those who would analyse a statement otherwise share nothing, and notice each
// other's commits.
func TestPoolsThatDiffer(t *testing.T) {
	t.Parallel()
	const query = "SELECT sum FROM orders WHERE id = 1"
	e := newEnv(t, shop)
	for name, config := range map[string]Config{
		"functions": {DeterministicFunctions: []string{"f"}},
		"precision": {Precision: PrecisionTable},
		"driver":    {Driver: new(modernc.Driver)},
	} {
		other := openEnv(t, e.cache, e.path, config)
		if other.inner == e.inner {
			t.Errorf("%s: shared", name)
		}
		e.warm(query)
		other.exec("UPDATE orders SET sum = sum + 1 WHERE id = 1")
		if _, ran := e.load(query); !ran {
			t.Errorf("%s: a hit after a write", name)
		}
	}
	same := openEnv(t, e.cache, e.path, Config{DeterministicFunctions: []string{}, Name: "x"})
	if same.inner != e.inner {
		t.Error("not shared")
	}
}
