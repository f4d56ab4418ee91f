package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	modernc "modernc.org/sqlite"
)

func removeDatabase(t *testing.T, path string) {
	t.Helper()
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// Another process removes the file and makes a new one of that name. Who opens a
// connection then sees the new one, and nobody is served the old one afterwards.
func TestReplacedFile(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM people WHERE id = 1"
	e := newEnv(t, people)
	e.warm(query)
	removeDatabase(t, e.path)
	write := otherProcess(t, e.path)
	write(t, "PRAGMA journal_mode = wal")
	write(t, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
	write(t, "INSERT INTO people VALUES (1, 'new')")
	e.db.SetMaxIdleConns(0) // or else only those that are open already read, and see the old one
	if got, err := read(outside(t), e.db, query); err != nil || got != "new" {
		t.Fatal(got, err)
	}
	e.miss("new", query)
	write(t, "UPDATE people SET name = 'newer' WHERE id = 1")
	e.miss("newer", query)
	e.exec("UPDATE people SET name = 'newest' WHERE id = 1")
	e.miss("newest", query)
	if n := e.lost(causeReplaced); n != 1 {
		t.Errorf("causes: %v", e.cache.Stats().Invalidations)
	}
}

// The new file has no write-ahead log, so that there is nothing to compare.
func TestReplacedByFileWithoutWAL(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM people WHERE id = 1"
	var replaced atomic.Bool
	e := openEnv(t, newCache(t), filepath.Join(t.TempDir(), "test.db"), Config{
		OnConnect: func(c modernc.ExecQuerierContext, _ string) error {
			if !replaced.Load() {
				return nil
			}
			_, err := c.ExecContext(t.Context(), "PRAGMA journal_mode = delete", nil)
			return err
		},
	}, people)
	e.warm(query)
	removeDatabase(t, e.path)
	write := otherProcess(t, e.path)
	write(t, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
	write(t, "INSERT INTO people VALUES (1, 'new')")
	replaced.Store(true)
	e.db.SetMaxIdleConns(0)
	if got, err := read(outside(t), e.db, query); err != nil || got != "new" {
		t.Fatal(got, err)
	}
	e.miss("new", query)
	write(t, "UPDATE people SET name = 'newer' WHERE id = 1")
	e.miss("newer", query)
	if n := e.lost(causeReplaced); n != 1 {
		t.Errorf("causes: %v", e.cache.Stats().Invalidations)
	}
}

// A connection that is opened when nothing is watched any longer is no sign of
// another file.
func TestConnectionAfterCloseReplacesNothing(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	connector, err := NewConnector(filepath.Join(t.TempDir(), "test.db"), c, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := connector.Close(); err != nil {
		t.Fatal(err)
	}
	late, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Close(); err != nil {
		t.Error(err)
	}
	if n := c.Stats().Invalidations[causeReplaced]; n != 0 {
		t.Errorf("causes: %v", c.Stats().Invalidations)
	}
}
