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
	Type      Type   // nil: it is not known how values compare
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

// Column returns the index of the column with a name in lower case, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// CompareNames orders tables by name.
func CompareNames(a, b *Table) int { return strings.Compare(a.Name, b.Name) }
