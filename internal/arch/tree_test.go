package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of the library's module. Those of the other modules in
// this tree are below it, so a directory's import path is module + directory.
const module = "github.com/unstale/unstale"

// pkg is a directory with Go files.
type pkg struct {
	path        string   // import path
	doc         string   // package comment
	imports     []string // what its files import, tests aside
	testImports []string // what its tests import
	onlyTests   bool
}

// rel is the path below the module, "" for the root package.
func (p pkg) rel() string { return strings.TrimPrefix(strings.TrimPrefix(p.path, module), "/") }

// in reports whether p is the directory or below it.
func (p pkg) in(dir string) bool { return within(p.rel(), dir) }

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// isStd reports whether an import path is of the standard library: the first
// element of all others is a domain, with a dot in it.
func isStd(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}

// readTree parses the sources rather than asking `go list`, for two reasons:
// files for other systems are seen as well, and the go command knows which
// files this test has read, so it does not take an old result for a new tree.
func readTree(t *testing.T) []pkg {
	t.Helper()
	root := filepath.Join("..", "..")
	byDir := make(map[string]*pkg)
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(d.Name(), ".go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		p := byDir[dir]
		if p == nil {
			p = &pkg{path: path.Join(module, filepath.ToSlash(dir)), onlyTests: true}
			byDir[dir] = p
		}
		p.add(file, strings.HasSuffix(d.Name(), "_test.go"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []pkg
	for _, p := range byDir {
		pkgs = append(pkgs, *p)
	}
	slices.SortFunc(pkgs, func(a, b pkg) int { return strings.Compare(a.path, b.path) })
	if len(pkgs) < 2 || pkgs[0].path != module {
		t.Fatalf("the library is not in %s: %v", root, pkgs)
	}
	return pkgs
}

func (p *pkg) add(file *ast.File, test bool) {
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it
		}
		if test {
			p.testImports = append(p.testImports, name)
		} else {
			p.imports = append(p.imports, name)
		}
	}
	if test {
		return
	}
	p.onlyTests = false
	if file.Doc != nil {
		p.doc = file.Doc.Text()
	}
}
