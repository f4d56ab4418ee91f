package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

// floorOfPinned is how many required tests of the pinned suite pass at least.
const floorOfPinned = 119

func main() {
	log.SetOutput(io.Discard) // there net/http complains of what the suite's server does on purpose
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal kills
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("conformance", flag.ContinueOnError)
	f.SetOutput(stderr)
	dir := f.String("suite", "", "directory of a suite that is installed already; default: the pinned one, from npm")
	cache := f.String("cache", "", "directory to install the pinned suite in; default: in the user's cache directory")
	heuristic := f.Bool("heuristic", false, "store by Last-Modified what gives no lifetime, and answer If-Modified-Since")
	floor := f.Int("floor", -1, fmt.Sprintf("fail if fewer required tests pass; default: %d of the pinned suite, 0 of another", floorOfPinned))
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("what is %q?", f.Arg(0))
	}
	if *floor < 0 {
		*floor = 0
		if *dir == "" {
			*floor = floorOfPinned
		}
	}
	why, err := parseReasons(reasonsText)
	if err != nil {
		return err
	}
	s, err := findSuite(ctx, *dir, *cache, stderr)
	if err != nil {
		return err
	}
	tests, results, err := measure(ctx, s, *heuristic, stderr)
	if err != nil {
		return err
	}
	v, err := judge(tests, results)
	if err != nil {
		return err
	}
	mode := "explicit freshness"
	if *heuristic {
		mode = "heuristic freshness, If-Modified-Since"
	}
	fmt.Fprintf(stdout, "%s, %s\n\n", s.name, mode)
	t := v.tally()
	t.print(stdout)
	unexplained := v.explain(stdout, why)
	var errs []error
	if len(unexplained) > 0 {
		errs = append(errs, fmt.Errorf("required, not passed, and no reason given in reasons.txt: %q", unexplained))
	}
	if n := t[required].pass; n < *floor {
		errs = append(errs, fmt.Errorf("%d required tests passed, of at least %d", n, *floor))
	}
	return errors.Join(errs...)
}

// measure runs the suite against a proxy of ours.
func measure(ctx context.Context, s *suite, heuristic bool, stderr io.Writer) ([]test, results, error) {
	tests, err := s.tests(ctx)
	if err != nil {
		return nil, nil, err
	}
	origin, err := s.startOrigin(ctx, stderr)
	if err != nil {
		return nil, nil, err
	}
	defer origin.stop()
	p, err := startProxy(origin.url, heuristic)
	if err != nil {
		return nil, nil, err
	}
	defer p.stop()
	r, err := s.ask(ctx, p.url, stderr)
	return tests, r, err
}
