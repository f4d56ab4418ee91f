package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// The notebook of a crowd.
const (
	crowdUsers  = 24 // who are logged in
	crowdCards  = 30
	crowdBases  = 18 // with the cards at most as many as a page of stars has
	crowdMost   = 1000
	crowdThread = 20 // comments on an item, and letters in a mailbox
)

// A crowd is many people on one notebook, some of whom are nobody. They come by
// the clock, whether or not the ones before have been answered. What they know
// to be true of the notebook is in registers, so that every answer can be
// judged: it has to be what the notebook would have answered at some moment
// between the request and the answer.
type crowd struct {
	server          *notebookServer
	seed            uint64
	admin, uploader *guest
	revoked         *guest // whose token is no longer good
	users           []*crowdUser
	items           []*crowdItem

	mu    sync.Mutex
	fresh []*crowdItem // uploaded while the load runs, and still there
	born  sync.Map     // all of them, by id

	numbers atomic.Int64 // everything written has its own
	tags    sync.Map     // by person and URI: what was answered last; and by entity tag: its digest

	reads, writes, notModified atomic.Int64
	stale, leaked, corrupted   atomic.Int64
	complaints                 chan string
	latency                    [2][]float64 // of reads and writes, in nanoseconds
	length                     time.Duration
}

// A crowdUser is somebody with a mailbox.
type crowdUser struct {
	*guest
	number int
	name   string

	mu      sync.Mutex // held over a write to what is his
	letters *register[[]crowdLetter]
	muted   *register[bool]
}

// A crowdLetter is a direct message of one user to another.
type crowdLetter struct {
	title string
	read  bool
}

// A crowdItem is a card or a base.
type crowdItem struct {
	kind, id, file, text string
	owner                *guest

	mu       sync.Mutex // held over a write to it
	content  *register[string]
	stars    *register[int]
	starred  []*register[bool] // by user
	public   *register[bool]
	comments *register[[]crowdComment]
	ids      map[string]string // of the comments, by content
}

// A crowdComment is a comment with who likes it, and who does not.
type crowdComment struct {
	text      string
	reactions map[int]string // by user
}

func (c *crowd) number() int64 { return c.numbers.Add(1) }

func (i *crowdItem) path() string { return "/api/" + i.kind + "/" + i.id }

// newCrowd fills an empty notebook.
func newCrowd(ctx context.Context, server *notebookServer, seed uint64) (*crowd, error) {
	c := &crowd{server: server, seed: seed, complaints: make(chan string, 10)}
	var err error
	if c.admin, err = server.logIn(ctx, adminName); err != nil {
		return nil, err
	}
	person := func(name string) (*guest, error) {
		err := c.admin.call(ctx, http.MethodPost, "/api/admin/users", map[string]string{"username": name, "email": name + "@example.com", "password": benchPassword}, nil)
		if err != nil {
			return nil, err
		}
		return server.logIn(ctx, name)
	}
	for n := range crowdUsers {
		name := fmt.Sprintf("person_%02d", n)
		g, err := person(name)
		if err != nil {
			return nil, err
		}
		c.users = append(c.users, &crowdUser{guest: g, number: n, name: name, letters: newRegister[[]crowdLetter](nil), muted: newRegister(false)})
	}
	if c.uploader, err = person("uploader"); err != nil {
		return nil, err
	}
	if c.revoked, err = person("revoked"); err != nil {
		return nil, err
	}
	const other = benchPassword + "2"
	if err := c.revoked.call(ctx, http.MethodPut, "/api/users/me/password", map[string]string{"current_password": benchPassword, "new_password": other, "confirm_password": other}, nil); err != nil {
		return nil, err
	}
	for n := range crowdCards + crowdBases {
		kind := "persona"
		if n >= crowdCards {
			kind = "knowledge"
		}
		i, err := c.upload(ctx, c.users[n%crowdUsers].guest, kind)
		if err != nil {
			return nil, err
		}
		if err := c.approve(ctx, i); err != nil {
			return nil, err
		}
		c.items = append(c.items, i)
	}
	return c, nil
}

// run lets people come for a while, so many in a second.
func (c *crowd) run(ctx context.Context, length time.Duration, rate float64) error {
	var (
		people sync.WaitGroup
		mu     sync.Mutex
		errs   []error
		turns  = make(chan struct{}, crowdMost)
		n      = int(length.Seconds() * rate)
		start  = time.Now()
	)
	for k := range n {
		due := start.Add(time.Duration(float64(k) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		turns <- struct{}{}
		people.Go(func() {
			defer func() { <-turns }()
			rng := rand.New(rand.NewPCG(c.seed, uint64(k)))
			kind, do := 0, c.read
			if rng.IntN(10) == 0 {
				kind, do = 1, c.write
			}
			err := do(ctx, rng)
			took := float64(time.Since(due))
			mu.Lock()
			defer mu.Unlock()
			c.latency[kind] = append(c.latency[kind], took)
			if err != nil && len(errs) < 10 {
				errs = append(errs, err)
			}
		})
	}
	people.Wait()
	c.length = time.Since(start)
	return errors.Join(errs...)
}

// complain keeps the first complaints for whoever wants to know.
func (c *crowd) complain(counter *atomic.Int64, format string, args ...any) {
	counter.Add(1)
	select {
	case c.complaints <- fmt.Sprintf(format, args...):
	default:
	}
}

// verdict returns an error unless every answer was right.
func (c *crowd) verdict() error {
	stale, leaked, corrupted := c.stale.Load(), c.leaked.Load(), c.corrupted.Load()
	if stale+leaked+corrupted == 0 {
		return nil
	}
	err := fmt.Errorf("%d answers were stale, %d leaked, %d corrupted", stale, leaked, corrupted)
	for {
		select {
		case text := <-c.complaints:
			err = errors.Join(err, errors.New(text))
		default:
			return err
		}
	}
}

// row adds what came of it to a table, given the counters before and after.
func (c *crowd) row(t *table, name string, before, after scrape) {
	delta := func(name string) float64 { return after.sum(name) - before.sum(name) }
	hits := "-"
	if h := delta("unstale_hits_total") + delta("unstale_joined_total"); h > 0 {
		hits = digits(100 * h / (h + delta("unstale_misses_total")))
	}
	n := float64(c.reads.Load() + c.writes.Load())
	reads, writes := series(c.latency[0]), series(c.latency[1])
	ms := func(s series, q float64) string { return digits(s.quantile(q) / 1e6) }
	t.add(name, digits(n/c.length.Seconds()), digits(delta("process_cpu_seconds_total")*1e6/n), ms(reads, 0.5), ms(reads, 0.99), ms(reads, 0.999), ms(writes, 0.5), ms(writes, 0.99),
		hits, fmt.Sprint(c.reads.Load()), fmt.Sprint(c.writes.Load()), fmt.Sprint(c.stale.Load()), fmt.Sprint(c.leaked.Load()), fmt.Sprint(c.corrupted.Load()))
}

// runCrowds runs a crowd on a notebook with the cache and on one without, one
// after the other. An answer that is not right is an error.
func runCrowds(ctx context.Context, s *settings) (_ table, err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return table{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := buildNotebook(ctx, dir)
	if err != nil {
		return table{}, err
	}
	t := table{
		title: fmt.Sprintf("%d people who have logged in, and others who have not, on %d items; %.0f requests/s by the clock for %s, 10%% writes of all kinds; latencies in ms from when the request was due",
			crowdUsers, crowdCards+crowdBases, s.rate, s.load),
		head: []string{"", "requests/s", "server CPU µs/request", "read p50", "p99", "p99.9", "write p50", "p99", "hits %", "reads", "writes", "stale", "leaked", "corrupted"},
	}
	for _, cache := range []string{"on", "off"} {
		if err := crowdOn(ctx, s, binary, dir, cache, &t); err != nil {
			return table{}, fmt.Errorf("cache %s: %w", cache, err)
		}
	}
	return t, nil
}

func crowdOn(ctx context.Context, s *settings, binary, dir, cache string, t *table) (err error) {
	server, err := startNotebook(ctx, binary, filepath.Join(dir, cache), cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	c, err := newCrowd(ctx, server, s.seed)
	if err != nil {
		return err
	}
	before, err := server.scrape(ctx)
	if err != nil {
		return err
	}
	if err := c.run(ctx, s.load, s.rate); err != nil {
		return err
	}
	after, err := server.scrape(ctx)
	if err != nil {
		return err
	}
	c.row(t, "cache "+cache, before, after)
	return c.verdict()
}
