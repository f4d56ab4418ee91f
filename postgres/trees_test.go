package postgres

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

var writeTrees = flag.Bool("trees.write", false, "TestTrees writes what the server prints, of its version, to testdata/trees")

// A grove is what a server of one version prints of the statements of applications, with
// what its catalogue says of what stands in them.
type grove struct {
	Version    string
	Tables     []groveTable
	Functions  map[uint32]groveFunction
	Statements []groveStatement
}

type groveTable struct {
	OID             uint32
	Kind, Name, Why string
	Columns         []groveColumn
	Keys            [][]int
}

type groveColumn struct {
	Name    string
	Number  int16
	Type    uint32
	NotNull bool
}

type groveFunction struct {
	Name, Volatility, Language string
	System                     bool
}

type groveStatement struct {
	Text  string
	Trees []string
}

// catalogue returns the part of a catalogue that is kept.
func (g *grove) catalogue() *catalogue {
	c := &catalogue{tables: make(map[uint32]*relation), quoted: make(map[*shape.Table]string)}
	for _, t := range g.Tables {
		r := &relation{Table: &shape.Table{Name: t.Name}, oid: t.OID, kind: t.Kind, why: t.Why, lasting: "p", describes: true}
		for i, col := range t.Columns {
			column := shape.Column{Name: col.Name, NotNull: col.NotNull, Type: typeOf(col.Type, false)}
			if column.Type != nil {
				r.images = append(r.images, i)
			}
			r.Columns = append(r.Columns, column)
			r.columns = append(r.columns, relationColumn{number: col.Number, typ: col.Type})
		}
		for _, k := range t.Keys {
			r.Keys = append(r.Keys, shape.Key{Columns: k})
		}
		c.tables[t.OID], c.quoted[r.Table] = r, t.Name
	}
	return c
}

// says is what becomes of a statement.
func (g *grove) says(t *testing.T, c *catalogue, s groveStatement) string {
	t.Helper()
	var trees []*nodetree.Node
	for _, text := range s.Trees {
		v, err := nodetree.Parse(text)
		if err != nil {
			t.Errorf("%s: %s: %v", g.Version, s.Text, err)
			return ""
		}
		list, ok := v.(nodetree.List)
		if !ok {
			list = nodetree.List{Items: []any{v}}
		}
		for _, item := range list.Items {
			if n, ok := item.(*nodetree.Node); ok {
				trees = append(trees, n)
			}
		}
	}
	r := readingOf(c, trees)
	if r.clocked && now.MatchString(s.Text) {
		r.refuse(refusedVolatile)
	}
	functions := make(map[uint32]function)
	for oid := range r.functions {
		if f, ok := g.Functions[oid]; ok {
			functions[oid] = function{name: f.Name, system: f.System, volatility: f.Volatility, language: f.Language}
		}
	}
	r.judge(functions)
	if r.writes {
		return "a write"
	}
	return r.analyze(trees).String()
}

// TestTrees: of statements the same follows on every version of the server, of which
// testdata keeps what it prints.
func TestTrees(t *testing.T) {
	t.Parallel()
	if *writeTrees {
		plantGrove(t)
	}
	paths, err := filepath.Glob("testdata/trees/*.json.gz")
	if err != nil || len(paths) < 5 {
		t.Fatalf("trees of %d versions, %v", len(paths), err)
	}
	said := make(map[string]map[string]string) // by text and version
	for _, path := range paths {
		g := readGrove(t, path)
		c := g.catalogue()
		for _, s := range g.Statements {
			if said[s.Text] == nil {
				said[s.Text] = make(map[string]string)
			}
			said[s.Text][g.Version] = g.says(t, c, s)
		}
	}
	refused := 0
	for text, by := range said {
		if len(by) != len(paths) {
			t.Errorf("%s: trees of %d versions", text, len(by))
		}
		for version, is := range by {
			if is != by["15"] {
				t.Errorf("%s\n%s: %s\n15: %s", text, version, is, by["15"])
			}
			if strings.Contains(is, refusedTree) || strings.Contains(is, refusedUnknown) {
				refused++
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d trees are not understood", refused)
	}
}

func readGrove(t *testing.T, path string) *grove {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	g := new(grove)
	if err := json.NewDecoder(z).Decode(g); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return g
}

// plantGrove writes what the server prints that testenv finds.
func plantGrove(t *testing.T) {
	t.Helper()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", blogSchema)
	db := analysing(t, server)
	c, err := db.schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g := &grove{Functions: make(map[uint32]groveFunction)}
	g.Version, _, _ = strings.Cut(server.Psql("postgres", `SHOW server_version`), ".")
	for _, r := range c.tables {
		if r.why == notSystem {
			continue
		}
		table := groveTable{OID: r.oid, Kind: r.kind, Name: r.Name, Why: r.why}
		for i, col := range r.Columns {
			table.Columns = append(table.Columns, groveColumn{col.Name, r.columns[i].number, r.columns[i].typ, col.NotNull})
		}
		for _, k := range r.Keys {
			table.Keys = append(table.Keys, k.Columns)
		}
		g.Tables = append(g.Tables, table)
	}
	slices.SortFunc(g.Tables, func(a, b groveTable) int { return int(a.OID) - int(b.OID) })
	for _, s := range statementsOfApplications {
		kept := groveStatement{Text: s.text}
		if err := db.analysis.with(t.Context(), func(conn *pgx.Conn) error {
			db.analysis.printed = nil
			if _, err := conn.PgConn().Prepare(t.Context(), "", s.text, nil); err != nil {
				return err
			}
			kept.Trees = slices.Clone(db.analysis.printed)
			return nil
		}); err != nil {
			t.Fatalf("%s: %v", s.text, err)
		}
		g.Statements = append(g.Statements, kept)
		var trees []*nodetree.Node
		for _, text := range kept.Trees {
			if v, err := nodetree.Parse(text); err == nil {
				if list, ok := v.(nodetree.List); ok {
					for _, item := range list.Items {
						if n, ok := item.(*nodetree.Node); ok {
							trees = append(trees, n)
						}
					}
				}
			}
		}
		known, err := db.analysis.called(t.Context(), readingOf(c, trees).functions)
		if err != nil {
			t.Fatal(err)
		}
		for oid, f := range known {
			g.Functions[oid] = groveFunction{f.name, f.volatility, f.language, f.system}
		}
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(g); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata/trees", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fmt.Sprintf("testdata/trees/%s.json.gz", g.Version), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
