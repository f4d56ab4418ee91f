package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// unit is some tests of one package.
type unit struct{ dir, tests string }

// String implements instrument.
func (u unit) String() string { return u.dir }

// build implements instrument. Nobody debugs the binary.
func (u unit) build(root, dir string, flags []string) (binary string, out []byte, err error) {
	binary = filepath.Join(dir, "unit.test")
	args := append([]string{"test", "-c", "-ldflags=-s -w", "-o", binary}, flags...)
	out, err = goBuild(filepath.Join(root, filepath.FromSlash(u.dir)), append(args, ".")...) // it may be of another module
	return binary, out, err
}

// search implements instrument. To be sure that there is nothing, every test of the
// package is run that has to find a mistake.
func (u unit) search(root, binary string, limit time.Duration, sound bool) (found string, err error) {
	names := strings.Split(u.tests, "|")
	if sound {
		names = nil
		for _, e := range excesses() {
			if e.dir == u.dir {
				names = append(names, strings.Split(e.tests, "|")...)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// Tests may build commands, which then have the mistake as well.
	var env []string
	if overlay := filepath.Join(filepath.Dir(binary), "overlay.json"); !sound {
		env = []string{"GOFLAGS=" + os.Getenv("GOFLAGS") + " -overlay=" + overlay}
	}
	out, err := commandIn(ctx, env, filepath.Join(root, filepath.FromSlash(u.dir)), binary, "-test.v", "-test.failfast", "-test.run=^("+strings.Join(names, "|")+")$")
	if err == nil {
		return "", ran(out, names)
	}
	if test := failedTest.FindSubmatch(out); test != nil {
		return string(test[1]), nil
	}
	if ctx.Err() != nil {
		err = errors.New("did not end in time")
	}
	return "", fmt.Errorf("%w\n%s", err, out)
}
