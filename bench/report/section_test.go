package report

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
		if got := Target("it", Series{tt.median}, tt.bound, tt.atLeast); !strings.HasSuffix(got, tt.want) {
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
	s := &Section{Name: "x", Tables: []Table{{Title: "T", Head: []string{"a", "b"}}}, Notes: []string{"N"}, Plots: map[string]string{"p.svg": "<svg/>"}}
	s.Tables[0].Add("1", "2")
	want := "before\n<!-- bench x -->\n\nT:\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- N\n\n<!-- end x -->\nafter\n"
	for range 2 {
		if err := s.Write(dir); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Fatalf("%q, want %q, %v", got, want, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "p.svg")); err != nil || string(got) != "<svg/>" {
		t.Errorf("%q %v", got, err)
	}
	s.Name = "y"
	if err := s.Write(dir); err == nil {
		t.Error("a section without markers was written")
	}
}

func TestPlotsAreXML(t *testing.T) {
	t.Parallel()
	for name, svg := range map[string]string{
		"strips": Strips("A & B", "µs", []string{"<a>", "b"}, []Series{{1, 2, 300}, {3, 4, 5}}, 1),
		"lines":  Lines("A & B", "µs", "entries", []float64{1e3, 1e6}, []string{"<a>", "b"}, [][]Series{{{1, 2}, {2, 3}}, {{100, 101}, {900, 1000}}}, 1),
		"bars":   Bars("A & B", "%", []string{"<a>", "b"}, []string{"x", "y"}, []Group{{0, 10}, {20, 100}}, []Group{{math.NaN()}, {50}}),
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
