package dialect

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/token"
)

// SQLite's authorizer is silent about the columns that NATURAL and USING compare,
// and about a table of which nothing else is used.

// compared returns the tables that the statement names, if it may contain a
// NATURAL JOIN or USING, itself or in a view that it names. ok is false if that is
// unclear.
func (a *analysis) compared() (tables []*Table, ok bool) {
	c := comparison{analysis: a}
	c.add(a.text(a.sql))
	if !c.found {
		return nil, true
	}
	return c.tables, !c.unclear
}

type comparison struct {
	*analysis
	seen    []*Table
	tables  []*Table
	found   bool
	unclear bool
}

func (c *comparison) add(t *text) {
	c.found = c.found || slices.ContainsFunc(t.tokens(), func(tok token.Token) bool {
		return tok.Kind == token.USING || lower(tok.Text(t.sql)) == "natural"
	})
	stmt := t.stmt()
	if stmt == nil {
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
			c.unclear = c.unclear || n.Table != nil
		}
		return true
	})
}

// name adds a table, or what a view names. A common table expression of this name
// only makes it too many.
func (c *comparison) name(n *ast.QualifiedName) {
	t := c.Tables[lower(n.Name.Name)]
	if t == nil || slices.Contains(c.seen, t) {
		return
	}
	c.seen = append(c.seen, t)
	if t.View {
		c.add(c.text(t.SQL))
		return
	}
	c.tables = append(c.tables, t)
}
