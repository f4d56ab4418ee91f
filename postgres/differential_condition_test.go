package postgres

import (
	"fmt"
	"strings"
)

// where returns a condition as applications write it.
func (g *pgGenerator) where(src []pgSource) string {
	switch n := g.IntN(100); {
	case n < 60:
		q := g.equal(src)
		if g.chance(25) {
			q += " AND " + g.term(src, 2)
		}
		return q
	case n < 65:
		return g.equal(src) + " AND " + g.equal(src)
	case n < 70:
		return g.term(src, 1) + " OR " + g.term(src, 1)
	case n < 88:
		return g.finer(src)
	}
	return g.term(src, 0)
}

// finer returns a condition of a kind that is more than an equality.
func (g *pgGenerator) finer(src []pgSource) string {
	text, c := g.column(src)
	s := pick(g, src...)
	id := s.table.columns[0]
	less := func(text string, c *pgColumn) string {
		return text + pick(g, " < ", " <= ", " > ", " >= ") + g.value(c)
	}
	q := ""
	switch g.IntN(9) {
	case 0: // a range
		q = less(text, c) + " AND " + less(text, c)
	case 1:
		q = fmt.Sprintf("%s BETWEEN %s%s AND %s", text, pick(g, "", "", "SYMMETRIC "), g.value(c), g.value(c))
	case 2: // rows
		q = fmt.Sprintf("(%s, %s) %s (%s, %s)", text, s.of(id), pick(g, "<", "<=", ">", ">="), g.value(c), g.value(id))
	case 3:
		sign := pick(g, "<", ">")
		q = fmt.Sprintf("(%s %s %s OR (%s = %s AND %s %s= %s))", text, sign, g.value(c), text, g.value(c), s.of(id), sign, g.value(id))
	case 4: // sides of OR
		other, d := g.column(src)
		q = fmt.Sprintf("((%s = %s AND %s = %s) OR (%s = %s AND %s = %s))", text, g.value(c), other, g.value(d), text, g.value(c), other, g.value(d))
	case 5:
		other, d := g.column(src)
		q = "(" + pick(g, g.equal(src), less(text, c), text+" IS NULL") + " OR " + pick(g, g.equal(src), less(other, d), text+" = "+g.value(c)) + ")"
	case 6:
		q = g.optional(src)
	case 7:
		q = g.folded(src)
	default:
		q = fmt.Sprintf("coalesce(%s, %s) %s %s", text, c.typ.literals[g.first(len(c.typ.literals))], pick(g, "=", "=", "<", ">="), g.value(c))
	}
	if g.chance(50) {
		return g.equal(src) + " AND " + q
	}
	return q
}

// optional returns a filter that an argument may switch off.
func (g *pgGenerator) optional(src []pgSource) string {
	text, c := g.column(src)
	if g.plain {
		return g.equal(src)
	}
	var arg any
	if g.chance(60) {
		arg = c.typ.args[g.first(len(c.typ.args))]
	}
	typ, _, _ := strings.Cut(c.typ.name, " COLLATE")
	p := func() string { return g.bind(arg) + pick(g, "", "::"+typ) }
	again := func() string { return fmt.Sprintf("$%d", len(g.args)) }
	switch g.IntN(7) {
	case 0:
		return fmt.Sprintf("%s = coalesce(%s, %s)", text, p(), text)
	case 1:
		return fmt.Sprintf("(%s%s %s = %s)", pick(g, "", "NOT "), g.bind(g.chance(50))+"::bool OR", text, g.value(c))
	case 2:
		arg = pick(g, c.typ.args...)
		return fmt.Sprintf("(%s = %s OR %s = %s)", p(), c.typ.literals[g.early(len(c.typ.literals))], text, again())
	case 3:
		return fmt.Sprintf("(%s::%s IS NULL OR %s %s %s)", g.bind(arg), typ, text, pick(g, "<", ">="), again())
	case 4: // of another type
		return fmt.Sprintf("(%s::%s = %s OR %s)", g.bind(pick(g, any("a"), any("a "), any("1"), nil)), pick(g, "varchar::bpchar", "bpchar", "text", "citext"), pick(g, "'a'", "'a '", "'A'"), g.equal(src))
	}
	return fmt.Sprintf("(%s::%s IS NULL OR %s = %s)", g.bind(arg), typ, text, again())
}

// folded returns a condition in which the case of letters does not count.
func (g *pgGenerator) folded(src []pgSource) string {
	text, c := g.column(src)
	for range 10 {
		if c.typ.letters {
			break
		}
		text, c = g.column(src)
	}
	if !c.typ.letters {
		text += "::text"
	}
	f := func() string { return pick(g, "lower", "lower", "lower", "upper") }
	value := func() string {
		v := pick(g, "'a'", "'A'", "'b'", "'k'", "'K'", "'é'", "'É'", "'\u212a'", "'i'", "''") // one is the sign of Kelvin
		if g.plain || g.chance(40) {
			return v
		}
		return g.bind(strings.Trim(v, "'"))
	}
	x := f()
	if g.chance(10) {
		text += pick(g, ` COLLATE "und-x-icu"`, ` COLLATE "C"`)
	}
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("%s(%s) = %s", x, text, value())
	case 1:
		return fmt.Sprintf("%s = %s(%s)", text, f(), value())
	case 2:
		return fmt.Sprintf("%s(%s) IN (%s, %s(%s))", x, text, value(), x, value())
	case 3:
		if !g.plain {
			return fmt.Sprintf("%s(%s) = ANY (%s)", x, text, g.bind([]string{"a", "k", "é"}[:1+g.IntN(3)]))
		}
	}
	return fmt.Sprintf("%s(%s) = %s(%s)", x, text, x, value())
}

// equal returns an equality with a constant.
func (g *pgGenerator) equal(src []pgSource) string {
	text, c := g.column(src)
	if g.chance(35) { // by which applications select
		s := pick(g, src...)
		c = s.table.columns[0]
		if f := s.table.references(); len(f) > 0 && g.chance(60) {
			c = pick(g, f...)
		}
		text = s.of(c)
	}
	switch n := g.IntN(20); {
	case n < 2:
		return fmt.Sprintf("%s IN (%s, %s)", text, g.value(c), g.value(c))
	case n < 4 && c.typ.array != nil && !g.plain:
		return text + " = ANY (" + g.bind(c.typ.array) + ")"
	case n < 5:
		return text + " IS NULL"
	case n < 6:
		return g.value(c) + " = " + text
	case n < 7 && c.typ.name == "bool":
		return pick(g, text, "NOT "+text, text+" IS TRUE")
	}
	return text + " = " + g.value(c)
}

// term returns any condition.
func (g *pgGenerator) term(src []pgSource, depth int) string {
	text, c := g.column(src)
	switch n := g.IntN(22); {
	case n < 6:
		return g.equal(src)
	case n < 9:
		return text + pick(g, " > ", " < ", " >= ", " <= ", " <> ") + g.value(c)
	case n == 9:
		return text + " IS NOT NULL"
	case n == 10:
		return fmt.Sprintf("%s BETWEEN %s AND %s", text, g.value(c), g.value(c))
	case n == 11:
		return fmt.Sprintf("%s NOT IN (%s, %s)", text, g.value(c), g.value(c))
	case n == 12:
		return fmt.Sprintf("%s IS %sDISTINCT FROM %s", text, pick(g, "", "NOT "), g.value(c))
	case n == 13:
		return fmt.Sprintf("coalesce(%s = %s, %t)", text, g.value(c), g.chance(50))
	case n == 14:
		return pick(g, g.folded, g.folded, g.finer)(src)
	case n == 15 && depth < 2:
		return "NOT (" + g.term(src, depth+1) + ")"
	case n == 16 && depth < 2:
		return "(" + g.term(src, depth+1) + " OR " + g.term(src, depth+1) + ")"
	case n == 17 && depth < 2:
		return "(" + g.term(src, depth+1) + " AND " + g.term(src, depth+1) + ")"
	case n == 18 && c.typ.letters: // of what is no text the server says so now and then
		return text + pick(g, " < ", " >= ") + g.value(c) + pick(g, ` COLLATE "C"`, ` COLLATE "und-x-icu"`)
	case n == 18:
		other, d := g.column(src)
		return fmt.Sprintf("(%s, %s) = (%s, %s)", text, other, g.value(c), g.value(d))
	case n == 19:
		other, _ := g.column(src)
		return text + "::text = " + other + "::text"
	case n == 20:
		return fmt.Sprintf("(%s = %s) IS NOT %s", text, g.value(c), pick(g, "TRUE", "FALSE"))
	}
	return fmt.Sprintf("CASE WHEN %s IS NULL THEN %t ELSE %s = %s END", text, g.chance(50), text, g.value(c))
}

// on returns a condition that joins s with earlier items: over a reference where there
// is one.
func (g *pgGenerator) on(s pgSource, before []pgSource) string {
	var over []string
	for _, b := range before {
		for _, c := range s.table.references() {
			if c.target.name == b.table.name {
				over = append(over, s.of(c)+" = "+b.of(b.table.columns[0]))
			}
		}
		for _, c := range b.table.references() {
			if c.target.name == s.table.name {
				over = append(over, pick(g, s.of(s.table.columns[0])+" = "+b.of(c), b.of(c)+" = "+s.of(s.table.columns[0])))
			}
		}
	}
	text := ""
	switch {
	case len(over) > 0 && g.chance(88):
		text = pick(g, over...)
	default:
		for range 30 { // of one type
			x, c := g.column([]pgSource{s})
			y, d := g.column(before)
			if c.typ == d.typ {
				text = x + " = " + y
				break
			}
			text = x + "::text = " + y + "::text"
		}
	}
	if g.chance(8) {
		text += " AND " + g.term(append(before[:len(before):len(before)], s), 2)
	}
	return text
}

func (g *pgGenerator) related(t *pgTable, src []pgSource) bool {
	for _, s := range src {
		for _, c := range t.references() {
			if c.target == s.table {
				return true
			}
		}
		for _, c := range s.table.references() {
			if c.target == t {
				return true
			}
		}
	}
	return false
}

// joined returns a FROM clause of n tables that follow references.
func (g *pgGenerator) joined(n int, kind string) (string, []pgSource) {
	var src []pgSource
	var b strings.Builder
	for i := range n {
		t := g.any()
		for range 4 {
			if i == 0 && len(t.references()) > 0 || i > 0 && g.related(t, src) {
				break
			}
			t = g.any()
		}
		s := pgSource{g.alias(), t}
		if i == 0 {
			fmt.Fprintf(&b, " FROM %s %s", t.name, s.alias)
		} else {
			k := kind
			if k == "" {
				k = pick(g, "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN")
			}
			fmt.Fprintf(&b, " %s %s %s ON %s", k, t.name, s.alias, g.on(s, src))
		}
		src = append(src, s)
	}
	return b.String(), src
}

// inner returns a table and a condition that relates its rows to those of an item
// around.
func (g *pgGenerator) inner(outer pgSource) (pgSource, string) {
	s := pgSource{g.alias(), g.any()}
	for range 3 {
		if g.related(s.table, []pgSource{outer}) {
			break
		}
		s.table = g.base()
	}
	on := g.on(s, []pgSource{outer})
	if g.chance(30) {
		on += " AND " + g.equal([]pgSource{s})
	}
	return s, on
}

func (g *pgGenerator) exist(outer pgSource) string {
	s, on := g.inner(outer)
	from := s.table.name + " " + s.alias
	if g.chance(20) {
		t := pgSource{g.alias(), g.base()}
		from += fmt.Sprintf(" %sJOIN %s %s ON %s", pick(g, "", "LEFT "), t.table.name, t.alias, g.on(t, []pgSource{s}))
	}
	return fmt.Sprintf("%sEXISTS (SELECT FROM %s WHERE %s)", pick(g, "", "", "", "NOT "), from, on)
}

func (g *pgGenerator) among(outer pgSource) string {
	t := g.any()
	c, d := outer.table.columns[0], pick(g, t.columns...)
	if f := outer.table.references(); len(f) > 0 && g.chance(50) {
		c, t = f[0], f[0].target
		d = t.columns[0]
	} else {
		for range 20 {
			if d.typ == c.typ {
				break
			}
			d = pick(g, t.columns...)
		}
	}
	s := pgSource{g.alias(), t}
	q := fmt.Sprintf("%s %sIN (SELECT %s FROM %s %s", outer.of(c), pick(g, "", "", "", "NOT "), s.of(d), t.name, s.alias)
	if g.chance(75) {
		q += " WHERE " + g.where([]pgSource{s})
	}
	if g.chance(15) {
		q += g.ordered(s) + " LIMIT 2"
	}
	return q + ")"
}

func (g *pgGenerator) single(outer pgSource) string {
	s, on := g.inner(outer)
	if g.chance(60) {
		return fmt.Sprintf("(SELECT %s FROM %s %s WHERE %s)", g.summary([]pgSource{s}), s.table.name, s.alias, on)
	}
	c, _ := g.column([]pgSource{s})
	return fmt.Sprintf("(SELECT %s FROM %s %s WHERE %s%s LIMIT 1)", c, s.table.name, s.alias, on, g.ordered(s))
}
