package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// Another process removes the file and makes a new one of that name. Who opens a
// connection then sees the new one, and nobody is served the old one afterwards.
func TestReplacedFile(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM people WHERE id = 1"
	e := newEnv(t, people)
	e.warm(query)
	for _, name := range []string{e.path, e.path + "-wal", e.path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
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
