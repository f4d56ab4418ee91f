package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// peerHits is what the hits of one peer gave, by round.
type peerHits struct {
	rate, processor, latency series
	requests                 int
}

// addPeerHits measures hits, by turns.
func addPeerHits(ctx context.Context, s *settings, sec *section, names []string, times peerTimes) error {
	rounds := s.rounds(40)
	res, err := runPeerHits(ctx, s, names, rounds, times)
	if err != nil {
		return err
	}
	t := table{
		title: fmt.Sprintf("Hits of 4 KiB: loopback HTTP/1.1, %d kept-alive connections, %d rounds by turns", s.connections, rounds),
		head:  []string{"", "requests/s", "over net/http", "server CPU µs/request", "latency p50 µs", "p99 µs", "requests"},
	}
	var cpu []series
	var short []string
	for i, name := range names {
		t.add(name, res[i].rate.String(), res[i].rate.over(res[0].rate).String(), res[i].processor.in(1e3),
			digits(res[i].latency.median()/1e3), digits(res[i].latency.quantile(0.99)/1e3), fmt.Sprint(res[i].requests))
		cpu = append(cpu, res[i].processor)
		first, _, _ := strings.Cut(name, " ")
		short = append(short, strings.Trim(first, ",'s"))
	}
	sec.tables = append(sec.tables, t)
	sec.plots["peers-cpu.svg"] = strips("Server CPU per hit, one dot a round", "µs", short, cpu, 1e3)
	return nil
}

func runPeerHits(ctx context.Context, s *settings, names []string, rounds int, times peerTimes) (_ []peerHits, err error) {
	peers := make([]*peer, len(names))
	loads := make([]*load, len(names))
	for i, name := range names {
		if peers[i], err = startPeer(ctx, name, s.seed, times.lifetime); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, peers[i].stop()) }()
		if loads[i], err = newLoad(ctx, peers[i].addr, "/page", s.connections); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		defer func() { err = errors.Join(err, loads[i].close()) }()
		loads[i].line = nil // that it was a hit shows in that no handler ran
		if string(loads[i].body) != string(loads[0].body) {
			return nil, fmt.Errorf("%s answers another body than %s", name, names[0])
		}
	}
	res := make([]peerHits, len(names))
	round := func(i int, keep bool) error {
		p := peers[i]
		before, err := p.order(peerOrder{Do: orderCollect})
		if err != nil {
			return err
		}
		used, err := p.processor(orderCount)
		if err != nil {
			return err
		}
		n, elapsed, latencies, err := loads[i].run(times.round)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		used2, err := p.processor(orderCount)
		if err != nil {
			return err
		}
		after, err := p.order(peerOrder{Do: orderCount})
		if err != nil {
			return err
		}
		if !keep {
			return nil
		}
		if p.name != kindBare && after.Runs != before.Runs {
			return fmt.Errorf("%s: the handler ran %d times for %d hits", p.name, after.Runs-before.Runs, n)
		}
		r := &res[i]
		r.rate = append(r.rate, float64(n)/elapsed.Seconds())
		r.processor = append(r.processor, float64(used2-used)/float64(n))
		r.latency = append(r.latency, latencies...)
		r.requests += n
		return nil
	}
	if err := interleave(ctx, 2, len(names), func(i int) error { return round(i, false) }); err != nil {
		return nil, err
	}
	return res, interleave(ctx, rounds, len(names), func(i int) error { return round(i, true) })
}
