package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A mutant is a mistake and who has to find it. Without edits it is no mistake,
// and nothing may be found.
type mutant struct {
	name  string
	by    instrument
	edits []edit
}

// An edit replaces a piece of source text.
type edit struct {
	file string // below the root of the module
	old  string // what stands there, exactly once
	new  string // what shall stand there
}

// A mistake is a mutant of one edit that the differential test has to find.
type mistake struct{ name, file, old, new string }

// A slip is a mutant that the proof has to find.
type slip struct {
	name     string
	scenario string // a part of the name of the one in which it is found
	kinds    string // a regular expression of what the wrong answers may be called
	edits    []edit
}

// A lapse is a mutant that tests of the root package have to find.
type lapse struct {
	name  string
	tests string // their names, with bars between them; "" is TestWire
	edits []edit
}

// An excess is a mutant that tests of a package have to find, not of the root.
type excess struct {
	name  string
	dir   string // of the package
	tests string // their names, with bars between them
	edits []edit
}

// mutants lists them all. Each instrument's first is no mistake.
func mutants() (list []mutant) {
	list = append(list, mutant{"no mistake", differential{}, nil})
	for _, m := range analysis {
		list = append(list, mutant{m.name, differential{rare[m.name]}, []edit{{m.file, m.old, m.new}}})
	}
	list = append(list, mutant{"no mistake", proof{}, nil})
	for _, s := range engine {
		list = append(list, mutant{s.name, proof{s.scenario, s.kinds}, s.edits})
	}
	list = append(list, mutant{"no mistake", wire{}, nil})
	for _, l := range lapses() {
		list = append(list, mutant{l.name, wire{l.tests}, l.edits})
	}
	all := excesses()
	for i, e := range all {
		if i == 0 || e.dir != all[i-1].dir {
			list = append(list, mutant{"no mistake", unit{dir: e.dir}, nil})
		}
		list = append(list, mutant{e.name, unit{e.dir, e.tests}, e.edits})
	}
	return list
}

// lapses lists those that tests of the root package have to find.
func lapses() []lapse { return slices.Concat(requests, watched, sealed) }

// excesses lists those that tests of one package have to find, package by package.
func excesses() []excess {
	return slices.Concat(bounds, waits, nodes, strict, hardened, shown, keeping)
}

// String returns the mutant's name after its instrument's.
func (m mutant) String() string { return m.by.String() + "/" + m.name }

// An instrument is a test that has to find mistakes.
type instrument interface {
	// String returns its name.
	String() string

	// build builds the test as a binary in dir, with further flags for the go
	// command, and returns its path and what the compiler said if it failed.
	build(root, dir string, flags []string) (binary string, out []byte, err error)

	// search runs the binary until it finds something or for as long as limit,
	// whatever it takes to be sure that there is nothing if sound. It says what
	// it found, "" for nothing.
	search(root, binary string, limit time.Duration, sound bool) (found string, err error)
}

// judge plants a mistake and says what the test made of it, and in what time.
func (m mutant) judge(root string, limit time.Duration) (verdict string, took time.Duration, ok bool) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err.Error(), 0, false
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var flags []string
	if len(m.edits) > 0 {
		overlay, err := m.overlay(root, dir)
		if err != nil {
			return err.Error(), 0, false
		}
		flags = []string{"-overlay", overlay}
	}
	binary, out, err := m.by.build(root, dir, flags)
	if err != nil {
		return fmt.Sprintf("does not compile: %v\n%s", err, out), 0, false
	}
	start := time.Now()
	found, err := m.by.search(root, binary, limit, len(m.edits) == 0)
	took = time.Since(start)
	switch {
	case err != nil:
		return "failed: " + err.Error(), took, false
	case found == "" && len(m.edits) == 0:
		return "nothing found", took, true
	case found == "":
		return "SURVIVED", took, false
	case len(m.edits) == 0:
		return "found what is not there: " + found, took, false
	}
	return "found: " + found, took, true
}

// mutated returns the texts of the files that the edits change.
func (m mutant) mutated(root string) (map[string]string, error) {
	texts := make(map[string]string)
	for _, e := range m.edits {
		text, known := texts[e.file]
		if !known {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("rotten: %q stands %d times in %s", e.old, n, e.file)
		}
		texts[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return texts, nil
}

// overlay writes what makes the go command read the files with the mistake.
func (m mutant) overlay(root, dir string) (string, error) {
	texts, err := m.mutated(root)
	if err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for file, text := range texts {
		path := filepath.Join(root, filepath.FromSlash(file))
		replaced := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(replaced, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = replaced
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// goBuild runs the go command in a module, which is built with its own go.mod.
func goBuild(dir string, args ...string) ([]byte, error) {
	return command(context.Background(), dir, "go", args...)
}
