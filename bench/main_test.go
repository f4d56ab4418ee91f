package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
)

// TestDocument has a place for every measurement.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/measurements.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "measurements.md"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, m := range measurements {
		if err := (&report.Section{Name: m.name}).Write(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestNoSuchMeasurement(t *testing.T) {
	t.Parallel()
	if err := run(context.Background(), new(harness.Settings), "hit,hot", ""); err == nil || !strings.Contains(err.Error(), `"hot"`) {
		t.Error(err)
	}
}
