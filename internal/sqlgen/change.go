package sqlgen

import (
	"fmt"
	"slices"
	"strings"
)

// change returns a change of the database.
func (g *generator) change() (c Change) {
	do := func(text string) { c.Statements = append(c.Statements, g.take(text)) }
	switch n := g.IntN(100); {
	case n < 4:
		g.literals = true
		defer func() { g.literals = false }()
		do(g.define())
	case n < 72:
		for range 1 + g.early(3) {
			do(g.write())
		}
	case n < 84:
		do(one(g, "BEGIN", "BEGIN IMMEDIATE"))
		for range 1 + g.IntN(3) {
			do(g.write())
		}
		do("COMMIT")
	case n < 89:
		do("BEGIN")
		do(g.write())
		do("ROLLBACK")
	default:
		do("BEGIN")
		if g.chance(60) {
			do(g.write())
		}
		do("SAVEPOINT s")
		do(g.write())
		do(one(g, "ROLLBACK TO s", "ROLLBACK TO s", "RELEASE s"))
		if g.chance(50) {
			do(g.write())
		}
		do(one(g, "COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))
	}
	return c
}

// insert returns an INSERT of one or a few rows.
func (g *generator) insert(t *table, verb string) string {
	columns := t.writable()
	if g.chance(20) {
		columns = append(some(g, 1+g.IntN(len(columns)), columns[len(t.keys):]), columns[:len(t.keys)]...)
	}
	var names, rows []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	for range 1 + g.early(3) {
		var list []string
		for _, c := range columns {
			if slices.Contains(t.keys, c) && g.chance(70) {
				list = append(list, g.key(c))
				continue
			}
			list = append(list, g.stored(c))
		}
		rows = append(rows, "("+join(list)+")")
	}
	return fmt.Sprintf("%s INTO %s (%s) VALUES %s", verb, t.name, join(names), join(rows))
}

// key returns a value for a key, which may be new.
func (g *generator) key(c *column) string {
	n := g.IntN(10)
	if g.next > 0 {
		n, g.next = g.next, g.next+1
	}
	if c.kind == whole {
		return fmt.Sprint(n)
	}
	list := values[text]
	return list[n%len(list)]
}

// write returns a statement that changes rows.
func (g *generator) write() string {
	t := g.base()
	switch n := g.IntN(100); {
	case n < 22:
		return g.insert(t, one(g, "INSERT", "INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE", "REPLACE", "INSERT OR FAIL", "INSERT OR ROLLBACK"))
	case n < 30:
		return g.upsert(t)
	case n < 34:
		return g.copied(t)
	case n < 38:
		return g.updateFrom(t)
	case n < 75:
		return g.update(t)
	case n < 78 && t.rowid:
		return one(g, "UPDATE OR IGNORE "+t.name+" SET rowid = rowid + 5 WHERE id = ", "UPDATE OR REPLACE "+t.name+" SET rowid = 9 - rowid WHERE id = ") + g.value(t.id())
	}
	return "DELETE FROM " + t.name + g.narrow(t)
}

// narrow returns the WHERE clause of a change: mostly one of few rows.
func (g *generator) narrow(t *table) string {
	src := []source{{t.name, t}}
	if g.chance(60) {
		src[0].alias = ""
	}
	switch n := g.IntN(100); {
	case n < 35:
		return " WHERE " + g.byKey(src[0])
	case n < 75:
		return " WHERE " + g.equal(src)
	case n < 98:
		return " WHERE " + g.where(src, 1)
	}
	return ""
}

func (g *generator) update(t *table) string {
	var set []string
	for _, c := range some(g, 1+g.early(2), t.writable()) {
		set = append(set, c.name+" = "+g.assigned(t, c))
	}
	q := fmt.Sprintf("UPDATE %s%s SET %s%s", one(g, "", "", "OR IGNORE ", "OR REPLACE "), t.name, join(set), g.narrow(t))
	if g.chance(6) {
		q += " RETURNING " + t.id().name
	}
	return q
}

// assigned returns what an UPDATE assigns to a column.
func (g *generator) assigned(t *table, c *column) string {
	switch n := g.IntN(100); {
	case n < 12 && c.kind != text && c.kind != bytes:
		return c.name + one(g, " + 1", " - 1", " * 2")
	case n < 18:
		return one(g, t.columns...).name
	case n < 21 && c.kind == text:
		return fmt.Sprintf(one(g, "upper(%s)", "%s || ' '", "trim(%s)"), c.name)
	}
	return g.stored(c)
}

func (g *generator) upsert(t *table) string {
	q := g.insert(t, "INSERT")
	switch g.IntN(4) {
	case 0:
		return q + " ON CONFLICT DO NOTHING"
	case 1:
		if len(t.keys) > 0 {
			var keys []string
			for _, c := range t.keys {
				keys = append(keys, c.name)
			}
			c := one(g, t.writable()...)
			return q + fmt.Sprintf(" ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s", join(keys), c.name, c.name)
		}
	}
	c, d := one(g, t.writable()...), one(g, t.columns...)
	q += fmt.Sprintf(" ON CONFLICT DO UPDATE SET %s = %s", c.name, g.assigned(t, c))
	if g.chance(30) {
		q += " WHERE excluded." + d.name + " IS NOT " + t.name + "." + d.name
	}
	return strings.ReplaceAll(q, "= "+c.name+" ", "= "+t.name+"."+c.name+" ")
}

func (g *generator) copied(t *table) string {
	from := g.base()
	var names, list []string
	for _, c := range t.writable() {
		names = append(names, c.name)
		d := one(g, from.columns...)
		for range 4 {
			if d.kind == c.kind {
				break
			}
			d = one(g, from.columns...)
		}
		x := d.name
		if c == t.id() && c.kind == whole && g.chance(50) {
			x += " + 3"
		}
		list = append(list, x)
	}
	src := []source{{"", from}}
	return fmt.Sprintf("INSERT OR %s INTO %s (%s) SELECT %s FROM %s WHERE %s ORDER BY 1 LIMIT 3", one(g, "IGNORE", "REPLACE"), t.name, join(names), join(list), from.name, g.where(src, 1))
}

func (g *generator) updateFrom(t *table) string {
	c := one(g, t.writable()...)
	x, y := source{t.name, t}, source{g.alias(), g.base()}
	return fmt.Sprintf("UPDATE OR IGNORE %s SET %s = %s.%s FROM %s AS %s WHERE %s", t.name, c.name, y.alias, one(g, y.table.columns...).name,
		y.table.name, y.alias, g.on(y, []source{x}))
}

// define returns a statement that changes the schema, but nothing that a query
// made before could not do without.
func (g *generator) define() string {
	t := g.base()
	switch n := g.IntN(4); {
	case n == 0 && len(t.indexes) > 0:
		name := t.indexes[0]
		t.indexes = t.indexes[1:]
		return "DROP INDEX IF EXISTS " + name
	case n == 1:
		return "ANALYZE"
	case n == 2:
		g.added++
		c := &column{name: fmt.Sprintf("n%d", g.added), kind: text}
		if t.columns[0].strict {
			c.strict = true
		}
		t.columns = append(t.columns, c)
		return fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s TEXT%s", t.name, c.name, one(g, "", " DEFAULT 'a'", " COLLATE NOCASE"))
	}
	return g.index()
}
