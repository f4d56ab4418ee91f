package throughput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/workload"
	"github.com/unstale/unstale/postgres"
)

// An arm is what a site is compared as. All but the one without a cache write to a
// database that tells of its changes.
type arm struct {
	name    string
	off     bool // there is no cache
	passing bool // every read is a client's that wants nothing from a cache
	weighed bool // Options.WeighLooks
}

// The arms, in the order of columns.
const (
	plain = iota
	passing
	cached
	weighed
)

var arms = [...]arm{
	plain: {name: "no cache", off: true}, passing: {name: "passing", passing: true}, cached: {name: "cache"}, weighed: {name: "weighed", weighed: true},
}

// A site is an arm's, on a database of its own.
type site struct {
	arm

	server   *harness.Postgres
	database string
	dir      string
	cache    *unstale.Cache
	clock    *workload.Clock
	handler  http.Handler // what clients ask
	fresh    http.Handler // the same site on the same database, without a cache
	ends     []func() error
}

// open opens a site on a copy of a database and a directory that were filled.
func open(ctx context.Context, server *harness.Postgres, w workload.OnPostgres, a arm, filled, dir string) (_ *site, err error) {
	s := &site{arm: a, server: server, database: filled + "-" + strings.ReplaceAll(a.name, " ", "-"), clock: &workload.Clock{Now: workload.Epoch()}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := server.Create(ctx, s.database, filled); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	if err := os.CopyFS(s.dir, os.DirFS(dir)); err != nil {
		return nil, err
	}
	dsn := server.DSN(s.database)
	if !a.off {
		if err := postgres.Setup(ctx, dsn, postgres.SetupOptions{}); err != nil {
			return nil, err
		}
	}
	serve := func(off bool) (http.Handler, *unstale.Cache, error) {
		app, ok := w.Application(s.clock).(workload.ApplicationOnPostgres)
		if !ok {
			return nil, nil, errors.ErrUnsupported
		}
		o := app.Options()
		o.Off, o.WeighLooks, o.TTL, o.Logger = off, a.weighed, 24*time.Hour, slog.New(slog.DiscardHandler)
		c, err := unstale.New(o)
		if err != nil {
			return nil, nil, err
		}
		s.ends = append(s.ends, c.Close)
		h, end, err := app.ServePostgres(unstale.Outside(ctx), dsn, s.dir, c)
		if err == nil {
			s.ends = append(s.ends, end)
		}
		return h, c, err
	}
	if s.fresh, _, err = serve(true); err != nil {
		return nil, err
	}
	s.handler, s.cache, err = serve(a.off)
	return s, err
}

func (s *site) close() (err error) {
	for i := len(s.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, s.ends[i]())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// request returns a request as the arm's clients send it.
func (s *site) request(ctx context.Context, q *workload.Request) (*http.Request, error) {
	r, err := q.HTTP(ctx)
	if err == nil && s.passing {
		r.Header.Set("Cache-Control", "no-store")
	}
	return r, err
}

// A figure is what a round gave.
type figure struct {
	Rate       float64   // requests in a second
	Server     float64   // the processor time of the database's server for a request, in ns
	Own        float64   // ours
	Statements float64   // sent for a request, looks not counted
	Looks      float64   // for a request
	Latencies  []float64 // of reads, in ns
	reads      int
	hits       int
}

// run has so many clients ask for all of some requests, each as soon as it has its answer.
func (s *site) run(ctx context.Context, requests []workload.Request, clients int) (*figure, error) {
	list := make([]*http.Request, len(requests))
	for i := range requests {
		var err error
		if list[i], err = s.request(ctx, &requests[i]); err != nil {
			return nil, err
		}
	}
	statements, err := s.server.Statements(ctx, s.database)
	if err != nil {
		return nil, err
	}
	runtime.GC() // nobody pays for another one's garbage
	looks := s.cache.Stats().Looks.Sent
	before, err := s.server.Processor()
	if err != nil {
		return nil, err
	}
	var f figure
	work, err := harness.Timed(1, func(int) error { return f.ask(s.handler, list, clients) })
	if err != nil {
		return nil, err
	}
	after, err := s.server.Processor()
	if err != nil {
		return nil, err
	}
	looks = s.cache.Stats().Looks.Sent - looks
	sent, err := s.server.Statements(ctx, s.database)
	n := float64(len(list))
	f.Rate, f.Own, f.Server = n*1e9/work.Wall, work.Processor/n, float64(after-before)/n
	f.Looks, f.Statements = float64(looks)/n, (float64(sent-statements)-float64(looks))/n
	return &f, err
}

// ask has the clients ask, and counts what becomes of it. An answer that is none is an error.
func (f *figure) ask(h http.Handler, list []*http.Request, clients int) error {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs = make([]error, clients)
	)
	for i := range clients {
		wg.Go(func() {
			var own figure
			a := answer{header: make(http.Header, 16)}
			for errs[i] == nil {
				k := int(next.Add(1) - 1)
				if k >= len(list) {
					break
				}
				r := list[k]
				start := time.Now()
				a.ask(h, r)
				took := float64(time.Since(start))
				if a.status >= http.StatusBadRequest {
					errs[i] = fmt.Errorf("%s %s: %d %s", r.Method, r.URL.Path, a.status, a.said)
				}
				if r.Method != http.MethodGet {
					continue
				}
				own.reads++
				own.Latencies = append(own.Latencies, took)
				if harness.Hit(a.header) {
					own.hits++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			f.reads, f.hits, f.Latencies = f.reads+own.reads, f.hits+own.hits, append(f.Latencies, own.Latencies...)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// An answer is all that a client keeps of one.
type answer struct {
	status int
	said   []byte // if that is an error
	header http.Header
}

func (a *answer) ask(h http.Handler, r *http.Request) {
	clear(a.header)
	a.status, a.said = 0, nil
	h.ServeHTTP(a, r)
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.status >= http.StatusBadRequest {
		a.said = append(a.said, b...)
	}
	return len(b), nil
}

// check compares answers to reads with the same pages made anew, while nothing
// changes. It returns how many there were, and how many of them were hits.
func (s *site) check(ctx context.Context, requests []workload.Request, most int) (checked, hits int, err error) {
	for i := range requests {
		q := &requests[i]
		if q.Method != http.MethodGet || checked == most {
			continue
		}
		r, err := s.request(ctx, q)
		if err != nil {
			return checked, hits, err
		}
		again, err := q.HTTP(unstale.Outside(ctx))
		if err != nil {
			return checked, hits, err
		}
		got, want := harness.Ask(s.handler, r), harness.Ask(s.fresh, again)
		if got.Status != want.Status || !bytes.Equal(got.Body, want.Body) {
			return checked, hits, fmt.Errorf("%s: %s for %q is %d %.2000q, and %d %.2000q made anew", s.name, q.Path, q.Session, got.Status, got.Body, want.Status, want.Body)
		}
		checked++
		if got.Hit() {
			hits++
		}
	}
	return checked, hits, nil
}
