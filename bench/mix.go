package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The notebook's content and its visitors.
const (
	mixCards    = 120
	mixVisitors = 4 // who ask at the same time
	listSize    = 20
)

// A mix is a notebook, its visitors, and what they know to be true of it.
type mix struct {
	name     string
	server   *notebookServer
	cards    []*mixCard
	byID     map[string]int
	visitors []*mixVisitor

	rate, processor, hits  series // by round
	latency                []float64
	reads, writes, checked atomic.Int64
	stale                  atomic.Int64
	last                   scrape
}

// A mixCard's content is the number of its last change.
type mixCard struct {
	id    string
	owner *guest

	mu    sync.Mutex // held over a change, so that changes are acknowledged in order
	acked atomic.Int64
}

// A mixVisitor is a user who alone changes his stars, and so knows them exactly.
type mixVisitor struct {
	*guest
	rng     *rand.Rand
	zipf    *rand.Zipf
	starred map[int]bool
	latency []float64
}

// newMix starts a notebook and fills it.
func newMix(ctx context.Context, binary, dir, cache string, seed uint64) (_ *mix, err error) {
	m := &mix{name: "cache " + cache, byID: make(map[string]int)}
	if m.server, err = startNotebook(ctx, binary, filepath.Join(dir, cache), cache); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.server.stop())
		}
	}()
	admin, err := m.server.logIn(ctx, adminName)
	if err != nil {
		return nil, err
	}
	for i := range mixVisitors {
		name := fmt.Sprintf("visitor_%d", i)
		if err := admin.call(ctx, http.MethodPost, "/api/admin/users", map[string]string{
			"username": name, "email": name + "@example.com", "password": benchPassword,
		}, nil); err != nil {
			return nil, err
		}
		g, err := m.server.logIn(ctx, name)
		if err != nil {
			return nil, err
		}
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		m.visitors = append(m.visitors, &mixVisitor{
			guest: g, rng: rng, zipf: rand.NewZipf(rng, 1.1, 1, mixCards-1), starred: make(map[int]bool),
		})
	}
	for i := range mixCards {
		owner := m.visitors[i%mixVisitors].guest
		id, err := owner.upload(ctx, admin, fmt.Sprintf("card %03d", i))
		if err != nil {
			return nil, err
		}
		m.cards = append(m.cards, &mixCard{id: id, owner: owner})
		m.byID[id] = i
	}
	return m, nil
}

// round lets all visitors ask for a while, each as soon as he has his answer.
func (m *mix) round(ctx context.Context, length time.Duration) error {
	before, err := m.server.scrape(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(m.visitors))
	counts := make([]int, len(m.visitors))
	start := time.Now()
	for i, v := range m.visitors {
		v.latency = nil
		wg.Go(func() {
			for ; time.Since(start) < length && errs[i] == nil; counts[i]++ {
				errs[i] = m.step(ctx, v)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if m.last, err = m.server.scrape(ctx); err != nil {
		return err
	}
	n := 0.0
	for i, v := range m.visitors {
		n += float64(counts[i])
		m.latency = append(m.latency, v.latency...)
	}
	delta := func(name string) float64 { return m.last.sum(name) - before.sum(name) }
	m.rate = append(m.rate, n/elapsed.Seconds())
	m.processor = append(m.processor, delta("process_cpu_seconds_total")*1e6/n)
	hits := delta("unstale_hits_total") + delta("unstale_joined_total")
	if asked := hits + delta("unstale_misses_total"); asked > 0 {
		m.hits = append(m.hits, 100*hits/asked)
	}
	return nil
}

// step is one request: nine of ten read.
func (m *mix) step(ctx context.Context, v *mixVisitor) error {
	i := int(v.zipf.Uint64())
	switch n := v.rng.IntN(100); {
	case n < 5:
		m.writes.Add(1)
		return m.change(ctx, i)
	case n < 10:
		m.writes.Add(1)
		return m.star(ctx, v, i)
	default:
		m.reads.Add(1)
		start := time.Now()
		err := m.read(ctx, v, i, n)
		v.latency = append(v.latency, float64(time.Since(start)))
		return err
	}
}

// change gives a card its next number.
func (m *mix) change(ctx context.Context, i int) error {
	c := m.cards[i]
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.acked.Load() + 1
	err := c.owner.call(ctx, http.MethodPut, "/api/persona/"+c.id, map[string]string{"content": strconv.FormatInt(next, 10)}, nil)
	if err == nil {
		c.acked.Store(next)
	}
	return err
}

// star gives a card the visitor's star, or takes it back.
func (m *mix) star(ctx context.Context, v *mixVisitor, i int) error {
	var got struct{ Starred bool }
	err := v.call(ctx, http.MethodPost, "/api/persona/"+m.cards[i].id+"/star", nil, &got)
	if err == nil {
		v.starred[i] = got.Starred
	}
	return err
}

// read reads one of the pages and compares it with what was known before.
func (m *mix) read(ctx context.Context, v *mixVisitor, i, n int) error {
	type card struct{ ID, Content string }
	known := make([]int64, len(m.cards))
	for k, c := range m.cards {
		known[k] = c.acked.Load()
	}
	anybody := &guest{notebookServer: m.server}
	var cards []card
	var err error
	switch {
	case n < 50: // the detail of a card
		var c card
		err = anybody.get(ctx, "/api/persona/"+m.cards[i].id, &c)
		cards = append(cards, c)
	case n < 70: // a page of the public list
		order := [...]string{"created_at", "updated_at", "star_count"}[v.rng.IntN(3)]
		page := 1 + i*mixCards/listSize/mixCards
		err = anybody.get(ctx, fmt.Sprintf("/api/persona/public?page=%d&page_size=%d&sort_by=%s", page, listSize, order), &cards)
	case n < 80: // one's own cards
		err = v.get(ctx, "/api/persona/user/"+url.PathEscape(v.id), &cards)
	case n < 90: // one's own stars
		var list []struct {
			TargetID string `json:"target_id"`
		}
		if err = v.get(ctx, "/api/user/stars?page_size=50", &list); err == nil {
			wanted := 0
			for _, starred := range v.starred {
				if starred {
					wanted++
				}
			}
			m.check(len(list) == min(wanted, 50))
		}
	default: // one's own star on a card
		var got struct{ Starred bool }
		if err = v.get(ctx, "/api/persona/"+m.cards[i].id+"/starred", &got); err == nil {
			m.check(got.Starred == v.starred[i])
		}
	}
	if err != nil || n >= 80 {
		return err
	}
	fresh := len(cards) > 0
	for _, c := range cards {
		k, found := m.byID[c.ID]
		number, err := strconv.ParseInt(c.Content, 10, 64)
		if err != nil {
			return err
		}
		fresh = fresh && found && number >= known[k]
	}
	m.check(fresh)
	return nil
}

func (m *mix) check(fresh bool) {
	m.checked.Add(1)
	if !fresh {
		m.stale.Add(1)
	}
}

func measureNotebook(ctx context.Context, s *settings) (*section, error) {
	mixes, err := runMixes(ctx, s, s.rounds(20), 4*s.roundTime)
	if err != nil {
		return nil, err
	}
	people, err := runCrowds(ctx, s)
	if err != nil {
		return nil, err
	}
	sec := &section{name: "notebook", title: "A mix of the notebook, with the cache and without"}
	t := table{
		title: fmt.Sprintf("%d visitors, %d public cards, 10%% writes; %d rounds by turns", mixVisitors, mixCards, len(mixes[0].rate)),
		head:  []string{"", "requests/s", "server CPU µs/request", "read p50 µs", "p99 µs", "hits %", "reads", "writes", "stale"},
	}
	for _, m := range mixes {
		lat, hits := series(m.latency), "-"
		if len(m.hits) > 0 {
			hits = m.hits.String()
		}
		t.add(m.name, m.rate.String(), m.processor.String(), digits(lat.median()/1e3), digits(lat.quantile(0.99)/1e3), hits,
			fmt.Sprint(m.reads.Load()), fmt.Sprint(m.writes.Load()), fmt.Sprintf("%d of %d", m.stale.Load(), m.checked.Load()))
	}
	on, off := mixes[0], mixes[1]
	t.add("on over off", on.rate.over(off.rate).String(), on.processor.over(off.processor).String(),
		digits(series(on.latency).median()/series(off.latency).median()), digits(series(on.latency).quantile(0.99)/series(off.latency).quantile(0.99)), "", "", "", "")
	sec.tables = []table{t, people, routeTable(on.last), coarseTable(on.last)}
	return sec, nil
}

// routeTable says what became of the reads of each route.
func routeTable(s scrape) table {
	t := table{title: "Hits by route since the start", head: []string{"route", "hits %", "hits", "misses"}}
	hits, joined, misses := s.byRoute("unstale_hits_total"), s.byRoute("unstale_joined_total"), s.byRoute("unstale_misses_total")
	for _, route := range slices.Sorted(maps.Keys(misses)) {
		h := hits[route] + joined[route]
		t.add("`"+route+"`", digits(100*h/(h+misses[route])), fmt.Sprintf("%.0f", h), fmt.Sprintf("%.0f", misses[route]))
	}
	return t
}

// coarseTable lists the statements that are tracked coarser than their text
// allows. Each counts once for every time it was analysed.
func coarseTable(s scrape) table {
	t := table{title: "Statements tracked coarser than their text allows", head: []string{"statement", "why"}}
	for _, l := range s.samples("unstale_coarse_reads_total") {
		t.add("`"+shorten(l.labels["statement"], 40, 110)+"`", l.labels["reason"])
	}
	slices.SortFunc(t.rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return t
}

// shorten leaves out the middle of a long text, and all but one of each run of
// spaces.
func shorten(s string, head, tail int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= head+tail {
		return s
	}
	return s[:head] + " … " + s[len(s)-tail:]
}

// runMixes runs a notebook with the cache and one without by turns. A stale
// answer is an error.
func runMixes(ctx context.Context, s *settings, rounds int, length time.Duration) (mixes []*mix, err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := buildNotebook(ctx, dir)
	if err != nil {
		return nil, err
	}
	for _, cache := range []string{"on", "off"} {
		m, err := newMix(ctx, binary, dir, cache, s.seed)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, m.server.stop()) }()
		mixes = append(mixes, m)
	}
	if err := interleave(ctx, rounds, len(mixes), func(i int) error { return mixes[i].round(ctx, length) }); err != nil {
		return nil, err
	}
	for _, m := range mixes {
		if n := m.stale.Load(); n > 0 {
			return nil, fmt.Errorf("%s: %d of %d answers were stale", m.name, n, m.checked.Load())
		}
	}
	return mixes, nil
}
