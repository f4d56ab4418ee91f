package sqlite

import (
	"slices"
	"strings"
	"sync"

	"github.com/unstale/unstale/internal/sqldep"
)

// A text is what can be told of an SQL text from its words alone. What a
// statement reads, and which rows it changes, is told by SQLite itself; the
// words are asked for what SQLite does not tell.
type text struct {
	control bool   // nothing but BEGIN, COMMIT and their like
	writes  bool   // a statement writes, or may
	upsets  string // why everything must be invalidated, or ""
	ddl     bool   // it upsets by DDL alone, which the commit hook hears of
	taints  string // why nothing read on the connection may be cached from now on, or ""
}

func textOf(sql string) text {
	t := text{control: true}
	ddl := true
	for _, st := range sqldep.Classify(sql) {
		switch st.Kind {
		case sqldep.Begin, sqldep.Commit, sqldep.Rollback, sqldep.Savepoint, sqldep.Release, sqldep.RollbackTo, sqldep.Empty:
			continue
		case sqldep.Select, sqldep.Explain:
		case sqldep.Insert, sqldep.Update, sqldep.Delete:
			t.writes = true
		case sqldep.Pragma:
			upsets, taints := pragma(st)
			if upsets {
				t.writes, t.upsets, ddl = true, "pragma", false
			}
			if taints {
				t.taints = "pragma"
			}
		case sqldep.DDL:
			t.writes = true
			if !st.Temp {
				t.upsets = "schema change"
			}
			if verb := firstWord(st.SQL); verb != "create" && verb != "drop" && verb != "alter" {
				ddl = false
			}
		case sqldep.Attach, sqldep.Detach:
			t.writes, t.upsets, ddl = true, st.Kind.String(), false
		default:
			t.writes, t.upsets, t.taints, ddl = true, "unknown statement", "unknown statement", false
		}
		t.control = false
	}
	t.ddl = ddl && t.upsets != ""
	return t
}

func firstWord(sql string) string {
	word, _, _ := strings.Cut(sql, " ")
	return strings.ToLower(word)
}

// pragma says whether a PRAGMA may change the file, and whether it may change
// what the connection's queries return from now on.
func pragma(st sqldep.Statement) (upsets, taints bool) {
	switch {
	case listed(harmlessPragmas, st.Pragma):
		return false, false
	case listed(filePragmas, st.Pragma):
		return true, false
	case !st.HasArgument && listed(readablePragmas, st.Pragma):
		return false, false
	}
	return true, true
}

// listed reports whether the word is one of the list's, which are separated by
// white space.
func listed(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

// The pragmas that are known; an unknown one is expected to do anything.
const (
	// harmlessPragmas change, with or without an argument, neither the content
	// of the file nor the result of any query.
	harmlessPragmas = ` analysis_limit busy_timeout cache_size cache_spill cell_size_check checkpoint_fullfsync
 collation_list compile_options data_version database_list defer_foreign_keys foreign_key_check foreign_key_list
 foreign_keys freelist_count fullfsync function_list hard_heap_limit index_info index_list index_xinfo integrity_check
 journal_size_limit max_page_count mmap_size module_list page_count pragma_list query_only quick_check
 recursive_triggers secure_delete shrink_memory soft_heap_limit synchronous table_info table_list table_xinfo threads
 wal_autocheckpoint wal_checkpoint `
	// filePragmas may change the file, but not how the connection reads it.
	filePragmas = ` application_id incremental_vacuum optimize user_version `
	// readablePragmas only tell a setting when they have no argument.
	readablePragmas = ` auto_vacuum automatic_index encoding ignore_check_constraints journal_mode legacy_alter_table
 locking_mode page_size read_uncommitted reverse_unordered_selects schema_version temp_store trusted_schema
 writable_schema `
)

// maxTexts bounds the number of texts that are remembered, maxTextLength the
// length of one.
const (
	maxTexts      = 2000
	maxTextLength = 64 << 10
)

// A memo remembers a value for each SQL text. When it is full an arbitrary text
// makes room. The zero memo is ready for use; it may be used concurrently.
type memo[T any] struct {
	mu     sync.RWMutex
	values map[string]T
}

func (m *memo[T]) get(sql string) (T, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.values[sql]
	return v, ok
}

func (m *memo[T]) put(sql string, v T) {
	if len(sql) > maxTextLength {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string]T)
	}
	if len(m.values) >= maxTexts {
		for other := range m.values {
			delete(m.values, other)
			break
		}
	}
	m.values[strings.Clone(sql)] = v
}
