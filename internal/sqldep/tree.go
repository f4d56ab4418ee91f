package sqldep

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// A Query is what a front end makes of a text: a SELECT or VALUES, or several in a
// compound. Its names are resolved, and nothing in it appears twice.
type Query struct {
	Selects []*Select
	Cut     bool // it has a LIMIT
	Merged  bool // it keeps one of several rows that are equal

	Failing []shape.Guard // of the whole statement: conditions that its arguments fail
}

// A Select is one SELECT with its FROM clause, or VALUES. Front ends add its items
// by [Select.Add].
type Select struct {
	Outer      *Select // the SELECT around it, whose columns it may use, or nil
	Items      []*Item
	Where      Expr     // nil: there is none, likewise below
	Results    []Expr   // what is shown; of VALUES, of all rows
	Outputs    []Column // the result's columns, the zero Column for what is none; nil if that is unclear
	Values     int      // the number of rows of VALUES; 0: it is a SELECT
	Distinct   bool
	DistinctOn []Expr // the first row is kept of those that agree in these
	GroupBy    []Expr
	Having     Expr
	Windows    []Expr // calls that stand for the definitions of windows
	OrderBy    []Order
	Limit      Expr
	Offset     Expr
	Aliased    bool // an alias of the result is used elsewhere than in the result and ORDER BY

	block *block
}

// An Item is one element of a FROM clause: a table, or what is derived from a
// query, or neither, of which the rows depend on Args alone.
type Item struct {
	Table *shape.Table
	Query *Query
	Args  []Expr // of a function
	Left  bool   // it is the right side of a LEFT JOIN
	On    Expr

	of     *Select
	number int
	blocks []*block // of Query
}

// Add adds an item to the FROM clause.
func (s *Select) Add(it *Item) {
	it.of, it.number = s, len(s.Items)
	s.Items = append(s.Items, it)
}

// Has reports whether a column is that of an item of the SELECT.
func (s *Select) Has(c Column) bool { return c.Item != nil && c.Item.of == s }

// An Order is a term of ORDER BY. Unless it is a [Column] of the SELECT it may
// name whatever the database takes it for, a column of the result, too.
type Order struct {
	By         Expr
	Descending bool
	Nulls      bool // NULLs stand elsewhere than in the order of the column's type
	Last       bool // they do so because they come last
}

// An Expr is an expression: one of the types below. What a front end does not know
// becomes [Other].
type Expr interface {
	parts() []Expr // what it is made of, but for a query
}

type (
	// A Column is a column of a table: that of an item of this SELECT or one around
	// it, or the one of which a derived item's column is made.
	Column struct {
		Item   *Item
		Number int
	}

	// Folded is a column's text with the ASCII letters in lower case, or anything that
	// is equal only where that is.
	Folded struct{ Column Column }

	// A Const is a constant: an int64, string or bool, or nil for one of which
	// nothing else is known.
	Const struct{ Value any }

	// A Param is a parameter, with a name or else a number. In the list of an In it
	// may stand for each element of the list that it holds.
	Param struct {
		Number int
		Name   string
		Each   bool
	}

	// Equal is X = Y by the types of its columns: a constant is compared as they
	// fit it, and two columns of one type are equal without conversion.
	Equal struct{ X, Y Expr }

	// AtMost says that X is not above Y in the order of the column that one of them is,
	// to whose type the other one is converted as for Equal; or that it is below, or
	// both are equal and something else holds that is made of More.
	AtMost struct {
		X, Y Expr
		More []Expr
	}

	// In says that X equals, likewise, an element of the list.
	In struct {
		X    Expr
		List []Expr
	}

	// IsNull says that X is NULL.
	IsNull struct{ X Expr }

	// Until says that X is later than the present, by the clock of the database: what
	// fulfils it does so until then.
	Until struct{ X Expr }

	// Bool is X AND Y, or X OR Y.
	Bool struct {
		Or   bool
		X, Y Expr
	}

	// A Call is a call of a function. Args are all expressions in it.
	Call struct {
		Class   Class
		Extreme Extreme
		Args    []Expr
	}

	// A Subquery is a query whose first row counts, or all of them as a set.
	Subquery struct {
		Query *Query
		Set   bool
	}

	// Unclear is what may use any column, of the SELECTs around it, too; if it is
	// local, of derived items of this one alone.
	Unclear struct{ Local bool }

	// Other is made of these, and nothing else is known of it.
	Other []Expr
)

// A Class says what kind of function is called.
type Class uint8

// The classes.
const (
	Scalar    Class = iota // of its arguments alone
	Aggregate              // of rows, and perhaps of their order
	OrderFree              // of rows, whatever their order
	Window
)

// Extreme says that a call is nothing but the least or the greatest value of its
// one argument.
type Extreme uint8

// The extremes.
const (
	NoExtreme Extreme = iota
	Least
	Greatest
)

func (Column) parts() []Expr   { return nil }
func (e Folded) parts() []Expr { return []Expr{e.Column} }
func (Const) parts() []Expr    { return nil }
func (Param) parts() []Expr    { return nil }
func (Unclear) parts() []Expr  { return nil }
func (Subquery) parts() []Expr { return nil }
func (e Equal) parts() []Expr  { return []Expr{e.X, e.Y} }
func (e AtMost) parts() []Expr { return append([]Expr{e.X, e.Y}, e.More...) }
func (e In) parts() []Expr     { return append([]Expr{e.X}, e.List...) }
func (e IsNull) parts() []Expr { return []Expr{e.X} }
func (e Until) parts() []Expr  { return []Expr{e.X} }
func (e Bool) parts() []Expr   { return []Expr{e.X, e.Y} }
func (e Call) parts() []Expr   { return e.Args }
func (e Other) parts() []Expr  { return e }

// calls reports whether f is true for a call in an expression, but for those in
// subqueries.
func calls(e Expr, f func(Call) bool) bool {
	if e == nil {
		return false
	}
	if c, ok := e.(Call); ok && f(c) {
		return true
	}
	return slices.ContainsFunc(e.parts(), func(p Expr) bool { return calls(p, f) })
}

// def returns what is known of a column, or of one that is compared without regard to
// case.
func (c Column) def() *shape.Column {
	if c.Number >= 0 {
		return &c.Item.Table.Columns[c.Number]
	}
	def := c.Item.Table.Columns[shape.Folded(c.Number)]
	def.Type = def.Folded
	return &def
}

// selecting returns the column by whose values an expression selects rows.
func selecting(e Expr) (c Column, ok bool) {
	switch e := e.(type) {
	case Column:
		return e, true
	case Folded:
		return Column{e.Column.Item, shape.Folded(e.Column.Number)}, true
	}
	return c, false
}

// block returns what is known of the SELECT to which the column belongs.
func (c Column) block() *block { return c.Item.of.block }

// inner returns the block that the item is derived from, if that is a single one.
func (it *Item) inner() *block {
	if len(it.blocks) == 1 {
		return it.blocks[0]
	}
	return nil
}
