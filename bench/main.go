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
)

// settings is how the command is called.
type settings struct {
	only        string
	seed        uint64
	scale       float64
	entries     int
	connections int
	roundTime   time.Duration
	load        time.Duration
	rate        float64
	out         string
	profile     string
	install     bool
}

// rounds returns how many rounds to run where n are usual.
func (s *settings) rounds(n int) int { return max(3, int(float64(n)*s.scale)) }

// A measurement is a part of the report and how it is made.
type measurement struct {
	name string
	run  func(context.Context, *settings) (*section, error)
}

func measurements() []measurement {
	return []measurement{
		{"hit", measureHit},
		{"added", measureAdded},
		{"invalidation", measureInvalidation},
		{"capture", measureCapture},
		{"notebook", measureNotebook},
		{"precision", measurePrecision},
		{"peers", measurePeers},
	}
}

func main() {
	playRole()
	s := new(settings)
	flag.StringVar(&s.only, "only", "", "names of the measurements to run, separated by commas: hit, added, invalidation, capture, notebook, precision, peers; default all")
	flag.Uint64Var(&s.seed, "seed", 1, "seed of everything random")
	flag.Float64Var(&s.scale, "scale", 1, "how many rounds to run, as a multiple of the usual number")
	flag.IntVar(&s.entries, "entries", 1_000_000, "entries resident in the largest store")
	flag.IntVar(&s.connections, "connections", 4, "connections of the load on a server")
	flag.DurationVar(&s.roundTime, "round", 250*time.Millisecond, "length of a round over HTTP")
	flag.DurationVar(&s.load, "load", 2*time.Minute, "length of the load of mixed users on the notebook, once with the cache and once without")
	flag.Float64Var(&s.rate, "rate", 300, "requests in a second of that load")
	flag.StringVar(&s.out, "out", "", "directory of measurements.md, whose tables and plots are replaced; default: print only")
	flag.StringVar(&s.profile, "profile", "", "file for a processor profile of the server of the hits")
	flag.BoolVar(&s.install, "install", false, "install what peers needs and is not there, by apt-get; as root")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s *settings) error {
	all := measurements()
	var names []string
	if s.only != "" {
		names = strings.Split(s.only, ",")
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(m measurement) bool { return m.name == name }) {
			return fmt.Errorf("no measurement %q", name)
		}
	}
	fmt.Printf("%s %s/%s, %d processors, seed %d, %s%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), s.seed, time.Now().Format(time.DateOnly), otherLoad())
	fmt.Println("median (lower to upper quartile) over the rounds")
	for _, m := range all {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		start := time.Now()
		sec, err := m.run(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		sec.print(os.Stdout)
		fmt.Printf("(%s)\n", time.Since(start).Round(time.Second))
		if s.out != "" {
			if err := sec.write(s.out); err != nil {
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
