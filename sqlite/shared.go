package sqlite

import (
	"slices"
	"strings"
	"sync"

	"github.com/unstale/unstale"
	modernc "modernc.org/sqlite"
)

// files are the databases in files that are open, so that several Connectors of
// one cache share the capture of one file. It is a variable because so is what
// it goes by: SQLite has one mapping of each file's wal-index in a process,
// whatever names the file has.
var files openFiles

type openFiles struct {
	mu   sync.Mutex
	open map[fileKey]*database
}

// A fileKey says which Connectors may share a database: those that would analyse
// each statement of one file alike.
type fileKey struct {
	cache         *unstale.Cache
	shared        uintptr // the change counter in the mapping of the wal-index
	driver        *modernc.Driver
	deterministic string
	precision     Precision
}

func keyOf(c *Connector, cache *unstale.Cache, config Config, shared uintptr) fileKey {
	names := slices.Clone(config.DeterministicFunctions)
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	slices.Sort(names)
	return fileKey{cache, shared, c.driver, strings.Join(names, "\x00"), config.Precision}
}

// share returns the database with the key, which make makes if there is none.
func (f *openFiles) share(key fileKey, make func() *database) (db *database, made bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if db = f.open[key]; db == nil {
		db, made = make(), true
		if f.open == nil {
			f.open = map[fileKey]*database{}
		}
		f.open[key] = db
		db.key = key
	}
	db.shares++
	return db, made
}

// release closes the database if nobody else shares it.
func (db *database) release() error {
	files.mu.Lock()
	db.shares--
	last := db.shares <= 0
	if last && files.open[db.key] == db {
		delete(files.open, db.key)
	}
	files.mu.Unlock()
	if !last {
		return nil
	}
	return db.close()
}
