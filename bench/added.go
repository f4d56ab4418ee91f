package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// A sink is the cheapest ResponseWriter there can be.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(b []byte) (int, error) {
	s.bytes += len(b)
	return len(b), nil
}

// A contest is one way to answer a request in process.
type contest struct {
	name    string
	handler http.Handler
	request *http.Request
	status  int
	bytes   int

	time, allocs, memory series // per request: processor ns, number, bytes
}

// round answers n requests. What counts is processor time, which on a machine
// with other things to do is less than what a clock says.
func (c *contest) round(n int) error {
	w := &sink{header: make(http.Header, 16)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := timed(n, func(int) error {
		clear(w.header)
		c.handler.ServeHTTP(w, c.request)
		return nil
	})
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	if w.bytes != n*c.bytes || w.status != c.status && w.status != 0 {
		return fmt.Errorf("%s: %d bytes and status %d", c.name, w.bytes, w.status)
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
	page := newRequest("/page")
	hit, err := warm(p.cached, page)
	if err != nil {
		return nil, err
	}
	plain := newPlain(hit)
	list := []*contest{
		{name: "plain handler", handler: http.HandlerFunc(plain.set), request: page},
		{name: "plain, header prebuilt", handler: http.HandlerFunc(plain.share), request: page},
		{name: "hit, made of 1 row", handler: p.cached, request: page},
		{name: fmt.Sprintf("hit, made of %d rows", rowsOfMany), handler: p.cached, request: newRequest("/many")},
	}
	own := newRequest("/own")
	own.Header.Set("Authorization", "somebody")
	list = append(list, &contest{name: "hit, kept for an identity", handler: p.cached, request: own})
	for _, c := range list {
		c.status, c.bytes = http.StatusOK, pageSize
		if c.handler == p.cached {
			if _, err := warm(c.handler, c.request); err != nil {
				return nil, err
			}
		}
	}
	known := newRequest("/page")
	known.Header.Set("If-None-Match", hit.header.Get("Etag"))
	return append(list, &contest{name: "hit, answered 304", handler: p.cached, request: known, status: http.StatusNotModified}), nil
}

func measureAdded(ctx context.Context, s *settings) (_ *section, err error) {
	p, err := newPages(s.seed)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	list, err := contests(p)
	if err != nil {
		return nil, err
	}
	if err := interleave(ctx, s.rounds(60), len(list), func(i int) error { return list[i].round(5000) }); err != nil {
		return nil, err
	}
	sec := &section{name: "added", title: "What a hit adds, in process"}
	t := table{
		title: "A trivial ResponseWriter, the same request again and again",
		head:  []string{"", "CPU ns", "adds ns", "allocations", "adds", "bytes allocated"},
	}
	for i, c := range list {
		adds, addsAllocs := "", ""
		if i > 1 {
			adds, addsAllocs = c.time.minus(list[0].time).String(), digits(c.allocs.minus(list[0].allocs).median())
		}
		t.add(c.name, c.time.String(), adds, digits(c.allocs.median()), addsAllocs, digits(c.memory.median()))
	}
	checks, note, err := measureCheck(ctx, s)
	if err != nil {
		return nil, err
	}
	sec.tables = []table{t, checks}
	many := list[manyRows]
	sec.notes = []string{
		target(many.name+", adds CPU ns", many.time.minus(list[0].time), 2000, false),
		target(many.name+", adds to the prebuilt handler CPU ns", many.time.minus(list[1].time), 2000, false),
		target(many.name+", allocations", many.allocs, 6, false),
		note,
	}
	return sec, nil
}

var benchLine = regexp.MustCompile(`(?m)^BenchmarkCheckProcessor/slots=(\d+/flux=\w+)\S*\s+\d+\s+(\S+) ns/op\s+(\S+) cpu-ns/op\s+\d+ B/op\s+(\d+) allocs/op`)

// measureCheck runs the ledger's own benchmark of validation, which nobody
// outside its module can call.
func measureCheck(ctx context.Context, s *settings) (t table, note string, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/unstale/unstale").Output()
	if err != nil {
		return t, "", fmt.Errorf("go list: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkCheckProcessor$", "-benchmem",
		"-benchtime", "100ms", "-count", strconv.Itoa(s.rounds(15)), "./internal/ledger")
	cmd.Dir = strings.TrimSpace(string(root))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return t, "", fmt.Errorf("go test: %w\n%s", err, out)
	}
	return checkTable(string(out))
}

// checkTable reads the benchmark's output.
func checkTable(out string) (t table, note string, err error) {
	t = table{
		title: "Validating an entry (the ledger's Check), 4,096 entries with random dependencies in a table of 2^20 slots",
		head:  []string{"dependencies", "CPU ns", "elapsed ns", "allocations"},
	}
	processor, elapsed, allocs := map[string]series{}, map[string]series{}, map[string]series{}
	var order []string
	for _, m := range benchLine.FindAllStringSubmatch(out, -1) {
		n := m[1]
		if allocs[n] == nil {
			order = append(order, n)
		}
		for i, to := range []map[string]series{elapsed, processor, allocs} {
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
		t.add(name, processor[n].String(), elapsed[n].String(), digits(allocs[n].quantile(1)))
	}
	const full = "16/flux=false"
	if processor[full] == nil {
		return t, "", fmt.Errorf("no figure for slots=%s in\n%s", full, out)
	}
	return t, target("Validating 16 dependencies, CPU ns", processor[full], 150, false) +
		fmt.Sprintf("; allocations: %s", digits(allocs[full].quantile(1))), nil
}
