package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// The arms of the measurement over HTTP.
const (
	armPlain  = iota // sets the header value by value, as handlers do
	armShared        // gives the header in slices made beforehand
	armHit           // the cache
	armCount
)

var armNames = [armCount]string{"plain handler", "plain, header prebuilt", "hit"}

// serverSettings and serverReady open the talk with the server process.
type (
	serverSettings struct {
		Seed    uint64
		Profile string // of the processor, written at the end; may be empty
	}
	serverReady struct{ Addrs [armCount]string }
)

// serveHits is the server process: three servers, one for each arm, that differ
// in nothing but their handler. To each request it replies with the processor
// time, in nanoseconds, that it has used since it was started.
func serveHits(in *json.Decoder, out *json.Encoder) (err error) {
	var s serverSettings
	if err := in.Decode(&s); err != nil {
		return err
	}
	p, err := newPages(s.Seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	hit, err := warm(p.cached, newRequest("/page"))
	if err != nil {
		return err
	}
	hit.serve()
	plain := newPlain(hit)
	handlers := [armCount]http.Handler{http.HandlerFunc(plain.set), http.HandlerFunc(plain.share), p.cached}
	var ready serverReady
	for i, h := range handlers {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ready.Addrs[i] = l.Addr().String()
		server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		go server.Serve(l) //nolint:errcheck // returns when the server is closed
		defer func() { err = errors.Join(err, server.Close()) }()
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
	if err := out.Encode(ready); err != nil {
		return err
	}
	for {
		var collect bool
		if err := in.Decode(&collect); err != nil {
			return err
		}
		if collect { // every round begins with an equally empty heap
			runtime.GC()
		}
		used, err := processorTime()
		if err != nil {
			return err
		}
		if err := out.Encode(used); err != nil {
			return err
		}
	}
}

// newRequest is a request as a server would have read it.
func newRequest(path string) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		panic(err) // a path of our own
	}
	r.RequestURI = path
	r.Host = benchHost
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("User-Agent", "bench")
	return r
}

// warm fills the cache with the answer to r and returns it as a hit.
func warm(h http.Handler, r *http.Request) (*answer, error) {
	ask(h, r)
	a := ask(h, r)
	if !a.hit() || a.status != http.StatusOK {
		return nil, fmt.Errorf("%s: no hit: %d %q", r.URL.Path, a.status, a.header.Get("Cache-Status"))
	}
	return a, nil
}

// hitResult is what the measurement over HTTP gave, by arm.
type hitResult struct {
	processor [armCount]series // server's time per request in ns, by round
	wall      [armCount]series // elapsed time per request and connection in ns, by round
	latency   [armCount]series // of every 16th request, in ns
	requests  [armCount]int
}

func measureHit(ctx context.Context, s *settings) (*section, error) {
	res, err := runHit(ctx, s, s.rounds(60), s.roundTime)
	if err != nil {
		return nil, err
	}
	sec := &section{name: "hit", title: "A hit of 4 KiB over HTTP, beside a handler that writes the same bytes"}
	t := table{
		title: fmt.Sprintf("Loopback HTTP/1.1, %d kept-alive connections, %d rounds by turns", s.connections, len(res.processor[0])),
		head:  []string{"", "server CPU µs/request", "wall µs/request", "latency p50 µs", "p99 µs", "requests"},
	}
	for i, name := range armNames {
		t.add(name, res.processor[i].in(1e3), res.wall[i].in(1e3),
			digits(res.latency[i].median()/1e3), digits(res.latency[i].quantile(0.99)/1e3), fmt.Sprint(res.requests[i]))
	}
	r := table{title: "Plain over hit: 1 would be a hit for nothing", head: []string{"", "CPU ratio", "95% interval of its median", "least to most", "wall ratio"}}
	for _, i := range []int{armPlain, armShared} {
		cpu := res.processor[i].over(res.processor[armHit])
		low, high := cpu.confidence()
		r.add(armNames[i], cpu.String(), digits(low)+" to "+digits(high), digits(cpu.quantile(0))+" to "+digits(cpu.quantile(1)), res.wall[i].over(res.wall[armHit]).String())
	}
	sec.tables = []table{t, r}
	sec.notes = append(sec.notes,
		target("CPU, plain handler over hit", res.processor[armPlain].over(res.processor[armHit]), 0.90, true),
		target("CPU, plain with its header prebuilt over hit", res.processor[armShared].over(res.processor[armHit]), 0.90, true))
	sec.plots = map[string]string{"hit-cpu.svg": strips("Server CPU per request, one dot a round", "µs", armNames[:], res.processor[:], 1e3)}
	return sec, nil
}

// runHit measures the arms by turns.
func runHit(ctx context.Context, s *settings, rounds int, length time.Duration) (*hitResult, error) {
	var ready serverReady
	server, err := startChild(ctx, "server", serverSettings{s.seed, s.profile}, &ready)
	if err != nil {
		return nil, err
	}
	res, err := hitRounds(ctx, server, ready, s.connections, rounds, length)
	return res, errors.Join(err, server.stop())
}

func hitRounds(ctx context.Context, server *child, ready serverReady, connections, rounds int, length time.Duration) (_ *hitResult, err error) {
	var loads [armCount]*load
	var first []byte
	for i, addr := range ready.Addrs {
		l, err := newLoad(ctx, addr, "/page", connections)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		if i == 0 {
			first = l.comparable()
		} else if got := l.comparable(); !bytes.Equal(first, got) {
			return nil, fmt.Errorf("%s answers\n%.600s\nand %s\n%.600s", armNames[0], first, armNames[i], got)
		}
		loads[i] = l
	}
	res := new(hitResult)
	warming := true
	round := func(arm int) error {
		var before, after time.Duration
		if err := server.call(true, &before); err != nil {
			return err
		}
		n, elapsed, latencies, err := loads[arm].run(length)
		if err != nil {
			return fmt.Errorf("%s: %w", armNames[arm], err)
		}
		if err := server.call(false, &after); err != nil {
			return err
		}
		if warming {
			return nil
		}
		res.processor[arm] = append(res.processor[arm], float64(after-before)/float64(n))
		res.wall[arm] = append(res.wall[arm], float64(elapsed)*float64(connections)/float64(n))
		res.latency[arm] = append(res.latency[arm], latencies...)
		res.requests[arm] += n
		return nil
	}
	if err := interleave(ctx, 2, armCount, round); err != nil {
		return nil, err
	}
	warming = false
	return res, interleave(ctx, rounds, armCount, round)
}
