package shape

import (
	"slices"
	"strings"
)

// A Table is a table of a database.
type Table struct {
	Name    string   // the same in every schema in which it is this table
	Columns []Column // in the order of row images
	Keys    []Key
	Foreign []ForeignKey
	Along   []*Table // tables that are bumped when this one changes
	Guarded bool     // rows of it may be hidden from whoever asks, by row-level security: a probe does not see all
}

// A Column is a column of a Table.
type Column struct {
	Name      string
	Type      Type // nil: it is not known how values compare, or no image shows them
	Folded    Type // how they do where the case of ASCII letters does not count; likewise
	NotNull   bool
	Generated Generated
}

// A Key is a list of columns whose values no two rows share, unless one of them
// is NULL. A partial index, one on expressions and one that compares otherwise
// than its columns do is none.
type Key struct {
	Columns []int
}

// A ForeignKey says that the values of some columns, unless one of them is NULL,
// are those of a unique key in a row of another table.
type ForeignKey struct {
	Columns       []int
	Parent        string // its name
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

// Folded returns the number by which a selection names a column whose values are
// compared as its Folded has it.
func Folded(column int) int { return ^column }

// number returns the number of a column that a selection names.
func number(c int) int {
	if c < 0 {
		return ^c
	}
	return c
}

// typeOf returns how the values of a column compare that a selection names.
func (t *Table) typeOf(c int) Type {
	if c < 0 {
		return t.Columns[^c].Folded
	}
	return t.Columns[c].Type
}

// Column returns the index of the column with a name, or -1.
func (t *Table) Column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// CompareNames orders tables by name.
func CompareNames(a, b *Table) int { return strings.Compare(a.Name, b.Name) }
