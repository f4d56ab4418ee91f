package arch_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// engineFiles are the root's files that judge and remember. They know nothing of
// HTTP: the files of handlers use them, never the other way round, and above both
// stands what users call.
var engineFiles = strings.Fields(`adapter asker breaker callsite change context digest engine entry escape fill flight history holdings invalidate load lookup
	memory numbered once options pattern remedy seal sharedentry sharedstore sharing source stats store sweeper takeover target unmarked unstored watch watcher worth`)

// doorFiles are the root's files with what users call and no more.
var doorFiles = strings.Fields(`cache doc`)

// TestOneWayThroughTheRoot: a file of the root refers to what files of its own room
// or of a lower one define. The rooms, from above: the doors, HTTP, the engine.
func TestOneWayThroughTheRoot(t *testing.T) {
	const (
		engine = iota
		http
		doors
	)
	room := func(file string) int {
		switch name := strings.TrimSuffix(file, ".go"); {
		case slices.Contains(engineFiles, name):
			return engine
		case slices.Contains(doorFiles, name):
			return doors
		}
		return http
	}
	fset := token.NewFileSet()
	var files []*ast.File
	names, err := filepath.Glob(filepath.Join("..", "..", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	rooms := make(map[int]int)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		rooms[room(filepath.Base(name))]++
	}
	if rooms[engine] != len(engineFiles) || rooms[doors] != len(doorFiles) {
		t.Errorf("files in the rooms: %v; the table names %d of the engine and %d doors", rooms, len(engineFiles), len(doorFiles))
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	conf := types.Config{
		Importer: empty{},
		Error:    func(error) {}, // of what other packages declare
	}
	pkg, _ := conf.Check(module, fset, files, info)
	uses := 0
	wrong := make(map[string]bool)
	for id, object := range info.Uses {
		if object.Pkg() != pkg {
			continue
		}
		uses++
		at := fset.Position(id.Pos())
		from, to := filepath.Base(at.Filename), filepath.Base(fset.Position(object.Pos()).Filename)
		if room(from) < room(to) {
			wrong[fmt.Sprintf("%s:%d uses %s of %s", from, at.Line, object.Name(), to)] = true
		}
	}
	for w := range wrong {
		t.Error(w)
	}
	if uses < 5000 {
		t.Errorf("only %d uses were found", uses)
	}
}

// empty takes every package for an empty one: what matters is what the root
// declares itself.
type empty struct{}

func (empty) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}
