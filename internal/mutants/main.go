// Command mutants shows that the instruments find mistakes: it plants one at a
// time, and demands that it is found within a minute. Mistakes in the analysis
// of SQL are for the differential test of package sqlite, mistakes in the engine,
// the flights, the ledger and the capture for the proof in cmd/, mistakes in what
// becomes of requests and answers for the test on the wire of the root package,
// or for others beside it, mistakes in what bounds the cost, and in who waits for whom,
// for tests of the package where they are. `make mutants` runs it.
//
// A mistake is some pieces of source text and what replaces them. The replaced
// files reach the compiler as an overlay; nothing in the tree is touched. A
// mistake may bring along a delay that is none by itself, where what shows it
// is otherwise a matter of nanoseconds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	root := flag.String("root", ".", "the root of the module")
	limit := flag.Duration("limit", time.Minute, "how long each mistake may be searched for")
	run := flag.String("run", "", "plant only what matches this regular expression, such as ^proof/")
	flag.Parse()
	if err := search(*root, *run, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// search plants each mistake and returns an error unless every one is found, and
// nothing is found where there is none.
func search(root, run string, limit time.Duration) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(run)
	if err != nil {
		return err
	}
	planted, failed := 0, 0
	for _, m := range mutants() {
		if !wanted.MatchString(m.String()) {
			continue
		}
		planted++
		verdict, took, ok := m.judge(root, limit)
		if !ok {
			failed++
		}
		fmt.Printf("%-66s %7s  %s\n", m, took.Round(100*time.Millisecond), verdict)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d not as they should be", failed, planted)
	case planted == 0:
		return fmt.Errorf("no mistake is called %q", run)
	}
	return nil
}

// command runs a program and returns what it prints. When ctx ends the program is
// asked to end, and killed if it does not.
func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	return commandIn(ctx, nil, dir, name, args...)
}

// commandIn is command with an environment that has these variables besides.
func commandIn(ctx context.Context, env []string, dir, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 30 * time.Second
	return c.CombinedOutput()
}
