package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// raw calls f with what sql.Conn.Raw hands out, as T.
func raw[T any](t *testing.T, c *sql.Conn, f func(T) error) {
	t.Helper()
	if err := c.Raw(func(dc any) error { return f(dc.(T)) }); err != nil {
		t.Error(err)
	}
}

// A backup is made as with the driver alone, and takes nothing out of the cache.
func TestBackup(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM people WHERE id = 1"
	e := newEnv(t, people)
	e.warm(query)
	c := e.conn()
	to := filepath.Join(t.TempDir(), "backup.db")
	raw(t, c.Conn, func(c interface {
		NewBackup(string) (*modernc.Backup, error)
	}) error {
		b, err := c.NewBackup(to)
		if err != nil {
			return err
		}
		for more := true; more; {
			if more, err = b.Step(1); err != nil {
				return err
			}
		}
		return b.Finish()
	})
	want, _ := e.load(query)
	if got, err := read(t.Context(), plain(t, to), query); err != nil || got != want || got == "" {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	e.hit(query)
	if s := c.session(); s.reason != "" {
		t.Error(s.reason)
	}
	c.exec("UPDATE people SET name = 'ann' WHERE id = 1")
	e.miss("ann", query)

	// The other way round everything is overwritten.
	e.warm(query)
	raw(t, c.Conn, func(c interface {
		NewRestore(string) (*modernc.Backup, error)
	}) error {
		b, err := c.NewRestore(to)
		if err != nil {
			return err
		}
		if _, err := b.Step(-1); err != nil {
			return err
		}
		return b.Finish()
	})
	_ = c.Close()
	e.miss(want, query)
}

// What else the driver offers is there, and leaves the connection in the cache.
func TestRaw(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM people WHERE id = 1"
	e := newEnv(t, people)
	e.db.SetMaxOpenConns(1)
	e.warm(query)
	c, err := e.db.Conn(outside(t))
	if err != nil {
		t.Fatal(err)
	}
	raw(t, c, func(c modernc.DBStatus) error { _, _, err := c.Status(modernc.DBStatusCacheUsed, false); return err })
	raw(t, c, func(c modernc.FileControl) error { _, err := c.FileControlDataVersion("main"); return err })
	raw(t, c, func(c modernc.FileControl) error { _, err := c.FileControlPersistWAL("main", -1); return err })
	raw(t, c, func(c interface{ IsReadOnly(string) (bool, error) }) error {
		_, err := c.IsReadOnly("main")
		return err
	})
	raw(t, c, func(c interface{ Serialize() ([]byte, error) }) error {
		if b, err := c.Serialize(); err != nil || !strings.HasPrefix(string(b), "SQLite format 3") {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		return nil
	})
	describe := func(query string) {
		raw(t, c, func(c interface {
			ColumnInfo(string) ([]modernc.ColumnInfo, error)
		}) error {
			_, err := c.ColumnInfo(query)
			return err
		})
	}
	describe(query)
	before, err := Limit(c, lib.SQLITE_LIMIT_LENGTH, 5000)
	if now, err2 := Limit(c, lib.SQLITE_LIMIT_LENGTH, -1); err != nil || err2 != nil || before <= 5000 || now != 5000 {
		t.Errorf("%d, then %d, %v, %v", before, now, err, err2)
	}
	if _, err := read(outside(t), c, "SELECT zeroblob(5001)"); err == nil {
		t.Error("the limit is none")
	}
	_ = c.Close()
	e.hit(query)
	e.exec("UPDATE people SET name = 'ann' WHERE id = 1")
	e.miss("ann", query)
	e.warm(query)

	if c, err = e.db.Conn(outside(t)); err != nil {
		t.Fatal(err)
	}
	describe("PRAGMA case_sensitive_like = on") // it takes effect when it is compiled
	_ = c.Close()
	e.uncached("SELECT name FROM people WHERE name LIKE 'A%' ORDER BY id")
}

// Reads past the tracking are nobody's: what is computed meanwhile is not stored.
func TestRawReadsAreUntracked(t *testing.T) {
	t.Parallel()
	e := newEnv(t, people)
	c := e.conn()
	for name, f := range map[string]func(*conn) error{
		"backup": func(c *conn) error {
			b, err := c.NewBackup(filepath.Join(t.TempDir(), "b.db"))
			if err != nil {
				return err
			}
			return b.Finish()
		},
		"bytes":   func(c *conn) error { _, err := c.Serialize(); return err },
		"version": func(c *conn) error { _, err := c.FileControlDataVersion("main"); return err },
	} {
		if e.fill(name, func(ctx context.Context) error {
			if _, err := read(ctx, e.db, "SELECT name FROM people WHERE id = 1"); err != nil {
				return err
			}
			return c.Raw(func(dc any) error { return f(dc.(*conn)) })
		}) {
			t.Errorf("%s: stored", name)
		}
	}
}

// Without a cache the connection is the driver's own.
func TestLimitSwitchedOff(t *testing.T) {
	t.Parallel()
	db, err := Open(":memory:", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if before, err := Limit(c, lib.SQLITE_LIMIT_LENGTH, -1); err != nil || before == 0 {
		t.Errorf("%d, %v", before, err)
	}
}
