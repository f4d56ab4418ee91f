package harness

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// A Captured is a database in a directory of its own, and the cache that captures
// it.
type Captured struct {
	*sql.DB
	Cache *unstale.Cache
	Path  string // of the database
	dir   string
}

// Capture opens a database, which make has made at a path if it is not nil.
func Capture(o unstale.Options, make func(path string) error) (_ *Captured, err error) {
	c := new(Captured)
	if c.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	c.Path = filepath.Join(c.dir, "captured.db")
	if make != nil {
		if err = make(c.Path); err != nil {
			return nil, err
		}
	}
	o.Logger = slog.New(slog.DiscardHandler)
	if c.Cache, err = unstale.New(o); err != nil {
		return nil, err
	}
	c.DB, err = sqlite.Open(c.Path+"?_txlock=immediate", c.Cache)
	return c, err
}

// Close closes both and removes the directory.
func (c *Captured) Close() error {
	var err error
	if c.DB != nil {
		err = c.DB.Close()
	}
	if c.Cache != nil {
		err = errors.Join(err, c.Cache.Close())
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}
