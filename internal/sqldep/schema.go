package sqldep

import (
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/token"
)

// A Schema describes the tables and views of a database's main schema. It must
// not be changed after NewSchema returned it; it may then be used concurrently.
type Schema struct {
	// Tables by name in lower case (ASCII).
	Tables map[string]*Table

	// UTF16 says that texts are encoded, and so sorted, in UTF-16.
	UTF16 bool

	// Replaced are the names, in lower case, of SQLite's functions that the
	// application has replaced by its own.
	Replaced map[string]bool

	deterministic map[string]bool
}

// A Table is a table, a view or a virtual table.
type Table struct {
	Name         string   // NewSchema turns it to lower case
	Columns      []Column // in the order of PRAGMA table_xinfo, hidden and generated ones included
	Keys         []Key
	Foreign      []ForeignKey
	RowID        int // index of the column that is the INTEGER PRIMARY KEY, or -1
	WithoutRowID bool
	View         bool
	Virtual      bool
	SQL          string // the CREATE statement; needed for views, virtual tables and tables with generated columns only

	shadowOf *Table   // the virtual table whose content this one may hold
	content  []string // of a virtual table: other tables that it reads
	opaque   bool     // a virtual table of which it is not known what it reads
}

// A Column is a column of a Table.
type Column struct {
	Name      string // NewSchema turns it to lower case
	Affinity  Affinity
	Collation string // as declared; "" is BINARY
	NotNull   bool   // declared NOT NULL; true for a WITHOUT ROWID primary key too
	Generated Generated
	Hidden    bool   // a hidden column of a virtual table
	Default   string // the expression of its DEFAULT, or ""
}

// A Key is a list of columns whose values no two rows share, unless one of them
// is NULL. Partial indexes, indexes on expressions and those that use another
// collation than their column must be left out. The INTEGER PRIMARY KEY may be
// left out: NewSchema adds it.
type Key struct {
	Columns []int
}

// A ForeignKey says that the values of some columns, unless one of them is NULL,
// are those of a unique key in a row of another table.
type ForeignKey struct {
	Columns       []int
	Parent        string // NewSchema turns it to lower case
	ParentColumns []int  // in the order of Columns
}

// Generated says whether and how a column is generated.
type Generated uint8

// The kinds of columns.
const (
	NotGenerated Generated = iota
	Stored
	Virtual
)

// Affinity is a column's type affinity.
type Affinity uint8

// The affinities.
const (
	AffinityBlob Affinity = iota // also called NONE
	AffinityText
	AffinityNumeric
	AffinityInteger
	AffinityReal
)

// AffinityOf returns the affinity of a column with a declared type, by SQLite's
// rules. In a STRICT table ANY converts nothing.
func AffinityOf(declared string, strict bool) Affinity {
	t := strings.ToUpper(declared)
	has := func(part string) bool { return strings.Contains(t, part) }
	switch {
	case strict && t == "ANY":
		return AffinityBlob
	case has("INT"):
		return AffinityInteger
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return AffinityText
	case has("BLOB"), t == "":
		return AffinityBlob
	case has("REAL"), has("FLOA"), has("DOUB"):
		return AffinityReal
	}
	return AffinityNumeric
}

// NewSchema returns a Schema of the tables, which it takes over. deterministic
// names the application's own SQL functions whose result depends on their
// arguments alone.
func NewSchema(tables []*Table, deterministic ...string) *Schema {
	s := &Schema{Tables: make(map[string]*Table, len(tables)), deterministic: make(map[string]bool)}
	for _, name := range deterministic {
		s.deterministic[lower(name)] = true
	}
	for _, t := range tables {
		t.Name = lower(t.Name)
		for i := range t.Columns {
			t.Columns[i].Name = lower(t.Columns[i].Name)
			if i == t.RowID {
				t.Columns[i].NotNull = true
			}
		}
		for i := range t.Foreign {
			t.Foreign[i].Parent = lower(t.Foreign[i].Parent)
		}
		t.Keys = slices.DeleteFunc(t.Keys, func(k Key) bool { return !t.usable(k) })
		if t.RowID >= 0 && t.RowID < len(t.Columns) {
			rowid := Key{Columns: []int{t.RowID}}
			t.Keys = append([]Key{rowid}, t.Keys...)
		} else {
			t.RowID = -1
		}
		s.Tables[t.Name] = t
	}
	for _, t := range tables {
		if t.Virtual {
			t.content, t.opaque = virtualContent(t.SQL)
		}
		t.shadowOf = s.shadowOf(t)
	}
	return s
}

// usable reports whether the key's columns exist and have values in a row image.
func (t *Table) usable(k Key) bool {
	for _, c := range k.Columns {
		if c < 0 || c >= len(t.Columns) || t.Columns[c].Generated != NotGenerated || t.Columns[c].Hidden {
			return false
		}
	}
	return len(k.Columns) > 0
}

// column returns the index of the column with a name in lower case, or -1.
func (t *Table) column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// compareNames orders tables by name.
func compareNames(a, b *Table) int { return strings.Compare(a.Name, b.Name) }

// binary reports whether a column compares text byte by byte.
func (c *Column) binary() bool { return c.Collation == "" || strings.EqualFold(c.Collation, "BINARY") }

// shadowOf returns the virtual table X with the longest name for which t is
// named X_something. That t may in truth be an ordinary table only makes
// changes of it look like changes of X too.
func (s *Schema) shadowOf(t *Table) *Table {
	var owner *Table
	for i, r := range t.Name {
		if r != '_' {
			continue
		}
		if v := s.Tables[t.Name[:i]]; v != nil && v.Virtual {
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
