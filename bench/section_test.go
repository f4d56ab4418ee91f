package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		median, bound float64
		atLeast       bool
		want          string
	}{
		{0.9, 0.85, true, "at least 0.85: met"}, {0.8, 0.85, true, "at least 0.85: not met"},
		{1.4, 1.5, false, "at most 1.50: met"}, {1.6, 1.5, false, "at most 1.50: not met"},
	} {
		if got := target("it", series{tt.median}, tt.bound, tt.atLeast); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestWrite keeps what stands around the markers, and writes the same again.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "measurements.md")
	text := "before\n<!-- bench x -->\nold\n<!-- end x -->\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &section{name: "x", tables: []table{{title: "T", head: []string{"a", "b"}}}, notes: []string{"N"}, plots: map[string]string{"p.svg": "<svg/>"}}
	s.tables[0].add("1", "2")
	want := "before\n<!-- bench x -->\n\nT:\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- N\n\n<!-- end x -->\nafter\n"
	for range 2 {
		if err := s.write(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Fatalf("%q, want %q, %v", got, want, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "p.svg")); err != nil || string(got) != "<svg/>" {
		t.Errorf("%q %v", got, err)
	}
	s.name = "y"
	if err := s.write(dir); err == nil {
		t.Error("a section without markers was written")
	}
}

// TestDocument has markers for every measurement.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/measurements.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range measurements() {
		if _, err := replaceBetween(string(text), m.name, ""); err != nil {
			t.Error(err)
		}
	}
}

func TestPlotsAreXML(t *testing.T) {
	t.Parallel()
	for name, svg := range map[string]string{
		"strips": strips("A & B", "µs", []string{"<a>", "b"}, []series{{1, 2, 300}, {3, 4, 5}}, 1),
		"lines":  lines("A & B", "µs", "entries", []float64{1e3, 1e6}, []string{"<a>", "b"}, [][]series{{{1, 2}, {2, 3}}, {{100, 101}, {900, 1000}}}, 1),
		"bars":   bars("A & B", "%", []string{"<a>", "b"}, []string{"x", "y"}, []group{{0, 10}, {20, 100}}, []group{{math.NaN()}, {50}}),
	} {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Contains(svg, "%!") {
			t.Errorf("%s:\n%s", name, svg)
		}
	}
}
