// Package precision replays recorded traces at each precision of dependencies
// beside an oracle: how much of what is dropped had to be.
package precision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/bidding"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/lobsters"
	"github.com/unstale/unstale/bench/notebook"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/bench/workload"
)

// A course is a workload and how it is replayed.
type course struct {
	workload workload.Workload
	scale    float64
	requests int
	step     time.Duration // of the trace's clock, from request to request
	rounds   int           // of the comparison of throughput; 0: none
}

// courses returns the three of them, with a share of the usual size.
func courses(seed uint64, size float64, rounds int) []course {
	requests := int(20_000 * size)
	return []course{
		// 46 requests a minute are what lobste.rs had.
		{lobsters.New(seed, 0.1*size), 0.1 * size, requests, 1300 * time.Millisecond, rounds},
		{bidding.New(seed, 0.1*size), 0.1 * size, requests, 60 * time.Millisecond, rounds},
		{notebook.New(seed, size), size, requests, 10 * time.Millisecond, rounds},
	}
}

// warmUp returns how many requests of a trace do not count.
func (c *course) warmUp() int { return c.requests / 5 }

// defaultSlots names a replay at the finest precision with as many slots as
// there are unless Options say otherwise. The others have more, so that two
// dependencies in one slot do not blur what is told apart.
const defaultSlots = "exact, default slots"

// A result is what came of a course.
type result struct {
	course
	writes   int // requests in the trace that write
	replays  map[string]*outcome
	sequence []string // the names of the precisions, the coarsest first
	rates    map[string]*harness.Cost
}

// An outcome is what a replay leaves when its site is gone.
type outcome struct {
	total  tally
	pages  map[string]*tally
	blames blames
	usages map[string]*usage
	coarse []unstale.CoarseStatement
}

// Measure replays the traces of all workloads.
func Measure(ctx context.Context, s *harness.Settings) (*report.Section, error) {
	var results []*result
	for _, c := range courses(s.Seed, s.Scale, s.Rounds(20)) {
		r, err := c.run(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.workload.Name(), err)
		}
		results = append(results, r)
	}
	return newSection(results), nil
}

// run fills the site and replays the trace at all precisions.
func (c course) run(ctx context.Context) (_ *result, err error) {
	filled, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filled)) }()
	if err := c.workload.Fill(ctx, filepath.Join(filled, siteDatabase)); err != nil {
		return nil, err
	}
	trace := c.workload.Trace(c.requests)
	r := &result{course: c, replays: make(map[string]*outcome), rates: make(map[string]*harness.Cost)}
	for i := range trace {
		if trace[i].Method != http.MethodGet {
			r.writes++
		}
	}
	var oracle *outcome
	for _, p := range precisions() {
		if p.off {
			continue
		}
		o, err := c.replay(ctx, filled, trace, p, manySlots)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if oracle != nil && (o.total.oracle != oracle.total.oracle || o.total.gets != oracle.total.gets) {
			return nil, fmt.Errorf("%s: the oracle has %d hits of %d, and had %d of %d", p.name, o.total.oracle, o.total.gets, oracle.total.oracle, oracle.total.gets)
		}
		r.replays[p.name], oracle = o, o
		r.sequence = append(r.sequence, p.name)
	}
	if c.rounds == 0 {
		return r, nil
	}
	finest := precisions()[len(precisions())-1]
	if r.replays[defaultSlots], err = c.replay(ctx, filled, trace, finest, 0); err != nil {
		return nil, err
	}
	return r, r.race(ctx, filled, trace)
}

// replay replays the trace at one precision. A stale answer is an error.
func (c *course) replay(ctx context.Context, filled string, trace []workload.Request, p precision, slots int) (_ *outcome, err error) {
	s, err := openSite(ctx, c.workload, filled, p, slots)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := newReplay(s)
	if err := r.run(ctx, trace, c.step, c.warmUp()); err != nil {
		return nil, err
	}
	o := &outcome{r.all(), r.pages, r.blames, r.usages, s.cache.Stats().Coarse}
	if o.total.stale > 0 {
		return nil, fmt.Errorf("%d of %d hits were stale, the first %s", o.total.stale, o.total.hits, r.stale)
	}
	return o, nil
}

// race replays the trace at all precisions and without a cache by turns, and
// compares nothing meanwhile but the time it takes.
func (r *result) race(ctx context.Context, filled string, trace []workload.Request) (err error) {
	all := precisions()
	sites := make([]*site, len(all))
	defer func() {
		for _, s := range sites {
			if s != nil {
				err = errors.Join(err, s.close())
			}
		}
	}()
	serve := func(s *site, q *workload.Request) error {
		request, err := s.request(ctx, q)
		if err != nil {
			return err
		}
		if a := harness.Ask(s.handler, request); a.Status >= 400 {
			return fmt.Errorf("%s %s: %d %s", q.Method, q.Path, a.Status, a.Body)
		}
		s.clock.Now = s.clock.Now.Add(r.step)
		return nil
	}
	for i, p := range all {
		if sites[i], err = openSite(ctx, r.workload, filled, p, 0); err != nil {
			return err
		}
		r.rates[p.name] = new(harness.Cost)
		for k := range r.warmUp() {
			if err := serve(sites[i], &trace[k]); err != nil {
				return err
			}
		}
	}
	at := make([]int, len(all))
	for i := range at {
		at[i] = r.warmUp()
	}
	length := (len(trace) - r.warmUp()) / r.rounds
	return harness.Interleave(ctx, r.rounds, len(all), func(i int) error {
		runtime.GC() // nobody pays for another one's garbage
		err := r.rates[all[i].name].Measure(length, func(k int) error { return serve(sites[i], &trace[at[i]+k]) })
		at[i] += length
		return err
	})
}

// share returns a of b in percent.
func share(a, b int) float64 { return 100 * float64(a) / float64(b) }

func newSection(results []*result) *report.Section {
	sec := &report.Section{Name: "precision", Title: "What is dropped, and what had to be"}
	var names []string
	var hits, exactness []report.Group
	for _, r := range results {
		names = append(names, r.workload.Name())
		h, p := report.Group{0}, report.Group{}
		for _, name := range r.sequence {
			t := r.replays[name].total
			h = append(h, share(t.hits, t.gets))
			p = append(p, share(t.changed, t.invalidated))
		}
		last := r.replays[r.sequence[len(r.sequence)-1]].total
		hits, exactness = append(hits, append(h, share(last.oracle, last.gets))), append(exactness, append(p, 100))
		sec.Tables = append(sec.Tables, r.summary())
	}
	for _, r := range results {
		sec.Tables = append(sec.Tables, r.pageTable(), r.blameTable(), r.queryTable())
	}
	sec.Plots = map[string]string{"precision.svg": report.Bars("Hit rate by workload; dashed: how much of what was dropped had changed", "%", names,
		[]string{"no cache", "tables", "rows", "exact", "oracle"}, hits, exactness)}
	return sec
}

// summary is the table of a workload's figures.
func (r *result) summary() report.Table {
	first := r.replays[r.sequence[0]].total
	t := report.Table{
		Title: fmt.Sprintf("%s: scale %s, %d requests of which %s%% write, the first %d to warm up, %d pages counted", r.workload.Name(), report.Digits(r.scale),
			r.requests, report.Digits(share(r.writes, r.requests)), r.warmUp(), first.gets),
		Head: []string{"", "hits %", "of the oracle's %", "dropped", "precision %", "stale", "requests/s", "over no cache", "CPU µs/request", "over no cache"},
	}
	rate := func(name string) []string {
		c, base := r.rates[name], r.rates["no cache"]
		if c == nil {
			return []string{"-", "-", "-", "-"}
		}
		perSecond := c.Wall.Under(1e9)
		return []string{perSecond.String(), base.Wall.Over(c.Wall).String(), c.Processor.In(1e3), c.Processor.Over(base.Processor).String()}
	}
	t.Add(append([]string{"no cache", "0", "0", "-", "-", "-"}, rate("no cache")...)...)
	for _, name := range append(slices.Clone(r.sequence), defaultSlots) {
		if r.replays[name] == nil {
			continue
		}
		o := r.replays[name].total
		t.Add(append([]string{name, report.Digits(share(o.hits, o.gets)), report.Digits(share(o.hits, o.oracle)), strconv.Itoa(o.invalidated),
			report.Digits(share(o.changed, o.invalidated)), fmt.Sprintf("%d of %d", o.stale, o.hits)}, rate(name)...)...)
	}
	t.Add("oracle", report.Digits(share(first.oracle, first.gets)), "100", "-", "100", "-", "-", "-", "-", "-")
	return t
}

// pageTable says what became of each kind of page.
func (r *result) pageTable() report.Table {
	t := report.Table{Title: r.workload.Name() + ": hits by page, %", Head: []string{"page", "asked for"}}
	t.Head = append(append(t.Head, r.sequence...), "oracle")
	pages := r.replays[r.sequence[0]].pages
	for _, page := range slices.SortedFunc(maps.Keys(pages), func(a, b string) int { return cmp.Compare(pages[b].gets, pages[a].gets) }) {
		row := []string{page, strconv.Itoa(pages[page].gets)}
		for _, name := range r.sequence {
			p := r.replays[name].pages[page]
			row = append(row, report.Digits(share(p.hits, p.gets)))
		}
		t.Add(append(row, report.Digits(share(pages[page].oracle, pages[page].gets)))...)
	}
	return t
}

// blameTable says what keeps the finest precision from the oracle's hits, in
// points of the hit rate, and what the coarser ones lose by the same.
func (r *result) blameTable() report.Table {
	t := report.Table{Title: r.workload.Name() + ": points of the hit rate lost against the oracle", Head: []string{"page", "dropped for nothing by"}}
	t.Head = append(t.Head, r.sequence...)
	finest := r.replays[r.sequence[len(r.sequence)-1]].blames
	all := make(map[blame]bool)
	for _, name := range r.sequence {
		for l := range r.replays[name].blames {
			all[l] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(all), func(a, b blame) int {
		coarsest := r.replays[r.sequence[0]].blames
		return cmp.Or(cmp.Compare(finest[b], finest[a]), cmp.Compare(coarsest[b], coarsest[a]), cmp.Compare(a.page, b.page), cmp.Compare(a.why, b.why))
	})
	for _, l := range order {
		row, seen := []string{l.page, "`" + shorten(l.why, 90, 110) + "`"}, false
		for _, name := range r.sequence {
			o := r.replays[name]
			points := 100 * o.blames[l] / float64(o.total.gets)
			seen = seen || points >= 0.05
			row = append(row, fmt.Sprintf("%.2f", points))
		}
		if seen {
			t.Add(row...)
		}
	}
	return t
}

// queryTable lists the queries of all pages: how often one was dropped together
// with a page, how much of that the finest precision had to drop, and what the
// analysis has to say.
func (r *result) queryTable() report.Table {
	finest := r.replays[r.sequence[len(r.sequence)-1]]
	why := make(map[string]string)
	for _, f := range finest.coarse {
		why[shape(f.Statement)] = f.Reason
	}
	t := report.Table{Head: []string{"query"}}
	for _, name := range r.sequence {
		t.Head = append(t.Head, "dropped, "+name)
	}
	t.Head = append(t.Head, "of these changed %", "coarser than the text because of")
	fine := 0
	for _, text := range slices.Sorted(maps.Keys(finest.usages)) {
		row := []string{"`" + shorten(text, 110, 110) + "`"}
		for _, name := range r.sequence {
			n := 0
			if u := r.replays[name].usages[text]; u != nil {
				n = u.dropped
			}
			row = append(row, strconv.Itoa(n))
		}
		u := finest.usages[text]
		if why[text] == "" {
			fine++
		}
		t.Add(append(row, report.Digits(share(u.changed, u.dropped)), why[text])...)
	}
	t.Title = fmt.Sprintf("%s: %d queries, %d of them as fine as their text allows; how often each was dropped with a page", r.workload.Name(), len(t.Rows), fine)
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
