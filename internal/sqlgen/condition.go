package sqlgen

import (
	"fmt"
	"strings"
)

// pick returns a column of some item, qualified, and what it is.
func (g *generator) pick(src []source) (string, *column) {
	s := src[g.IntN(len(src))]
	c := one(g, s.table.columns...)
	return s.of(c), c
}

func (g *generator) column(src []source) string {
	if s := src[0]; s.table.rowid && g.chance(2) {
		return g.rowid(s)
	}
	x, _ := g.pick(src)
	return x
}

// results returns a list of result columns.
func (g *generator) results(src []source) string {
	g.shown = nil
	if n := g.IntN(100); n < 14 {
		for _, s := range src {
			for _, c := range s.table.columns {
				g.shown = append(g.shown, s.of(c))
			}
		}
		if n < 8 || src[0].alias == "" {
			return "*"
		}
		return one(g, src...).alias + ".*"
	}
	var list []string
	add := func(x string) { list, g.shown = append(list, x), append(g.shown, x) }
	for _, s := range src { // so that what joins them is seen
		if g.chance(30) {
			add(s.of(s.table.id()))
		}
		for _, c := range s.table.references() {
			if g.chance(20) {
				add(s.of(c))
			}
		}
	}
	for range 1 + g.early(4) {
		x := g.column(src)
		switch g.IntN(24) {
		case 0:
			f := one(g, "upper(%s)", "length(%s)", "coalesce(%s, '-')", "typeof(%s)", "%s || '!'", "%s + 1", "max(%s, 1)", "CAST(%s AS TEXT)", "abs(%s)", "date(%s)")
			list = append(list, fmt.Sprintf(f, x))
		case 1:
			list = append(list, x+" AS "+one(g, "r", "a", "id")) // perhaps the name of a column
		case 2:
			list = append(list, "CASE WHEN "+g.term(src, 2)+" THEN "+x+" ELSE "+g.column(src)+" END")
		default:
			add(x)
		}
	}
	return join(list)
}

// order returns an ORDER BY, which is total with a probability in percent, or
// nothing.
func (g *generator) order(src []source, total int) string {
	var terms []string
	if g.chance(55) {
		for range 1 + g.early(2) {
			x := g.column(src)
			if len(g.shown) > 0 && g.chance(60) {
				x = one(g, g.shown...)
			}
			terms = append(terms, x+one(g, "", "", " DESC", " DESC", " ASC", " COLLATE NOCASE", " NULLS LAST", " DESC NULLS FIRST"))
		}
	}
	if g.chance(total) {
		dir := one(g, "", "", " DESC")
		if g.chance(25) {
			src = some(g, len(src), src)
		}
		for _, s := range src {
			keys := s.table.keys
			if len(keys) == 0 && s.table.rowid {
				keys = []*column{{name: "rowid"}}
			}
			for _, c := range keys {
				terms = append(terms, s.of(c)+dir)
			}
		}
	}
	g.shown = nil
	if len(terms) == 0 {
		return ""
	}
	return " ORDER BY " + join(terms)
}

// equal returns a column that equals a value: what applications ask most.
func (g *generator) equal(src []source) string {
	x, c := g.pick(src)
	for range 2 { // keys and references are asked for more
		if c.target != nil || c == src[0].table.id() {
			break
		}
		if g.chance(40) {
			x, c = g.pick(src)
		}
	}
	v := g.value(c)
	switch {
	case g.chance(15):
		return fmt.Sprintf("%s IN (%s, %s)", x, v, g.value(c))
	case g.chance(8):
		return v + " = " + x
	}
	return x + one(g, " = ", " = ", " = ", " = ", " = ", " IS ", " == ") + v
}

// where returns one to three conditions. Subqueries are made above a depth of 2.
func (g *generator) where(src []source, depth int) string {
	var list []string
	for range 1 + g.first(3) {
		if g.chance(60) {
			list = append(list, g.equal(src))
		} else {
			list = append(list, g.term(src, depth))
		}
	}
	return strings.Join(list, " AND ")
}

// tree returns nested ANDs, ORs and NOTs.
func (g *generator) tree(src []source, depth int) string {
	if depth == 0 || g.chance(15) {
		return g.term(src, 2)
	}
	switch g.IntN(7) {
	case 0:
		return "NOT (" + g.tree(src, depth-1) + ")"
	case 1, 2, 3:
		return "(" + g.tree(src, depth-1) + " OR " + g.tree(src, depth-1) + ")"
	}
	return "(" + g.tree(src, depth-1) + " AND " + g.tree(src, depth-1) + ")"
}

// term returns one condition.
func (g *generator) term(src []source, depth int) string {
	x, c := g.pick(src)
	switch n := g.IntN(32); {
	case n < 9:
		return g.equal(src)
	case n < 13:
		return x + one(g, " > ", " < ", " >= ", " <= ") + g.value(c)
	case n < 15:
		return fmt.Sprintf("%s %sBETWEEN %s AND %s", x, one(g, "", "", "", "NOT "), g.value(c), g.value(c))
	case n < 17:
		return x + one(g, " IS NULL", " IS NOT NULL", " NOTNULL", " ISNULL")
	case n == 17:
		return x + one(g, " <> ", " != ", " IS NOT ") + g.value(c)
	case n == 18:
		return x + one(g, " LIKE ", " NOT LIKE ", " GLOB ") + one(g, "'a%'", "'%a%'", "'A'", "'a*'", "'_'")
	case n == 19:
		return fmt.Sprintf("%s NOT IN (%s, %s)", x, g.value(c), g.value(c))
	case n == 20:
		y, _ := g.pick(src)
		return x + one(g, " = ", " < ", " <> ", " IS ") + y
	case n == 21:
		if g.chance(50) {
			return x + " = " + g.value(c) + one(g, " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY")
		}
		return x + one(g, " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY") + " = " + g.value(c)
	case n == 22:
		return "NOT (" + g.term(src, depth) + ")"
	case n == 23:
		y, d := g.pick(src)
		return fmt.Sprintf("(%s, %s)%s(%s, %s)", x, y, one(g, " = ", " < ", " >= "), g.value(c), g.value(d))
	case n == 24:
		return fmt.Sprintf("CASE WHEN %s IS NULL THEN %s ELSE %s = %s END", x, one(g, "1", "0"), x, g.value(c))
	case n == 25:
		f := one(g, "lower(%s)", "length(%s)", "%s + 0", "coalesce(%s, '')", "+%s", "-%s", "%s || ''", "CAST(%s AS INTEGER)", "substr(%s, 1, 1)", "abs(%s)")
		return fmt.Sprintf(f, x) + one(g, " = ", " > ") + g.value(c)
	case n < 29:
		return "(" + g.equal(src) + " OR " + g.term(src, depth) + ")"
	case n == 29:
		y, _ := g.pick(src)
		return one(g, x, "1", x+" AND 1", x+" = "+y+" + 0", x+" = lower("+y+")")
	}
	if s := one(g, src...); depth < 2 && s.alias != "" {
		if g.chance(50) {
			return g.exist(s)
		}
		return g.among(s)
	}
	return g.equal(src)
}
