package sqlgen

import "fmt"

// view returns a CREATE VIEW over tables and earlier views.
func (g *generator) view(name string) string {
	v := &table{name: name, view: true}
	t := one(g, g.tables...)
	id, a := t.id(), one(g, t.columns...)
	add := func(name string, c *column) {
		v.columns = append(v.columns, &column{name: name, kind: c.kind, target: c.target})
	}
	add("id", id)
	v.keys = v.columns[:1]
	var body string
	number := &column{kind: whole}
	switch u := one(g, g.tables...); g.IntN(7) {
	case 0, 1:
		add("a", a)
		body = fmt.Sprintf("SELECT id, %s FROM %s WHERE %s", a.name, t.name, g.term([]source{{"", t}}, 3))
	case 2:
		add("n", number)
		body = fmt.Sprintf("SELECT %s, count(*) FROM %s GROUP BY %s", a.name, t.name, a.name)
		v.columns[0].kind = a.kind
	case 3:
		b := one(g, u.columns...)
		add("a", a)
		add("b", b)
		body = fmt.Sprintf("SELECT x.id, x.%s, y.%s FROM %s AS x %sJOIN %s AS y ON y.%s = x.id", a.name, b.name, t.name, one(g, "", "LEFT "), u.name, one(g, u.columns...).name)
	case 4:
		add("a", a)
		body = fmt.Sprintf("SELECT id, %s FROM %s UNION %sSELECT id, %s FROM %s", a.name, t.name, one(g, "", "ALL "), one(g, u.columns...).name, u.name)
	case 5:
		add("n", number)
		body = fmt.Sprintf("SELECT id, (SELECT count(*) FROM %s AS y WHERE y.%s = x.id) FROM %s AS x", u.name, one(g, u.columns...).name, t.name)
	default:
		add("a", a)
		body = fmt.Sprintf("SELECT id, %s FROM %s ORDER BY id LIMIT 3", a.name, t.name)
	}
	g.aliases = 0
	g.tables = append(g.tables, v)
	g.views++
	var names []string
	for _, c := range v.columns {
		names = append(names, c.name)
	}
	return fmt.Sprintf("CREATE VIEW %s (%s) AS %s", name, join(names), body)
}

// trigger returns a CREATE TRIGGER that writes another table.
func (g *generator) trigger(name string) string {
	on, to := g.base(), g.base()
	c := one(g, to.writable()...)
	event := one(g, "INSERT", "DELETE", "UPDATE", "UPDATE OF "+one(g, on.columns...).name)
	row := one(g, "new", "old")
	switch event {
	case "INSERT":
		row = "new"
	case "DELETE":
		row = "old"
	}
	where := "WHERE id = " + row + ".id"
	if g.chance(30) {
		where = "WHERE id = " + g.fitting(to.id())
	}
	body := one(g,
		fmt.Sprintf("UPDATE OR IGNORE %s SET %s = %s %s", to.name, c.name, g.stored(c), where),
		fmt.Sprintf("UPDATE OR IGNORE %s SET %s = %s.%s %s", to.name, c.name, row, one(g, on.columns...).name, where),
		fmt.Sprintf("DELETE FROM %s %s", to.name, where),
		g.insert(to, "INSERT OR IGNORE"))
	return fmt.Sprintf("CREATE TRIGGER %s %s %s ON %s %sBEGIN %s; END", name, one(g, "AFTER", "AFTER", "BEFORE"), event, on.name,
		one(g, "", "", fmt.Sprintf("WHEN %s.id > 1 ", row)), body)
}
