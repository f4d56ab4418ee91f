package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFresh demands that every mistake can still be planted: what it replaces
// stands there once, and what comes of it is Go, and something else.
func TestFresh(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	names := make(map[string]bool)
	for _, m := range mutants() {
		name := m.String()
		if names[name] {
			t.Errorf("%s: twice", name)
		}
		names[name] = true
		if sound := strings.HasSuffix(name, "/no mistake"); sound != (len(m.edits) == 0) {
			t.Errorf("%s: %d edits", name, len(m.edits))
		}
		for _, e := range m.edits {
			if e.old == e.new {
				t.Errorf("%s: %q is replaced by itself", name, e.old)
			}
		}
		texts, err := m.mutated(root)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for file, text := range texts {
			if filepath.Ext(file) != ".go" {
				continue
			}
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestRare demands that there is a mistake for each case that is kept for one.
func TestRare(t *testing.T) {
	t.Parallel()
	for name := range rare {
		if !slices.ContainsFunc(analysis, func(m mistake) bool { return m.name == name }) {
			t.Errorf("no mistake is called %q", name)
		}
	}
}

// TestScenarios demands that the proof has one scenario for each mistake, and a
// word for what is found.
func TestScenarios(t *testing.T) {
	t.Parallel()
	names := quoted(t, "cmd/proof/scenario.go", `name: "([^"]*)"`)
	kinds := quoted(t, "cmd/internal/checker/kind.go", `"([^"]*)"`)
	for _, s := range engine {
		fits := 0
		for _, name := range names {
			if strings.Contains(name, s.scenario) {
				fits++
			}
		}
		if fits != 1 {
			t.Errorf("%s: %d scenarios are called %q", s.name, fits, s.scenario)
		}
		for kind := range strings.SplitSeq(s.kinds, "|") {
			if !slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(k, kind) }) {
				t.Errorf("%s: no wrong answer is called %q", s.name, kind)
			}
		}
	}
}

// TestNamed demands that the root package has the tests that find mistakes.
func TestNamed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []string
	for _, file := range files {
		tests = append(tests, quoted(t, filepath.Base(file), `(?m)^func (\w+)\(`)...)
	}
	for _, l := range lapses() {
		for _, name := range (wire{l.tests}).named() {
			if !slices.Contains(tests, name) {
				t.Errorf("%s: there is no %s", l.name, name)
			}
		}
	}
}

// quoted returns what a pattern's group finds in a file.
func quoted(t *testing.T, file, pattern string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
		list = append(list, string(m[1]))
	}
	return list
}
