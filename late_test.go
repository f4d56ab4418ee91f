package unstale_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

var lateFor = flag.Duration("late.for", time.Second, "how long readers ask a database that is late")

// lateRows are what there is to read.
const lateRows = 12

// A late database has its commits in a log before they are visible, and a follower
// that decodes the log some time later: before a commit is visible, long after it
// was acknowledged, twice, or never, when the connection broke. A look waits until
// the follower has decoded whatever the log holds when it is sent; some fail.
type late struct {
	adapter.Database
	seed maphash.Seed

	settlesWhenDecoded bool // a mistake
	waitsForNothing    bool // a mistake

	mu      sync.Mutex
	more    sync.Cond
	rows    [lateRows]int64
	log     []*lateCommit
	decoded int
	pending []lateFlux
	closed  bool
}

type lateCommit struct {
	rows    []int
	visible bool
}

// A lateFlux is in flux until its commits are visible.
type lateFlux struct {
	adapter.Flux
	commits []*lateCommit
}

func newLate(c *unstale.Cache) *late {
	d := &late{seed: maphash.MakeSeed()}
	d.more.L = &d.mu
	d.Database = c.Database("late", asked(d.catchUp))
	return d
}

func (d *late) hash(row int) uint64 { return maphash.Comparable(d.seed, row) }

// get reads a row.
func (d *late) get(ctx context.Context, row int) int64 {
	caller := d.Caller(ctx, nil).Begin()
	defer caller.End()
	caller.DependOn(adapter.Dependencies{AsOf: d.Seq(), Hashes: []uint64{d.hash(row)}})
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[row]
}

// commit raises rows, and returns what they are then.
func (d *late) commit(rows ...int) (values []int64) {
	c := &lateCommit{rows: rows}
	d.mu.Lock()
	d.log = append(d.log, c)
	d.more.Broadcast()
	d.mu.Unlock()
	pause()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, row := range rows {
		d.rows[row]++
		values = append(values, d.rows[row])
	}
	c.visible = true
	return values
}

// follow decodes the log until the database is closed.
func (d *late) follow(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		for d.decoded == len(d.log) {
			if d.closed {
				return
			}
			d.more.Wait()
		}
		if rng.IntN(4) == 0 {
			d.mu.Unlock()
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
			d.mu.Lock()
		}
		switch c := d.log[d.decoded]; {
		case rng.IntN(400) == 0: // the connection broke
			d.pending = append(d.pending, lateFlux{d.MarkAll("gap"), slices.Clone(d.log[d.decoded:])})
			d.decoded = len(d.log)
		default:
			var touched []uint64
			for _, row := range c.rows {
				touched = append(touched, d.hash(row))
			}
			for range 1 + rng.IntN(20)/19 {
				d.pending = append(d.pending, lateFlux{d.Mark(adapter.Commit{Touched: touched}), []*lateCommit{c}})
			}
			d.decoded++
		}
		if d.settlesWhenDecoded {
			d.settle(true)
		}
		d.more.Broadcast()
	}
}

// settle settles what is visible, or all of it. The caller holds mu.
func (d *late) settle(all bool) {
	d.pending = slices.DeleteFunc(d.pending, func(f lateFlux) bool {
		if !all && slices.ContainsFunc(f.commits, func(c *lateCommit) bool { return !c.visible }) {
			return false
		}
		f.Settle()
		return true
	})
}

func (d *late) catchUp(context.Context) error {
	switch rand.IntN(200) {
	case 0:
		return errors.New("no connection")
	case 1:
		time.Sleep(2 * unstale.DefaultLookWait)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for position := len(d.log); d.decoded < position && !d.waitsForNothing; {
		d.more.Wait()
	}
	d.settle(false)
	return nil
}

// stale lets writers and readers loose and counts the answers that are older than
// what was acknowledged, or seen by anybody, before their request began. It ends
// after a time, or when there is one.
func (d *late) stale(c *unstale.Cache, h http.Handler, within time.Duration) (stale, hits int64, example string) {
	var floor [lateRows]atomic.Int64
	raise := func(row int, v int64) {
		for old := floor[row].Load(); v > old && !floor[row].CompareAndSwap(old, v); old = floor[row].Load() {
		}
	}
	var first atomic.Pointer[string]
	var count atomic.Int64
	end := time.Now().Add(within)
	goesOn := func() bool { return time.Now().Before(end) && count.Load() == 0 }
	var follower, all sync.WaitGroup
	follower.Go(func() { d.follow(rand.New(rand.NewPCG(1, 2))) })
	for range 3 {
		all.Go(func() {
			for goesOn() {
				rows := []int{rand.IntN(lateRows)}
				if other := rand.IntN(lateRows); other != rows[0] && rand.IntN(2) == 0 {
					rows = append(rows, other)
				}
				for i, v := range d.commit(rows...) {
					raise(rows[i], v)
				}
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			}
		})
	}
	for range 6 {
		all.Go(func() {
			for goesOn() {
				row := rand.IntN(lateRows)
				path := []string{"/one/", "/one/", "/load/", "/mine/"}[rand.IntN(4)] + strconv.Itoa(row)
				before := floor[row].Load()
				r := get(h, path, "Authorization: "+strconv.Itoa(rand.IntN(2)))
				v, err := strconv.ParseInt(r.body, 10, 64)
				if err != nil || v < before {
					text := fmt.Sprintf("%s: %q, though %d was known before (%s)", path, r.body, before, r.status)
					first.CompareAndSwap(nil, &text)
					count.Add(1)
				}
				raise(row, v)
			}
		})
	}
	all.Wait()
	d.mu.Lock()
	d.closed = true
	d.more.Broadcast()
	d.mu.Unlock()
	follower.Wait()
	if p := first.Load(); p != nil {
		example = *p
	}
	return count.Load(), int64(c.Stats().Routes[""].Hits), example
}

// newLateService returns pages of a late database.
func newLateService(t *testing.T) (*unstale.Cache, *late, http.Handler) {
	var d *late
	c, wrap := newService(t, unstale.Options{Logger: slog.New(slog.DiscardHandler)}, unstale.HandlerOptions{
		Policies: sharedRoute,
		Identity: func(r *http.Request) (string, error) {
			d.get(r.Context(), 0)
			return r.Header.Get("Authorization"), nil
		},
	})
	d = newLate(c)
	answer := func(w http.ResponseWriter, v int64) {
		pause()
		write(w, strconv.FormatInt(v, 10))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /one/{row}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, d.get(r.Context(), atoi(r.PathValue("row"))))
	})
	mux.HandleFunc("GET /load/{row}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, load(r.Context(), t, c, r.PathValue("row"), func(ctx context.Context) (int64, error) {
			defer pause()
			return d.get(ctx, atoi(r.PathValue("row"))), nil
		}))
	})
	mux.HandleFunc("GET /mine/{row}", func(w http.ResponseWriter, r *http.Request) {
		unstale.Identity(r.Context())
		answer(w, d.get(r.Context(), atoi(r.PathValue("row"))))
	})
	return c, d, wrap(mux)
}

// TestLate: a database that tells everything late gets no stale answer.
func TestLate(t *testing.T) {
	t.Parallel()
	c, d, h := newLateService(t)
	stale, hits, example := d.stale(c, h, *lateFor)
	s := c.Stats()
	t.Logf("%d hits; looks %+v; %v", hits, s.Looks, s.Invalidations)
	if stale > 0 {
		t.Error(example)
	}
	if hits == 0 || s.Looks.Sent == 0 {
		t.Error("nothing was tried")
	}
}

// TestLateHalves: neither half of the protocol is enough without the other.
func TestLateHalves(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*late){
		"nobody waits":         func(d *late) { d.waitsForNothing = true },
		"settled when decoded": func(d *late) { d.settlesWhenDecoded = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, d, h := newLateService(t)
			forget(d)
			if stale, hits, _ := d.stale(c, h, 30*time.Second); stale == 0 {
				t.Errorf("not found in %d hits", hits)
			}
		})
	}
}
