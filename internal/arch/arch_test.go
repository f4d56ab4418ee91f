package arch_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// Import paths of the table below. A "/..." at the end means whatever is below
// as well.
const (
	otter      = "github.com/maypok86/otter/v2/..."
	meyer      = "github.com/sqlc-dev/meyer/..."
	modernc    = "modernc.org/sqlite/..."
	libc       = "modernc.org/libc" // the driver's C library, on which its own lib is called
	prometheus = "github.com/prometheus/client_golang/..."
	otelAPI    = "go.opentelemetry.io/otel/..."
	pgx        = "github.com/jackc/pgx/v5/..."
	valkey     = "github.com/valkey-io/valkey-go"
	zstd       = "github.com/klauspost/compress/zstd"

	root     = module
	adapter  = module + "/internal/adapter"
	clock    = module + "/internal/clock"
	fail     = module + "/internal/failpoint"
	ledger   = module + "/internal/ledger"
	rfc9111  = module + "/internal/rfc9111"
	jwt      = module + "/internal/jwt"
	gorout   = module + "/internal/goroutine"
	shape    = module + "/internal/shape"
	sqldep   = module + "/internal/sqldep"
	sqltrack = module + "/internal/sqltrack"
	console  = module + "/console"
	sqlite   = module + "/sqlite"
	dialect  = sqlite + "/internal/dialect"
	postgres = module + "/postgres"
	testenv  = module + "/internal/testenv"
	nodetree = postgres + "/internal/nodetree"
	internal = module + "/internal/..."

	notebook = module + "/notebook"
	avatar   = notebook + "/avatar"
	files    = notebook + "/files"
	live     = notebook + "/live"
	moderate = notebook + "/moderation"
	server   = notebook + "/server"
	service  = notebook + "/service"
	store    = notebook + "/store"
	web      = notebook + "/web"
)

// mayImport says what each package of the library may import beside the
// standard library; tests are free. A package that is not in the table does not
// belong to the library yet: give it a line here first.
var mayImport = map[string][]string{
	"":                     {adapter, clock, fail, gorout, jwt, ledger, rfc9111, otter, zstd},
	"internal/adapter":     {},
	"internal/adaptertest": {root},
	"internal/ledger":      {},
	"internal/mutants":     {},
	"internal/rfc9111":     {},
	"internal/jwt":         {},
	"internal/goroutine":   {},
	"internal/shape":       {},
	"internal/sqldep":      {shape},
	"internal/sqlgen":      {},
	"internal/sqltrack":    {adapter, shape},
	"internal/arch":        {},
	"storetest":            {root},
	"sqlite":               {root, adapter, clock, fail, shape, sqldep, sqltrack, dialect, modernc, libc},
	"metrics":              {root, prometheus},
	"console":              {root},
	"otel":                 {otelAPI},
	"postgres":             {root, adapter, shape, sqldep, sqltrack, nodetree, pgx},
	"redisstore":           {valkey},
	"unstaletest":          {root},

	"internal/clock":     {},
	"internal/failpoint": {},
	"internal/testenv":   {},

	"sqlite/internal/dialect":    {shape, sqldep, meyer},
	"postgres/internal/nodetree": {},
}

// otherModules are the trees in this repository that are not the library.
var otherModules = []string{"bench", "cmd", "examples", "notebook", "tools"}

func inOtherModule(p pkg) bool { return slices.ContainsFunc(otherModules, p.in) }

func allowed(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
			return within(name, dir)
		}
		return name == pattern
	})
}

// Only dialects know a SQL parser: whatever else there is about SQL is the same for
// all databases.
func TestOnlyDialectsImportParsers(t *testing.T) {
	for dir, patterns := range mayImport {
		if slices.Contains(patterns, meyer) && path.Base(dir) != "dialect" {
			t.Errorf("%s may import a parser", dir)
		}
	}
}

func TestLibraryImports(t *testing.T) {
	for _, p := range readTree(t) {
		if inOtherModule(p) {
			continue
		}
		patterns, known := mayImport[p.rel()]
		if !known {
			t.Errorf("%s is not in the table of this test: say there what it may import", p.path)
			continue
		}
		for _, name := range p.imports {
			if !isStd(name) && !allowed(name, patterns) {
				t.Errorf("%s imports %s, which is not its business", p.path, name)
			}
		}
	}
}

// The go command allows the other modules to import the library's internal
// packages, since their paths begin alike. A user's code could not. Their tests may
// start servers.
func TestUsersImportNothingInternal(t *testing.T) {
	for _, p := range readTree(t) {
		if !p.in("notebook") && !p.in("examples") && !p.in("bench") {
			continue
		}
		for _, name := range slices.Concat(p.imports, p.testImports) {
			if allowed(name, []string{internal}) && (name != testenv || slices.Contains(p.imports, name)) {
				t.Errorf("%s imports %s, which is internal to the library", p.path, name)
			}
		}
	}
}

// notebookMayImport says which packages of this repository the notebook's may
// import; what they import from elsewhere is their own affair. The domain, at
// the module's root, is what the others are about, and so knows none of them.
// Only main, which connects them, knows all.
var notebookMayImport = map[string][]string{
	"notebook":            {},
	"notebook/moderation": {},
	"notebook/avatar":     {notebook},
	"notebook/files":      {notebook},
	"notebook/live":       {},
	"notebook/store":      {notebook, files, root, sqlite, postgres},
	"notebook/mail":       {notebook},
	"notebook/web":        {notebook},
	"notebook/service":    {notebook, avatar, files, live, moderate, store, root},
	"notebook/server":     {notebook, live, service, root},
	"notebook/api":        {notebook, avatar, live, server, service, web, root},
	"notebook/site":       {notebook, server, service, web, root, console},
}

func TestNotebookImports(t *testing.T) {
	for _, p := range readTree(t) {
		patterns, known := notebookMayImport[p.rel()]
		if !known {
			continue
		}
		for _, name := range p.imports {
			if within(name, module) && !allowed(name, patterns) {
				t.Errorf("%s imports %s, which is not its business", p.path, name)
			}
		}
	}
}

func TestPackageNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "types", "helper", "helpers", "misc", "shared", "lib"}
	for _, p := range readTree(t) {
		if slices.Contains(vague, path.Base(p.path)) {
			t.Errorf("%s does not say what is inside", p.path)
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for _, p := range readTree(t) {
		if !p.onlyTests && strings.TrimSpace(p.doc) == "" {
			t.Errorf("%s has no package comment", p.path)
		}
	}
}
