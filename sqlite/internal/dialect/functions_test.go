package dialect

import (
	"strings"
	"testing"
)

// Every function that SQLite has was looked at: it is listed as deterministic,
// or here as one that is not or that nobody needs.
func TestFunctionsAreComplete(t *testing.T) {
	t.Parallel()
	excluded := names(`
		changes current_date current_time current_timestamp last_insert_rowid load_extension random
		randomblob sqlite_log sqlite_offset total_changes
		fts5 fts5_get_locale fts5_insttoken fts5_locale fts5_source_id rtreecheck rtreedepth rtreenode`)
	d := openDatabase(t, "CREATE VIRTUAL TABLE f USING fts5(a)")
	rows, err := d.rows("SELECT DISTINCT name FROM pragma_function_list")
	if err != nil {
		t.Fatal(err)
	}
	clock := make(map[string]bool)
	for name := range timeFunctions {
		clock[name] = true
	}
	known := make(map[string]bool)
	for _, r := range rows {
		name := strings.TrimSuffix(strings.TrimPrefix(r, "string("), ")")
		known[name] = true
		n := 0
		for _, list := range []map[string]bool{scalarFunctions, aggregateFunctions, clock, excluded} {
			if list[name] {
				n++
			}
		}
		if n != 1 && !strings.HasPrefix(name, "geopoly_") {
			t.Errorf("%s is in %d lists", name, n)
		}
	}
	for _, list := range []map[string]bool{scalarFunctions, aggregateFunctions, clock} {
		for name := range list {
			if !known[name] {
				t.Errorf("SQLite has no %s", name)
			}
		}
	}
}
