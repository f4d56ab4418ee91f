package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// hotItems is how many items the writes choose from, whatever the number of
// entries: else SQLite's own caches would be measured along.
const hotItems = 1000

// residentSettings and residentReady open the talk with a process that holds a
// number of small entries.
type (
	residentSettings struct {
		Database string // with a row for each entry; copied, not changed
		Entries  int
	}
	residentReady struct {
		Addr    string // where it answers over HTTP
		Filling time.Duration
		Bytes   int64 // of all entries, by Entry.Size
		Memory  uint64
	}
)

// A residentRound asks for so many invalidations of each kind and so many hits;
// a residentReply says what one of each took. A pattern is worked off in the
// background after the call; Sweep is what it took until that was done with all
// of them. Few are hits on the same hotItems entries whatever the size, Spread
// are hits on entries anywhere in the store. A round of Used alone says
// what processor time the process has used, after it has collected garbage if
// Collect says so.
type (
	residentRound struct {
		Writes, Tags, Patterns, Hits, First int
		Used, Collect                       bool
	}
	residentReply struct {
		Used                       time.Duration
		Entries                    int
		Write, Tag, Pattern, Sweep piece
		Few, Spread                piece
	}
)

// A residence is a cache full of small entries, one for each row of a captured
// table.
type residence struct {
	dir     string
	entries int
	cache   *unstale.Cache
	db      *sql.DB
	update  *sql.Stmt
	read    *sql.Stmt
	site    http.Handler
}

// serveResident is the process: it fills the cache, and then does what each
// residentRound asks for.
func serveResident(in *json.Decoder, out *json.Encoder) (err error) {
	var s residentSettings
	if err := in.Decode(&s); err != nil {
		return err
	}
	r, err := newResidence(s.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	start := time.Now()
	if err := r.fill(s.Entries); err != nil {
		return err
	}
	ready := residentReady{Filling: time.Since(start), Bytes: r.cache.Stats().Store.Bytes}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	ready.Memory = memory.HeapAlloc
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r.site, ReadHeaderTimeout: time.Minute}
	go server.Serve(l) //nolint:errcheck // returns when the server is closed
	defer func() { err = errors.Join(err, server.Close()) }()
	ready.Addr = l.Addr().String()
	if err := out.Encode(ready); err != nil {
		return err
	}
	for {
		var round residentRound
		if err := in.Decode(&round); err != nil {
			return err
		}
		reply, err := r.round(round)
		if err != nil {
			return err
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}

func newResidence(database string) (_ *residence, err error) {
	r := new(residence)
	if r.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	path := filepath.Join(r.dir, "items.db")
	if err = copyFile(path, database); err != nil {
		return nil, err
	}
	r.cache, err = unstale.New(unstale.Options{
		TTL: 24 * time.Hour, MaxBytes: 8 << 30, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	if r.db, err = sqlite.Open(path, r.cache); err != nil {
		return nil, err
	}
	ctx := unstale.Outside(context.Background())
	if r.update, err = r.db.PrepareContext(ctx, `UPDATE item SET v = ? WHERE id = ?`); err != nil {
		return nil, err
	}
	if r.read, err = r.db.PrepareContext(ctx, `SELECT v FROM item WHERE id = ?`); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, q *http.Request) {
		unstale.DependOn(q.Context(), itemTag(q.PathValue("id")))
		var v string
		if err := r.read.QueryRowContext(q.Context(), q.PathValue("id")).Scan(&v); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answerText(w, v)
	})
	r.site = r.cache.Handler(mux)
	return r, nil
}

func itemTag(id string) unstale.Tag { return unstale.Tag("item:" + id) }

func copyFile(to, from string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	_, err = io.Copy(dst, src)
	return err
}

// fill asks for every item once.
func (r *residence) fill(entries int) error {
	r.entries = entries
	workers := runtime.NumCPU()
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			for id := k; id < entries && errs[k] == nil; id += workers {
				_, errs[k] = r.ask(id)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ask asks for an item and reports whether the answer was a hit.
func (r *residence) ask(id int) (hit bool, err error) {
	a := ask(r.site, newRequest("/item/"+strconv.Itoa(id)))
	if a.status != http.StatusOK {
		return false, fmt.Errorf("item %d: %d %q", id, a.status, a.body)
	}
	return a.hit(), nil
}

// warm makes sure that n items are stored and valid.
func (r *residence) warm(first, n int) error {
	for i := range n {
		if _, err := r.ask(item(first, i)); err != nil {
			return err
		}
		if hit, err := r.ask(item(first, i)); err != nil || !hit {
			return errors.Join(err, fmt.Errorf("item %d is no hit", item(first, i)))
		}
	}
	return nil
}

// fell makes sure that n items are not served any longer, and stores them anew.
func (r *residence) fell(first, n int) error {
	for i := range n {
		if hit, err := r.ask(item(first, i)); err != nil || hit {
			return errors.Join(err, fmt.Errorf("item %d was served after its invalidation", item(first, i)))
		}
	}
	return nil
}

// item is the i-th of those that a round works on.
func item(first, i int) int { return (first + i) % hotItems }

// round invalidates by each kind what it has seen to be valid, and sees
// afterwards that it has fallen.
func (r *residence) round(q residentRound) (_ *residentReply, err error) {
	reply := new(residentReply)
	if q.Used {
		if q.Collect {
			runtime.GC()
		}
		reply.Used, err = processorTime()
		return reply, err
	}
	ctx := unstale.Outside(context.Background())
	kinds := []struct {
		n    int
		each *piece
		do   func(id int) error
	}{
		{q.Writes, &reply.Write, func(id int) error {
			_, err := r.update.ExecContext(ctx, "written in round "+strconv.Itoa(q.First), id) // and never before
			return err
		}},
		{q.Tags, &reply.Tag, func(id int) error { return r.cache.Invalidate(ctx, itemTag(strconv.Itoa(id))) }},
		{q.Patterns, &reply.Pattern, func(id int) error {
			return r.cache.Invalidate(ctx, unstale.Pattern("http:GET * /item/{id}", strconv.Itoa(id)))
		}},
	}
	for _, k := range kinds {
		if err := r.warm(q.First, k.n); err != nil {
			return nil, err
		}
		sweep, err := timed(1, func(int) (err error) {
			*k.each, err = timed(k.n, func(i int) error { return k.do(item(q.First, i)) })
			for r.cache.Stats().Patterns > 0 {
				time.Sleep(50 * time.Microsecond) // how long it takes is what is measured
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if k.each == &reply.Pattern {
			reply.Sweep = sweep
		}
		if err := r.fell(q.First, k.n); err != nil {
			return nil, err
		}
	}
	if err := r.hits(q, reply); err != nil {
		return nil, err
	}
	reply.Entries = r.cache.Stats().Store.Entries
	return reply, nil
}

// hits asks for entries when all of them are valid.
func (r *residence) hits(q residentRound, reply *residentReply) error {
	w := &sink{header: make(http.Header, 16)}
	for id := range r.entries { // what has fallen with something else in its slot is stored anew
		clear(w.header)
		r.site.ServeHTTP(w, newRequest("/item/"+strconv.Itoa(id)))
	}
	return hitsInProcess(r.site, r.entries, q, reply)
}

// hitsInProcess asks a site of so many items in an order of chance: for few ones
// again and again, and for any of all.
func hitsInProcess(site http.Handler, entries int, q residentRound, reply *residentReply) (err error) {
	rng := rand.New(rand.NewPCG(uint64(q.First), uint64(q.Hits)))
	w := &sink{header: make(http.Header, 16)}
	one := func(q *http.Request) error {
		clear(w.header)
		site.ServeHTTP(w, q)
		if status := w.header["Cache-Status"]; len(status) != 1 || !strings.HasPrefix(status[0], "unstale;hit") {
			return fmt.Errorf("%s is no hit: %q", q.URL, status)
		}
		return nil
	}
	for _, k := range []struct {
		among, before int // how many are asked for first, so that they are in the processor's caches
		each          *piece
	}{{min(hotItems, entries), q.Hits, &reply.Few}, {entries, 0, &reply.Spread}} {
		requests := make([]*http.Request, q.Hits)
		for i := range requests {
			requests[i] = newRequest("/item/" + strconv.Itoa(rng.IntN(k.among)))
		}
		runtime.GC() // else what others leave behind is cleared away in somebody's time
		for i := range requests[:k.before] {
			if err := one(requests[i]); err != nil {
				return err
			}
		}
		if *k.each, err = timed(q.Hits, func(i int) error { return one(requests[i]) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *residence) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{r.update, r.read} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if r.db != nil {
		errs = append(errs, r.db.Close())
	}
	if r.cache != nil {
		errs = append(errs, r.cache.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}
