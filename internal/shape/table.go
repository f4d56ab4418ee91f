package shape

import (
	"slices"
	"strings"
)

// A Table is a table, a view or a virtual table.
type Table struct {
	Name         string   // in lower case
	Columns      []Column // in the order of PRAGMA table_xinfo, hidden and generated ones included
	Keys         []Key
	Foreign      []ForeignKey
	RowID        int // index of the column that is the INTEGER PRIMARY KEY, or -1
	WithoutRowID bool
	View         bool
	Virtual      bool
	SQL          string   // the CREATE statement; needed for views, virtual tables and tables with generated columns only
	Along        []*Table // tables that are bumped when this one changes
	Opaque       bool     // it is not known what is read with it
}

// A Column is a column of a Table.
type Column struct {
	Name      string // in lower case
	Affinity  Affinity
	Collation string // as declared; "" is BINARY
	NotNull   bool   // declared NOT NULL; true for a WITHOUT ROWID primary key too
	Generated Generated
	Hidden    bool   // a hidden column of a virtual table
	Default   string // the expression of its DEFAULT, or ""
}

// A Key is a list of columns whose values no two rows share, unless one of them
// is NULL. Partial indexes, indexes on expressions and those that use another
// collation than their column must be left out.
type Key struct {
	Columns []int
}

// A ForeignKey says that the values of some columns, unless one of them is NULL,
// are those of a unique key in a row of another table.
type ForeignKey struct {
	Columns       []int
	Parent        string // in lower case
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

// Column returns the index of the column with a name in lower case, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// CompareNames orders tables by name.
func CompareNames(a, b *Table) int { return strings.Compare(a.Name, b.Name) }

// Binary reports whether a column compares text byte by byte.
func (c *Column) Binary() bool { return c.Collation == "" || strings.EqualFold(c.Collation, "BINARY") }

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
