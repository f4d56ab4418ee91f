package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// A section is one part of the report.
type section struct {
	name   string // as in -only, and in the markers of the document
	title  string
	tables []table
	notes  []string          // a sentence each, below the tables
	plots  map[string]string // SVG by file name
}

// A table has a head and rows of the same length.
type table struct {
	title string
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// target says whether a median keeps to a bound. It is a statement, not a test.
func target(what string, s series, bound float64, atLeast bool) string {
	word, met := "at most", s.median() <= bound
	if atLeast {
		word, met = "at least", s.median() >= bound
	}
	verdict := "not met"
	if met {
		verdict = "met"
	}
	return fmt.Sprintf("%s: %s, target %s %s: %s", what, s, word, digits(bound), verdict)
}

// print writes the section for people at a terminal.
func (s *section) print(w io.Writer) {
	fmt.Fprintf(w, "\n== %s\n", s.title)
	for _, t := range s.tables {
		fmt.Fprintf(w, "\n%s\n", t.title)
		tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
		fmt.Fprintln(tw, strings.Join(t.head, "\t"))
		for _, r := range t.rows {
			fmt.Fprintln(tw, strings.Join(r, "\t"))
		}
		tw.Flush() //nolint:errcheck // a terminal that has gone away
	}
	for _, n := range s.notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}

// markdown returns the section's tables and notes.
func (s *section) markdown() string {
	var b strings.Builder
	for _, t := range s.tables {
		fmt.Fprintf(&b, "\n%s:\n\n| %s |\n|%s\n", t.title, strings.Join(t.head, " | "), strings.Repeat(" --- |", len(t.head)))
		for _, r := range t.rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
		}
	}
	if len(s.notes) > 0 {
		b.WriteString("\n")
	}
	for _, n := range s.notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}

// write puts the plots into dir and the tables into dir/measurements.md, each
// between the markers with the section's name. What people wrote around the
// markers stays.
func (s *section) write(dir string) error {
	for name, svg := range s.plots {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "measurements.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	replaced, err := replaceBetween(string(text), s.name, s.markdown())
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
