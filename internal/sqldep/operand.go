package sqldep

import (
	"database/sql/driver"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sqlc-dev/meyer/ast"
)

// An operand is what a column is compared with: a parameter, a literal, or a
// column of the query's own result.
type operand struct {
	affinity Affinity // of the column
	literal  Value    // Unknown for the other kinds
	number   int      // of a parameter without a name
	name     string   // of a parameter with a name
	row      bool     // it is the result's column with the number result
	result   int
}

// resultOperand returns a column of the result as an operand.
func resultOperand(column int) operand { return operand{row: true, result: column} }

func (o *operand) fromResult() bool { return o.row }

// comparable reports whether it is known which values of the column equal one
// another, and row images show them.
func (c *Column) comparable() bool {
	_, ok := c.fold("")
	return ok && c.Generated == NotGenerated && !c.Hidden
}

// operandOf returns an expression as an operand for a column. constant reports
// whether it is a parameter or a literal at all; fits, whether it may be of the
// kind that the column holds.
func operandOf(e ast.Expr, c *Column) (o operand, constant, fits bool) {
	e = unparen(e)
	o.affinity = c.Affinity
	fits = c.comparable()
	sign := ""
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == ast.OpMinus {
		if l, ok := u.X.(*ast.Literal); ok && l.Kind == ast.LitInteger {
			e, sign = l, "-"
		}
	}
	switch e := e.(type) {
	case *ast.BindParam:
		o.number, o.name = parameter(e)
		return o, true, fits
	case *ast.Literal:
		switch e.Kind {
		case ast.LitInteger:
			i, err := strconv.ParseInt(sign+e.Value, 10, 64)
			if err != nil {
				return o, true, false // a hexadecimal one, or one that is no integer
			}
			o.literal = Int(i)
			return o, true, fits && c.Affinity != AffinityText
		case ast.LitString:
			o.literal = Text(e.Value)
			return o, true, fits && (c.Affinity == AffinityText || c.Affinity == AffinityBlob) && utf8.ValidString(e.Value)
		case ast.LitFloat, ast.LitBlob, ast.LitNull:
			return o, true, false
		}
	}
	return o, false, false
}

// parameter returns under which number or name a driver finds a parameter's
// argument. $1 is the argument with that ordinal, as ?1 is.
func parameter(p *ast.BindParam) (number int, name string) {
	if p.Kind == ast.ParamAnon || p.Kind == ast.ParamNumber {
		return p.Number, ""
	}
	if n, err := strconv.Atoi(p.Name); err == nil && p.Kind == ast.ParamDollar && strconv.Itoa(n) == p.Name {
		return n, ""
	}
	return 0, p.Name
}

// value returns the operand's value. ok is false where it is not certain that
// exactly the rows whose image holds an equal value match.
func (o *operand) value(args []driver.NamedValue) (v Value, ok bool) {
	if o.literal.kind != kindUnknown {
		return o.literal, true
	}
	if o.row {
		return Value{}, false
	}
	for i := range args {
		if o.name != "" && args[i].Name == o.name || o.name == "" && args[i].Ordinal == o.number {
			return o.fit(args[i].Value)
		}
	}
	return Value{}, false
}

// fit returns an argument as a value of the column: a number, or the text of an
// integer, in a column with a numeric affinity, a text in a TEXT column, anything
// in a column without affinity. A text must be valid UTF-8 without a NUL byte, at
// which drivers cut.
func (o *operand) fit(arg driver.Value) (v Value, ok bool) {
	numeric := o.affinity != AffinityText
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
		if o.affinity != AffinityText && o.affinity != AffinityBlob {
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

func (o operand) String() string {
	switch {
	case o.row:
		return fmt.Sprintf("#%d", o.result+1)
	case o.literal.kind == kindNull:
		return "NULL"
	case o.literal.kind == kindInt:
		return fmt.Sprint(int64(o.literal.num))
	case o.literal.kind == kindText:
		return fmt.Sprintf("%q", o.literal.text)
	case o.name != "":
		return ":" + o.name
	}
	return fmt.Sprintf("?%d", o.number)
}
