//go:build unix

package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestQuick builds the command with failpoints and lets everything go wrong for
// a moment.
func TestQuick(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "proof")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoints", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "-quick").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte(" reads came from the cache; 0 wrong answers")) {
		t.Error("no result")
	}
	for _, s := range scenarios() {
		if !bytes.Contains(out, []byte(s.name)) {
			t.Errorf("%q was not run", s.name)
		}
	}
}

// TestShares lets the scenarios make up the whole.
func TestShares(t *testing.T) {
	sum := int64(0)
	for _, s := range scenarios() {
		sum += s.share
		if s.wrong != (s.share == 0) || (s.fault != nil) != (s.least > 0) {
			t.Errorf("%q: share %d, at least %d faults", s.name, s.share, s.least)
		}
	}
	if sum != 100 {
		t.Errorf("%d%%", sum)
	}
}

// TestNeedsFailpoints proves nothing with a binary that has none.
func TestNeedsFailpoints(t *testing.T) {
	var out, errs bytes.Buffer
	if err := run(t.Context(), []string{"-quick"}, &out, &errs); err == nil || !strings.Contains(err.Error(), "failpoints") {
		t.Errorf("%v\n%s%s", err, out.String(), errs.String())
	}
}
