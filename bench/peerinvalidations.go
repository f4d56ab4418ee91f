package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"
)

// wayCost is what a way took, by size.
type wayCost struct {
	wall      []series
	processor []series
}

// addPeerInvalidations measures one invalidation, by turns, for each number of
// entries.
func addPeerInvalidations(ctx context.Context, s *settings, sec *section, names []string, times peerTimes) (err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	list := sizes(s.entries)
	database, err := makeItemsIn(ctx, dir, s.entries)
	if err != nil {
		return err
	}
	rounds := s.rounds(10)
	costs := make(map[string]*wayCost)
	var order []string
	left := append(names[:len(names):len(names)], kindUnstale)
	for _, n := range list {
		var dropped []string
		if left, dropped, err = peerInvalidations(ctx, s, left, n, rounds, database, times, func(w string, took cost) {
			if costs[w] == nil {
				costs[w] = new(wayCost)
				order = append(order, w)
			}
			costs[w].wall = append(costs[w].wall, took.wall)
			costs[w].processor = append(costs[w].processor, took.processor)
		}); err != nil {
			return err
		}
		for _, name := range dropped {
			sec.notes = append(sec.notes, fmt.Sprintf("%s is left out from %d entries on: filling it takes more than %s, or so many files.", name, n, times.fill))
		}
	}
	head := []string{"entries resident"}
	for _, n := range list {
		head = append(head, fmt.Sprint(n))
	}
	wall := table{title: fmt.Sprintf("One invalidation until it is acknowledged, µs; %d rounds by turns", rounds), head: head}
	processor := table{title: "CPU of the cache for one, with what it does in the background afterwards, µs", head: head}
	plotted := [][]series{}
	var plottedNames []string
	for _, w := range order {
		a, b := []string{w}, []string{w}
		for i := range list {
			if i >= len(costs[w].wall) {
				a, b = append(a, "-"), append(b, "-")
				continue
			}
			a, b = append(a, costs[w].wall[i].in(1e3)), append(b, costs[w].processor[i].in(1e3))
		}
		wall.add(a...)
		processor.add(b...)
		if name, ok := plottedWays[w]; ok {
			plottedNames, plotted = append(plottedNames, name), append(plotted, costs[w].wall)
		}
	}
	sec.tables = append(sec.tables, wall, processor)
	if len(list) > 1 {
		var x []float64
		for _, n := range list {
			x = append(x, float64(n))
		}
		sec.plots["peers-invalidation.svg"] = lines("One invalidation until it is acknowledged, by entries resident", "µs", "entries", x, plottedNames, plotted, 1e3)
	}
	return nil
}

// plottedWays are those that fit into a plot, with shorter names.
var plottedWays = map[string]string{
	"Varnish, ban by a pattern":         "Varnish ban",
	"Varnish, xkey.purge of a key":      "Varnish xkey",
	"Redis, SCAN MATCH and UNLINK":      "Redis SCAN, UNLINK",
	"gin-cache, all keys that match":    "gin-cache, all keys",
	"unstale, captured UPDATE of a row": "unstale UPDATE",
	"unstale, Invalidate(Tag)":          "unstale tag",
}

// peerInvalidations measures stores of n entries. It returns which peers are
// left for larger ones, and which are not.
func peerInvalidations(ctx context.Context, s *settings, names []string, n, rounds int, database string, times peerTimes, add func(way string, took cost)) (left, dropped []string, err error) {
	var ways []way
	for _, name := range names {
		st, failed := startStore(ctx, name, s, n, database, times)
		if errors.Is(failed, errTooSlow) {
			dropped = append(dropped, name)
			continue
		}
		if failed != nil {
			return nil, nil, fmt.Errorf("%s: %d entries: %w", name, n, failed)
		}
		defer func() { err = errors.Join(err, st.stop()) }()
		left = append(left, name)
		ways = append(ways, st.ways...)
	}
	costs := make([]cost, len(ways))
	round := 0
	if err := interleave(ctx, rounds, len(ways), func(i int) error {
		round++
		p, err := ways[i].do(round * 7 % hotItems)
		if err != nil {
			return fmt.Errorf("%s: %d entries: %w", ways[i].name, n, err)
		}
		costs[i].add(p)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	for i, w := range ways {
		add(w.name, costs[i])
	}
	return left, dropped, nil
}

// versions says what was measured.
func versions(ctx context.Context, present func(...string) []string) string {
	var list []string
	for _, p := range programs {
		if len(present(p.peer)) == 0 {
			continue
		}
		flag := map[string]string{"nginx": "-v", "varnishd": "-V", "redis-server": "--version"}[p.file]
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		out, err := exec.CommandContext(ctx, p.file, flag).CombinedOutput()
		cancel()
		if err == nil {
			first, _, _ := strings.Cut(string(out), "\n")
			list = append(list, strings.TrimSpace(first))
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/chenyahui/gin-cache", "github.com/gin-gonic/gin", "github.com/gofiber/fiber/v3":
				list = append(list, m.Path+" "+m.Version)
			}
		}
	}
	return "Measured: " + strings.Join(list, "; ") + "."
}
