package shape

import (
	"database/sql/driver"
	"fmt"
)

// An Operand is what a column is compared with: a parameter, a literal, or a
// column of the query's own result.
type Operand struct {
	Type    Type   // of the column that it is compared with
	Literal Value  // Unknown for the other kinds
	Number  int    // of a parameter without a name
	Last    int    // of a run of parameters without names, each of which is a value: the last number; or 0
	Name    string // of a parameter with a name
	Each    bool   // the parameter is a List, and the operand each of its elements
	Row     bool   // it is the column of the result with the number Result
	Result  int
}

// A List is an argument that holds several.
type List interface {
	// Elements returns them. ok is false where they are not known.
	Elements() (elements []any, ok bool)
}

// maxElements bounds the elements of a list that select rows.
const maxElements = 1000

// each returns the values of the elements, but for NULL, which equals nothing.
func (o *Operand) each(args []driver.NamedValue) (values []Value, ok bool) {
	for i := range args {
		if o.Name != "" && args[i].Name == o.Name || o.Name == "" && args[i].Ordinal == o.Number {
			list, ok := args[i].Value.(List)
			if !ok {
				return nil, false
			}
			elements, ok := list.Elements()
			if !ok || len(elements) > maxElements {
				return nil, false
			}
			for _, e := range elements {
				v, ok := o.Type.Fit(e)
				if !ok {
					return nil, false
				}
				if v.kind != KindNull {
					values = append(values, v)
				}
			}
			return values, true
		}
	}
	return nil, false
}

// ResultOperand returns a column of the result as an operand.
func ResultOperand(column int) Operand { return Operand{Row: true, Result: column} }

// value returns the operand's value. ok is false where it is not certain that
// exactly the rows whose image holds an equal value match.
func (o *Operand) value(args []driver.NamedValue) (v Value, ok bool) {
	if o.Literal.kind != KindUnknown {
		return o.Literal, true
	}
	if o.Row || o.Each {
		return Value{}, false
	}
	for i := range args {
		if o.names(&args[i]) {
			return o.Type.Fit(args[i].Value)
		}
	}
	return Value{}, false
}

// names reports whether the operand is the parameter of an argument.
func (o *Operand) names(arg *driver.NamedValue) bool {
	return o.Name != "" && arg.Name == o.Name || o.Name == "" && arg.Ordinal == o.Number
}

func (o Operand) String() string {
	switch {
	case o.Row:
		return fmt.Sprintf("#%d", o.Result+1)
	case o.Literal.kind == KindNull:
		return "NULL"
	case o.Literal.kind == KindInt:
		return fmt.Sprint(int64(o.Literal.num))
	case o.Literal.kind == KindText:
		return fmt.Sprintf("%q", o.Literal.text)
	case o.Name != "":
		return ":" + o.Name
	case o.Each:
		return fmt.Sprintf("?%d…", o.Number)
	}
	if o.Last > o.Number {
		return fmt.Sprintf("?%d…%d", o.Number, o.Last)
	}
	return fmt.Sprintf("?%d", o.Number)
}
