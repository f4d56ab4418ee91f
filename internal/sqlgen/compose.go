package sqlgen

import (
	"fmt"
	"strings"
)

// on returns a condition that joins s with earlier items: over a reference
// where there is one.
func (g *generator) on(s source, before []source) string {
	var over []string
	for _, b := range before {
		for _, c := range s.table.references() {
			if c.target == b.table {
				over = append(over, s.of(c)+" = "+b.of(b.table.id()))
			}
		}
		for _, c := range b.table.references() {
			if c.target == s.table {
				over = append(over, one(g, s.of(s.table.id())+" = "+b.of(c), b.of(c)+" = "+s.of(s.table.id())))
			}
		}
	}
	text := ""
	if len(over) > 0 && g.chance(88) {
		text = one(g, over...)
	} else {
		text = s.of(one(g, s.table.id(), s.table.id(), one(g, s.table.columns...))) + " = " + g.column(before)
	}
	if g.chance(12) {
		text += " AND " + g.term(append(before[:len(before):len(before)], s), 2)
	}
	return text
}

// joined returns a FROM clause of n tables that follow references.
func (g *generator) joined(n int, kind string) (string, []source) {
	var src []source
	var b strings.Builder
	for i := range n {
		t := g.any()
		for range 4 { // look for one that is related
			if i == 0 && (len(t.references()) > 0 || len(g.tables) == 1) || i > 0 && related(t, src) {
				break
			}
			t = g.any()
		}
		s := source{g.alias(), t}
		switch {
		case i == 0:
			fmt.Fprintf(&b, " FROM %s AS %s", t.name, s.alias)
		default:
			k := kind
			if k == "" {
				k = one(g, "JOIN", "JOIN", "JOIN", "INNER JOIN", "LEFT JOIN", "CROSS JOIN", ",")
			}
			if k == "," {
				b.WriteString(",")
			} else {
				b.WriteString(" " + k)
			}
			fmt.Fprintf(&b, " %s AS %s", t.name, s.alias)
			if k != "," && k != "CROSS JOIN" || k == "CROSS JOIN" && g.chance(70) {
				b.WriteString(" ON " + g.on(s, src))
			}
		}
		src = append(src, s)
	}
	return b.String(), src
}

func related(t *table, src []source) bool {
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

// over ends a query over a join.
func (g *generator) over(from string, src []source) string {
	q := "SELECT " + one(g, "", "", "", "", "", "", "", "", "", "DISTINCT ") + g.results(src) + from
	if g.chance(75) {
		q += " WHERE " + g.where(src, 0)
	}
	q += g.order(src, 80)
	if g.chance(40) {
		q += g.limit()
	}
	return q
}

// antiJoin asks for what has no partner.
func (g *generator) antiJoin() string {
	from, src := g.joined(2, "LEFT JOIN")
	y := src[1]
	c := one(g, y.table.id(), y.table.id(), one(g, y.table.columns...))
	q := "SELECT " + g.results(src) + from + " WHERE " + y.of(c) + " IS NULL"
	if g.chance(40) {
		q += " AND " + g.term(src, 1)
	}
	return q + g.order(src, 80)
}

func (g *generator) join() string     { return g.over(g.joined(2+g.early(2), one(g, "JOIN", ""))) }
func (g *generator) leftJoin() string { return g.over(g.joined(2+g.early(2), "LEFT JOIN")) }

func (g *generator) oddJoin() string {
	t, u := g.any(), g.any()
	x, y := source{g.alias(), t}, source{g.alias(), u}
	src := []source{x, y}
	var from string
	if n := g.IntN(4); n < 2 { // what both have is compared, and ambiguous unless qualified
		how := one(g, " NATURAL JOIN ", " NATURAL LEFT JOIN ", " JOIN ", " LEFT JOIN ", " FULL JOIN ")
		from = fmt.Sprintf(" FROM %s AS %s%s%s AS %s", t.name, x.alias, how, u.name, y.alias)
		if !strings.Contains(how, "NATURAL") {
			from += one(g, " USING (id)", " USING (id)", " USING (id, a)", " USING (a)")
		}
	} else {
		how := one(g, " RIGHT JOIN ", " FULL JOIN ", " LEFT JOIN ", " JOIN ")
		from = fmt.Sprintf(" FROM %s AS %s%s%s AS %s ON ", t.name, x.alias, how, u.name, y.alias)
		if g.chance(60) {
			from += g.on(y, src[:1])
		} else {
			from += g.where(src, 1)
		}
	}
	return g.over(from, src)
}

// related returns a table and a condition that relates its rows to those of an
// item around.
func (g *generator) inner(outer source) (source, string) {
	s := source{g.alias(), g.base()}
	for range 3 {
		if related(s.table, []source{outer}) {
			break
		}
		s.table = g.base()
	}
	return s, g.on(s, []source{outer})
}

// exist returns an EXISTS over a correlated query.
func (g *generator) exist(outer source) string {
	s, on := g.inner(outer)
	q := fmt.Sprintf("%sEXISTS (SELECT 1 FROM %s AS %s WHERE %s", one(g, "", "", "NOT "), s.table.name, s.alias, on)
	if g.chance(50) {
		q += " AND " + g.term([]source{s}, 2)
	}
	return q + ")"
}

// among returns an IN over a query.
func (g *generator) among(outer source) string {
	t := g.base()
	c, d := outer.table.id(), one(g, t.columns...)
	if f := t.references(); len(f) > 0 && g.chance(60) {
		d = f[0]
	}
	if f := outer.table.references(); len(f) > 0 && g.chance(50) {
		c, t = f[0], f[0].target
		d = t.id()
	}
	q := fmt.Sprintf("%s %sIN (SELECT %s FROM %s", outer.of(c), one(g, "", "", "", "NOT "), d.name, t.name)
	if g.chance(75) {
		q += " WHERE " + g.term([]source{{"", t}}, 2)
	}
	if g.chance(10) {
		q += " ORDER BY " + d.name + " LIMIT 2"
	}
	return q + ")"
}

// single returns a scalar subquery.
func (g *generator) single(outer source) string {
	s, on := g.inner(outer)
	src := []source{s}
	if g.chance(60) {
		return fmt.Sprintf("(SELECT %s FROM %s AS %s WHERE %s)", g.summary(src), s.table.name, s.alias, on)
	}
	return fmt.Sprintf("(SELECT %s FROM %s AS %s WHERE %s%s LIMIT 1)", g.column(src), s.table.name, s.alias, on, g.order(src, 80))
}

// outside returns an item whose columns are always qualified.
func (g *generator) outside() (string, []source) {
	s := source{g.alias(), g.any()}
	return fmt.Sprintf(" FROM %s AS %s", s.table.name, s.alias), []source{s}
}

func (g *generator) exists() string {
	if g.chance(15) {
		t := g.base()
		return fmt.Sprintf("SELECT %sEXISTS (SELECT 1 FROM %s WHERE %s)", one(g, "", "NOT "), t.name, g.where([]source{{"", t}}, 1))
	}
	from, src := g.outside()
	q := "SELECT " + g.results(src) + from + " WHERE " + g.exist(src[0])
	if g.chance(50) {
		q += " AND " + g.term(src, 1)
	}
	return q + g.order(src, 85)
}

func (g *generator) inSelect() string {
	from, src := g.outside()
	q := "SELECT " + g.results(src) + from + " WHERE " + g.among(src[0])
	if g.chance(50) {
		q += " AND " + g.term(src, 1)
	}
	return q + g.order(src, 85)
}

func (g *generator) scalar() string {
	from, src := g.outside()
	q := "SELECT " + g.results(src) + ", " + g.single(src[0]) + from
	if g.chance(80) {
		q += " WHERE " + g.where(src, 1)
	}
	q += g.order(src, 85)
	if g.chance(30) {
		q += g.limit()
	}
	return q
}

func (g *generator) nest() string {
	from, src := g.outside()
	return "SELECT " + g.results(src) + from + " WHERE " + g.tree(src, 3) + g.order(src, 80)
}

func (g *generator) noOrder() string {
	from, src := g.alone(g.any())
	if g.chance(40) {
		from, src = g.joined(2, "")
	}
	q := "SELECT " + g.results(src) + from
	if g.chance(50) {
		q += " WHERE " + g.where(src, 0)
	}
	if g.chance(30) {
		q += g.order(src, 0)
	}
	return q + g.limit()
}
