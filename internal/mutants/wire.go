package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// wire is TestWire of the root package, or those of its tests that a name or
// several between bars call.
type wire struct{ tests string }

// onTheWire is the test that compares random services with the cache on and off.
const onTheWire = "TestWire"

// soundExchanges are those after which there is no mistake.
const soundExchanges = 30_000

var (
	failedTest = regexp.MustCompile(`(?m)^--- FAIL: ([^ /\n]+)`)
	// failedKind is how TestWire tells what differed.
	failedKind = regexp.MustCompile(`(?m)^ *wire_test\.go:\d+: +\d+ failures: (.*)$`)
)

// named returns the names of the tests.
func (w wire) named() []string {
	if w.tests == "" {
		return []string{onTheWire}
	}
	return strings.Split(w.tests, "|")
}

// String implements instrument.
func (wire) String() string { return "wire" }

// build implements instrument. Nobody debugs the binary.
func (wire) build(root, dir string, flags []string) (binary string, out []byte, err error) {
	binary = filepath.Join(dir, "unstale.test")
	args := append([]string{"test", "-c", "-ldflags=-s -w", "-o", binary}, flags...)
	out, err = goBuild(root, append(args, ".")...)
	return binary, out, err
}

// search implements instrument. To be sure that there is nothing, every test is
// run that has to find a mistake.
func (w wire) search(root, binary string, limit time.Duration, sound bool) (found string, err error) {
	names := w.named()
	if sound {
		for _, l := range lapses() {
			names = append(names, wire{l.tests}.named()...)
		}
		limit *= 10
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := command(ctx, root, binary, "-test.v", "-test.failfast", "-test.run=^("+strings.Join(names, "|")+")$",
		"-wire.seed=1", fmt.Sprintf("-wire.exchanges=%d", soundExchanges), "-wire.minimise=0")
	if err == nil {
		return "", ran(out, names)
	}
	kind, test := failedKind.FindSubmatch(out), failedTest.FindSubmatch(out)
	switch {
	case kind != nil:
		what, _, _ := strings.Cut(string(kind[1]), ":")
		return onTheWire + ": " + what, nil
	case test != nil:
		return string(test[1]), nil
	case ctx.Err() != nil:
		err = errors.New("did not end in time")
	}
	return "", fmt.Errorf("%w\n%s", err, out)
}

// ran returns an error unless the tests with these names ran.
func ran(out []byte, names []string) error {
	for _, name := range names {
		if !bytes.Contains(out, []byte("=== RUN   "+name+"\n")) {
			return fmt.Errorf("there is no %s", name)
		}
	}
	return nil
}
