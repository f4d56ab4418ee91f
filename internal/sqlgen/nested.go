package sqlgen

import "fmt"

// derived returns a query and the table that its result is.
func (g *generator) derived(name string) (string, *table) {
	from, src := g.outside()
	t := src[0].table
	d := &table{name: name, view: true}
	add := func(name string, c *column) {
		d.columns = append(d.columns, &column{name: name, kind: c.kind, target: c.target})
	}
	c := one(g, t.columns...)
	add("id", t.id())
	d.keys = d.columns[:1]
	switch g.IntN(3) {
	case 0:
		add("n", &column{kind: whole})
		d.columns[0].kind = c.kind
		q := fmt.Sprintf("SELECT %s AS id, count(*) AS n%s", src[0].of(c), from)
		if g.chance(50) {
			q += " WHERE " + g.term(src, 2)
		}
		return q + " GROUP BY 1", d
	default:
		add("a", c)
		q := fmt.Sprintf("SELECT %s AS id, %s AS a%s", src[0].of(t.id()), src[0].of(c), from)
		if g.chance(75) {
			q += " WHERE " + g.where(src, 1)
		}
		if g.chance(40) {
			q += g.order(src, 90) + g.limit()
		}
		return q, d
	}
}

func (g *generator) with() string {
	q, w := g.derived("w")
	text := "WITH w AS " + one(g, "", "", "MATERIALIZED ", "NOT MATERIALIZED ") + "(" + q + ") "
	if g.chance(40) {
		s, u := source{"w", w}, source{g.alias(), g.base()}
		src := []source{s, u}
		text += fmt.Sprintf("SELECT %s FROM w %sJOIN %s AS %s ON %s", g.results(src), one(g, "", "LEFT "), u.table.name, u.alias, g.on(u, src[:1]))
		return text + g.order(src, 80)
	}
	from, src := " FROM w", []source{{"", w}}
	if g.chance(30) {
		u := g.base()
		a := g.alias()
		src = []source{{a, u}}
		from = fmt.Sprintf(" FROM %s AS %s WHERE %s.id IN (SELECT id FROM w)", u.name, a, a)
		return text + "SELECT " + g.results(src) + from + g.order(src, 80)
	}
	text += "SELECT " + g.results(src) + from
	if g.chance(50) {
		text += " WHERE " + g.term(src, 2)
	}
	return text + g.order(src, 80)
}

func (g *generator) recursive() string {
	t := g.base()
	up := one(g, t.columns...)
	if f := t.references(); len(f) > 0 {
		up = f[0]
	}
	start := g.value(t.id())
	return fmt.Sprintf("WITH RECURSIVE r (id, n) AS (SELECT id, 0 FROM %s WHERE id = %s UNION SELECT x.id, r.n + 1 FROM %s AS x JOIN r ON x.%s = r.id WHERE r.n < 3) SELECT id, n FROM r ORDER BY n, id",
		t.name, start, t.name, up.name)
}

func (g *generator) compound() string {
	t, u := g.any(), g.any()
	n := 1 + g.IntN(2)
	q := ""
	for i, t := range []*table{t, u} {
		src := []source{{"", t}}
		if i > 0 {
			q += one(g, " UNION ", " UNION ALL ", " UNION ALL ", " EXCEPT ", " INTERSECT ")
		}
		q += "SELECT " + g.column(src)
		if n == 2 {
			q += ", " + g.column(src)
		}
		q += " FROM " + t.name
		if g.chance(75) {
			q += " WHERE " + g.where(src, 1)
		}
	}
	if g.chance(75) {
		q += " ORDER BY 1" + one(g, "", " DESC")
		if n == 2 {
			q += ", 2"
		}
	}
	if g.chance(30) {
		q += g.limit()
	}
	return q
}

func (g *generator) fromSelect() string {
	q, d := g.derived("d")
	a := g.alias()
	src := []source{{a, d}}
	text := fmt.Sprintf("(%s) AS %s", q, a)
	if g.chance(40) {
		u := source{g.alias(), g.base()}
		src = []source{u, src[0]}
		text = fmt.Sprintf("%s AS %s %sJOIN %s ON %s", u.table.name, u.alias, one(g, "", "LEFT "), text, g.on(src[1], src[:1]))
	}
	text = "SELECT " + g.results(src) + " FROM " + text
	if g.chance(50) {
		text += " WHERE " + g.where(src, 2)
	}
	text += g.order(src, 80)
	if g.chance(25) {
		text += g.limit()
	}
	return text
}

func (g *generator) ofView() string {
	if g.views == 0 {
		return g.list()
	}
	v := g.tables[len(g.tables)-1-g.IntN(g.views)]
	src := []source{{"", v}}
	from := " FROM " + v.name
	if g.chance(25) {
		u := source{g.alias(), g.base()}
		src = []source{{v.name, v}, u}
		from += fmt.Sprintf(" JOIN %s AS %s ON %s", u.table.name, u.alias, g.on(u, src[:1]))
	}
	q := "SELECT " + g.results(src) + from
	if g.chance(75) {
		q += " WHERE " + g.where(src, 1)
	}
	q += g.order(src, 80)
	if g.chance(25) {
		q += g.limit()
	}
	return q
}

func (g *generator) window() string {
	from, src := g.outside()
	c := g.column(src)
	over := "ORDER BY " + c + ", " + src[0].of(src[0].table.id())
	if g.chance(50) {
		over = "PARTITION BY " + g.column(src) + " " + over
	}
	f := one(g, "row_number()", "rank()", "dense_rank()", "lag(%s)", "lead(%s)", "first_value(%s)", "sum(%s)", "count(*)", "max(%s)", "ntile(2)")
	if len(f) > 4 && f[len(f)-4:] == "(%s)" {
		f = fmt.Sprintf(f, g.column(src))
	}
	q := fmt.Sprintf("SELECT %s, %s OVER (%s)%s", g.column(src), f, over, from)
	if g.chance(60) {
		q += " WHERE " + g.where(src, 1)
	}
	return q + g.order(src, 80)
}

func (g *generator) expressions() string {
	t := g.base()
	q := "SELECT " + g.value(one(g, t.columns...)) + " AS v"
	for range g.IntN(2) {
		u := g.base()
		q += fmt.Sprintf(", (SELECT %s FROM %s WHERE %s)", g.summary([]source{{"", u}}), u.name, g.where([]source{{"", u}}, 2))
	}
	if g.chance(50) {
		q += fmt.Sprintf(", %s IN (SELECT %s FROM %s)", g.value(t.id()), one(g, t.columns...).name, t.name)
	}
	return q
}
