// Command mutants shows that the differential test of package sqlite finds
// mistakes: it plants one at a time into the analysis, and demands that the test
// fails. `make mutants` runs it, which takes a few minutes.
//
// A mistake is a piece of source text and what replaces it. The replaced file
// reaches the compiler as an overlay; nothing in the tree is touched.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A mutant is a mistake.
type mutant struct {
	name string
	file string // below the root of the module
	old  string // what stands there, exactly once
	new  string // what shall stand there
}

func main() {
	root := flag.String("root", ".", "the root of the module")
	limit := flag.Duration("limit", time.Minute, "how long the test may search for each mistake, and finds nothing without one")
	run := flag.String("run", "", "plant only the mistakes whose names match this regular expression")
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
	failed := 0
	for _, m := range append([]mutant{{}}, mutants...) {
		if !wanted.MatchString(m.name) && m.name != "" {
			continue
		}
		start := time.Now()
		verdict, ok := m.judge(root, limit)
		if !ok {
			failed++
		}
		name := m.name
		if name == "" {
			name = "(no mistake)"
		}
		fmt.Printf("%-45s %-6s %s\n", name, time.Since(start).Round(100*time.Millisecond), verdict)
	}
	if failed > 0 {
		return fmt.Errorf("%d not as they should be", failed)
	}
	return nil
}

// judge plants a mistake and says what the test made of it. The empty mutant is
// no mistake.
func (m mutant) judge(root string, limit time.Duration) (verdict string, ok bool) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err.Error(), false
	}
	defer func() { _ = os.RemoveAll(dir) }()
	test := filepath.Join(dir, "sqlite.test")
	build := []string{"test", "-c", "-o", test}
	if m.name != "" {
		overlay, err := m.overlay(root, dir)
		if err != nil {
			return err.Error(), false
		}
		build = append(build, "-overlay", overlay)
	}
	if out, err := command(context.Background(), root, "go", append(build, "./sqlite")...); err != nil {
		return fmt.Sprintf("does not compile: %v\n%s", err, out), false
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := command(ctx, filepath.Join(root, "sqlite"), test, "-test.run=^TestDifferential$",
		"-differential.seed=1", "-differential.pairs=1000000000", "-differential.minimise=0")
	found := bytes.Contains(out, []byte("stale:\n"))
	switch {
	case ctx.Err() != nil && m.name == "":
		return "nothing found", true
	case ctx.Err() != nil:
		return "SURVIVED", false
	case found && m.name != "":
		return "found", true
	}
	return fmt.Sprintf("failed: %v\n%s", err, out), false
}

// overlay writes what makes the go command read the file with the mistake.
func (m mutant) overlay(root, dir string) (string, error) {
	path := filepath.Join(root, filepath.FromSlash(m.file))
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("stale: what it replaces stands %d times in %s", n, m.file)
	}
	replaced := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(replaced, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: replaced}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// command runs a program and returns what it prints.
func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return out, err
}
