//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/cmd/internal/checker"
)

// database is the file name of the service's database in its directory.
const database = "items.db"

// A scenario is what goes wrong while the checker runs.
type scenario struct {
	name       string
	share      int64 // of all reads, in percent
	servers    int   // processes on one database; default 1
	settings   serverSettings
	failpoints string // see package failpoint
	check      func(*checker.Config)
	fault      fault
	least      int64 // faults that must have happened
	tmpfs      bool  // its directory is a small file system of its own
	wrong      bool  // it proves the instrument: something must be found
}

func scenarios() []scenario {
	return []scenario{
		{name: "self-test: a service that forgets", share: 0, settings: serverSettings{Database: ":memory:"}, fault: kills, least: 1, wrong: true},
		{name: "nothing goes wrong", share: 45},
		{name: "slow reads", share: 5, settings: serverSettings{Pause: 2 * time.Millisecond}},
		{name: "kill -9 at random moments", share: 10, fault: kills, least: 5, check: writeMore},
		{name: "kill -9 between two steps of a write", share: 6, fault: killsBetweenSteps, least: 12, check: writeMore},
		{name: "slow disk", share: 5, check: writeMore, settings: serverSettings{Pause: time.Millisecond}, failpoints: "before-mark=2ms/3,before-commit=3ms/2,after-commit=3ms/3,before-release=1ms/5"},
		{name: "full disk", share: 3, tmpfs: true, fault: fills, least: 3},
		{name: "files may not grow", share: 2, fault: limits, least: 3},
		{name: "others lock the database and write to it", share: 5, fault: locks, least: 3, settings: serverSettings{Database: "?_pragma=busy_timeout(5)"}},
		{name: "two processes, one killed now and then", share: 3, servers: 2, fault: kills, least: 3, check: func(c *checker.Config) { c.Writes = 0.05 }},
		{name: "clock steps", share: 5, fault: steps, least: 10},
		{name: "memory for 1% of the answers", share: 5, check: func(c *checker.Config) { c.Keys = 1000 },
			settings: serverSettings{Pad: 1000, MaxBytes: 1000 * 17 * 2000 / 100}},
		{name: "handlers panic, clients leave", share: 5, settings: serverSettings{Panics: 0.05, Pause: time.Millisecond},
			check: func(c *checker.Config) { c.Leave, c.Writes = 0.05, 0.1 }}, // so that some leave a write
		{name: "all at once", share: 1, servers: 2, settings: serverSettings{Panics: 0.02, Pause: time.Millisecond, MaxBytes: 400 << 10},
			failpoints: "before-commit=1ms/3,after-commit=1ms/3", check: func(c *checker.Config) { c.Leave = 0.02 },
			least: 4, fault: func(ctx context.Context, t *trial) error { return together(ctx, t, kills, locks, steps) }},
	}
}

// writeMore lets what goes wrong find more writes under way.
func writeMore(c *checker.Config) { c.Writes = 0.1 }

// together runs faults beside each other.
func together(ctx context.Context, t *trial, list ...fault) error {
	errs := make(chan error, len(list))
	for i, f := range list {
		own := *t
		own.rng = rand.New(rand.NewPCG(t.rng.Uint64(), uint64(i)))
		go func() { errs <- f(ctx, &own) }()
	}
	var first error
	for range list {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// A result is what came of a scenario.
type result struct {
	*checker.Report
	faults int64
}

// run runs a scenario until so many reads came from the cache.
func (s scenario) run(ctx context.Context, o *options, hits int64) (_ *result, err error) {
	dir, err := os.MkdirTemp("", "unstale-proof-")
	if err != nil {
		return nil, err
	}
	defer func() { err = first(err, os.RemoveAll(dir)) }()
	if s.tmpfs {
		if out, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", "size=4m", "proof", dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: mount: %.100s", errNotHere, out)
		}
		defer func() {
			err = first(err, exec.CommandContext(context.WithoutCancel(ctx), "umount", dir).Run())
		}()
	}
	t := &trial{dir: dir, rng: rand.New(rand.NewPCG(o.seed, 0)), faults: new(atomic.Int64)}
	if s.settings.Database != ":memory:" {
		s.settings.Database = filepath.Join(dir, database) + s.settings.Database
	}
	for range max(1, s.servers) {
		v, failed := newServer(context.WithoutCancel(ctx), s.settings, s.failpoints)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = first(err, v.close()) }() // the result's error
		t.servers = append(t.servers, v)
	}
	return s.trial(ctx, o, t, hits)
}

// trial runs the checker and the fault beside each other.
func (s scenario) trial(ctx context.Context, o *options, t *trial, hits int64) (*result, error) {
	c, err := config(t)
	if err != nil {
		return nil, err
	}
	c.Seed, c.Concurrency, c.Progress, c.Histories = o.seed, o.connections, o.progress, 5000
	c.Enough = func(_, got int64) bool { return got >= hits && t.faults.Load() >= s.least }
	c.First = s.wrong || o.first
	if s.check != nil {
		s.check(&c)
	}
	checking, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var failed error
	if s.fault != nil {
		c.Prepared = func() {
			wg.Go(func() {
				if failed = s.fault(checking, t); failed != nil {
					stop() // nothing goes wrong any longer
				}
			})
		}
	}
	report, err := checker.Run(checking, c)
	stop()
	wg.Wait()
	if err := first(failed, err); err != nil {
		return nil, err
	}
	return &result{Report: report, faults: t.faults.Load()}, nil
}

// config checks all that the service shows, at every server; the first gets the
// writes.
func config(t *trial) (checker.Config, error) {
	c := checker.Config{
		Write: checker.Request{Method: http.MethodPut, URL: t.servers[0].address + "/items/{key}?version={version}"},
		Users: []checker.User{{Name: "alice", Authorization: "Bearer alice"}, {Name: "bob", Authorization: "Bearer bob"}},
		Keys:  32, Writes: 0.02, Timeout: 10 * time.Second,
	}
	paths := []string{
		"/items/{key}", "/search?key={key}", "/pairs/{key}", "/both/{key}/{other}", "/shelves/{key}", "/mine/{key}", "/minute/{key}", "/cards/{key}", "/greeted/{key}",
		"/unmarked/{key}", "/lent/{key}",
	}
	for range 4 { // so that few of the reads are among those below, which ask the database each time
		for _, v := range t.servers {
			for _, path := range paths {
				c.Reads = append(c.Reads, checker.Request{Method: http.MethodGet, URL: v.address + path, Fields: []string{"From: {user}"}})
			}
			c.Reads = append(c.Reads, checker.Request{Method: http.MethodGet, URL: v.address + "/here", Fields: []string{"X-Region: {key}"}})
		}
	}
	for _, v := range t.servers {
		c.Reads = append(c.Reads, checker.Request{Method: http.MethodGet, URL: v.address + "/early/{key}"})
	}
	c.Reads = append(c.Reads, checker.Request{Method: http.MethodGet, URL: t.servers[0].address + "/direct/{key}"})
	var err error
	for e, text := range map[*checker.Extractor]string{
		&c.Version: `re:"(?:version|twin)":(\d+)`, &c.Other: `re:"other":(\d+)`, &c.Key: `re:"key":(\d+)`, &c.Owner: `re:"owner":"(\w+)"`,
	} {
		if *e, err = checker.ParseExtractor(text); err != nil {
			return c, err
		}
	}
	return c, nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
