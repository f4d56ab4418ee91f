package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/invalidation"
	"github.com/unstale/unstale/bench/report"
)

// addInvalidations measures one invalidation, by turns, for each number of
// entries.
func addInvalidations(ctx context.Context, s *harness.Settings, sec *report.Section, names []string, t times) (err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	list, database := invalidation.Sizes(s.Entries), filepath.Join(dir, "items.db")
	if err := invalidation.MakeItems(ctx, database, s.Entries); err != nil {
		return err
	}
	rounds := s.Rounds(10)
	costs := make(map[string][]harness.Cost)
	var order []string
	left := append(names[:len(names):len(names)], kindUnstale)
	for _, n := range list {
		var dropped []string
		if left, dropped, err = invalidations(ctx, s, left, n, rounds, database, t, func(w string, took harness.Cost) {
			if costs[w] == nil {
				order = append(order, w)
			}
			costs[w] = append(costs[w], took)
		}); err != nil {
			return err
		}
		for _, name := range dropped {
			sec.Notes = append(sec.Notes, fmt.Sprintf("%s is left out from %d entries on: filling it takes more than %s, or so many files.", name, n, t.fill))
		}
	}
	head := []string{"entries resident"}
	for _, n := range list {
		head = append(head, fmt.Sprint(n))
	}
	wall := report.Table{Title: fmt.Sprintf("One invalidation until it is acknowledged, µs; %d rounds by turns", rounds), Head: head}
	processor := report.Table{Title: "CPU of the cache for one, with what it does in the background afterwards, µs", Head: head}
	var plotted [][]report.Series
	var plottedNames []string
	for _, w := range order {
		a, b := []string{w}, []string{w}
		for i := range list {
			if i >= len(costs[w]) {
				a, b = append(a, "-"), append(b, "-")
				continue
			}
			a, b = append(a, costs[w][i].Wall.In(1e3)), append(b, costs[w][i].Processor.In(1e3))
		}
		wall.Add(a...)
		processor.Add(b...)
		if name, ok := plottedWays[w]; ok {
			var line []report.Series
			for _, c := range costs[w] {
				line = append(line, c.Wall)
			}
			plottedNames, plotted = append(plottedNames, name), append(plotted, line)
		}
	}
	sec.Tables = append(sec.Tables, wall, processor)
	if len(list) > 1 {
		var x []float64
		for _, n := range list {
			x = append(x, float64(n))
		}
		sec.Plots["peers-invalidation.svg"] = report.Lines("One invalidation until it is acknowledged, by entries resident", "µs", "entries", x, plottedNames, plotted, 1e3)
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

// invalidations measures stores of n entries. It returns which peers are
// left for larger ones, and which are not.
func invalidations(ctx context.Context, s *harness.Settings, names []string, n, rounds int, database string, t times, add func(way string, took harness.Cost)) (left, dropped []string, err error) {
	var ways []way
	for _, name := range names {
		st, failed := startStore(ctx, name, s, n, database, t)
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
	costs := make([]harness.Cost, len(ways))
	round := 0
	if err := harness.Interleave(ctx, rounds, len(ways), func(i int) error {
		round++
		p, err := ways[i].do(round * 7 % invalidation.HotItems)
		if err != nil {
			return fmt.Errorf("%s: %d entries: %w", ways[i].name, n, err)
		}
		costs[i].Add(p)
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
