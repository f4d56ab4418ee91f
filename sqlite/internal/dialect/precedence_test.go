package dialect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
)

// The parser reads an expression as SQLite does: with every parenthesis that the
// tree implies written out, it has the same values. "NOT NULL" after an operand is
// the exception; the analysis declines it.
func TestParserAgreesWithSQLite(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT COLLATE NOCASE);
		INSERT INTO t VALUES (0, 0, NULL), (1, 1, 'x'), (2, NULL, 'X'), (3, -1, '1'), (4, 'x', ''), (5, 2, '0')`)
	r := rand.New(rand.NewPCG(3, 0))
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	operand := func() string {
		return one("", "", "", "NOT ", "- ", "~ ", "+ ") + one("id", "a", "b", "0", "1", "2", "'x'", "'X'", "NULL", "(a)")
	}
	for range 3000 {
		expr := operand()
		for range 1 + r.IntN(5) {
			switch r.IntN(9) {
			case 0:
				expr += one(" IN", " NOT IN") + " (1, 'x')"
			case 1:
				expr += one(" BETWEEN ", " NOT BETWEEN ") + operand() + " AND " + operand()
			case 2:
				expr += one(" ISNULL", " NOTNULL", " IS NULL", " IS NOT NULL", " COLLATE NOCASE")
			case 3, 4:
				expr += one(" AND ", " OR ") + operand()
			default:
				expr += one(" = ", " == ", " <> ", " < ", " >= ", " IS ", " IS NOT ", " IS DISTINCT FROM ", " + ", " - ", " * ", " % ", " | ", " & ", " << ", " || ", " LIKE ", " NOT LIKE ", " GLOB ") + operand()
			}
		}
		tree, err := parser.ParseExpr(expr)
		_, prepared := d.prepare("SELECT " + expr + " FROM t")
		if (err == nil) != (prepared == nil) {
			t.Errorf("%s: parser %v, SQLite %v", expr, err, prepared)
		}
		if err != nil || prepared != nil {
			continue
		}
		explicit := parenthesised(tree)
		rows, err := d.rows("SELECT id, (" + expr + "), " + explicit + " FROM t WHERE ((" + expr + ") IS NOT " + explicit + ")")
		if err != nil || len(rows) > 0 {
			t.Errorf("%s\nis not %s\n%v %v", expr, explicit, err, rows)
		}
	}
}

// parenthesised writes an expression with all its parentheses.
func parenthesised(e ast.Expr) string {
	not := func(yes bool) string {
		if yes {
			return "NOT "
		}
		return ""
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return fmt.Sprintf("(%s %s %s)", parenthesised(e.X), e.Op, parenthesised(e.Y))
	case *ast.UnaryExpr:
		return fmt.Sprintf("(%s %s)", e.Op, parenthesised(e.X))
	case *ast.ParenExpr:
		return parenthesised(e.X)
	case *ast.LikeExpr:
		return fmt.Sprintf("(%s %s%s %s)", parenthesised(e.X), not(e.Not), e.Op.Raw, parenthesised(e.Y))
	case *ast.IsExpr:
		if e.Distinct {
			return fmt.Sprintf("(%s IS %sDISTINCT FROM %s)", parenthesised(e.X), not(e.Not), parenthesised(e.Y))
		}
		return fmt.Sprintf("(%s IS %s%s)", parenthesised(e.X), not(e.Not), parenthesised(e.Y))
	case *ast.NullCheckExpr:
		if e.Test == ast.TestIsNull {
			return fmt.Sprintf("(%s ISNULL)", parenthesised(e.X))
		}
		return fmt.Sprintf("(%s NOTNULL)", parenthesised(e.X))
	case *ast.BetweenExpr:
		return fmt.Sprintf("(%s %sBETWEEN %s AND %s)", parenthesised(e.X), not(e.Not), parenthesised(e.Lo), parenthesised(e.Hi))
	case *ast.InExpr:
		var list []string
		for _, x := range e.List {
			list = append(list, parenthesised(x))
		}
		return fmt.Sprintf("(%s %sIN (%s))", parenthesised(e.X), not(e.Not), strings.Join(list, ", "))
	case *ast.CollateExpr:
		return fmt.Sprintf("(%s COLLATE %s)", parenthesised(e.X), e.Name.Raw)
	case *ast.Ident:
		return e.Raw
	case *ast.Literal:
		return e.Raw
	}
	return fmt.Sprintf("%T", e)
}
