//go:build unix

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
)

// options is how the command is called.
type options struct {
	hits        int64
	seed        uint64
	quick       bool
	first       bool
	only        string
	connections int
	out         string
	progress    io.Writer
}

// errNotHere says that a scenario cannot be run on this machine.
var errNotHere = errors.New("not possible here")

func main() {
	playRole()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal kills
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "proof:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := new(options)
	f := flag.NewFlagSet("proof", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Int64Var(&o.hits, "hits", 10_000_000, "reads from the cache in all")
	f.Uint64Var(&o.seed, "seed", 0, "seed of requests and faults; 0 picks one")
	f.BoolVar(&o.quick, "quick", false, "20000 reads from the cache, and each fault a few times")
	f.BoolVar(&o.first, "first", false, "end at the first wrong answer")
	f.StringVar(&o.only, "only", "", "run the scenarios whose name contains this")
	f.IntVar(&o.connections, "connections", 16, "connections to the service")
	f.StringVar(&o.out, "out", "", "directory for pictures of a wrong answer's history")
	progress := f.Bool("progress", false, "a line every second")
	if err := f.Parse(args); err != nil {
		return err
	}
	if !failpoint.Enabled {
		return errors.New("built without the tag failpoints")
	}
	if o.quick {
		o.hits = 20_000
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	if *progress {
		o.progress = stderr
	}
	fmt.Fprintf(stdout, "%s %s/%s, %d processors, %d connections over loopback HTTP/1.1; seed: -seed=%d\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.connections, o.seed)
	return o.prove(ctx, stdout)
}

// prove runs the scenarios and prints a table. A wrong answer is an error, and
// so is a scenario that failed.
func (o *options) prove(ctx context.Context, w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "scenario\tfrom cache\treads\tno answer\twrites\tunknown\trefused\tfaults\thistories\twrong\treads/s\ttime\t")
	var errs []error
	var hits, reads, wrong int64
	for _, s := range scenarios() {
		if !strings.Contains(s.name, o.only) {
			continue
		}
		start := time.Now()
		r, err := s.run(ctx, o, max(500, o.hits*s.share/100))
		switch {
		case errors.Is(err, errNotHere):
			fmt.Fprintf(tw, "%s\t%v\t\n", s.name, err)
			continue
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%s\t\n", s.name, r.Hits, r.Reads, r.Failed+r.Left,
			r.Acknowledged, r.Unknown, r.Refused, r.faults, r.Histories-r.Undecided, r.Wrong(),
			float64(r.Reads)/r.Elapsed.Seconds(), time.Since(start).Round(100*time.Millisecond))
		switch {
		case s.wrong && r.Wrong() == 0:
			errs = append(errs, fmt.Errorf("%s: not found out", s.name))
		case s.wrong:
			continue
		}
		hits, reads, wrong = hits+r.Hits, reads+r.Reads, wrong+r.Wrong()
		v := r.Earliest()
		if r.faults < s.least && (v == nil || !o.first) {
			errs = append(errs, fmt.Errorf("%s: interrupted after %d faults", s.name, r.faults))
		}
		if v != nil {
			errs = append(errs, fmt.Errorf("%s: %d wrong answers\n%s", s.name, r.Wrong(), v))
			if o.out != "" {
				_, err := v.Draw(o.out)
				errs = append(errs, err)
			}
			if o.first {
				break
			}
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d of %d reads came from the cache; %d wrong answers\n", hits, reads, wrong)
	return errors.Join(append(errs, ctx.Err())...)
}
