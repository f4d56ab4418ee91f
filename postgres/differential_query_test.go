package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A pgRead is a query whose answer is cached, and how to tell whether an answer is one
// that the database may give.
type pgRead struct {
	shape   string
	text    string
	args    []any
	mode    pgx.QueryExecMode
	bundled bool // it is read in a transaction that sees one state, after another query

	free  bool   // any order of its rows is right
	uncut string // the query without its limit, which may choose among ties; or ""
	keys  int    // how many of the first columns tell the order then
}

// A pgSource is an item of a FROM clause.
type pgSource struct {
	alias string // what qualifies its columns, or ""
	table *pgTable
}

func (s pgSource) of(c *pgColumn) string {
	if s.alias == "" {
		return c.name
	}
	return s.alias + "." + c.name
}

// total returns what orders the rows of a table but for those that are the same.
func (s pgSource) total() (list []string) {
	for _, c := range s.table.unique() {
		text := s.of(c)
		if len(s.table.key) == 0 && !c.typ.exact { // 1.0 and 1.00 tie
			text += "::text"
		}
		list = append(list, text)
	}
	return list
}

func (g *pgGenerator) alias() string {
	g.aliases++
	return fmt.Sprintf("x%d", g.aliases)
}

func (g *pgGenerator) column(src []pgSource) (string, *pgColumn) {
	s := pick(g, src...)
	c := pick(g, s.table.columns...)
	return s.of(c), c
}

// exact returns a column of which equal values are the same.
func (g *pgGenerator) exact(src []pgSource) (string, *pgColumn) {
	for {
		if text, c := g.column(src); c.typ.exact || g.chance(2) && c.name == "id" {
			return text, c
		}
	}
}

func (g *pgGenerator) read() pgRead {
	shapes := []struct {
		weight int
		name   string
		make   func() pgRead
	}{
		{12, "list", g.list}, {8, "get", g.get}, {6, "page", g.page}, {5, "count", g.count}, {4, "aggregate", g.aggregate}, {5, "group", g.group},
		{3, "distinct", g.distinct}, {3, "distinct on", g.distinctOn}, {10, "join", g.joins}, {6, "left join", g.leftJoins}, {3, "odd join", g.oddJoin},
		{3, "anti join", g.antiJoin}, {5, "exists", g.exists}, {5, "in", g.inSelect}, {5, "scalar", g.scalar}, {4, "aggregated inside", g.inside}, {4, "lateral", g.lateral},
		{5, "with", g.with}, {2, "recursive", g.recursive}, {4, "compound", g.compound}, {4, "from select", g.fromSelect}, {3, "window", g.window},
		{4, "extreme", g.extreme}, {2, "values", g.values}, {2, "unnest", g.unnest}, {3, "any", g.anyOf}, {1, "whole row", g.wholeRow},
	}
	total := 0
	for _, s := range shapes {
		total += s.weight
	}
	n := g.IntN(total)
	for _, s := range shapes {
		if n -= s.weight; n >= 0 {
			continue
		}
		g.args, g.aliases = nil, 0
		r := s.make()
		r.shape, r.args = s.name, g.args
		r.mode = pick(g, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol)
		r.bundled = g.chance(15)
		return r
	}
	panic("unreachable")
}

func (g *pgGenerator) results(src []pgSource) (list []string) {
	if g.chance(20) {
		for _, s := range src {
			for _, c := range s.table.columns {
				list = append(list, s.of(c))
			}
		}
		return list
	}
	for _, s := range src {
		if g.chance(60) {
			list = append(list, s.of(s.table.columns[0]))
		}
		for range g.IntN(3) {
			list = append(list, s.of(pick(g, s.table.columns...)))
		}
		for _, c := range s.table.references() {
			if g.chance(50) {
				list = append(list, s.of(c))
			}
		}
	}
	if len(list) == 0 || g.chance(8) {
		c, _ := g.column(src)
		list = append(list, pick(g, c, "coalesce("+c+"::text, '-')", c+" IS NULL", "CASE WHEN "+c+" IS NULL THEN 1 END"))
	}
	return list
}

func (g *pgGenerator) limit() string {
	q := fmt.Sprintf(" LIMIT %d", pick(g, 1, 1, 2, 2, 3, 3, 5, 10, 0))
	if g.chance(30) {
		q = " LIMIT " + g.bind(int64(pick(g, 1, 2, 3, 5)))
	}
	if g.chance(25) {
		q += fmt.Sprintf(" OFFSET %d", pick(g, 0, 1, 1, 2))
	}
	return q
}

func (g *pgGenerator) term1(c string) string {
	return c + pick(g, "", "", " DESC", " DESC", " NULLS FIRST", " DESC NULLS LAST")
}

// finish ends a query over sources with an order, and a limit. body is from FROM on.
func (g *pgGenerator) finish(cols []string, body string, src []pgSource) pgRead {
	text := "SELECT " + strings.Join(cols, ", ") + body
	switch n := g.IntN(100); {
	case n < 50: // a total order
		var by []string
		for range g.IntN(3) {
			c, _ := g.column(src)
			by = append(by, g.term1(c))
		}
		for _, s := range src {
			for _, c := range s.total() {
				by = append(by, g.term1(c))
			}
		}
		text += " ORDER BY " + strings.Join(by, ", ")
		if g.chance(60) {
			text += g.limit()
		}
		return pgRead{text: text}
	case n < 75:
		if g.chance(30) {
			c, _ := g.column(src)
			text += " ORDER BY " + g.term1(c)
		}
		return pgRead{text: text, free: true}
	}
	var keys, by []string
	for range 1 + g.early(2) {
		c, _ := g.exact(src)
		keys, by = append(keys, c), append(by, g.term1(c))
	}
	text = "SELECT " + strings.Join(append(keys[:len(keys):len(keys)], cols...), ", ") + body
	uncut := text
	text += " ORDER BY " + strings.Join(by, ", ") + g.limit()
	return pgRead{text: text, uncut: uncut, keys: len(keys)}
}

func (g *pgGenerator) alone(t *pgTable) (string, []pgSource) {
	if g.chance(60) {
		return " FROM " + t.name, []pgSource{{"", t}}
	}
	a := g.alias()
	return " FROM " + t.name + " " + a, []pgSource{{a, t}}
}

func (g *pgGenerator) list() pgRead {
	from, src := g.alone(g.any())
	if g.chance(85) {
		from += " WHERE " + g.where(src)
	}
	return g.finish(g.results(src), from, src)
}

func (g *pgGenerator) byKey(s pgSource) string {
	var parts []string
	for _, c := range s.table.unique()[:max(1, len(s.table.key))] {
		parts = append(parts, s.of(c)+" = "+g.value(c))
	}
	return strings.Join(parts, " AND ")
}

func (g *pgGenerator) get() pgRead {
	from, src := g.alone(g.any())
	from += " WHERE " + g.byKey(src[0])
	if g.chance(25) {
		from += " AND " + g.term(src, 1)
	}
	return pgRead{text: "SELECT " + strings.Join(g.results(src), ", ") + from, free: true}
}

func (g *pgGenerator) page() pgRead {
	from, src := g.alone(g.base())
	s := src[0]
	c, id := pick(g, s.table.columns...), s.table.columns[0]
	from += " WHERE "
	if g.chance(50) {
		from += g.equal(src) + " AND "
	}
	sign, dir := pick(g, ">", ">="), ""
	if g.chance(60) {
		sign, dir = pick(g, "<", "<="), " DESC"
	}
	if g.chance(50) {
		from += fmt.Sprintf("(%s, %s) %s (%s, %s)", s.of(c), s.of(id), sign, g.value(c), g.value(id))
	} else {
		from += fmt.Sprintf("%s %s %s", s.of(c), sign, g.value(c))
	}
	by := []string{s.of(c) + dir}
	for _, u := range s.total() {
		by = append(by, u+dir)
	}
	return pgRead{text: "SELECT " + strings.Join(g.results(src), ", ") + from + " ORDER BY " + strings.Join(by, ", ") + g.limit()}
}

// summary returns an aggregate that does not depend on the order of rows.
func (g *pgGenerator) summary(src []pgSource) string {
	c, _ := g.exact(src)
	var unique []string
	for _, s := range src {
		unique = append(unique, s.total()...)
	}
	by := strings.Join(unique, ", ")
	f := pick(g, "count(*)", "count(*)", "max(%s)", "min(%s)", "count(%s)", "count(DISTINCT %s)", "array_agg(%s ORDER BY "+by+")", "json_agg(%s ORDER BY "+by+")",
		"string_agg(%s::text, ',' ORDER BY "+by+")", "bool_or(%s IS NULL)", "sum(length(%s::text))")
	if strings.Contains(f, "%s") {
		f = fmt.Sprintf(f, c)
	}
	if g.chance(10) {
		f += " FILTER (WHERE " + g.term(src, 2) + ")"
	}
	return f
}

func (g *pgGenerator) count() pgRead {
	from, src := g.alone(g.any())
	if g.chance(85) {
		from += " WHERE " + g.where(src)
	}
	return pgRead{text: "SELECT " + g.summary(src) + from}
}

func (g *pgGenerator) aggregate() pgRead {
	from, src := g.joined(2, pick(g, "JOIN", "LEFT JOIN"))
	if g.chance(80) {
		from += " WHERE " + g.where(src)
	}
	return pgRead{text: "SELECT " + g.summary(src) + ", " + g.summary(src) + from}
}

func (g *pgGenerator) group() pgRead {
	from, src := g.alone(g.any())
	if g.chance(30) {
		from, src = g.joined(2, pick(g, "JOIN", "LEFT JOIN"))
	}
	by, _ := g.exact(src)
	q := fmt.Sprintf("SELECT %s, %s%s", by, g.summary(src), from)
	if g.chance(60) {
		q += " WHERE " + g.where(src)
	}
	if g.chance(10) {
		more, _ := g.exact(src)
		q += fmt.Sprintf(" GROUP BY %s(%s, %s)", pick(g, "ROLLUP ", "CUBE "), by, more)
	} else {
		q += " GROUP BY " + by
	}
	if g.chance(30) {
		q += " HAVING count(*)" + pick(g, " > 1", " = 1", " >= 2")
	}
	if g.chance(50) && !strings.Contains(q, "ROLLUP") && !strings.Contains(q, "CUBE") {
		q += " ORDER BY " + g.term1(by) + g.limit()
		return pgRead{text: q}
	}
	return pgRead{text: q, free: true}
}

func (g *pgGenerator) distinct() pgRead {
	from, src := g.alone(g.any())
	c, _ := g.exact(src)
	d, _ := g.exact(src)
	q := "SELECT DISTINCT " + c + ", " + d + from
	if g.chance(60) {
		q += " WHERE " + g.where(src)
	}
	if g.chance(50) {
		return pgRead{text: q + " ORDER BY " + g.term1("1") + ", " + g.term1("2") + g.limit()}
	}
	return pgRead{text: q, free: true}
}

func (g *pgGenerator) distinctOn() pgRead {
	from, src := g.alone(g.any())
	if g.chance(30) {
		from, src = g.joined(2, pick(g, "JOIN", "LEFT JOIN"))
	}
	c, col := g.exact(src)
	d, _ := g.column(src)
	by := []string{g.term1(c), g.term1(d)}
	for _, s := range src {
		for _, u := range s.total() {
			by = append(by, g.term1(u))
		}
	}
	if g.chance(60) {
		from += " WHERE " + g.where(src)
	}
	q := fmt.Sprintf("SELECT DISTINCT ON (%s) %s AS one, %s AS two%s ORDER BY %s", c, c, d, from, strings.Join(by, ", "))
	if g.chance(40) { // a condition outside does not hold for the rows of which the first was chosen
		outside := pick(g, "one =", "two IS NULL", "one IS NOT NULL AND two IS NOT NULL")
		if outside == "one =" {
			outside += g.value(col)
		}
		q = fmt.Sprintf("SELECT * FROM (%s) f WHERE %s", q, outside)
		return pgRead{text: q, free: true}
	}
	return pgRead{text: q}
}

func (g *pgGenerator) over(from string, src []pgSource) pgRead {
	if g.chance(60) {
		from += " WHERE " + g.where(src)
	}
	return g.finish(g.results(src), from, src)
}

func (g *pgGenerator) joins() pgRead { return g.over(g.joined(2+g.early(2), "JOIN")) }
func (g *pgGenerator) leftJoins() pgRead {
	return g.over(g.joined(2+g.early(2), pick(g, "LEFT JOIN", "")))
}

func (g *pgGenerator) antiJoin() pgRead {
	from, src := g.joined(2, "LEFT JOIN")
	from += " WHERE " + src[1].of(pick(g, src[1].table.columns...)) + " IS NULL"
	return g.finish(g.results(src), from, src)
}

func (g *pgGenerator) oddJoin() pgRead {
	x, y := pgSource{g.alias(), g.any()}, pgSource{g.alias(), g.any()}
	src := []pgSource{x, y}
	if g.chance(30) {
		return g.over(fmt.Sprintf(" FROM %s %s %sJOIN %s %s USING (id)", x.table.name, x.alias, pick(g, "", "LEFT ", "RIGHT ", "FULL "), y.table.name, y.alias), src)
	}
	if g.chance(40) { // what is joined is itself a join
		z := pgSource{g.alias(), g.any()}
		inner := fmt.Sprintf("(%s %s %sJOIN %s %s ON %s)", y.table.name, y.alias, pick(g, "", "LEFT "), z.table.name, z.alias, g.on(z, src[1:]))
		return g.over(fmt.Sprintf(" FROM %s %s %sJOIN %s ON %s", x.table.name, x.alias, pick(g, "LEFT ", "RIGHT ", ""), inner, g.on(y, src[:1])), append(src, z))
	}
	return g.over(fmt.Sprintf(" FROM %s %s %sJOIN %s %s ON %s", x.table.name, x.alias, pick(g, "RIGHT ", "FULL "), y.table.name, y.alias, g.on(y, src[:1])), src)
}

func (g *pgGenerator) outside() (string, []pgSource) {
	s := pgSource{g.alias(), g.any()}
	return " FROM " + s.table.name + " " + s.alias, []pgSource{s}
}

func (g *pgGenerator) exists() pgRead {
	from, src := g.outside()
	from += " WHERE " + g.exist(src[0])
	if g.chance(50) {
		from += " AND " + g.term(src, 1)
	}
	return g.finish(g.results(src), from, src)
}

func (g *pgGenerator) inSelect() pgRead {
	from, src := g.outside()
	from += " WHERE " + g.among(src[0])
	if g.chance(50) {
		from += " AND " + g.term(src, 1)
	}
	return g.finish(g.results(src), from, src)
}

func (g *pgGenerator) scalar() pgRead {
	from, src := g.outside()
	cols := append(g.results(src), g.single(src[0]))
	if g.chance(30) {
		cols = append(cols, g.exist(src[0]))
	}
	if g.chance(80) {
		from += " WHERE " + g.where(src)
	}
	return g.finish(cols, from, src)
}

// inside is an object with lists in it, as APIs return it.
func (g *pgGenerator) inside() pgRead {
	from, src := g.outside()
	s, on := g.inner(src[0])
	if g.chance(50) {
		from += " WHERE " + g.where(src)
	} else {
		from += " WHERE " + g.byKey(src[0])
	}
	c := pick(g, src[0].table.columns...)
	q := fmt.Sprintf("SELECT json_build_object('c', %s, 'l', (SELECT %s FROM %s %s WHERE %s))%s", src[0].of(c), g.summary([]pgSource{s}), s.table.name, s.alias, on, from)
	return pgRead{text: q, free: true}
}

func (g *pgGenerator) lateral() pgRead {
	from, src := g.outside()
	s, on := g.inner(src[0])
	var by []string
	by = append(by, s.total()...)
	body := fmt.Sprintf("SELECT %s AS one FROM %s %s WHERE %s", s.of(pick(g, s.table.columns...)), s.table.name, s.alias, on)
	if g.chance(60) {
		body += " ORDER BY " + strings.Join(by, ", ") + g.limit()
	}
	from += fmt.Sprintf("%s LATERAL (%s) l%s", pick(g, " CROSS JOIN", " LEFT JOIN", ","), body, "")
	if strings.Contains(from, "LEFT JOIN LATERAL") {
		from += " ON true"
	}
	if g.chance(70) {
		from += " WHERE " + g.where(src)
	}
	return pgRead{text: "SELECT " + strings.Join(append(g.results(src), "l.one"), ", ") + from, free: true}
}

func (g *pgGenerator) ordered(s pgSource) string {
	var by []string
	for _, c := range s.total() {
		by = append(by, g.term1(c))
	}
	return " ORDER BY " + strings.Join(by, ", ")
}

func (g *pgGenerator) with() pgRead {
	t, u := g.any(), g.any()
	w := &pgTable{name: "w", columns: t.columns, key: t.key}
	body := "SELECT * FROM " + t.name + " WHERE " + g.where([]pgSource{{"", t}})
	if g.chance(50) {
		body += g.ordered(pgSource{"", t}) + g.limit()
	}
	x, y := pgSource{"x", w}, pgSource{"y", u}
	from := " FROM w x"
	src := []pgSource{x}
	if g.chance(60) {
		from += fmt.Sprintf(" %sJOIN %s y ON %s", pick(g, "", "LEFT "), u.name, g.on(y, src))
		src = append(src, y)
	} else if g.chance(50) {
		from += " JOIN w z ON " + g.on(pgSource{"z", w}, src)
		src = append(src, pgSource{"z", w})
	}
	r := g.over(from, src)
	r.text = "WITH w AS " + pick(g, "", "", "MATERIALIZED ", "NOT MATERIALIZED ") + "(" + body + ") " + r.text
	if r.uncut != "" {
		r.uncut = "WITH w AS (" + body + ") " + r.uncut
	}
	return r
}

func (g *pgGenerator) recursive() pgRead {
	t := g.base()
	c := pick(g, t.columns...)
	if f := t.references(); len(f) > 0 {
		c = f[0]
	}
	return pgRead{free: true, text: fmt.Sprintf("WITH RECURSIVE r AS (SELECT t.id, 1 AS n FROM %s t WHERE %s UNION SELECT t.id, n + 1 FROM %s t JOIN r ON t.%s = r.id WHERE n < 3) SELECT * FROM r",
		t.name, g.term([]pgSource{{"t", t}}, 2), t.name, c.name)}
}

func (g *pgGenerator) compound() pgRead {
	half := func() (string, []pgSource) {
		from, src := g.outside()
		if g.chance(30) {
			from, src = g.joined(2, "JOIN")
		}
		c, _ := g.exact(src)
		return "SELECT " + c + "::text AS c" + from + " WHERE " + g.where(src), src
	}
	x, _ := half()
	y, src := half()
	if g.chance(20) {
		y = "(" + y + g.ordered(src[0]) + " LIMIT 2)"
		if len(src) > 1 {
			y, _ = half()
		}
	}
	q := x + pick(g, " UNION ALL ", " UNION ALL ", " UNION ", " EXCEPT ", " INTERSECT ") + y
	if g.chance(40) {
		return pgRead{text: q + ` ORDER BY 1` + g.limit()}
	}
	if g.chance(20) {
		return pgRead{text: "SELECT * FROM (" + q + ") u WHERE c = " + pick(g, "'a'", "'1'"), free: true}
	}
	return pgRead{text: q, free: true}
}

func (g *pgGenerator) fromSelect() pgRead {
	t := g.any()
	from, src := g.alone(t)
	inner := "SELECT *" + from
	if g.chance(70) {
		inner += " WHERE " + g.where(src)
	}
	if g.chance(30) {
		inner += g.ordered(src[0]) + g.limit()
	}
	s := []pgSource{{"s", t}}
	if g.chance(40) {
		u := g.any()
		y := pgSource{"y", u}
		if g.chance(50) {
			return g.over(fmt.Sprintf(" FROM %s y LEFT JOIN (%s) s ON %s", u.name, inner, g.on(s[0], []pgSource{y})), append(s, y))
		}
		return g.over(fmt.Sprintf(" FROM (%s) s %sJOIN %s y ON %s", inner, pick(g, "", "LEFT "), u.name, g.on(y, s)), append(s, y))
	}
	return g.over(" FROM ("+inner+") s", s)
}

func (g *pgGenerator) window() pgRead {
	from, src := g.alone(g.any())
	c, _ := g.column(src)
	d, _ := g.exact(src)
	f := fmt.Sprintf("rank() OVER (PARTITION BY %s ORDER BY %s)", d, c)
	if g.chance(50) {
		f = fmt.Sprintf("%s OVER (PARTITION BY %s%s)", pick(g, "row_number()", "lag("+c+")", "count(*)"), d, g.ordered(src[0]))
	}
	if g.chance(60) {
		from += " WHERE " + g.where(src)
	}
	q := "SELECT " + strings.Join(append(g.results(src), f+" AS f"), ", ") + from
	if g.chance(30) {
		q = "SELECT * FROM (SELECT " + d + " AS d, " + f + " AS f" + from + ") w WHERE f = 1"
		if strings.Contains(f, "lag") {
			q = strings.ReplaceAll(q, "f = 1", "f IS NULL")
		}
	}
	return pgRead{text: q, free: true}
}

func (g *pgGenerator) extreme() pgRead {
	from, src := g.alone(g.any())
	c, _ := g.exact(src)
	if g.chance(60) {
		from += " WHERE " + g.where(src)
	}
	return pgRead{text: "SELECT " + pick(g, "min", "max") + "(" + c + ")" + from}
}

func (g *pgGenerator) values() pgRead {
	from, src := g.outside()
	c := pick(g, src[0].table.columns...)
	from += fmt.Sprintf(" JOIN (VALUES (%s), (%s)) v (c) ON %s = v.c", c.typ.literals[0]+"::"+strings.Split(c.typ.name, " COLLATE")[0], c.typ.literals[min(1, len(c.typ.literals)-1)], src[0].of(c))
	return g.over(from, src)
}

func (g *pgGenerator) unnest() pgRead {
	from, src := g.outside()
	for _, c := range src[0].table.columns {
		if c.typ.name == "int4[]" {
			if g.chance(50) {
				return pgRead{text: fmt.Sprintf("SELECT %s, u.n%s, unnest(%s) u (n)", src[0].of(src[0].table.columns[0]), from, src[0].of(c)), free: true}
			}
			return pgRead{text: fmt.Sprintf("SELECT %s, unnest(%s), %s%s", src[0].of(src[0].table.columns[0]), src[0].of(c), src[0].of(pick(g, src[0].table.columns...)), from), free: true}
		}
	}
	return pgRead{text: fmt.Sprintf("SELECT %s, generate_series(1, length(%s::text))%s", src[0].of(src[0].table.columns[0]), src[0].of(pick(g, src[0].table.columns...)), from), free: true}
}

func (g *pgGenerator) anyOf() pgRead {
	from, src := g.alone(g.any())
	for range 20 {
		if text, c := g.column(src); c.typ.array != nil {
			from += " WHERE " + text + pick(g, " = ANY (%s)", " = ANY (%s)", " = ANY (%s)", " <> ALL (%s)", " = ALL (%s)", " <> ANY (%s)")
			from = strings.Replace(from, "%s", g.bind(c.typ.array), 1)
			break
		}
	}
	return g.finish(g.results(src), from, src)
}

func (g *pgGenerator) wholeRow() pgRead {
	from, src := g.outside()
	if g.chance(50) {
		from, src = g.joined(2, "LEFT JOIN")
	}
	return pgRead{text: fmt.Sprintf("SELECT row_to_json(%s)%s WHERE %s", pick(g, src...).alias, from, g.where(src)), free: true}
}
