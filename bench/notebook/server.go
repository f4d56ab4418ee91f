package notebook

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/workload"
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
	h, db, err := open(context.Background(), s, &r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	addr, stop, err := harness.Serve(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	r.Addr = addr
	return harness.Obey[struct{}, struct{}](t, r, nil)
}}

// open fills a notebook and opens it, with a clock that goes on from the epoch of
// the workloads.
func open(ctx context.Context, s settings, r *ready) (http.Handler, *harness.Captured, error) {
	site, start := New(s.Seed, s.Scale), time.Now()
	app := &application{now: func() time.Time { return workload.Epoch().Add(time.Since(start)) }}
	options := app.Options()
	options.Off = s.Off
	db, err := harness.Capture(options, func(path string) error { return site.Fill(ctx, path) })
	if err != nil {
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
	h, err := app.Serve(unstale.Outside(ctx), db.DB, db.Path, db.Cache)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return h, db, nil
}
