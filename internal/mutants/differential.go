package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// differential is TestDifferential of package sqlite, from one of its cases on.
type differential struct{ first uint64 }

// String implements instrument.
func (differential) String() string { return "differential" }

// build implements instrument.
func (differential) build(root, dir string, flags []string) (binary string, out []byte, err error) {
	binary = filepath.Join(dir, "sqlite.test")
	args := append([]string{"test", "-c", "-o", binary}, flags...)
	out, err = goBuild(root, append(args, "./sqlite")...)
	return binary, out, err
}

// search implements instrument. Where nothing is found the time is up.
func (d differential) search(root, binary string, limit time.Duration, _ bool) (found string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := command(ctx, filepath.Join(root, "sqlite"), binary, "-test.run=^TestDifferential$",
		"-differential.seed=1", fmt.Sprintf("-differential.first=%d", d.first), "-differential.pairs=1000000000", "-differential.minimise=0")
	switch {
	case bytes.Contains(out, []byte("stale:\n")):
		return "stale", nil
	case ctx.Err() != nil:
		return "", nil
	}
	return "", fmt.Errorf("%w\n%s", err, out)
}
