// Package hit measures what a hit costs beside a handler that writes the same
// bytes, over HTTP and in process.
package hit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/pprof"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
)

// The arms of the measurement over HTTP.
const (
	armPlain  = iota // sets the header value by value, as handlers do
	armShared        // gives the header in slices made beforehand
	armHit           // the cache
	armCount
)

var armNames = [armCount]string{"plain handler", "plain, header prebuilt", "hit"}

// settings and ready open the talk with the server's process.
type (
	settings struct {
		Seed    uint64
		Profile string // of the processor, written at the end; may be empty
	}
	ready struct{ Addrs [armCount]string }
)

// Role is the server: three, one for each arm, that differ in nothing but their
// handler.
var Role = harness.Role{Name: "hit", Serve: serve}

func serve(t *harness.Talk) (err error) {
	var s settings
	if err := t.Settings(&s); err != nil {
		return err
	}
	p, err := newPages(s.Seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	hit, err := harness.Warm(p.cached, harness.NewRequest("/page"))
	if err != nil {
		return err
	}
	plain := NewPlain(served(hit), hit.Body)
	var at ready
	for i, h := range [armCount]http.Handler{http.HandlerFunc(plain.set), plain, p.cached} {
		addr, stop, err := harness.Serve(h)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		at.Addrs[i] = addr
	}
	if s.Profile != "" {
		f, err := os.Create(s.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() { pprof.StopCPUProfile(); err = errors.Join(err, f.Close()) }()
	}
	return harness.Obey[struct{}, struct{}](t, at, nil)
}

// Measure measures over HTTP.
func Measure(ctx context.Context, s *harness.Settings) (*report.Section, error) {
	res, err := run(ctx, s, s.Rounds(60))
	if err != nil {
		return nil, err
	}
	sec := &report.Section{Name: "hit", Title: "A hit of 4 KiB over HTTP, beside a handler that writes the same bytes"}
	t := report.Table{
		Title: fmt.Sprintf("Loopback HTTP/1.1, %d kept-alive connections, %d rounds by turns", s.Connections, len(res[0].Processor)),
		Head:  []string{"", "server CPU µs/request", "wall µs/request", "latency p50 µs", "p99 µs", "requests"},
	}
	var processor []report.Series
	for i, f := range res {
		processor = append(processor, f.Processor)
		t.Add(armNames[i], f.Processor.In(1e3), f.Rate.Under(1e6*float64(s.Connections)).String(),
			report.Digits(f.Latency.Median()/1e3), report.Digits(f.Latency.Quantile(0.99)/1e3), fmt.Sprint(f.Requests))
	}
	r := report.Table{Title: "Plain over hit: 1 would be a hit for nothing", Head: []string{"", "CPU ratio", "95% interval of its median", "least to most", "wall ratio"}}
	for _, i := range []int{armPlain, armShared} {
		cpu := processor[i].Over(processor[armHit])
		low, high := cpu.Confidence()
		r.Add(armNames[i], cpu.String(), report.Digits(low)+" to "+report.Digits(high),
			report.Digits(cpu.Quantile(0))+" to "+report.Digits(cpu.Quantile(1)), res[armHit].Rate.Over(res[i].Rate).String())
	}
	sec.Tables = []report.Table{t, r}
	sec.Notes = append(sec.Notes,
		report.Target("CPU, plain handler over hit", processor[armPlain].Over(processor[armHit]), 0.90, true),
		report.Target("CPU, plain with its header prebuilt over hit", processor[armShared].Over(processor[armHit]), 0.90, true))
	sec.Plots = map[string]string{"hit-cpu.svg": report.Strips("Server CPU per request, one dot a round", "µs", armNames[:], processor, 1e3)}
	return sec, nil
}

// run measures the arms by turns.
func run(ctx context.Context, s *harness.Settings, rounds int) (_ []harness.Figures, err error) {
	var at ready
	server, err := Role.Start(ctx, settings{s.Seed, s.Profile}, &at)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	arms, err := newArms(ctx, at, s.Connections)
	defer func() {
		for _, a := range arms {
			err = errors.Join(err, a.Load.Close())
		}
	}()
	if err != nil {
		return nil, err
	}
	for i := range arms {
		arms[i].Processor = server.Processor
	}
	return harness.Compare(ctx, arms, rounds, s.Round)
}

// newArms connects to the servers, which must all answer the same. With an error
// it returns those to which it has connected.
func newArms(ctx context.Context, at ready, connections int) (arms []harness.Arm, err error) {
	for i, addr := range at.Addrs {
		l, err := harness.NewLoad(ctx, addr, "/page", connections)
		if err != nil {
			return arms, err
		}
		arms = append(arms, harness.Arm{Name: armNames[i], Load: l})
		if first, got := arms[0].Load.Comparable(), l.Comparable(); !bytes.Equal(first, got) {
			return arms, fmt.Errorf("%s answers\n%.600s\nand %s\n%.600s", armNames[0], first, armNames[i], got)
		}
	}
	return arms, nil
}
