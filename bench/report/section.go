// Package report is what a measurement leaves: tables, sentences and plots, made
// of series of figures.
package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// A Section is one part of the report.
type Section struct {
	Name   string // as in -only, and in the markers of the document
	Title  string
	Tables []Table
	Notes  []string          // a sentence each, below the tables
	Plots  map[string]string // SVG by file name
	Last   string            // a line for programs, which ends what is printed; may be empty
}

// A Table has a head and rows of the same length.
type Table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// Add adds a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Target says whether a median keeps to a bound. It is a statement, not a test.
func Target(what string, s Series, bound float64, atLeast bool) string {
	word, met := "at most", s.Median() <= bound
	if atLeast {
		word, met = "at least", s.Median() >= bound
	}
	verdict := "not met"
	if met {
		verdict = "met"
	}
	return fmt.Sprintf("%s: %s, target %s %s: %s", what, s, word, Digits(bound), verdict)
}

// Print writes the section for people at a terminal.
func (s *Section) Print(w io.Writer) {
	fmt.Fprintf(w, "\n== %s\n", s.Title)
	for _, t := range s.Tables {
		fmt.Fprintf(w, "\n%s\n", t.Title)
		tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
		fmt.Fprintln(tw, strings.Join(t.Head, "\t"))
		for _, r := range t.Rows {
			fmt.Fprintln(tw, strings.Join(r, "\t"))
		}
		tw.Flush() //nolint:errcheck // a terminal that has gone away
	}
	for _, n := range s.Notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}

// Markdown returns the section's tables and notes.
func (s *Section) Markdown() string {
	var b strings.Builder
	for _, t := range s.Tables {
		fmt.Fprintf(&b, "\n%s:\n\n| %s |\n|%s\n", t.Title, strings.Join(t.Head, " | "), strings.Repeat(" --- |", len(t.Head)))
		for _, r := range t.Rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
		}
	}
	if len(s.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range s.Notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}

// Write puts the plots into dir and the tables into dir/measurements.md, each
// between the markers with the section's name. What people wrote around the
// markers stays.
func (s *Section) Write(dir string) error {
	for name, svg := range s.Plots {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "measurements.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	replaced, err := replaceBetween(string(text), s.Name, s.Markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(replaced), 0o644)
}

// replaceBetween replaces what stands between the markers of a name.
func replaceBetween(text, name, with string) (string, error) {
	begin, end := "<!-- bench "+name+" -->\n", "<!-- end "+name+" -->"
	head, rest, found := strings.Cut(text, begin)
	if !found {
		return "", fmt.Errorf("no line %q", strings.TrimSpace(begin))
	}
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("no line %q", end)
	}
	return head + begin + with + "\n" + end + tail, nil
}
