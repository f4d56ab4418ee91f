package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snippets finds Go code in a page of documentation, and in a package comment.
var snippets = map[string]*regexp.Regexp{
	".md": regexp.MustCompile("(?s)```go *\n(.*?)```"),
	".go": regexp.MustCompile(`(?m)((?:^//\t.*\n)+)`),
}

// TestSnippetsAreExamples: each line of Go in the README, in docs and in the package
// comments stands, but for its spaces and comments, in an example that compiles.
func TestSnippetsAreExamples(t *testing.T) {
	root := filepath.Join("..", "..")
	known := make(map[string]bool)
	for _, pattern := range []string{"example_test.go", "*/example_test.go", "examples/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			for line := range strings.Lines(read(t, name)) {
				known[bare(line)] = true
			}
		}
	}
	pages := []string{"README.md", "doc.go", "sqlite/doc.go", "metrics/collector.go", "unstaletest/unstaletest.go"}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range docs {
		pages = append(pages, filepath.Join("docs", filepath.Base(name)))
	}
	found := 0
	for _, name := range pages {
		for _, snippet := range snippets[filepath.Ext(name)].FindAllStringSubmatch(read(t, filepath.Join(root, name)), -1) {
			for line := range strings.Lines(snippet[1]) {
				if line = bare(line); line == "" {
					continue
				}
				found++
				if !known[line] {
					t.Errorf("%s: no example has the line %q", name, line)
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d lines of Go were found", found)
	}
}

var comment = regexp.MustCompile(`\s//\s.*$`)

// bare returns a line without the spaces around it, and without its comment.
func bare(line string) string {
	line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "//\t"))
	return strings.TrimSpace(comment.ReplaceAllString(line, ""))
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
