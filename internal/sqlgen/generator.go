package sqlgen

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// A generator makes one case. Statements are made one at a time.
type generator struct {
	*rand.Rand
	clock   *rand.Rand // of what has to do with the clock, or nil
	tables  []*table   // tables, then views
	views   int        // how many of them are views
	indexes int        // how many were named
	added   int        // how many columns were added

	next     int   // the key of the row to be inserted; 0: any
	literals bool  // values are written into the text
	args     []any // of the statement being made
	aliases  int   // in the statement being made

	shown []string // the columns in the result of the query being made
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func one[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// some returns a few members of a list, in a random order.
func some[T any](g *generator, n int, list []T) []T {
	var out []T
	for _, i := range g.Perm(len(list))[:min(n, len(list))] {
		out = append(out, list[i])
	}
	return out
}

// base returns a table that is no view.
func (g *generator) base() *table { return g.tables[g.IntN(len(g.tables)-g.views)] }

// any returns a table or, seldom, a view.
func (g *generator) any() *table {
	if g.chance(8) {
		return g.tables[g.IntN(len(g.tables))]
	}
	return g.base()
}

// take ends a statement. While it was made, its parameters were ?1, ?2, …;
// afterwards they have one of the forms that applications use.
func (g *generator) take(text string) Statement {
	s := Statement{Text: text, Args: g.args}
	g.args, g.aliases = nil, 0
	found := parameter.FindAllString(text, -1)
	inOrder := len(found) == len(s.Args)
	for i, p := range found {
		inOrder = inOrder && p == fmt.Sprintf("?%d", i+1)
	}
	switch n := g.IntN(20); {
	case n < 17 && inOrder:
		s.Text = parameter.ReplaceAllString(text, "?")
	case n < 19:
	default:
		sign := one(g, ":", "@", "$")
		s.Text = parameter.ReplaceAllStringFunc(text, func(p string) string { return sign + "p" + p[1:] })
		for i, a := range s.Args {
			s.Args[i] = sql.Named(fmt.Sprintf("p%d", i+1), a)
		}
	}
	return s
}

var parameter = regexp.MustCompile(`\?[0-9]+`)

// bind makes v an argument and returns its parameter.
func (g *generator) bind(v any) string {
	g.args = append(g.args, v)
	return fmt.Sprintf("?%d", len(g.args))
}

// A choice is one of several with a weight.
type choice[T any] struct {
	weight int
	what   T
}

func weighted[T any](g *generator, list []choice[T]) T {
	total := 0
	for _, c := range list {
		total += c.weight
	}
	n := g.IntN(total)
	for _, c := range list {
		if n -= c.weight; n < 0 {
			return c.what
		}
	}
	panic("unreachable")
}

func join(list []string) string { return strings.Join(list, ", ") }
