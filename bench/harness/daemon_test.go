package harness

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestDaemon starts a program that says nothing, and one that is not there.
func TestDaemon(t *testing.T) {
	t.Parallel()
	var dir string
	_, err := StartDaemon(t.Context(), "false", func(d, _ string) ([]string, error) { dir = d; return nil, nil })
	if err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory: %v", err)
	}
	if _, err := StartDaemon(t.Context(), "no-such-program", func(string, string) ([]string, error) { return nil, nil }); err == nil {
		t.Error("a program that is not there has started")
	}
}
