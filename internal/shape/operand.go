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
	Row     bool   // it is the column of the result with the number Result
	Result  int
}

// ResultOperand returns a column of the result as an operand.
func ResultOperand(column int) Operand { return Operand{Row: true, Result: column} }

// value returns the operand's value. ok is false where it is not certain that
// exactly the rows whose image holds an equal value match.
func (o *Operand) value(args []driver.NamedValue) (v Value, ok bool) {
	if o.Literal.kind != KindUnknown {
		return o.Literal, true
	}
	if o.Row {
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
	}
	if o.Last > o.Number {
		return fmt.Sprintf("?%d…%d", o.Number, o.Last)
	}
	return fmt.Sprintf("?%d", o.Number)
}
