package unstale_test

import (
	"runtime/debug"
	"testing"

	"github.com/unstale/unstale"
)

// TestWhoseFunction: call sites are found in modules that are there in source, and
// not in what these require, however the binary was built.
func TestWhoseFunction(t *testing.T) {
	t.Parallel()
	const library = "github.com/unstale/unstale"
	modules := &debug.BuildInfo{
		Main: debug.Module{Path: "example.com/app", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "gorm.io/gorm", Version: "v1.31.2"},
			{Path: "example.com/app/plugin", Version: "v1.0.0"},
			{Path: "gopkg.in/yaml.v3", Version: "v3.0.1"},
			{Path: "example.com/workspace", Version: "(devel)"},
			{Path: "example.com/forked", Version: "v1.0.0", Replace: &debug.Module{Path: "../forked"}},
			{Path: "example.com/renamed", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/other", Version: "v1.2.0"}},
			{Path: library, Version: "v0.1.0"},
		},
	}
	const mod = "/home/u/go/pkg/mod/"
	for _, test := range []struct {
		function, file string
		known, unknown unstale.Owner // with the modules known, and without
	}{
		{"main.main", "/src/app/main.go", unstale.Applications, unstale.Applications},
		{"example.com/app/store.(*Store).Get", "/src/app/store/store.go", unstale.Applications, unstale.Applications},
		{"example.com/app/store.get[...]", "/src/app/store/store.go", unstale.Applications, unstale.Applications},
		{"example.com/app_test.TestGet", "/src/app/app_test.go", unstale.Applications, unstale.Applications},
		{"example.com/workspace/x.F.func1", "/src/workspace/x/x.go", unstale.Applications, unstale.Applications},
		{"example.com/forked.F", "/src/forked/f.go", unstale.Applications, unstale.Applications},
		{"example.com/renamed.F", mod + "example.com/other@v1.2.0/f.go", unstale.Others, unstale.Others},
		{"gorm.io/gorm/callbacks.Query", mod + "gorm.io/gorm@v1.31.2/callbacks/query.go", unstale.Others, unstale.Others},
		{"gorm.io/gorm/callbacks.Query", "gorm.io/gorm@v1.31.2/callbacks/query.go", unstale.Others, unstale.Others},
		{"gorm.io/gorm/callbacks.Query", "/src/app/vendor/gorm.io/gorm/callbacks/query.go", unstale.Others, unstale.Others},
		{"gorm.io/gorm.scan[example.com/app/store.Row]", mod + "gorm.io/gorm@v1.31.2/scan.go", unstale.Others, unstale.Others},
		{"gopkg.in/yaml%2ev3.Unmarshal", mod + "gopkg.in/yaml.v3@v3.0.1/yaml.go", unstale.Others, unstale.Others},
		{"example.com/app/plugin.F", mod + "example.com/app/plugin@v1.0.0/p.go", unstale.Others, unstale.Others},
		{"database/sql.(*DB).QueryContext", "/usr/local/go/src/database/sql/sql.go", unstale.Ours, unstale.Ours},
		{"database/sql.(*DB).QueryContext", "database/sql/sql.go", unstale.Ours, unstale.Ours},
		{"runtime.goexit", "/usr/local/go/src/runtime/asm_amd64.s", unstale.Ours, unstale.Ours},
		{library + "/sqlite.(*conn).QueryContext", mod + library + "@v0.1.0/sqlite/conn.go", unstale.Ours, unstale.Ours},
		{library + ".callSite", mod + library + "@v0.1.0/callsite.go", unstale.Ours, unstale.Ours},
		{library + "_test.TestStats", "/src/unstale/stats_test.go", unstale.Applications, unstale.Applications},
		{library + "/sqlite_test.TestRaw", "/src/unstale/sqlite/raw_test.go", unstale.Applications, unstale.Applications},
	} {
		if got := unstale.Whose(modules, test.function, test.file); got != test.known {
			t.Errorf("%s in %s: %d, want %d", test.function, test.file, got, test.known)
		}
		if got := unstale.Whose(nil, test.function, test.file); got != test.unknown {
			t.Errorf("%s in %s, of modules that nobody knows: %d, want %d", test.function, test.file, got, test.unknown)
		}
	}
}
