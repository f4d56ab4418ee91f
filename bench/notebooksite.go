package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
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
	"github.com/unstale/unstale/notebook/store"
	"github.com/unstale/unstale/sqlite"
)

// A notebookSite is the notebook as a workload, with the mix of the measurement
// over HTTP but more cards and visitors.
type notebookSite struct {
	rng      *rand.Rand
	cards    []string // ids
	visitors []*guest
	owners   []*guest // of the cards
}

var _ workload.Workload = (*notebookSite)(nil)

func newNotebookSite(seed uint64, scale float64) *notebookSite {
	return &notebookSite{
		rng:   rand.New(rand.NewPCG(seed, 7)),
		cards: make([]string, max(30, int(300*scale))), visitors: make([]*guest, max(4, int(30*scale))),
	}
}

// Name implements workload.Workload.
func (s *notebookSite) Name() string { return "notebook" }

// inProcess lets an http.Client talk to a handler.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a := ask(t.handler, r)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Header: a.header, Request: r,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

// Fill implements workload.Workload.
func (s *notebookSite) Fill(ctx context.Context, path string) error {
	db, err := sqlite.Open(path+"?_txlock=immediate", nil)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what was committed is there
	app := &notebookApplication{clock: &workload.Clock{Now: workload.Epoch().Add(-5 * time.Minute)}}
	options := app.Options()
	options.Off = true
	off, err := unstale.New(options)
	if err != nil {
		return err
	}
	ctx = unstale.Outside(ctx)
	handler, err := app.Serve(ctx, db, path, off)
	if err != nil {
		return err
	}
	server := &notebookServer{base: "http://site.test", http: &http.Client{Transport: inProcess{handler}}}
	hash, err := notebook.HashPassword(benchPassword, bcrypt.MinCost)
	if err != nil {
		return err
	}
	if _, err := app.store.EnsureSuperAdmin(ctx, adminName, hash); err != nil {
		return err
	}
	admin, err := server.logIn(ctx, adminName)
	if err != nil {
		return err
	}
	for i := range s.visitors {
		name := fmt.Sprintf("visitor_%d", i)
		u := notebook.NewUser{Username: name, Email: name + "@example.com", PasswordHash: hash, Role: notebook.RoleUser}
		if _, err := app.store.CreateUser(ctx, u, app.clock.Now); err != nil {
			return err
		}
		app.clock.Now = app.clock.Now.Add(8 * time.Second) // nobody may log in all the time
		if s.visitors[i], err = server.logIn(ctx, name); err != nil {
			return err
		}
	}
	for i := range s.cards {
		owner := s.visitors[i%len(s.visitors)]
		app.clock.Now = app.clock.Now.Add(time.Millisecond)
		if s.cards[i], err = owner.upload(ctx, admin, fmt.Sprintf("card %03d", i)); err != nil {
			return err
		}
		s.owners = append(s.owners, owner)
	}
	return nil
}

// Trace implements workload.Workload.
func (s *notebookSite) Trace(n int) []workload.Request {
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
func (s *notebookSite) Application(clock *workload.Clock) workload.Application {
	return &notebookApplication{clock: clock}
}

// notebookApplication is the notebook's API.
type notebookApplication struct {
	clock   *workload.Clock
	binding *api.Binding
	store   *store.Store
}

// Options implements workload.Application.
func (a *notebookApplication) Options() unstale.Options {
	a.binding = api.NewBinding([]byte("the same in every site of the bench"))
	return a.binding.Options()
}

// Serve implements workload.Application.
func (a *notebookApplication) Serve(ctx context.Context, db *sql.DB, path string, c *unstale.Cache) (_ http.Handler, err error) {
	if a.store, err = store.New(ctx, db); err != nil {
		return nil, err
	}
	kept, err := files.Open(ctx, filepath.Join(filepath.Dir(path), "files"), a.store.FileReferenced)
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Binding: a.binding, Store: a.store, Files: kept, Cache: c, Logger: slog.New(slog.DiscardHandler),
		PasswordCost: bcrypt.MinCost, Now: func() time.Time { return a.clock.Now },
	})
}
