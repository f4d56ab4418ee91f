package sqldep

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sqlc-dev/meyer/ast"
)

// An operand is a constant that a column is compared with: a parameter or a
// literal.
type operand struct {
	affinity Affinity // of the column: AffinityInteger or AffinityText
	literal  Value    // Unknown for a parameter
	number   int      // of a parameter without a name
	name     string   // of a parameter with a name
}

// operandOf returns an expression as an operand for a column. constant reports
// whether it is a parameter or a literal at all; fits, whether it may be of the
// kind that the column holds.
func operandOf(e ast.Expr, c *Column) (o operand, constant, fits bool) {
	e = unparen(e)
	o.affinity = c.Affinity
	fits = c.Affinity == AffinityInteger || c.Affinity == AffinityText && c.binary()
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
			o.literal = Int(i)
			return o, true, fits && err == nil && c.Affinity == AffinityInteger
		case ast.LitString:
			o.literal = Text(e.Value)
			return o, true, fits && c.Affinity == AffinityText && utf8.ValidString(e.Value)
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
	for i := range args {
		if o.name != "" && args[i].Name == o.name || o.name == "" && args[i].Ordinal == o.number {
			return o.fit(args[i].Value)
		}
	}
	return Value{}, false
}

// fit returns an argument as a value of the column. Only what needs no
// conversion fits: an int64 in an INTEGER column; in a TEXT column a string that
// is valid UTF-8 and contains no NUL byte, which drivers cut.
func (o *operand) fit(arg driver.Value) (v Value, ok bool) {
	switch arg := arg.(type) {
	case int64:
		return Int(arg), o.affinity == AffinityInteger
	case string:
		ok = o.affinity == AffinityText && utf8.ValidString(arg) && strings.IndexByte(arg, 0) < 0
		return Text(arg), ok
	}
	return Value{}, false
}

func (o operand) String() string {
	switch {
	case o.literal.kind == kindInt:
		return fmt.Sprint(int64(o.literal.num))
	case o.literal.kind == kindText:
		return fmt.Sprintf("%q", o.literal.text)
	case o.name != "":
		return ":" + o.name
	}
	return fmt.Sprintf("?%d", o.number)
}
