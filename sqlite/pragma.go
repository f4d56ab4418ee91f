package sqlite

import "github.com/unstale/unstale/sqlite/internal/dialect"

// An effect is what a PRAGMA may do to answers.
type effect uint8

// The effects. Each includes those before it.
const (
	nothing effect = iota // no answer changes, on any connection
	file                  // the file may change, not how a connection reads it
	answers               // what this connection answers from now on may change
)

// A pragmaEffect is what a pragma does without an argument and with one.
type pragmaEffect struct {
	read, set effect
	but       string // an argument that does nothing, or ""
}

// How pragmas behave that are alike.
var (
	harmless     = pragmaEffect{}                            // a limit, a check, a way to write, a list
	written      = pragmaEffect{set: file}                   // a number in the file's header
	changing     = pragmaEffect{read: file, set: file}       // it works on the file, with an argument or without
	ofConnection = pragmaEffect{set: answers}                // of the connection
	unheard      = pragmaEffect{read: answers, set: answers} // it must be expected to do anything
)

// pragmas are those that are known. Setting what the database has already does
// nothing: the write-ahead log, which Open demands, and the locking that goes with
// it. How large pages are concerns no answer; nor does where temporary tables lie,
// since what is read on a connection that has some is not cached.
var pragmas = map[string]pragmaEffect{
	"analysis_limit":            harmless,
	"application_id":            written,
	"auto_vacuum":               written,
	"automatic_index":           ofConnection, // the order of rows without ORDER BY
	"busy_timeout":              harmless,
	"cache_size":                harmless,
	"cache_spill":               harmless,
	"cell_size_check":           harmless,
	"checkpoint_fullfsync":      harmless,
	"collation_list":            harmless,
	"compile_options":           harmless,
	"data_version":              harmless,
	"database_list":             harmless,
	"defer_foreign_keys":        harmless,
	"encoding":                  {set: answers, but: "utf-8"}, // which it has, or else cannot be changed any more
	"foreign_key_check":         harmless,
	"foreign_key_list":          harmless,
	"foreign_keys":              harmless,
	"freelist_count":            harmless,
	"fullfsync":                 harmless,
	"function_list":             harmless,
	"hard_heap_limit":           harmless,
	"ignore_check_constraints":  ofConnection,
	"incremental_vacuum":        changing,
	"index_info":                harmless,
	"index_list":                harmless,
	"index_xinfo":               harmless,
	"integrity_check":           harmless,
	"journal_mode":              {set: answers, but: "wal"},
	"journal_size_limit":        harmless,
	"legacy_alter_table":        ofConnection,
	"locking_mode":              {set: answers, but: "normal"},
	"max_page_count":            harmless,
	"mmap_size":                 harmless,
	"module_list":               harmless,
	"optimize":                  changing,
	"page_count":                harmless,
	"page_size":                 harmless,
	"pragma_list":               harmless,
	"query_only":                harmless,
	"quick_check":               harmless,
	"read_uncommitted":          harmless, // of shared-cache mode, which Open refuses
	"recursive_triggers":        harmless,
	"reverse_unordered_selects": ofConnection,
	"schema_version":            ofConnection,
	"secure_delete":             harmless,
	"shrink_memory":             harmless,
	"soft_heap_limit":           harmless,
	"synchronous":               harmless,
	"table_info":                harmless,
	"table_list":                harmless,
	"table_xinfo":               harmless,
	"temp_store":                harmless,
	"threads":                   harmless,
	"trusted_schema":            ofConnection,
	"user_version":              written,
	"wal_autocheckpoint":        harmless,
	"wal_checkpoint":            harmless,
	"writable_schema":           ofConnection,
}

// effectOf returns what a PRAGMA may do.
func effectOf(st dialect.Statement) effect {
	p, known := pragmas[st.Pragma]
	switch {
	case !known:
		p = unheard
	case p.but != "" && st.Argument == p.but:
		return nothing
	}
	if st.HasArgument {
		return p.set
	}
	return p.read
}
