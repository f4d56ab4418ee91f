package dialect

import (
	"slices"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/unstale/unstale/internal/shape"
)

// SQLite's functions of date and time depend on their arguments alone, with two
// exceptions. Where the time is 'now', or left out, they look at the clock:
// whoever runs the query sees that of SQLite, exactly, for any argument. The
// modifiers 'localtime' and 'utc' go by the time zone of the machine, of which
// nobody sees anything: there the text must show that no modifier is one of them,
// or leave it to parameters, whose values are looked at.

// timeFunctions are SQLite's functions of date and time, with the index of the
// argument that is the time; modifiers follow it.
var timeFunctions = map[string]int{
	"date": 0, "datetime": 0, "julianday": 0, "strftime": 1, "time": 0, "timediff": 1, "unixepoch": 0,
}

// timed reports whether a function is one of date and time, and SQLite's own.
func (s *Schema) timed(function string) bool {
	_, ok := timeFunctions[function]
	return ok && !s.Replaced[function]
}

// scalar reports whether a function is SQLite's own and computes a value from its
// arguments alone, as far as that is not watched when it runs.
func scalar(function string) bool {
	_, timed := timeFunctions[function]
	return timed || scalarFunctions[function]
}

// modifiers returns the parameters that are modifiers of functions of date and
// time, in the statement or a view that it goes through. ok is false if one of
// these functions looks at the clock in any case, or may go by the time zone.
func (a *analysis) modifiers() (parameters []shape.Operand, ok bool) {
	through := a.through()
	if through.unclear || through.words["localtime"] || through.words["utc"] {
		return nil, false
	}
	texts := []string{a.sql}
	for _, t := range through.tables {
		if t.View {
			texts = append(texts, t.SQL)
		}
	}
	for _, sql := range texts {
		stmt := a.text(sql).stmt()
		ok = stmt != nil
		ast.Walk(stmt, func(n ast.Node) bool {
			f, call := n.(*ast.FuncCall)
			if !call || !a.timed(lower(f.Name.Name)) {
				return ok
			}
			when := timeFunctions[lower(f.Name.Name)]
			if len(f.Args) <= when || present(f.Args[when]) {
				ok = false
				return false
			}
			for _, m := range f.Args[when+1:] {
				switch p, bound := unparen(m).(*ast.BindParam); {
				case bound:
					param := parameter(p)
					parameters = append(parameters, shape.Operand{Type: modifierType{}, Number: param.Number, Name: param.Name})
				case !zoneless(m):
					ok = false
				}
			}
			return ok
		})
		if !ok {
			return nil, false
		}
	}
	return parameters, true
}

// present reports whether an expression is a literal that stands for the present.
func present(e ast.Expr) bool {
	l, ok := unparen(e).(*ast.Literal)
	return ok && l.Kind == ast.LitString && slices.Contains([]string{"now", "subsec", "subsecond"}, lower(l.Value))
}

// zoneless reports whether a modifier is certainly none that goes by the time
// zone: a literal, or a text that begins with one, such as '+' || n || ' days'.
func zoneless(e ast.Expr) bool {
	switch e := unparen(e).(type) {
	case *ast.Literal:
		return e.Kind != ast.LitBlob && !zoned(e.Value)
	case *ast.BinaryExpr:
		if e.Op == ast.OpConcat {
			l, ok := leftmost(e).(*ast.Literal)
			return ok && l.Kind == ast.LitString && l.Value != "" && !strings.ContainsRune("lLuU", rune(l.Value[0]))
		}
	}
	return false
}

// leftmost returns the first operand of a concatenation.
func leftmost(e ast.Expr) ast.Expr {
	for {
		b, ok := unparen(e).(*ast.BinaryExpr)
		if !ok || b.Op != ast.OpConcat {
			return unparen(e)
		}
		e = b.X
	}
}

// zoned reports whether a modifier may go by the time zone.
func zoned(modifier string) bool {
	m := lower(modifier)
	return strings.Contains(m, "localtime") || strings.Contains(m, "utc")
}

// A modifierType is the type of a parameter that is a modifier: what may go by the
// time zone does not fit.
type modifierType struct{ shape.Type }

func (modifierType) Fit(arg any) (_ shape.Value, ok bool) {
	switch arg := arg.(type) {
	case nil, int64, float64, bool:
		return shape.Value{}, true
	case string:
		return shape.Value{}, !zoned(arg)
	}
	return shape.Value{}, false // a blob is taken for a text
}
