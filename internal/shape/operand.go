package shape

import (
	"database/sql/driver"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Operand is what a column is compared with: a parameter, a literal, or a
// column of the query's own result.
type Operand struct {
	Affinity Affinity // of the column
	Literal  Value    // Unknown for the other kinds
	Number   int      // of a parameter without a name
	Name     string   // of a parameter with a name
	Row      bool     // it is the column of the result with the number Result
	Result   int
}

// ResultOperand returns a column of the result as an operand.
func ResultOperand(column int) Operand { return Operand{Row: true, Result: column} }

// Comparable reports whether it is known which values of the column equal one
// another, and row images show them.
func (c *Column) Comparable() bool {
	_, ok := c.fold("")
	return ok && c.Generated == NotGenerated && !c.Hidden
}

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
		if o.Name != "" && args[i].Name == o.Name || o.Name == "" && args[i].Ordinal == o.Number {
			return o.fit(args[i].Value)
		}
	}
	return Value{}, false
}

// fit returns an argument as a value of the column: a number, or the text of an
// integer, in a column with a numeric affinity, a text in a TEXT column, anything
// in a column without affinity. A text must be valid UTF-8 without a NUL byte, at
// which drivers cut.
func (o *Operand) fit(arg driver.Value) (v Value, ok bool) {
	numeric := o.Affinity != AffinityText
	switch arg := arg.(type) {
	case nil:
		return Null(), true // equals nothing
	case bool:
		if arg {
			return Int(1), numeric
		}
		return Int(0), numeric
	case int64:
		return Int(arg), numeric
	case float64:
		return Float(arg), numeric && !math.IsNaN(arg)
	case string:
		if o.Affinity != AffinityText && o.Affinity != AffinityBlob {
			return integerOf(arg)
		}
		return Text(arg), utf8.ValidString(arg) && strings.IndexByte(arg, 0) < 0
	}
	return Value{}, false
}

// integerOf returns a text that stands for an integer as that integer, which is
// what SQLite compares a column of a numeric affinity with.
func integerOf(s string) (v Value, ok bool) {
	i, err := strconv.ParseInt(s, 10, 64)
	return Int(i), err == nil && s[0] != '+'
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
	return fmt.Sprintf("?%d", o.Number)
}
