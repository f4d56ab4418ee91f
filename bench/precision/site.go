package precision

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/sqlite"
)

// A precision is how finely dependencies are told apart, or that there is no
// cache.
type precision struct {
	name string
	off  bool
	of   sqlite.Precision
}

// precisions are what is compared, the coarsest first.
func precisions() []precision {
	return []precision{
		{name: "no cache", off: true}, {name: "tables", of: sqlite.PrecisionTable},
		{name: "rows", of: sqlite.PrecisionRow}, {name: "exact", of: sqlite.PrecisionExact},
	}
}

// siteDatabase is the name of the database in the directory of a site.
const siteDatabase = "site.db"

// A site is a workload's site on a database of its own.
type site struct {
	dir     string
	clock   *workload.Clock
	db      *sql.DB
	cache   *unstale.Cache
	handler http.Handler // what clients ask
	fresh   http.Handler // the same site on the same database, without the cache
	ran     *recorder
}

// manySlots make it improbable that two dependencies fall together for sharing a
// slot, which would blur what is measured.
const manySlots = 1 << 25

// openSite opens a copy of what the workload filled the directory with. The
// cache has as many slots, 0 for the default.
func openSite(ctx context.Context, w workload.Workload, filled string, p precision, slots int) (_ *site, err error) {
	s := &site{clock: &workload.Clock{Now: workload.Epoch()}, ran: new(recorder)}
	if s.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err = os.CopyFS(s.dir, os.DirFS(filled)); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, siteDatabase)
	app := w.Application(s.clock)
	options := app.Options()
	options.Off, options.Store, options.TTL = p.off, newBoundless(s.clock), 24*time.Hour
	options.Slots = slots
	options.Logger = slog.New(slog.DiscardHandler)
	if s.cache, err = unstale.New(options); err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(path+"?_txlock=immediate", s.cache, sqlite.Config{Precision: p.of})
	if err != nil {
		return nil, err
	}
	if p.off {
		s.db = sql.OpenDB(connector) // of the driver itself
	} else {
		s.db = sql.OpenDB(s.ran.record(connector))
	}
	outside := unstale.Outside(ctx)
	if s.handler, err = app.Serve(outside, s.db, path, s.cache); err != nil {
		return nil, err
	}
	again := w.Application(s.clock)
	options = again.Options()
	options.Off, options.Logger = true, slog.New(slog.DiscardHandler)
	off, err := unstale.New(options)
	if err != nil {
		return nil, err
	}
	s.fresh, err = again.Serve(outside, s.db, path, off)
	return s, err
}

// request begins the next request of a trace.
func (s *site) request(ctx context.Context, r *workload.Request) (*http.Request, error) {
	s.clock.Ends = time.Time{}
	return r.HTTP(ctx)
}

// close ends the site and removes its files.
func (s *site) close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.cache != nil {
		err = errors.Join(err, s.cache.Close())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
