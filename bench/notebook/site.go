// Package notebook is the notebook as a workload, and measures its speed and
// whether it tells the truth, each in a loop of its own.
package notebook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/api"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
	"github.com/unstale/unstale/notebook/site"
	"github.com/unstale/unstale/notebook/store"
	"github.com/unstale/unstale/sqlite"
)

// How many there are of what at scale 1, and how many cards a page of the public
// list shows.
const (
	cards    = 300
	visitors = 30
	listSize = 20
)

// A Site is the workload.
type Site struct {
	rng      *rand.Rand
	cards    []string // ids
	visitors []*user
	owners   []*user // of the cards
}

var _ workload.OnPostgres = (*Site)(nil)

// New returns the site with a share of the usual number of cards and visitors.
func New(seed uint64, scale float64) *Site {
	return &Site{
		rng:   rand.New(rand.NewPCG(seed, 7)),
		cards: make([]string, max(30, int(cards*scale))), visitors: make([]*user, max(4, int(visitors*scale))),
	}
}

// Name implements workload.Workload.
func (s *Site) Name() string { return "notebook" }

// Fill implements workload.Workload.
func (s *Site) Fill(ctx context.Context, path string) error {
	db, err := sqlite.Open(path+"?_txlock=immediate", nil)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what was committed is there
	return s.fill(ctx, func(ctx context.Context, app *application, off *unstale.Cache) (http.Handler, error) {
		return app.Serve(ctx, db, path, off)
	})
}

// FillPostgres implements workload.OnPostgres.
func (s *Site) FillPostgres(ctx context.Context, dsn, dir string) (err error) {
	end := func() error { return nil }
	defer func() { err = errors.Join(err, end()) }()
	return s.fill(ctx, func(ctx context.Context, app *application, off *unstale.Cache) (h http.Handler, err error) {
		h, stop, err := app.ServePostgres(ctx, dsn, dir, off)
		if err == nil {
			end = stop
		}
		return h, err
	})
}

// fill has a site make what there is, which serve begins to serve.
func (s *Site) fill(ctx context.Context, serve func(context.Context, *application, *unstale.Cache) (http.Handler, error)) error {
	now := workload.Epoch().Add(-5 * time.Minute)
	app := &application{now: func() time.Time { return now }}
	options := app.Options()
	options.Off = true
	off, err := unstale.New(options)
	if err != nil {
		return err
	}
	ctx = unstale.Outside(ctx)
	handler, err := serve(ctx, app, off)
	if err != nil {
		return err
	}
	hash, err := notebook.HashPassword(password, bcrypt.MinCost)
	if err != nil {
		return err
	}
	if _, err := app.store.EnsureSuperAdmin(ctx, adminName, hash); err != nil {
		return err
	}
	admin, err := logIn(ctx, handler, adminName)
	if err != nil {
		return err
	}
	for i := range s.visitors {
		name := fmt.Sprintf("visitor_%d", i)
		u := notebook.NewUser{Username: name, Email: name + "@example.com", PasswordHash: hash, Role: notebook.RoleUser}
		if _, err := app.store.CreateUser(ctx, u, now); err != nil {
			return err
		}
		now = now.Add(8 * time.Second) // nobody may log in all the time
		if s.visitors[i], err = logIn(ctx, handler, name); err != nil {
			return err
		}
	}
	for i := range s.cards {
		owner := s.visitors[i%len(s.visitors)]
		now = now.Add(time.Millisecond)
		if s.cards[i], err = owner.upload(ctx, admin, fmt.Sprintf("card %03d", i)); err != nil {
			return err
		}
		s.owners = append(s.owners, owner)
	}
	return nil
}

// Trace implements workload.Workload.
func (s *Site) Trace(n int) []workload.Request {
	rng := rand.New(rand.NewPCG(s.rng.Uint64(), 8))
	zipf := rand.NewZipf(rng, 1.1, 1, uint64(len(s.cards)-1))
	trace := make([]workload.Request, n)
	for k := range trace {
		i, v := int(zipf.Uint64()), s.visitors[rng.IntN(len(s.visitors))]
		card := "/api/persona/" + s.cards[i]
		switch n := rng.IntN(100); {
		case n < 5:
			trace[k] = workload.Request{
				Page: "change", Method: http.MethodPut, Path: card, Session: s.owners[i].token,
				Type: "application/json", Body: fmt.Sprintf(`{"content":"%d"}`, k),
			}
		case n < 10:
			trace[k] = workload.Request{Page: "star", Method: http.MethodPost, Path: card + "/star", Session: v.token}
		case n < 50:
			trace[k] = workload.Get("card", card, "")
		case n < 70:
			order := [...]string{"created_at", "updated_at", "star_count"}[rng.IntN(3)]
			list := url.Values{"page": {strconv.Itoa(1 + i/listSize)}, "page_size": {strconv.Itoa(listSize)}, "sort_by": {order}}
			trace[k] = workload.Get("public list", "/api/persona/public?"+list.Encode(), "")
		case n < 80:
			trace[k] = workload.Get("own cards", "/api/persona/user/"+url.PathEscape(v.id), v.token)
		case n < 90:
			trace[k] = workload.Get("own stars", "/api/user/stars?page_size=50", v.token)
		default:
			trace[k] = workload.Get("own star", card+"/starred", v.token)
		}
	}
	return trace
}

// Application implements workload.Workload.
func (s *Site) Application(clock *workload.Clock) workload.Application {
	return &application{now: func() time.Time { return clock.Now }}
}

// An application is the notebook's API.
type application struct {
	now   func() time.Time
	store *store.Store
}

// Options implements workload.Application.
func (a *application) Options() unstale.Options { return unstale.Options{Prefix: server.Prefix} }

// Serve implements workload.Application.
func (a *application) Serve(ctx context.Context, db *sql.DB, path string, c *unstale.Cache) (_ http.Handler, err error) {
	if a.store, err = store.New(ctx, db); err != nil {
		return nil, err
	}
	return a.serve(ctx, filepath.Dir(path), c)
}

// ServePostgres implements workload.ApplicationOnPostgres.
func (a *application) ServePostgres(ctx context.Context, dsn, dir string, c *unstale.Cache) (_ http.Handler, end func() error, err error) {
	if a.store, err = store.OpenPostgres(ctx, dsn, c); err != nil {
		return nil, nil, err
	}
	h, err := a.serve(ctx, dir, c)
	if err != nil {
		return nil, nil, errors.Join(err, a.store.Close())
	}
	return h, func() error { h.Close(); return a.store.Close() }, nil
}

// serve serves the store, and the files in a directory.
func (a *application) serve(ctx context.Context, dir string, c *unstale.Cache) (*server.Server, error) {
	kept, err := files.Open(ctx, filepath.Join(dir, "files"), a.store.FileReferenced)
	if err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	do, err := service.New(service.Config{
		Store: a.store, Files: kept, Cache: c, Secret: []byte("the same in every site of the bench"),
		Logger: quiet, PasswordCost: bcrypt.MinCost, Now: a.now,
	})
	if err != nil {
		return nil, err
	}
	return server.New(server.Config{Service: do, Cache: c, Logger: quiet, Now: a.now}, api.Routes(nil, "bench"), site.Routes)
}
