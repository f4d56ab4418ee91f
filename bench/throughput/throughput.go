// Package throughput measures what the cache is worth to sites on PostgreSQL, and what
// it costs: the same handlers with the cache and without, by turns, beside the
// database's server on the same processors.
package throughput

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale/bench/bidding"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/lobsters"
	"github.com/unstale/unstale/bench/notebook"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/bench/workload"
)

// A course is a workload and how it is run.
type course struct {
	site    workload.OnPostgres
	leftOut string        // a kind of writes that is in the published mix alone
	step    time.Duration // by which the site's clock goes on for a request

	warmUp    int // requests
	round     int // requests of a round with most clients
	rounds    int
	clients   []int
	shares    []float64
	checks    int           // pages that are compared after each round
	within    time.Duration // for all rounds together, at least three of each
	published int           // how many more rounds the published mix has
}

// A row is what was measured of a mix with so many clients: figures by arm and round.
type row struct {
	mix     string
	clients int
	figures [len(arms)][]*figure
}

// Measure measures all sites, each for three minutes at most if the scale is 1.
func Measure(ctx context.Context, s *harness.Settings) (*report.Section, error) {
	list := []*course{
		{site: lobsters.New(s.Seed, 0.1), leftOut: "ribbon"},
		{site: bidding.New(s.Seed, 0.1)},
		{site: notebook.New(s.Seed, 1), step: 10 * time.Millisecond},
	}
	for _, c := range list {
		c.warmUp, c.round, c.rounds, c.published, c.checks = 4000, 400, s.Rounds(7), 2, 15
		c.clients, c.within = []int{1, 4, 32}, time.Duration(float64(150*time.Second)*s.Scale)
		for percent := range strings.FieldsFuncSeq(s.Writes, func(r rune) bool { return r == ',' }) {
			share, err := strconv.ParseFloat(percent, 64)
			if err != nil {
				return nil, err
			}
			c.shares = append(c.shares, share/100)
		}
	}
	if s.Sites != "" {
		names := strings.Split(s.Sites, ",")
		list = slices.DeleteFunc(list, func(c *course) bool { return !slices.Contains(names, c.site.Name()) })
	}
	return measure(ctx, s, list)
}

func measure(ctx context.Context, s *harness.Settings, list []*course) (_ *report.Section, err error) {
	server, err := harness.StartPostgres(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	sec := &report.Section{Name: "throughput", Title: "Sites on PostgreSQL, with the cache and without"}
	last := "throughput"
	for _, c := range list {
		rows, said, err := c.run(ctx, server, s.Profile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.site.Name(), err)
		}
		sec.Tables = append(sec.Tables, c.tables(rows)...)
		sec.Notes = append(sec.Notes, append(c.weak(rows), said)...)
		last += " " + c.site.Name() + " " + report.Digits(c.worth(rows))
	}
	sec.Last = last
	return sec, nil
}

// run measures one workload.
func (c *course) run(ctx context.Context, server *harness.Postgres, profile string) (rows []*row, said string, err error) {
	name := c.site.Name()
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := server.Create(ctx, name, "template0"); err != nil {
		return nil, "", err
	}
	if err := c.site.FillPostgres(ctx, server.DSN(name), dir); err != nil {
		return nil, "", err
	}
	most := slices.Max(c.clients)
	perMix := c.round * (1 + c.rounds*len(c.clients))
	first := c.warmUp + perMix*(1+c.published)
	trace := c.site.Trace(first + 2*perMix*len(c.shares))
	list := mixes(trace[:first], trace[first:], c.shares, c.leftOut)
	var sites []*site
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.close())
		}
	}()
	warm := list[0].take(c.warmUp)
	for _, a := range arms {
		s, err := open(ctx, server, c.site, a, name, dir)
		if err != nil {
			return nil, "", err
		}
		sites = append(sites, s)
		for at := 0; at < len(warm); at += c.round {
			if _, err := c.ask(ctx, s, warm[at:min(at+c.round, len(warm))], most); err != nil {
				return nil, "", err
			}
		}
	}
	checked, hits := 0, 0
	cells := len(c.clients) * (len(list) + c.published)
	for i, m := range list {
		rounds, within := c.rounds, c.within/time.Duration(cells)
		if i == 0 {
			rounds, within = rounds*(1+c.published), within*time.Duration(1+c.published)
		}
		before := m.take(c.round)
		for _, s := range sites { // so that what is stored is as this mix has it
			if _, err := c.ask(ctx, s, before, most); err != nil {
				return nil, "", err
			}
		}
		for _, clients := range c.clients {
			r := &row{mix: m.name, clients: clients}
			n := c.round
			if clients < most { // which takes longer
				n = max(1, c.round/4)
			}
			deadline := time.Now().Add(within)
			for round := range rounds {
				if round >= 3 && time.Now().After(deadline) {
					break
				}
				requests := m.take(n)
				if err := harness.Interleave(ctx, 1, len(sites), func(i int) error {
					if round%2 == 1 {
						i = len(sites) - 1 - i
					}
					s := sites[i]
					f, err := c.ask(ctx, s, requests, clients)
					if err != nil {
						return err
					}
					r.figures[i] = append(r.figures[i], f)
					if s.off || s.passing {
						return nil
					}
					// The latest first: they are the ones that are stored.
					slices.Reverse(requests)
					defer slices.Reverse(requests)
					n, h, err := s.check(ctx, requests, c.checks)
					checked, hits = checked+n, hits+h
					return err
				}); err != nil {
					return nil, "", err
				}
			}
			rows = append(rows, r)
		}
		if i == 0 && profile != "" {
			if err := c.profile(ctx, sites[cached], m, profile+"."+name); err != nil {
				return nil, "", err
			}
		}
	}
	if hits == 0 {
		return nil, "", errors.New("no answer that was compared came from the cache")
	}
	return rows, fmt.Sprintf("%s: %d answers, %d of them hits, were compared with the same pages made anew: none differed", name, checked, hits), nil
}

// ask has a site asked, and its clock go on.
func (c *course) ask(ctx context.Context, s *site, requests []workload.Request, clients int) (*figure, error) {
	f, err := s.run(ctx, requests, clients)
	s.clock.Now = s.clock.Now.Add(time.Duration(len(requests)) * c.step)
	if err != nil {
		err = fmt.Errorf("%s, %d clients: %w", s.name, clients, err)
	}
	return f, err
}

// profile writes a processor profile of a site.
func (c *course) profile(ctx context.Context, s *site, m *mix, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for range c.rounds {
		if _, err := c.ask(ctx, s, m.take(c.round), slices.Max(c.clients)); err != nil {
			return err
		}
	}
	return nil
}

// of returns one figure of an arm by round.
func (r *row) of(arm int, get func(*figure) float64) (s report.Series) {
	for _, f := range r.figures[arm] {
		s = append(s, get(f))
	}
	return s
}

func rate(f *figure) float64   { return f.Rate }
func server(f *figure) float64 { return f.Server }
func own(f *figure) float64    { return f.Own }

// over divides the rates of two arms round by round.
func (r *row) over(arm, by int) report.Series { return r.of(arm, rate).Over(r.of(by, rate)) }

// worth is the median ratio of the published mix with most clients.
func (c *course) worth(rows []*row) float64 {
	for _, r := range rows {
		if r.mix == rows[0].mix && r.clients == slices.Max(c.clients) {
			return r.over(cached, plain).Median()
		}
	}
	return math.NaN()
}

// weak says where the cache is not worth it, and where the judgement is not, the weakest first.
func (c *course) weak(rows []*row) []string {
	type weakness struct {
		ratio float64
		said  string
	}
	var list []weakness
	note := func(r *row, arm, by int, bound float64) {
		s := r.over(arm, by)
		if s.Median() < bound {
			list = append(list, weakness{s.Median(), fmt.Sprintf("weak: %s, %s, %d clients: %s over %s is %s", c.site.Name(), r.mix, r.clients, arms[arm].name, arms[by].name, s)})
		}
	}
	for _, r := range rows {
		note(r, cached, plain, 1)
		note(r, weighed, plain, 1)
		note(r, weighed, passing, 0.97)
	}
	slices.SortFunc(list, func(a, b weakness) int {
		switch {
		case a.ratio < b.ratio:
			return -1
		case a.ratio > b.ratio:
			return 1
		}
		return 0
	})
	var said []string
	for _, w := range list {
		said = append(said, w.said)
	}
	return said
}

// tables are the figures of all rows.
func (c *course) tables(rows []*row) []report.Table {
	name := c.site.Name()
	ratios := report.Table{
		Title: name + ": requests in a second over those without a cache; and of the judgement over every read passing",
		Head:  []string{"mix", "clients", "no cache, requests/s", "passing", "cache", "weighed", "weighed over passing", "server CPU, cache over no cache", "weighed", "rounds"},
	}
	details := report.Table{
		Title: name + ": for a request",
		Head:  []string{"mix", "clients", "", "server CPU µs", "own CPU µs", "statements", "looks", "hits %", "read p50 µs", "p99 µs"},
	}
	for _, r := range rows {
		ratios.Add(r.mix, fmt.Sprint(r.clients), r.of(plain, rate).String(), r.over(passing, plain).String(), r.over(cached, plain).String(), r.over(weighed, plain).String(),
			r.over(weighed, passing).String(), r.of(cached, server).Over(r.of(plain, server)).String(), r.of(weighed, server).Over(r.of(plain, server)).String(), fmt.Sprint(len(r.figures[plain])))
		for i, a := range arms {
			var latencies report.Series
			reads, hits := 0, 0
			for _, f := range r.figures[i] {
				latencies, reads, hits = append(latencies, f.Latencies...), reads+f.reads, hits+f.hits
			}
			details.Add(r.mix, fmt.Sprint(r.clients), a.name, r.of(i, server).In(1e3), r.of(i, own).In(1e3),
				report.Digits(r.of(i, func(f *figure) float64 { return f.Statements }).Median()), report.Digits(r.of(i, func(f *figure) float64 { return f.Looks }).Median()),
				report.Digits(100*float64(hits)/float64(reads)), report.Digits(latencies.Quantile(0.5)/1e3), report.Digits(latencies.Quantile(0.99)/1e3))
		}
	}
	return []report.Table{ratios, details}
}
