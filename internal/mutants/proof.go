package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"
)

// proof is the proof in cmd/, as far as one scenario goes.
type proof struct{ scenario, kinds string }

// soundHits are the reads from the cache, over all scenarios, after which there
// is no mistake.
const soundHits = "50000"

// firstWrong is how the proof tells the first wrong answer.
var firstWrong = regexp.MustCompile(`[1-9][0-9]* wrong answers\nThe first wrong answer: (.*)\. Key`)

// String implements instrument.
func (proof) String() string { return "proof" }

// build implements instrument.
func (proof) build(root, dir string, flags []string) (binary string, out []byte, err error) {
	binary = filepath.Join(dir, "proof")
	args := append([]string{"build", "-tags", "failpoints", "-o", binary}, flags...)
	out, err = goBuild(filepath.Join(root, "cmd"), append(args, "./proof")...)
	return binary, out, err
}

// search implements instrument. To be sure that there is nothing, all scenarios
// are run to their ends, which takes longer than limit.
func (p proof) search(root, binary string, limit time.Duration, sound bool) (found string, err error) {
	hits := "1000000000"
	if sound {
		hits, limit = soundHits, 10*limit
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := command(ctx, root, binary, "-first", "-hits="+hits, "-seed=1", "-only="+p.scenario)
	if m := firstWrong.FindSubmatch(out); m != nil {
		return p.expected(string(m[1]))
	}
	switch {
	case sound && err == nil && bytes.Contains(out, []byte("; 0 wrong answers\n")):
		return "", nil
	case ctx.Err() != nil && !sound:
		return "", nil
	case err == nil:
		err = errors.New("ended without a result")
	}
	return "", fmt.Errorf("%w\n%s", err, out)
}

// expected returns what was found, if it is what the mistake brings about.
func (p proof) expected(kind string) (string, error) {
	ok, err := regexp.MatchString("^(?:"+p.kinds+")", kind)
	if err == nil && !ok {
		err = fmt.Errorf("found %q instead of %q", kind, p.kinds)
	}
	return kind, err
}
