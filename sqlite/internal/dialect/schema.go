package dialect

import (
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/token"
	"github.com/unstale/unstale/internal/shape"
)

// A Schema describes the tables and views of a database's main schema. It must
// not be changed after NewSchema returned it; it may then be used concurrently.
type Schema struct {
	// Tables by name in lower case (ASCII).
	Tables map[string]*Table

	// Replaced are the names, in lower case, of SQLite's functions that the
	// application has replaced by its own.
	Replaced map[string]bool

	deterministic map[string]bool
}

// A Table is a table, a view or a virtual table.
type Table struct {
	shape.Table      // NewSchema turns names to lower case; Columns are in the order of PRAGMA table_xinfo
	RowID        int // index of the column that is the INTEGER PRIMARY KEY, or -1
	WithoutRowID bool
	View         bool
	Virtual      bool
	Shadow       bool           // a virtual table writes it
	SQL          string         // the CREATE statement; needed for views, virtual tables and tables with generated columns only
	Hidden       map[int]bool   // the hidden columns of a virtual table
	Defaults     map[int]string // the expressions of the columns' DEFAULTs

	content []string // of a virtual table: other tables that it reads
	opaque  bool     // it is not known what it reads
}

// NewSchema returns a Schema of the tables, which it takes over. The INTEGER
// PRIMARY KEY may be left out of their keys. deterministic names the application's
// own SQL functions whose result depends on their arguments alone.
func NewSchema(tables []*Table, deterministic ...string) *Schema {
	s := &Schema{Tables: make(map[string]*Table, len(tables)), deterministic: make(map[string]bool)}
	for _, name := range deterministic {
		s.deterministic[lower(name)] = true
	}
	for _, t := range tables {
		t.Name = lower(t.Name)
		for i := range t.Columns {
			c := &t.Columns[i]
			c.Name = lower(c.Name)
			c.NotNull = c.NotNull || i == t.RowID
			if t.Hidden[i] {
				c.Type, c.Folded = nil, nil // no image shows it
			}
		}
		for i := range t.Foreign {
			t.Foreign[i].Parent = lower(t.Foreign[i].Parent)
		}
		t.Keys = slices.DeleteFunc(t.Keys, func(k shape.Key) bool { return !t.usable(k) })
		if t.RowID >= 0 && t.RowID < len(t.Columns) {
			t.Keys = slices.Insert(t.Keys, 0, shape.Key{Columns: []int{t.RowID}})
		} else {
			t.RowID = -1
		}
		s.Tables[t.Name] = t
	}
	for _, t := range tables {
		if t.Virtual {
			t.content, t.opaque = virtualContent(t.SQL)
		}
	}
	for _, t := range tables {
		if owner := s.shadowed(t); owner != nil {
			t.Along = []*shape.Table{&owner.Table}
		}
	}
	return s
}

// usable reports whether the key's columns exist and have values in a row image.
func (t *Table) usable(k shape.Key) bool {
	for _, c := range k.Columns {
		if c < 0 || c >= len(t.Columns) || t.Columns[c].Generated != shape.NotGenerated || t.Hidden[c] {
			return false
		}
	}
	return len(k.Columns) > 0
}

// shadowed returns the virtual table X with the longest name for which t is
// named X_something, unless SQLite says that t is an ordinary table. Of modules of
// others it may not know.
func (s *Schema) shadowed(t *Table) *Table {
	var owner *Table
	for i, r := range t.Name {
		if r != '_' {
			continue
		}
		if v := s.Tables[t.Name[:i]]; v != nil && v.Virtual && (t.Shadow || v.opaque) {
			owner = v
		}
	}
	return owner
}

// virtualContent says which other tables a virtual table reads beside its own
// shadow tables, from its CREATE statement. opaque means that nobody knows.
func virtualContent(sql string) (content []string, opaque bool) {
	toks := lexer.Lex(sql)
	i := slices.IndexFunc(toks, func(t token.Token) bool { return t.Kind == token.USING })
	if i < 0 || i+1 >= len(toks) {
		return nil, true
	}
	switch lower(toks[i+1].Text(sql)) {
	case "rtree", "rtree_i32":
		return nil, false
	case "fts3", "fts4", "fts5":
	default:
		return nil, true
	}
	for ; i+2 < len(toks); i++ {
		// FTS5 takes the beginning of an option's name for the whole.
		option := lower(unquote(toks[i].Text(sql)))
		if toks[i+1].Kind != token.EQ || option == "" || !strings.HasPrefix("content", option) {
			continue
		}
		if name := unquote(toks[i+2].Text(sql)); name != "" {
			content = append(content, lower(name))
		}
	}
	return content, false
}

// unquote takes the quotes off a token.
func unquote(s string) string {
	if len(s) < 2 || !strings.ContainsRune("'\"`[", rune(s[0])) {
		return s
	}
	end := s[0]
	if end == '[' {
		end = ']'
	}
	return strings.ReplaceAll(s[1:len(s)-1], string([]byte{end, end}), string(end))
}

// lower turns ASCII letters to lower case, as SQLite does to compare names.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
