// Command bench measures unstale against what it promises: what a hit costs
// beside a handler that writes the same bytes, what an invalidation costs with
// few and with many entries resident, what capture adds to a write, what all of
// it makes of the notebook, how much of what is dropped had to be, and how other
// caches do.
//
// Whatever is compared runs beside each other: in short rounds by turns, in the
// same minutes, so that a noisy machine is noisy for all alike. A figure is the
// median over the rounds with its quartiles; a ratio is made round by round
// before its median is taken. Nothing here fails for being slow. It fails if the
// two sides do not answer the same, if the entries are not resident, or if an
// answer is stale.
//
// Servers and stores of different sizes are processes of their own, made from
// this same binary, so that the processor time and the garbage of one are not
// charged to another.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/unstale/unstale/bench/bounds"
	"github.com/unstale/unstale/bench/capture"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/hit"
	"github.com/unstale/unstale/bench/invalidation"
	"github.com/unstale/unstale/bench/notebook"
	"github.com/unstale/unstale/bench/peer"
	"github.com/unstale/unstale/bench/precision"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/bench/throughput"
)

// A measurement is a part of the report and how it is made.
type measurement struct {
	name string
	run  func(context.Context, *harness.Settings) (*report.Section, error)
}

var measurements = []measurement{
	{"hit", hit.Measure},
	{"inprocess", hit.MeasureInProcess},
	{"invalidation", invalidation.Measure},
	{"capture", capture.Measure},
	{"bounds", bounds.Measure},
	{"notebook", notebook.Measure},
	{"precision", precision.Measure},
	{"throughput", throughput.Measure},
	{"peers", peer.Measure},
}

func main() {
	harness.Play(hit.Role, invalidation.Role, invalidation.MapRole, notebook.Role, peer.Role)
	s := new(harness.Settings)
	only := flag.String("only", "", "names of the measurements to run, separated by commas: hit, inprocess, invalidation, capture, bounds, notebook, precision, throughput, peers; default all")
	out := flag.String("out", "", "directory of measurements.md, whose tables and plots are replaced; default: print only")
	flag.Uint64Var(&s.Seed, "seed", 1, "seed of everything random")
	flag.Float64Var(&s.Scale, "scale", 1, "how many rounds to run, as a multiple of the usual number")
	flag.IntVar(&s.Entries, "entries", 1_000_000, "entries resident in the largest store")
	flag.IntVar(&s.Connections, "connections", 4, "connections of the load on a server")
	flag.DurationVar(&s.Round, "round", 250*time.Millisecond, "length of a round over HTTP")
	flag.DurationVar(&s.Load, "load", 2*time.Minute, "length of the load by the clock on the notebook, once with the cache and once without, and of the check of its answers")
	flag.Float64Var(&s.Rate, "rate", 300, "requests in a second of that load")
	flag.StringVar(&s.Profile, "profile", "", "file for a processor profile of the server of the hits, and, with a site's name added, of each site of the throughput")
	flag.StringVar(&s.Writes, "writes", "0,1,5,15,30", "shares of writes of the throughput in percent, beside the published mixes")
	flag.StringVar(&s.Sites, "sites", "", "sites of the throughput, separated by commas: lobsters, bidding, notebook; default all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes the sections of these names, all for none, prints them, and puts them
// into the document in a directory, if that is not empty.
func run(ctx context.Context, s *harness.Settings, only, out string) error {
	var names []string
	if only != "" {
		names = strings.Split(only, ",")
	}
	for _, name := range names {
		if !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == name }) {
			return fmt.Errorf("no measurement %q", name)
		}
	}
	fmt.Printf("%s %s/%s, %d processors, seed %d, %s%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), s.Seed, time.Now().Format(time.DateOnly), otherLoad())
	fmt.Println("median (lower to upper quartile) over the rounds")
	for _, m := range measurements {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		start := time.Now()
		sec, err := m.run(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		sec.Print(os.Stdout)
		fmt.Printf("(%s)\n", time.Since(start).Round(time.Second))
		if sec.Last != "" {
			fmt.Println(sec.Last)
		}
		if out != "" {
			if err := sec.Write(out); err != nil {
				return err
			}
		}
	}
	return nil
}

// otherLoad says how busy the machine is already, where that is known.
func otherLoad() string {
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		if minute, _, found := strings.Cut(string(load), " "); found {
			return ", load average before " + minute
		}
	}
	return ""
}
