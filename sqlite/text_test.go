package sqlite

import (
	"strings"
	"testing"
)

// Every pragma of a list is found, wherever in its line it stands.
func TestListedPragmas(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(harmlessPragmas) {
		if got := textOf("PRAGMA " + name + "(1)"); got.upsets != "" || got.taints != "" || got.writes {
			t.Errorf("PRAGMA %s(1): %+v", name, got)
		}
	}
	for _, name := range strings.Fields(filePragmas) {
		if got := textOf("PRAGMA " + name); got.upsets == "" || got.taints != "" {
			t.Errorf("PRAGMA %s: %+v", name, got)
		}
	}
	for _, name := range strings.Fields(readablePragmas) {
		if got := textOf("PRAGMA " + name); got.upsets != "" || got.taints != "" {
			t.Errorf("PRAGMA %s: %+v", name, got)
		}
		if got := textOf("PRAGMA " + name + " = 1"); got.upsets == "" || got.taints == "" {
			t.Errorf("PRAGMA %s = 1: %+v", name, got)
		}
	}
	for _, name := range []string{"check", "unheard_of", "quick"} {
		if got := textOf("PRAGMA " + name); got.upsets == "" || got.taints == "" {
			t.Errorf("PRAGMA %s: %+v", name, got)
		}
	}
}
