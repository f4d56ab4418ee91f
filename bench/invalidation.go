package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/unstale/unstale/sqlite"
)

// sizes returns how many entries the stores hold that are compared: from
// hotItems to the largest, by powers of ten.
func sizes(largest int) (list []int) {
	for n := hotItems; n < largest; n *= 10 {
		list = append(list, n)
	}
	return append(list, largest)
}

// residents is what the measurement gave, by store.
type residents struct {
	sizes                      []int
	ready                      []residentReady
	entries                    []int // the fewest that were resident at the end of a round
	write, tag, pattern, sweep []cost
	few, spread                []cost   // hits in process
	fewPile, spreadPile        []cost   // the same of a pile
	fewHTTP, spreadHTTP        []series // hits over HTTP, processor time of the server
}

// residences is how often the processes are started anew: where a process has its
// memory makes it faster or slower for as long as it lives.
const residences = 3

// append adds the rounds of other processes.
func (r *residents) append(more *residents) {
	for _, costs := range []struct{ to, from []cost }{
		{r.write, more.write}, {r.tag, more.tag}, {r.pattern, more.pattern}, {r.sweep, more.sweep},
		{r.few, more.few}, {r.spread, more.spread}, {r.fewPile, more.fewPile}, {r.spreadPile, more.spreadPile},
	} {
		for i, c := range costs.from {
			costs.to[i].wall = append(costs.to[i].wall, c.wall...)
			costs.to[i].processor = append(costs.to[i].processor, c.processor...)
		}
	}
	for i := range r.sizes {
		r.entries[i] = min(r.entries[i], more.entries[i])
		r.fewHTTP[i] = append(r.fewHTTP[i], more.fewHTTP[i]...)
		r.spreadHTTP[i] = append(r.spreadHTTP[i], more.spreadHTTP[i]...)
	}
}

func measureInvalidation(ctx context.Context, s *settings) (*section, error) {
	var r *residents
	for range residences {
		more, err := runResidents(ctx, s, sizes(s.entries), s.rounds(7))
		if err != nil {
			return nil, err
		}
		if r == nil {
			r = more
		} else {
			r.append(more)
		}
	}
	sec := &section{name: "invalidation", title: "One invalidation, by the number of entries resident"}
	t := table{
		title: fmt.Sprintf("Elapsed; %d rounds by turns, of processes started %d times. A captured UPDATE of one row is the whole statement, SQLite's work included", len(r.write[0].wall), residences),
		head:  []string{"entries resident", "captured UPDATE µs", "Invalidate(Tag) ns", "Invalidate(Pattern) ns", fmt.Sprintf("%d patterns worked off after ms", patternsAtOnce)},
	}
	p := table{title: "Processor time of the same, with what went on in the background meanwhile", head: t.head}
	w := table{
		title: "What it takes to hold them",
		head:  []string{"entries resident", "bytes an entry, as counted", "heap bytes an entry", "seconds to fill"},
	}
	h := table{
		title: "A hit: of the same entries whatever the number, and of any of them; processor time, of the server where it is HTTP. " +
			"The map is Go's own, of finished answers that nothing judges",
		head: []string{"entries resident", fmt.Sprintf("among %d, in process, ns", hotItems), "among all, in process, ns",
			fmt.Sprintf("map, among %d, in process, ns", hotItems), "map, among all, in process, ns",
			fmt.Sprintf("among %d, HTTP, µs", hotItems), "among all, HTTP, µs"},
	}
	var x []float64
	for i, n := range r.sizes {
		entries := fmt.Sprint(r.entries[i])
		t.add(entries, r.write[i].wall.in(1e3), r.tag[i].wall.String(), r.pattern[i].wall.String(), r.sweep[i].wall.in(1e6))
		p.add(entries, r.write[i].processor.in(1e3), r.tag[i].processor.String(), r.pattern[i].processor.String(), r.sweep[i].processor.in(1e6))
		w.add(entries, fmt.Sprint(r.ready[i].Bytes/int64(n)), fmt.Sprint(r.ready[i].Memory/uint64(n)), digits(r.ready[i].Filling.Seconds()))
		h.add(entries, r.few[i].processor.String(), r.spread[i].processor.String(),
			r.fewPile[i].processor.String(), r.spreadPile[i].processor.String(), r.fewHTTP[i].in(1e3), r.spreadHTTP[i].in(1e3))
		x = append(x, float64(n))
	}
	sec.tables = []table{t, p, h, w}
	last := len(r.sizes) - 1
	plotted := make([][]series, 4)
	for i, k := range []struct {
		name string
		all  []cost
	}{{"captured UPDATE", r.write}, {"Invalidate(Tag)", r.tag}, {"Invalidate(Pattern)", r.pattern}, {"", r.sweep}} {
		for _, c := range k.all {
			plotted[i] = append(plotted[i], c.wall)
		}
		if k.name == "" {
			continue
		}
		what := fmt.Sprintf("%s, %d entries over %d", k.name, r.sizes[last], r.sizes[0])
		sec.notes = append(sec.notes, target(what+", elapsed", k.all[last].wall.over(k.all[0].wall), 1.2, false),
			target(what+", CPU", k.all[last].processor.over(k.all[0].processor), 1.2, false))
	}
	over := fmt.Sprintf(" of %d entries over %d, CPU", r.sizes[last], r.sizes[0])
	sec.notes = append(sec.notes,
		target(fmt.Sprintf("hits over HTTP among %d", hotItems)+over, r.fewHTTP[last].over(r.fewHTTP[0]), 1.5, false),
		target("hits over HTTP among all"+over, r.spreadHTTP[last].over(r.spreadHTTP[0]), 1.5, false),
		target(fmt.Sprintf("hits in process among %d", hotItems)+over, r.few[last].processor.over(r.few[0].processor), 1.5, false),
		target("hits in process among all"+over, r.spread[last].processor.over(r.spread[0].processor), 1.5, false),
		fmt.Sprintf("The map, among %d%s: %s", hotItems, over, r.fewPile[last].processor.over(r.fewPile[0].processor)),
		fmt.Sprintf("The map, among all%s: %s", over, r.spreadPile[last].processor.over(r.spreadPile[0].processor)))
	sec.plots = map[string]string{"invalidation.svg": lines("Cost of one invalidation, by entries resident", "µs", "entries", x,
		[]string{"captured UPDATE", "Invalidate(Tag)", "Invalidate(Pattern)", fmt.Sprintf("%d patterns worked off", patternsAtOnce)}, plotted, 1e3)}
	return sec, nil
}

// patternsAtOnce is how many patterns a round invalidates by before it waits
// until they are worked off.
const patternsAtOnce = 16

// runResidents starts a process for each size, all with a copy of the same
// database, and lets them work by turns.
func runResidents(ctx context.Context, s *settings, sizes []int, rounds int) (_ *residents, err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	database := filepath.Join(dir, "items.db")
	if err := makeItems(ctx, database, sizes[len(sizes)-1]); err != nil {
		return nil, err
	}
	n := len(sizes)
	r := &residents{sizes: sizes, ready: make([]residentReady, n), entries: make([]int, n)}
	for _, costs := range []*[]cost{&r.write, &r.tag, &r.pattern, &r.sweep, &r.few, &r.spread, &r.fewPile, &r.spreadPile} {
		*costs = make([]cost, n)
	}
	r.fewHTTP, r.spreadHTTP = make([]series, n), make([]series, n)
	children, piles := make([]*child, n), make([]*child, n)
	for i, size := range sizes {
		children[i], err = startChild(ctx, "resident", residentSettings{database, size}, &r.ready[i])
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, children[i].stop()) }()
		var none residentReady
		if piles[i], err = startChild(ctx, "pile", residentSettings{Entries: size}, &none); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, piles[i].stop()) }()
		r.entries[i] = size
	}
	round := 0
	err = interleave(ctx, rounds, n, func(i int) error {
		round++
		var reply residentReply
		const hits = 5000
		q := residentRound{Writes: 400, Tags: hotItems, Patterns: patternsAtOnce, Hits: hits, First: round * 7 % hotItems}
		if err := children[i].call(q, &reply); err != nil {
			return err
		}
		if reply.Entries < sizes[i] {
			return fmt.Errorf("%d entries are resident, want %d", reply.Entries, sizes[i])
		}
		r.write[i].add(reply.Write)
		r.tag[i].add(reply.Tag)
		r.pattern[i].add(reply.Pattern)
		r.sweep[i].add(reply.Sweep)
		r.few[i].add(reply.Few)
		r.spread[i].add(reply.Spread)
		if err := piles[i].call(residentRound{Hits: hits, First: q.First}, &reply); err != nil {
			return err
		}
		r.fewPile[i].add(reply.Few)
		r.spreadPile[i].add(reply.Spread)
		for _, k := range []struct {
			among int
			to    *series
		}{{min(hotItems, sizes[i]), &r.fewHTTP[i]}, {sizes[i], &r.spreadHTTP[i]}} {
			took, err := hitsOverHTTP(ctx, s, children[i], r.ready[i].Addr, k.among, round)
			if err != nil {
				return fmt.Errorf("%d entries: %w", sizes[i], err)
			}
			*k.to = append(*k.to, took)
		}
		return nil
	})
	return r, err
}

// hitsOverHTTP returns the processor time of a server for a hit on some of its
// first entries, which must all be valid.
func hitsOverHTTP(ctx context.Context, s *settings, server *child, addr string, among, round int) (_ float64, err error) {
	l, err := newLoad(ctx, addr, "/item/0", s.connections)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	rng, paths := rand.New(rand.NewPCG(s.seed, uint64(round))), make([]string, 20_000)
	for i := range paths {
		paths[i] = "/item/" + strconv.Itoa(rng.IntN(among))
	}
	l.vary(paths)
	var before, after residentReply
	if err := server.call(residentRound{Used: true, Collect: true}, &before); err != nil {
		return 0, err
	}
	// After a collection the runtime gives memory back to the kernel for a while.
	if _, _, _, err := l.run(s.roundTime); err != nil {
		return 0, err
	}
	if err := server.call(residentRound{Used: true}, &before); err != nil {
		return 0, err
	}
	n, _, _, err := l.run(2 * s.roundTime)
	if err != nil {
		return 0, err
	}
	err = server.call(residentRound{Used: true}, &after)
	return float64(after.Used-before.Used) / float64(n), err
}

// makeItems makes a database with a row for each entry of the largest store.
func makeItems(ctx context.Context, path string, n int) (err error) {
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
