package sqldep

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/sqlc-dev/meyer/token"
	"github.com/unstale/unstale/internal/shape"
)

// SQLite's authorizer is silent about the columns that NATURAL and USING compare,
// and about a table of which nothing else is used.

// compared returns the tables that a statement names, if it may contain a NATURAL
// JOIN or USING, itself or in a view that it names. ok is false if that is
// unclear.
func (s *Schema) compared(sql string) (tables []*shape.Table, ok bool) {
	c := comparison{schema: s}
	c.text(sql)
	if !c.found {
		return nil, true
	}
	return c.tables, !c.unclear
}

type comparison struct {
	schema  *Schema
	seen    []*shape.Table
	tables  []*shape.Table
	found   bool
	unclear bool
}

func (c *comparison) text(sql string) {
	c.found = c.found || slices.ContainsFunc(lexer.Lex(sql), func(t token.Token) bool {
		return t.Kind == token.USING || lower(t.Text(sql)) == "natural"
	})
	stmt, err := parser.ParseStatement(sql)
	if err != nil {
		c.unclear = true
		return
	}
	ast.Walk(stmt, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TableRef:
			if n.Name != nil {
				c.name(n.Name)
			}
		case *ast.InExpr:
			if n.Table != nil {
				c.unclear = true
			}
		}
		return true
	})
}

// name adds a table, or what a view names. A common table expression of this name
// only makes it too many.
func (c *comparison) name(n *ast.QualifiedName) {
	t := c.schema.Tables[lower(n.Name.Name)]
	if t == nil || slices.Contains(c.seen, t) {
		return
	}
	c.seen = append(c.seen, t)
	if t.View {
		c.text(t.SQL)
		return
	}
	c.tables = append(c.tables, t)
}
