package notebook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/sqlite"
)

// settings and ready open the talk with a process that serves a notebook of its
// own.
type (
	settings struct {
		Seed     uint64
		Scale    float64
		Off      bool // whether there is no cache
		Requests int
	}
	ready struct {
		Addr  string
		Trace []workload.Request
		Owner struct{ ID, Token string } // of these cards
		Cards []string
	}
)

// Role is such a process.
var Role = harness.Role{Name: "notebook", Serve: func(t *harness.Talk) (err error) {
	var s settings
	if err := t.Settings(&s); err != nil {
		return err
	}
	var r ready
	h, stop, err := open(context.Background(), s, &r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	addr, closeServer, err := harness.Serve(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeServer()) }()
	r.Addr = addr
	return harness.Obey[struct{}, struct{}](t, r, nil)
}}

// open fills a notebook and opens it, with a clock that goes on from the epoch of
// the workloads.
func open(ctx context.Context, s settings, r *ready) (_ http.Handler, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, nil, err
	}
	closers := []func() error{func() error { return os.RemoveAll(dir) }}
	stop = func() (err error) {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i]())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	path, site := filepath.Join(dir, "notebook.db"), New(s.Seed, s.Scale)
	if err := site.Fill(ctx, path); err != nil {
		return nil, nil, err
	}
	r.Trace = site.Trace(s.Requests)
	owner := site.owners[0]
	r.Owner.ID, r.Owner.Token = owner.id, owner.token
	for i, o := range site.owners {
		if o == owner {
			r.Cards = append(r.Cards, site.cards[i])
		}
	}
	start := time.Now()
	app := &application{now: func() time.Time { return workload.Epoch().Add(time.Since(start)) }}
	options := app.Options()
	options.Off, options.Logger = s.Off, slog.New(slog.DiscardHandler)
	cache, err := unstale.New(options)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, cache.Close)
	db, err := sqlite.Open(path+"?_txlock=immediate", cache)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, db.Close)
	h, err := app.Serve(unstale.Outside(ctx), db, path, cache)
	return h, stop, err
}
