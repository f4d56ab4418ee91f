package hit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
)

// A contest is one way to answer a request in process.
type contest struct {
	name    string
	handler http.Handler
	request *http.Request
	status  int
	bytes   int

	time, allocs, memory report.Series // per request: processor ns, number, bytes
}

// round answers n requests. What counts is processor time, which on a machine
// with other things to do is less than what a clock says.
func (c *contest) round(n int) error {
	var w harness.Sink
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := harness.Timed(n, func(int) error {
		w.Ask(c.handler, c.request)
		return nil
	})
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	if w.Bytes != n*c.bytes || w.Status != c.status && w.Status != 0 {
		return fmt.Errorf("%s: %d bytes and status %d", c.name, w.Bytes, w.Status)
	}
	c.time = append(c.time, took.Processor)
	c.allocs = append(c.allocs, float64(after.Mallocs-before.Mallocs)/float64(n))
	c.memory = append(c.memory, float64(after.TotalAlloc-before.TotalAlloc)/float64(n))
	return nil
}

// manyRows is the place of the hit made of many rows among the contests.
const manyRows = 3

// contests returns the ways, the plain handlers first.
func contests(p *pages) ([]*contest, error) {
	page := harness.NewRequest("/page")
	hit, err := harness.Warm(p.cached, page)
	if err != nil {
		return nil, err
	}
	plain := NewPlain(hit.Header(), hit.Body)
	list := []*contest{
		{name: "plain handler", handler: http.HandlerFunc(plain.set), request: page},
		{name: "plain, header prebuilt", handler: plain, request: page},
		{name: "hit, made of 1 row", handler: p.cached, request: page},
		{name: fmt.Sprintf("hit, made of %d rows", rowsOfMany), handler: p.cached, request: harness.NewRequest("/many")},
	}
	own := harness.NewRequest("/own")
	own.Header.Set("Authorization", "somebody")
	list = append(list, &contest{name: "hit, kept for an identity", handler: p.cached, request: own})
	for _, c := range list {
		c.status, c.bytes = http.StatusOK, PageSize
		if c.handler == p.cached {
			if _, err := harness.Warm(c.handler, c.request); err != nil {
				return nil, err
			}
		}
	}
	known := harness.NewRequest("/page")
	known.Header.Set("If-None-Match", hit.Header().Get("Etag"))
	return append(list, &contest{name: "hit, answered 304", handler: p.cached, request: known, status: http.StatusNotModified}), nil
}

// MeasureInProcess measures what a hit adds without a network.
func MeasureInProcess(ctx context.Context, s *harness.Settings) (_ *report.Section, err error) {
	p, err := newPages(s.Seed)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	list, err := contests(p)
	if err != nil {
		return nil, err
	}
	if err := harness.Interleave(ctx, s.Rounds(60), len(list), func(i int) error { return list[i].round(5000) }); err != nil {
		return nil, err
	}
	sec := &report.Section{Name: "inprocess", Title: "What a hit adds, in process"}
	t := report.Table{
		Title: "A trivial ResponseWriter, the same request again and again",
		Head:  []string{"", "CPU ns", "adds ns", "allocations", "adds", "bytes allocated"},
	}
	for i, c := range list {
		adds, addsAllocs := "", ""
		if i > 1 {
			adds, addsAllocs = c.time.Minus(list[0].time).String(), report.Digits(c.allocs.Minus(list[0].allocs).Median())
		}
		t.Add(c.name, c.time.String(), adds, report.Digits(c.allocs.Median()), addsAllocs, report.Digits(c.memory.Median()))
	}
	checks, note, err := measureCheck(ctx, s)
	if err != nil {
		return nil, err
	}
	sec.Tables = []report.Table{t, checks}
	many := list[manyRows]
	sec.Notes = []string{
		report.Target(many.name+", adds CPU ns", many.time.Minus(list[0].time), 2000, false),
		report.Target(many.name+", adds to the prebuilt handler CPU ns", many.time.Minus(list[1].time), 2000, false),
		report.Target(many.name+", allocations", many.allocs, 6, false),
		note,
	}
	return sec, nil
}

var benchLine = regexp.MustCompile(`(?m)^BenchmarkCheckProcessor/slots=(\d+/flux=\w+)\S*\s+\d+\s+(\S+) ns/op\s+(\S+) cpu-ns/op\s+\d+ B/op\s+(\d+) allocs/op`)

// measureCheck runs the ledger's own benchmark of validation, which nobody
// outside its module can call.
func measureCheck(ctx context.Context, s *harness.Settings) (t report.Table, note string, err error) {
	out, err := harness.Go(ctx, ".", "test", "-run", "^$", "-bench", "^BenchmarkCheckProcessor$", "-benchmem",
		"-benchtime", "100ms", "-count", strconv.Itoa(s.Rounds(15)), "./internal/ledger")
	if err != nil {
		return t, "", err
	}
	return checkTable(out)
}

// checkTable reads the benchmark's output.
func checkTable(out string) (t report.Table, note string, err error) {
	t = report.Table{
		Title: "Validating an entry (the ledger's Check), 4,096 entries with random dependencies in a table of 2^20 slots",
		Head:  []string{"dependencies", "CPU ns", "elapsed ns", "allocations"},
	}
	processor, elapsed, allocs := map[string]report.Series{}, map[string]report.Series{}, map[string]report.Series{}
	var order []string
	for _, m := range benchLine.FindAllStringSubmatch(out, -1) {
		n := m[1]
		if allocs[n] == nil {
			order = append(order, n)
		}
		for i, to := range []map[string]report.Series{elapsed, processor, allocs} {
			v, err := strconv.ParseFloat(m[2+i], 64)
			if err != nil {
				return t, "", err
			}
			to[n] = append(to[n], v)
		}
	}
	for _, n := range order {
		name, flux, _ := strings.Cut(n, "/flux=")
		if flux == "true" {
			name += ", another commit in flux"
		}
		t.Add(name, processor[n].String(), elapsed[n].String(), report.Digits(allocs[n].Quantile(1)))
	}
	const full = "16/flux=false"
	if processor[full] == nil {
		return t, "", fmt.Errorf("no figure for slots=%s in\n%s", full, out)
	}
	return t, report.Target("Validating 16 dependencies, CPU ns", processor[full], 150, false) +
		fmt.Sprintf("; allocations: %s", report.Digits(allocs[full].Quantile(1))), nil
}
