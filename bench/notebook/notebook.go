package notebook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/bench/workload"
)

// A side is a notebook and the trace that its visitors follow.
type side struct {
	name   string
	trace  []workload.Request
	addr   string
	client *http.Client
	next   atomic.Int64 // in the trace, which begins again after its end
}

func newSide(name string, r *ready) *side {
	return &side{name: name, trace: r.Trace, addr: r.Addr, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}}
}

// A tally is what became of requests.
type tally struct {
	rate, processor report.Series // requests in a second, and the server's time for one in ns, by round

	mu            sync.Mutex
	reads, writes report.Series // their latencies, in ns
	pages         map[string]*page
}

// A page is how often pages of a kind were asked for, and came from the cache.
type page struct{ asked, hits int }

func newTally() *tally { return &tally{pages: make(map[string]*page)} }

// ask sends the next request, which was due at a time.
func (s *side) ask(ctx context.Context, t *tally, due time.Time) error {
	q := &s.trace[int(s.next.Add(1)-1)%len(s.trace)]
	r, err := q.HTTP(ctx)
	if err != nil {
		return err
	}
	r.URL.Host, r.Host = s.addr, ""
	w, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		return err
	}
	took := float64(time.Since(due))
	if w.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %.300s", q.Method, q.Path, w.Status, body)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.Method != http.MethodGet {
		t.writes = append(t.writes, took)
		return nil
	}
	t.reads = append(t.reads, took)
	p := t.page(q.Page)
	p.asked++
	if harness.Hit(w.Header) {
		p.hits++
	}
	return nil
}

func (t *tally) page(name string) *page {
	if t.pages[name] == nil {
		t.pages[name] = new(page)
	}
	return t.pages[name]
}

// byTurns lets so many visitors ask for a while, each as soon as the answer
// before is there.
func (s *side) byTurns(ctx context.Context, t *tally, visitors int, length time.Duration) error {
	var wg sync.WaitGroup
	errs := make([]error, visitors)
	start := time.Now()
	for i := range visitors {
		wg.Go(func() {
			for time.Since(start) < length && errs[i] == nil {
				errs[i] = s.ask(ctx, t, time.Now())
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// byClock lets visitors come for a while, so many in a second, whether or not the
// ones before have been answered. A latency counts from when the request was due.
func (s *side) byClock(ctx context.Context, t *tally, rate float64, length time.Duration) error {
	const most = 1000 // at a time
	var (
		wg     sync.WaitGroup
		turns  = make(chan struct{}, most)
		failed = make(chan error, most)
		start  = time.Now()
	)
	defer wg.Wait()
	for k := range int(length.Seconds() * rate) {
		due := start.Add(time.Duration(float64(k) / rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		turns <- struct{}{}
		wg.Go(func() {
			if err := s.ask(ctx, t, due); err != nil {
				failed <- err
			}
			<-turns
		})
	}
	wg.Wait()
	close(failed)
	return <-failed
}

// measure adds a round of load to the tally.
func (t *tally) measure(p *harness.Process, load func() error) error {
	before, err := p.Processor(true)
	if err != nil {
		return err
	}
	asked, start := len(t.reads)+len(t.writes), time.Now()
	if err := load(); err != nil {
		return err
	}
	elapsed := time.Since(start)
	after, err := p.Processor(false)
	n := float64(len(t.reads) + len(t.writes) - asked)
	t.rate = append(t.rate, n/elapsed.Seconds())
	t.processor = append(t.processor, float64(after-before)/n)
	return err
}

var head = []string{"", "requests/s", "server CPU µs/request", "read p50 µs", "p99 µs", "p99.9 µs", "write p50 µs", "p99 µs", "hits %", "reads", "writes"}

// row is a row of such a table.
func (t *tally) row(name string) []string {
	var sum page
	for _, p := range t.pages {
		sum.asked, sum.hits = sum.asked+p.asked, sum.hits+p.hits
	}
	us := func(s report.Series, q float64) string { return report.Digits(s.Quantile(q) / 1e3) }
	return []string{name, t.rate.String(), t.processor.In(1e3), us(t.reads, 0.5), us(t.reads, 0.99), us(t.reads, 0.999), us(t.writes, 0.5), us(t.writes, 0.99),
		sum.share(), fmt.Sprint(len(t.reads)), fmt.Sprint(len(t.writes))}
}

func (p *page) share() string { return report.Digits(100 * float64(p.hits) / float64(p.asked)) }

// Measure measures a notebook with the cache beside one without, and has the
// former checked.
func Measure(ctx context.Context, s *harness.Settings) (*report.Section, error) {
	return measure(ctx, s, 0.4, 100_000)
}

func measure(ctx context.Context, s *harness.Settings, scale float64, requests int) (_ *report.Section, err error) {
	names, rounds := []string{"cache on", "cache off"}, s.Rounds(20)
	var (
		processes      []*harness.Process
		sides          []*side
		turns, clocked []*tally
		on             ready
	)
	for i, name := range names {
		var r ready
		p, err := Role.Start(ctx, settings{s.Seed, scale, i == 1, requests}, &r)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.Stop()) }()
		if i == 0 {
			on = r
		}
		processes, sides = append(processes, p), append(sides, newSide(name, &r))
		turns, clocked = append(turns, newTally()), append(clocked, newTally())
	}
	if err := harness.Interleave(ctx, rounds, len(sides), func(i int) error {
		return turns[i].measure(processes[i], func() error { return sides[i].byTurns(ctx, turns[i], s.Connections, 4*s.Round) })
	}); err != nil {
		return nil, err
	}
	for i, side := range sides {
		if err := clocked[i].measure(processes[i], func() error { return side.byClock(ctx, clocked[i], s.Rate, s.Load) }); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	checker, err := newChecker(ctx, dir)
	if err != nil {
		return nil, err
	}
	said, err := check(ctx, checker, &on, s)
	if err != nil {
		return nil, err
	}
	mix := report.Table{Title: fmt.Sprintf("%d visitors at a time, %d public cards, 10%% writes; %d rounds by turns", s.Connections, int(cards*scale), rounds), Head: head}
	clock := report.Table{Title: fmt.Sprintf("The same by the clock, %.0f requests/s for %s, one side after the other; latencies from when a request was due", s.Rate, s.Load), Head: head}
	for i, name := range names {
		mix.Add(turns[i].row(name)...)
		clock.Add(clocked[i].row(name)...)
	}
	ratio := func(q float64) string { return report.Digits(turns[0].reads.Quantile(q) / turns[1].reads.Quantile(q)) }
	mix.Add("on over off", turns[0].rate.Over(turns[1].rate).String(), turns[0].processor.Over(turns[1].processor).String(),
		ratio(0.5), ratio(0.99), ratio(0.999), "", "", "", "", "")
	pages := report.Table{Title: "Hits by page, of both loads", Head: []string{"page", "asked for", "hits %"}}
	for name, p := range clocked[0].pages {
		sum := turns[0].page(name)
		sum.asked, sum.hits = sum.asked+p.asked, sum.hits+p.hits
	}
	for _, name := range slices.SortedFunc(maps.Keys(turns[0].pages), func(a, b string) int {
		return cmp.Compare(turns[0].pages[b].asked, turns[0].pages[a].asked)
	}) {
		p := turns[0].pages[name]
		pages.Add(name, fmt.Sprint(p.asked), p.share())
	}
	return &report.Section{Name: "notebook", Title: "A mix of the notebook, with the cache and without", Tables: []report.Table{mix, clock, pages},
		Notes: []string{"Truth, by `unstale check` while others give stars and read: " + said}}, nil
}
