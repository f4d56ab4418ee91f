// Package invalidation measures what an invalidation costs, and a hit, with few
// entries resident and with many.
package invalidation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/sqlite"
)

// PatternsAtOnce is how many patterns a round invalidates by before it waits
// until they are worked off.
const PatternsAtOnce = 16

// Sizes returns how many entries the stores hold that are compared: from
// HotItems to the largest, by powers of ten.
func Sizes(largest int) (list []int) {
	for n := HotItems; n < largest; n *= 10 {
		list = append(list, n)
	}
	return append(list, largest)
}

// A measured is what the rounds of one size gave.
type measured struct {
	size                       int
	ready                      Ready
	entries                    int // the fewest that were resident at the end of a round
	write, tag, pattern, sweep harness.Cost
	few, spread                harness.Cost  // hits in process
	fewMap, spreadMap          harness.Cost  // the same of a map
	fewHTTP, spreadHTTP        report.Series // hits over HTTP, processor time of the server
}

// starts is how often the processes are started anew: where a process has its
// memory makes it faster or slower for as long as it lives.
const starts = 3

// Measure measures stores of up to Settings.Entries.
func Measure(ctx context.Context, s *harness.Settings) (*report.Section, error) {
	var all []*measured
	for _, n := range Sizes(s.Entries) {
		all = append(all, &measured{size: n, entries: n})
	}
	each := Round{Writes: 400, Tags: HotItems, Patterns: PatternsAtOnce, Hits: 5000}
	for range starts {
		if err := run(ctx, s, all, s.Rounds(7), each); err != nil {
			return nil, err
		}
	}
	first, last := all[0], all[len(all)-1]
	sec := &report.Section{Name: "invalidation", Title: "One invalidation, by the number of entries resident"}
	t := report.Table{
		Title: fmt.Sprintf("Elapsed; %d rounds by turns, of processes started %d times. A captured UPDATE of one row is the whole statement, SQLite's work included", len(first.write.Wall), starts),
		Head:  []string{"entries resident", "captured UPDATE µs", "Invalidate(Tag) ns", "Invalidate(Pattern) ns", fmt.Sprintf("%d patterns worked off after ms", PatternsAtOnce)},
	}
	p := report.Table{Title: "Processor time of the same, with what went on in the background meanwhile", Head: t.Head}
	w := report.Table{
		Title: "What it takes to hold them",
		Head:  []string{"entries resident", "bytes an entry, as counted", "heap bytes an entry", "seconds to fill"},
	}
	h := report.Table{
		Title: "A hit: of the same entries whatever the number, and of any of them; processor time, of the server where it is HTTP. " +
			"The map is Go's own, of finished answers that nothing judges",
		Head: []string{"entries resident", fmt.Sprintf("among %d, in process, ns", HotItems), "among all, in process, ns",
			fmt.Sprintf("map, among %d, in process, ns", HotItems), "map, among all, in process, ns",
			fmt.Sprintf("among %d, HTTP, µs", HotItems), "among all, HTTP, µs"},
	}
	var x []float64
	plotted := make([][]report.Series, 4)
	for _, m := range all {
		n := fmt.Sprint(m.entries)
		t.Add(n, m.write.Wall.In(1e3), m.tag.Wall.String(), m.pattern.Wall.String(), m.sweep.Wall.In(1e6))
		p.Add(n, m.write.Processor.In(1e3), m.tag.Processor.String(), m.pattern.Processor.String(), m.sweep.Processor.In(1e6))
		w.Add(n, fmt.Sprint(m.ready.Bytes/int64(m.size)), fmt.Sprint(m.ready.Memory/uint64(m.size)), report.Digits(m.ready.Filling.Seconds()))
		h.Add(n, m.few.Processor.String(), m.spread.Processor.String(), m.fewMap.Processor.String(), m.spreadMap.Processor.String(),
			m.fewHTTP.In(1e3), m.spreadHTTP.In(1e3))
		x = append(x, float64(m.size))
		for i, c := range []harness.Cost{m.write, m.tag, m.pattern, m.sweep} {
			plotted[i] = append(plotted[i], c.Wall)
		}
	}
	sec.Tables = []report.Table{t, p, h, w}
	ratio := func(what string, last, first report.Series, bound float64) {
		sec.Notes = append(sec.Notes, report.Target(what, last.Over(first), bound, false))
	}
	over := fmt.Sprintf("%d entries over %d", last.size, first.size)
	for _, k := range []struct {
		name        string
		last, first harness.Cost
	}{
		{"captured UPDATE", last.write, first.write}, {"Invalidate(Tag)", last.tag, first.tag}, {"Invalidate(Pattern)", last.pattern, first.pattern},
	} {
		ratio(k.name+", "+over+", elapsed", k.last.Wall, k.first.Wall, 1.2)
		ratio(k.name+", "+over+", CPU", k.last.Processor, k.first.Processor, 1.2)
	}
	over = " of " + over + ", CPU"
	among := fmt.Sprintf("among %d", HotItems) + over
	ratio("hits over HTTP "+among, last.fewHTTP, first.fewHTTP, 1.5)
	ratio("hits over HTTP among all"+over, last.spreadHTTP, first.spreadHTTP, 1.5)
	ratio("hits in process "+among, last.few.Processor, first.few.Processor, 1.5)
	ratio("hits in process among all"+over, last.spread.Processor, first.spread.Processor, 1.5)
	sec.Notes = append(sec.Notes, fmt.Sprintf("The map, %s: %s", among, last.fewMap.Processor.Over(first.fewMap.Processor)),
		fmt.Sprintf("The map, among all%s: %s", over, last.spreadMap.Processor.Over(first.spreadMap.Processor)))
	sec.Plots = map[string]string{"invalidation.svg": report.Lines("Cost of one invalidation, by entries resident", "µs", "entries", x,
		[]string{"captured UPDATE", "Invalidate(Tag)", "Invalidate(Pattern)", fmt.Sprintf("%d patterns worked off", PatternsAtOnce)}, plotted, 1e3)}
	return sec, nil
}

// run starts a process for each size, all with a copy of the same database, and
// lets them work by turns.
func run(ctx context.Context, s *harness.Settings, all []*measured, rounds int, each Round) (err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	database := filepath.Join(dir, "items.db")
	if err := MakeItems(ctx, database, all[len(all)-1].size); err != nil {
		return err
	}
	full, maps := make([]*harness.Process, len(all)), make([]*harness.Process, len(all))
	for i, m := range all {
		if full[i], err = Role.Start(ctx, Settings{database, m.size}, &m.ready); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, full[i].Stop()) }()
		var none Ready
		if maps[i], err = MapRole.Start(ctx, Settings{Entries: m.size}, &none); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, maps[i].Stop()) }()
	}
	round := 0
	return harness.Interleave(ctx, rounds, len(all), func(i int) error {
		round++
		m := all[i]
		var reply Reply
		each.First = round * 7 % HotItems
		if err := full[i].Order(each, &reply); err != nil {
			return err
		}
		if reply.Entries < m.size {
			return fmt.Errorf("%d entries are resident, want %d", reply.Entries, m.size)
		}
		m.write.Add(reply.Write)
		m.tag.Add(reply.Tag)
		m.pattern.Add(reply.Pattern)
		m.sweep.Add(reply.Sweep)
		m.few.Add(reply.Few)
		m.spread.Add(reply.Spread)
		if err := maps[i].Order(Round{Hits: each.Hits, First: each.First}, &reply); err != nil {
			return err
		}
		m.fewMap.Add(reply.Few)
		m.spreadMap.Add(reply.Spread)
		for _, k := range []struct {
			among int
			to    *report.Series
		}{{min(HotItems, m.size), &m.fewHTTP}, {m.size, &m.spreadHTTP}} {
			took, err := overHTTP(ctx, s, full[i], m.ready.Addr, k.among, round)
			if err != nil {
				return fmt.Errorf("%d entries: %w", m.size, err)
			}
			*k.to = append(*k.to, took)
		}
		return nil
	})
}

// overHTTP returns the processor time of a server for a hit on some of its first
// entries, which must all be valid.
func overHTTP(ctx context.Context, s *harness.Settings, server *harness.Process, addr string, among, round int) (_ float64, err error) {
	l, err := harness.NewLoad(ctx, addr, "/item/0", s.Connections)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	rng, paths := rand.New(rand.NewPCG(s.Seed, uint64(round))), make([]string, 20_000)
	for i := range paths {
		paths[i] = "/item/" + strconv.Itoa(rng.IntN(among))
	}
	l.Vary(paths)
	if _, err := server.Processor(true); err != nil {
		return 0, err
	}
	// After a collection the runtime gives memory back to the kernel for a while.
	if _, _, _, err := l.Run(s.Round); err != nil {
		return 0, err
	}
	before, err := server.Processor(false)
	if err != nil {
		return 0, err
	}
	n, _, _, err := l.Run(2 * s.Round)
	if err != nil {
		return 0, err
	}
	after, err := server.Processor(false)
	return float64(after-before) / float64(n), err
}

// MakeItems makes a database with a row for each entry of the largest store.
func MakeItems(ctx context.Context, path string, n int) (err error) {
	db, err := sqlite.Open(path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, `CREATE TABLE item (id INTEGER PRIMARY KEY, v TEXT NOT NULL)`); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO item
		WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1) SELECT i, 'value ' || i FROM n`, n)
	return err
}
