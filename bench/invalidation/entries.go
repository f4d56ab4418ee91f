package invalidation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
)

// HotItems is how many items the writes choose from, whatever the number of
// entries: else SQLite's own caches would be measured along.
const HotItems = 1000

// Settings are what a process that holds a number of small entries starts with.
type Settings struct {
	Database string // with a row for each entry; copied, not changed
	Entries  int
}

// Ready is what it says when it holds them.
type Ready struct {
	Addr    string // where it answers over HTTP
	Filling time.Duration
	Bytes   int64 // of all entries, by Entry.Size
	Memory  uint64
}

// A Round asks for so many invalidations of each kind and so many hits, on items
// from First on.
type Round struct {
	Writes, Tags, Patterns, Hits, First int
}

// A Reply says what one of each took. A pattern is worked off in the background
// after the call; Sweep is what it took until that was done with all of them. Few
// are hits on the same HotItems entries whatever the size, Spread are hits on
// entries anywhere in the store.
type Reply struct {
	Entries                    int
	Write, Tag, Pattern, Sweep harness.Piece
	Few, Spread                harness.Piece
}

// A full is a cache full of small entries, one for each row of a captured table.
type full struct {
	*harness.Captured
	entries int
	update  *sql.Stmt
	read    *sql.Stmt
	site    http.Handler
}

// Role is a process with such a cache: it fills it, and then does what each Round
// asks for.
var Role = harness.Role{Name: "entries", Serve: serve}

func serve(t *harness.Talk) (err error) {
	var s Settings
	if err := t.Settings(&s); err != nil {
		return err
	}
	f, err := newFull(s.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	start := time.Now()
	if err := f.fill(s.Entries); err != nil {
		return err
	}
	ready := Ready{Filling: time.Since(start), Bytes: f.Cache.Stats().Store.Bytes}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	ready.Memory = memory.HeapAlloc
	addr, stop, err := harness.Serve(f.site)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	ready.Addr = addr
	return harness.Obey(t, ready, f.round)
}

func newFull(database string) (_ *full, err error) {
	captured, err := harness.Capture(unstale.Options{TTL: 24 * time.Hour, MaxBytes: 8 << 30}, func(path string) error {
		rows, err := os.ReadFile(database)
		if err != nil {
			return err
		}
		return os.WriteFile(path, rows, 0o600)
	})
	if err != nil {
		return nil, err
	}
	r := &full{Captured: captured}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	ctx := unstale.Outside(context.Background())
	if r.update, err = r.PrepareContext(ctx, `UPDATE item SET v = ? WHERE id = ?`); err != nil {
		return nil, err
	}
	if r.read, err = r.PrepareContext(ctx, `SELECT v FROM item WHERE id = ?`); err != nil {
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
		harness.WriteText(w, v)
	})
	r.site = r.Cache.Handler(mux)
	return r, nil
}

func itemTag(id string) unstale.Tag { return unstale.Tag("item:" + id) }

// fill asks for every item once.
func (r *full) fill(entries int) error {
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
func (r *full) ask(id int) (hit bool, err error) {
	a := harness.Ask(r.site, harness.NewRequest("/item/"+strconv.Itoa(id)))
	if a.Status != http.StatusOK {
		return false, fmt.Errorf("item %d: %d %q", id, a.Status, a.Body)
	}
	return a.Hit(), nil
}

// warm makes sure that n items are stored and valid.
func (r *full) warm(first, n int) error {
	for i := range n {
		if _, err := r.ask(Item(first, i)); err != nil {
			return err
		}
		if hit, err := r.ask(Item(first, i)); err != nil || !hit {
			return errors.Join(err, fmt.Errorf("item %d is no hit", Item(first, i)))
		}
	}
	return nil
}

// fell makes sure that n items are not served any longer, and stores them anew.
func (r *full) fell(first, n int) error {
	for i := range n {
		if hit, err := r.ask(Item(first, i)); err != nil || hit {
			return errors.Join(err, fmt.Errorf("item %d was served after its invalidation", Item(first, i)))
		}
	}
	return nil
}

// Item is the i-th of those that a round works on.
func Item(first, i int) int { return (first + i) % HotItems }

// round invalidates by each kind what it has seen to be valid, and sees
// afterwards that it has fallen.
func (r *full) round(q Round) (_ *Reply, err error) {
	reply := new(Reply)
	ctx := unstale.Outside(context.Background())
	kinds := []struct {
		n    int
		each *harness.Piece
		do   func(id int) error
	}{
		{q.Writes, &reply.Write, func(id int) error {
			_, err := r.update.ExecContext(ctx, "written in round "+strconv.Itoa(q.First), id) // and never before
			return err
		}},
		{q.Tags, &reply.Tag, func(id int) error { return r.Cache.Invalidate(ctx, itemTag(strconv.Itoa(id))) }},
		{q.Patterns, &reply.Pattern, func(id int) error {
			return r.Cache.Invalidate(ctx, unstale.Pattern("http:GET * /item/{id}", strconv.Itoa(id)))
		}},
	}
	for _, k := range kinds {
		if err := r.warm(q.First, k.n); err != nil {
			return nil, err
		}
		sweep, err := harness.Timed(1, func(int) (err error) {
			*k.each, err = harness.Timed(k.n, func(i int) error { return k.do(Item(q.First, i)) })
			for r.Cache.Stats().Patterns > 0 {
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
	var w harness.Sink
	for id := range r.entries { // what has fallen with something else in its slot is stored anew
		w.Ask(r.site, harness.NewRequest("/item/"+strconv.Itoa(id)))
	}
	if err := hits(r.site, r.entries, q, reply); err != nil {
		return nil, err
	}
	reply.Entries = r.Cache.Stats().Store.Entries
	return reply, nil
}

// hits asks a site of so many items in an order of chance: for few ones
// again and again, and for any of all.
func hits(site http.Handler, entries int, q Round, reply *Reply) (err error) {
	rng := rand.New(rand.NewPCG(uint64(q.First), uint64(q.Hits)))
	var w harness.Sink
	one := func(q *http.Request) error {
		if w.Ask(site, q); !harness.Hit(w.Header()) {
			return fmt.Errorf("%s is no hit: %q", q.URL, w.Header())
		}
		return nil
	}
	for _, k := range []struct {
		among, before int // how many are asked for first, so that they are in the processor's caches
		each          *harness.Piece
	}{{min(HotItems, entries), q.Hits, &reply.Few}, {entries, 0, &reply.Spread}} {
		requests := make([]*http.Request, q.Hits)
		for i := range requests {
			requests[i] = harness.NewRequest("/item/" + strconv.Itoa(rng.IntN(k.among)))
		}
		runtime.GC() // else what others leave behind is cleared away in somebody's time
		for i := range requests[:k.before] {
			if err := one(requests[i]); err != nil {
				return err
			}
		}
		if *k.each, err = harness.Timed(q.Hits, func(i int) error { return one(requests[i]) }); err != nil {
			return err
		}
	}
	return nil
}
