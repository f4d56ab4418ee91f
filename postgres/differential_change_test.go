package postgres

import (
	"fmt"
	"strings"
)

// A pgChange is what happens between two looks at the reads: its statements, on one
// connection.
type pgChange struct {
	statements []string
	within     bool   // by the pool that is cached
	copied     string // COPY … FROM STDIN, with what it copies in statements
}

// write returns a statement that changes rows.
func (g *pgGenerator) write() string {
	t := g.base()
	switch n := g.IntN(100); {
	case n < 18:
		return g.insert(t)
	case n < 26:
		return g.upsert(t)
	case n < 31:
		return g.merge(t)
	case n < 35:
		return g.updateFrom(t)
	case n < 38:
		var names []string
		for _, c := range t.writable() {
			names = append(names, c.name)
		}
		list := strings.Join(names, ", ")
		return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s ON CONFLICT DO NOTHING", t.name, list, list, t.name, g.term([]pgSource{{"", t}}, 3))
	case n < 75:
		var set []string
		for _, c := range some(g, 1+g.early(2), t.writable()) {
			set = append(set, c.name+" = "+g.assigned(t, c))
		}
		return fmt.Sprintf("UPDATE %s SET %s%s", t.name, strings.Join(set, ", "), g.narrow(t))
	case n < 77:
		c := t.columns[0]
		return fmt.Sprintf("UPDATE %s SET id = %s%s", t.name, c.typ.literals[g.IntN(len(c.typ.literals))], g.narrow(t))
	case n < 78:
		return "TRUNCATE " + t.name + pick(g, "", " CASCADE")
	}
	return "DELETE FROM " + t.name + g.narrow(t)
}

func (g *pgGenerator) narrow(t *pgTable) string {
	src := []pgSource{{t.name, t}}
	switch n := g.IntN(100); {
	case n < 40:
		return " WHERE " + g.byKey(src[0])
	case n < 75:
		return " WHERE " + g.equal(src)
	case n < 98:
		return " WHERE " + g.where(src)
	}
	return ""
}

func (g *pgGenerator) assigned(t *pgTable, c *pgColumn) string {
	switch {
	case strings.HasPrefix(c.typ.name, "int") && c.typ.name != "int4[]" && c.typ.name != "inet" && g.chance(20):
		return c.name + pick(g, " + 1", " - 1")
	case g.chance(6):
		return pick(g, t.columns...).name
	}
	return g.stored(c)
}

func (g *pgGenerator) upsert(t *pgTable) string {
	q := g.insert(t)
	if len(t.key) == 0 || g.chance(30) {
		return q + " ON CONFLICT DO NOTHING"
	}
	var keys []string
	for _, c := range t.key {
		keys = append(keys, c.name)
	}
	c := pick(g, t.writable()...)
	return fmt.Sprintf("%s ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s", q, strings.Join(keys, ", "), c.name, c.name)
}

// merge is a MERGE, which older servers do not know: then it fails, as good as another.
func (g *pgGenerator) merge(t *pgTable) string {
	c := pick(g, t.writable()...)
	insert := strings.TrimPrefix(g.insert(t), "INSERT INTO "+t.name)
	return fmt.Sprintf("MERGE INTO %s USING (SELECT %s AS id) s ON %s.id = s.id WHEN MATCHED AND %t THEN DELETE WHEN MATCHED THEN UPDATE SET %s = %s WHEN NOT MATCHED THEN INSERT %s",
		t.name, t.columns[0].typ.literals[g.early(3)]+"::"+t.columns[0].typ.name, t.name, g.chance(20), c.name, g.stored(c), insert)
}

func (g *pgGenerator) updateFrom(t *pgTable) string {
	c := pick(g, t.writable()...)
	y := pgSource{g.alias(), g.base()}
	return fmt.Sprintf("UPDATE %s SET %s = %s FROM %s %s WHERE %s", t.name, c.name, g.stored(c), y.table.name, y.alias, g.on(y, []pgSource{{t.name, t}}))
}

func (g *pgGenerator) change() (ch pgChange) {
	g.plain = true
	defer func() { g.plain, g.args = false, nil }()
	ch.within = g.chance(25)
	if g.pending > 0 && g.chance(50) {
		g.pending--
		return pgChange{statements: []string{pick(g, "COMMIT", "COMMIT", "ROLLBACK") + " PREPARED 'p'"}}
	}
	switch n := g.IntN(100); {
	case n < 60:
		ch.statements = []string{g.write()}
	case n < 66:
		ch.within = false
		t := g.base()
		for range 1 + g.IntN(3) {
			var row []string
			for _, c := range t.writable() {
				v := g.stored(c)
				if c == t.columns[0] {
					v = g.keyValue(c)
				}
				switch v = strings.Trim(v, "'"); {
				case v == "NULL":
					v = `\N`
				case strings.HasPrefix(v, "repeat("):
					v = strings.Repeat("x", 300)
				}
				row = append(row, strings.ReplaceAll(v, `\x`, `\\x`))
			}
			ch.statements = append(ch.statements, strings.Join(row, "\t"))
		}
		var names []string
		for _, c := range t.writable() {
			names = append(names, c.name)
		}
		ch.copied = fmt.Sprintf("COPY %s (%s) FROM STDIN", t.name, strings.Join(names, ", "))
	case n < 72 && g.pending == 0:
		ch.within = false
		g.pending++
		for _, s := range []string{"BEGIN", g.write(), g.write()} {
			if !strings.HasPrefix(s, "TRUNCATE") { // it would lock out who reads
				ch.statements = append(ch.statements, s)
			}
		}
		ch.statements = append(ch.statements, "PREPARE TRANSACTION 'p'")
	case n < 75 && len(g.attach) > 0:
		ch.within = false
		a := pick(g, g.attach...)
		ch.statements = []string{"BEGIN", fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", a[0], a[1]), "SAVEPOINT s", g.write(), "ROLLBACK TO s"}
		if g.chance(60) {
			ch.statements = append(ch.statements, fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s %s", a[0], a[1], a[2]))
		}
		ch.statements = append(ch.statements, "COMMIT")
	case n < 77:
		ch.within = false
		ch.statements = []string{"BEGIN", "SET LOCAL session_replication_role = replica", g.write(), "COMMIT"}
	default:
		ch.statements = []string{"BEGIN", g.write()}
		if g.chance(50) {
			ch.statements = append(ch.statements, "SAVEPOINT s", g.write(), pick(g, "ROLLBACK TO s", "RELEASE s"), g.write())
		}
		ch.statements = append(ch.statements, pick(g, "COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))
	}
	return ch
}
