package sqlgen

import (
	"fmt"
	"strings"
)

// A source is an item of a FROM clause.
type source struct {
	alias string // what qualifies its columns, or ""
	table *table
}

func (s source) of(c *column) string {
	if s.alias == "" {
		return c.name
	}
	return s.alias + "." + c.name
}

// A shape makes queries of one kind.
type shape struct {
	name string
	make func(*generator) string
}

// Shapes are the names of the kinds of queries.
func Shapes() (names []string) {
	for _, c := range append(shapes(), finerShapes()...) {
		names = append(names, c.what.name)
	}
	return append(names, several, clockShape)
}

const several = "several"

func shapes() []choice[shape] {
	return []choice[shape]{
		{14, shape{"list", (*generator).list}},
		{8, shape{"get", (*generator).get}},
		{6, shape{"after", (*generator).after}},
		{5, shape{"count", (*generator).count}},
		{4, shape{"aggregate", (*generator).aggregate}},
		{5, shape{"group", (*generator).group}},
		{3, shape{"distinct", (*generator).distinct}},
		{10, shape{"join", (*generator).join}},
		{5, shape{"left join", (*generator).leftJoin}},
		{3, shape{"anti join", (*generator).antiJoin}},
		{3, shape{"odd join", (*generator).oddJoin}},
		{4, shape{"exists", (*generator).exists}},
		{4, shape{"in select", (*generator).inSelect}},
		{5, shape{"scalar", (*generator).scalar}},
		{4, shape{"with", (*generator).with}},
		{1, shape{"recursive", (*generator).recursive}},
		{4, shape{"compound", (*generator).compound}},
		{3, shape{"from select", (*generator).fromSelect}},
		{4, shape{"view", (*generator).ofView}},
		{3, shape{"window", (*generator).window}},
		{4, shape{"nest", (*generator).nest}},
		{3, shape{"no order", (*generator).noOrder}},
		{2, shape{"expression", (*generator).expressions}},
	}
}

// read returns what one cached function reads.
func (g *generator) read() Read {
	s := weighted(g, shapes())
	r := Read{Shape: s.name, Queries: []Statement{g.take(s.make(g))}}
	switch n := g.IntN(100); {
	case n < 40:
		r.Way = Prepared
	case n < 50:
		r.Way = Snapshot
	}
	if g.chance(12) {
		r.Rows = 1 + g.IntN(3)
	}
	if g.chance(10) {
		g.more(&r)
	}
	return r
}

// more adds queries to a read, some of which ask for what others found.
func (g *generator) more(r *Read) {
	r.Shape = several
	for range 1 + g.IntN(2) {
		text := ""
		if t := g.base(); g.chance(60) {
			c := one(g, t.columns...)
			if f := t.references(); len(f) > 0 && g.chance(70) {
				c = f[0]
			}
			src := []source{{"", t}}
			text = fmt.Sprintf("SELECT %s FROM %s WHERE %s = %s%s", g.results(src), t.name, c.name, g.bind(Found{}), g.order(src, 80))
		} else {
			text = weighted(g, shapes()).make(g)
		}
		r.Queries = append(r.Queries, g.take(text))
	}
}

// overlapped returns a read during which something changes.
func (g *generator) overlapped() *Read {
	r := g.read()
	if g.chance(60) { // its later queries see what was, too
		r.Way = Snapshot
		if len(r.Queries) == 1 {
			g.more(&r)
		}
	}
	return &r
}

func (g *generator) alias() string {
	g.aliases++
	return fmt.Sprintf("x%d", g.aliases)
}

// alone returns a FROM clause of one table.
func (g *generator) alone(t *table) (string, []source) {
	switch {
	case g.chance(75):
		return " FROM " + t.name, []source{{"", t}}
	case g.chance(50):
		return " FROM " + t.name, []source{{t.name, t}}
	}
	a := g.alias()
	return " FROM " + t.name + one(g, " AS ", " ") + a, []source{{a, t}}
}

// list is what a page of an application asks for.
func (g *generator) list() string {
	from, src := g.alone(g.any())
	q := "SELECT " + g.results(src) + from
	if g.chance(88) {
		q += " WHERE " + g.where(src, 0)
	}
	q += g.order(src, 85)
	if g.chance(50) {
		q += g.limit()
	}
	return q
}

// get is one row by its key.
func (g *generator) get() string {
	from, src := g.alone(g.any())
	q := "SELECT " + g.results(src) + from + " WHERE " + g.byKey(src[0])
	if g.chance(25) {
		q += " AND " + g.term(src, 1)
	}
	if g.chance(10) {
		q += " LIMIT 1"
	}
	return q
}

func (g *generator) byKey(s source) string {
	keys := s.table.keys
	if len(keys) == 0 {
		keys = s.table.columns[:1]
	}
	if s.table.rowid && g.chance(5) {
		return g.rowid(s) + " = " + g.value(&column{kind: whole})
	}
	var parts []string
	for _, c := range keys {
		parts = append(parts, s.of(c)+" = "+g.value(c))
	}
	return strings.Join(parts, " AND ")
}

func (g *generator) rowid(s source) string {
	return s.of(&column{name: one(g, "rowid", "rowid", "_rowid_", "oid")})
}

// after is a page that begins where another ended.
func (g *generator) after() string {
	from, src := g.alone(g.base())
	s := src[0]
	c, id := one(g, s.table.columns...), s.table.id()
	q := "SELECT " + g.results(src) + from + " WHERE "
	if g.chance(50) {
		q += g.equal(src) + " AND "
	}
	down := g.chance(60)
	sign, dir := " > ", ""
	if down {
		sign, dir = " < ", " DESC"
	}
	switch g.IntN(4) {
	case 0:
		q += s.of(id) + sign + g.value(id) + " ORDER BY " + s.of(id) + dir
	case 1:
		q += fmt.Sprintf("(%s, %s)%s(%s, %s)", s.of(c), s.of(id), sign, g.value(c), g.value(id))
		q += " ORDER BY " + s.of(c) + dir + ", " + s.of(id) + dir
	case 2:
		v, w := g.value(c), g.value(id)
		q += fmt.Sprintf("(%s%s%s OR %s = %s AND %s%s%s)", s.of(c), sign, v, s.of(c), v, s.of(id), sign, w)
		q += " ORDER BY " + s.of(c) + dir + ", " + s.of(id) + dir
	default:
		q += s.of(c) + one(g, " >= ", " <= ", " > ", " < ") + g.value(c) + " ORDER BY " + s.of(c) + dir + ", " + s.of(id) + one(g, "", dir)
	}
	if len(s.table.keys) > 1 {
		q += ", " + s.of(s.table.keys[1])
	}
	return q + g.limit()
}

func (g *generator) count() string {
	from, src := g.alone(g.any())
	q := "SELECT " + one(g, "count(*)", "count(*)", "COUNT(1)", "count("+g.column(src)+")", "count(DISTINCT "+g.column(src)+")") + from
	if g.chance(85) {
		q += " WHERE " + g.where(src, 0)
	}
	return q
}

// summary returns an aggregate.
func (g *generator) summary(src []source) string {
	c := g.column(src)
	f := one(g, "count(*)", "max(%s)", "max(%s)", "min(%s)", "sum(%s)", "total(%s)", "avg(%s)", "count(%s)", "count(DISTINCT %s)", "group_concat(%s)", "coalesce(sum(%s), 0)")
	if strings.Contains(f, "%") {
		f = fmt.Sprintf(f, c)
	}
	if g.chance(8) && !strings.HasPrefix(f, "coalesce") {
		f += " FILTER (WHERE " + g.term(src, 2) + ")"
	}
	return f
}

func (g *generator) aggregate() string {
	from, src := g.alone(g.any())
	if g.chance(30) {
		from, src = g.joined(2, one(g, "", "LEFT JOIN"))
	}
	var list []string
	for range 1 + g.early(3) {
		list = append(list, g.summary(src))
	}
	if g.chance(20) {
		list = append(list, one(g, g.column(src), src[0].of(src[0].table.id()))) // of the row with the maximum, or of any
	}
	q := "SELECT " + join(list) + from
	if g.chance(80) {
		q += " WHERE " + g.where(src, 0)
	}
	return q
}

func (g *generator) group() string {
	var from string
	var src []source
	if g.chance(70) {
		from, src = g.alone(g.any())
	} else {
		from, src = g.joined(2, "")
	}
	by := g.column(src)
	q := fmt.Sprintf("SELECT %s, %s%s", by, g.summary(src), from)
	if g.chance(60) {
		q += " WHERE " + g.where(src, 0)
	}
	q += " GROUP BY " + by
	if g.chance(20) {
		q += ", " + g.column(src)
	}
	if g.chance(40) {
		if g.chance(50) {
			q += " HAVING count(*)" + one(g, " > 1", " >= 2", " = 1")
		} else {
			q += " HAVING " + g.summary(src) + one(g, " > ", " = ", " IS NOT ") + g.value(&column{kind: whole})
		}
	}
	if g.chance(75) {
		q += " ORDER BY " + one(g, by, "1", "2 DESC, 1", by+" DESC")
		if g.chance(30) {
			q += g.limit()
		}
	}
	return q
}

func (g *generator) distinct() string {
	from, src := g.alone(g.any())
	c := g.column(src)
	q := "SELECT DISTINCT " + c
	if g.chance(40) {
		q += ", " + g.column(src)
	}
	q += from
	if g.chance(60) {
		q += " WHERE " + g.where(src, 0)
	}
	if g.chance(75) {
		q += " ORDER BY " + one(g, c, "1", "1, 1", c+" DESC")
		if g.chance(30) {
			q += g.limit()
		}
	}
	return q
}
