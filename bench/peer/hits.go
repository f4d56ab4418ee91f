package peer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
)

// addHits measures hits, by turns.
func addHits(ctx context.Context, s *harness.Settings, sec *report.Section, names []string, t times) error {
	rounds := s.Rounds(40)
	res, err := runHits(ctx, s, names, rounds, t)
	if err != nil {
		return err
	}
	table := report.Table{
		Title: fmt.Sprintf("Hits of 4 KiB: loopback HTTP/1.1, %d kept-alive connections, %d rounds by turns", s.Connections, rounds),
		Head:  []string{"", "requests/s", "over net/http", "server CPU µs/request", "latency p50 µs", "p99 µs", "requests"},
	}
	var cpu []report.Series
	var short []string
	for i, f := range res {
		table.Add(names[i], f.Rate.String(), f.Rate.Over(res[0].Rate).String(), f.Processor.In(1e3),
			report.Digits(f.Latency.Median()/1e3), report.Digits(f.Latency.Quantile(0.99)/1e3), fmt.Sprint(f.Requests))
		cpu = append(cpu, f.Processor)
		first, _, _ := strings.Cut(names[i], " ")
		short = append(short, strings.Trim(first, ",'s"))
	}
	sec.Tables = append(sec.Tables, table)
	sec.Plots["peers-cpu.svg"] = report.Strips("Server CPU per hit, one dot a round", "µs", short, cpu, 1e3)
	return nil
}

func runHits(ctx context.Context, s *harness.Settings, names []string, rounds int, t times) (_ []harness.Figures, err error) {
	var arms []harness.Arm
	var runs []func() error
	for _, name := range names {
		p, err := start(ctx, name, s.Seed, t.lifetime)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		l, err := harness.NewLoad(ctx, p.addr, "/page", s.Connections)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		l.Line = nil // that it was a hit shows in that no handler ran
		arms = append(arms, harness.Arm{Name: name, Load: l, Processor: p.processor})
		if string(l.Body) != string(arms[0].Load.Body) {
			return nil, fmt.Errorf("%s answers another body than %s", name, names[0])
		}
		before, err := p.order(order{Do: orderCount})
		if err != nil {
			return nil, err
		}
		runs = append(runs, func() error {
			after, err := p.order(order{Do: orderCount})
			if err == nil && name != kindBare && after.Runs != before.Runs {
				err = fmt.Errorf("%s: the handler ran %d times for hits", name, after.Runs-before.Runs)
			}
			return err
		})
	}
	res, err := harness.Compare(ctx, arms, rounds, s.Round)
	for _, none := range runs {
		err = errors.Join(err, none())
	}
	return res, err
}
