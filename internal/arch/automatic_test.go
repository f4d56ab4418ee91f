package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cacheWords are what a service says when it manages its cache by hand: names of
// entries, and invalidation.
var cacheWords = []string{
	"Tag", "Key", "Pattern", "DependOn", "NoStore", "ExpireAt", "ExpireAfter", "Load", "Escape", "Invalidate", "InvalidateAsync", "Follow",
}

// mayManageTheCache are the notebook's files that say any of them: who asks is
// found through Load, with a ban that ends by the clock, and so is whether
// somebody's messages have changed, administration invalidates what an operator
// names, and what no database holds is declared and followed: a file that people
// edit. Pages of knowledge bases are results of Load, and what shows today ends
// with the day. No other operation and no other handler does.
var mayManageTheCache = []string{
	"api/cache.go", "service/accounts.go", "service/lists.go", "service/messages.go", "service/outside.go", "service/own.go", "service/service.go",
}

// TestNotebookIsAutomatic holds the promise that services contain no
// invalidation code: a file that imports the library may not use these words.
func TestNotebookIsAutomatic(t *testing.T) {
	root := filepath.Join("..", "..", "notebook")
	saying := make(map[string]bool)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(cacheWords, s.Sel.Name) {
				return true
			}
			x, isName := s.X.(*ast.Ident)
			if isName && x.Name == "unstale" || strings.HasPrefix(s.Sel.Name, "Invalidate") {
				saying[rel] = true
				if !slices.Contains(mayManageTheCache, rel) {
					t.Errorf("notebook/%s manages the cache: %s", rel, s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range mayManageTheCache {
		if !saying[name] {
			t.Errorf("notebook/%s does not manage the cache: take it off the list", name)
		}
	}
}
