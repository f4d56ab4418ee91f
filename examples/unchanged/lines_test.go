package unchanged

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestFiveLines: of what starts an application at most five lines differ with the cache.
func TestFiveLines(t *testing.T) {
	for file, names := range map[string][2]string{
		"articles_test.go":  {"startArticles", "startArticlesCached"},
		"bookmarks_test.go": {"startBookmarks", "startBookmarksCached"},
	} {
		plain, cached := body(t, file, names[0]), body(t, file, names[1])
		removed, added := difference(plain, cached)
		t.Logf("%s:\n-%s\n+%s", file, strings.Join(removed, "\n-"), strings.Join(added, "\n+"))
		if len(removed) > 5 || len(added) > 5 || len(added) == 0 {
			t.Errorf("%s: %d lines are gone and %d are new", file, len(removed), len(added))
		}
	}
}

// body returns the lines between a function's braces.
func body(t *testing.T, file, name string) []string {
	source := must(os.ReadFile(file))
	set := token.NewFileSet()
	for _, d := range must(parser.ParseFile(set, file, source, 0)).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			text := string(source[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset])
			return strings.Split(strings.TrimSpace(text), "\n")
		}
	}
	t.Fatalf("%s has no %s", file, name)
	return nil
}

// difference returns the lines of a that b has not in this order, and those of b.
func difference(a, b []string) (removed, added []string) {
	switch {
	case len(a) == 0:
		return nil, b
	case len(b) == 0:
		return a, nil
	case strings.TrimSpace(a[0]) == strings.TrimSpace(b[0]):
		return difference(a[1:], b[1:])
	}
	r1, a1 := difference(a[1:], b)
	r2, a2 := difference(a, b[1:])
	if len(r1)+len(a1) < len(r2)+len(a2) {
		return append([]string{a[0]}, r1...), a1
	}
	return r2, append([]string{b[0]}, a2...)
}
