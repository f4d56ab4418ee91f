package unstale_test

import (
	"fmt"
	"strings"
)

// query returns a random SELECT.
func (z *zoo) query() string {
	c, d := z.some(), z.some()
	x := z.of(c)
	switch z.IntN(16) {
	case 0, 1, 2, 3: // one row by its key
		return fmt.Sprintf("SELECT %s FROM %s WHERE %s", z.list(c, ""), c.name, z.keyed(c, ""))
	case 4:
		return fmt.Sprintf("SELECT %s FROM %s WHERE %s", z.pick("count(*)", "count(a)", "max(id)", "min(a)", "sum(a)", "total(a)", "group_concat(a)"), c.name, z.condition(c, ""))
	case 5:
		return fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s", z.list(c, ""), c.name, z.condition(c, ""), strings.Join(c.read, ", "))
	case 6: // the order is anybody's
		return fmt.Sprintf("SELECT %s FROM %s%s", z.pick("*", z.list(c, "")), c.name, z.pick("", " LIMIT 2", " WHERE "+z.condition(c, "")))
	case 7:
		return fmt.Sprintf("SELECT %s, y.* FROM %s AS x %sJOIN %s AS y ON x.%s = y.%s WHERE %s", z.list(c, "x."), c.name, z.pick("", "LEFT "), d.name,
			z.of(c), z.of(d), z.keyed(c, "x."))
	case 8:
		return fmt.Sprintf("SELECT %s FROM %s AS x, %s AS y WHERE %s AND y.%s = x.%s ORDER BY 1, y.%s", z.list(c, "x."), c.name, d.name, z.keyed(c, "x."), d.keys[0], z.of(c), d.keys[0])
	case 9:
		return fmt.Sprintf("SELECT %s, (SELECT %s FROM %s AS y WHERE %s) FROM %s AS x WHERE %s", z.list(c, "x."), z.of(d), d.name, z.keyed(d, "y."), c.name, z.keyed(c, "x."))
	case 10:
		return fmt.Sprintf("SELECT %s FROM %s WHERE %s AND %s (SELECT %s FROM %s WHERE %s)", z.list(c, ""), c.name, z.keyed(c, ""), x+z.pick(" IN", " NOT IN"), z.of(d), d.name, z.condition(d, ""))
	case 11:
		return fmt.Sprintf("SELECT %s, count(*) FROM %s GROUP BY 1 ORDER BY 1", x, c.name)
	case 12:
		return fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE %s)", c.name, z.keyed(c, ""))
	case 13:
		return fmt.Sprintf("WITH w AS (SELECT %s AS p FROM %s WHERE %s) SELECT p, (SELECT count(*) FROM w) FROM w", x, c.name, z.condition(c, ""))
	case 14:
		return fmt.Sprintf("SELECT %s FROM %s WHERE %s %s SELECT %s FROM %s", x, c.name, z.keyed(c, ""), z.pick("UNION", "UNION ALL", "EXCEPT"), z.of(d), d.name)
	default:
		return z.pick("SELECT count(*) FROM fts WHERE fts MATCH 'a'", "SELECT rowid, a FROM fts WHERE fts MATCH 'b' ORDER BY rowid",
			"SELECT "+x+", row_number() OVER (ORDER BY "+x+") FROM "+c.name, "SELECT n FROM clock WHERE id = "+z.key(), "SELECT sum(n) FROM clock",
			"SELECT name FROM sqlite_schema ORDER BY name", "SELECT "+z.value(), "SELECT value FROM json_each('[1,2]')",
			"SELECT v FROM bulk WHERE i = "+z.key(), "SELECT count(*), max(v) FROM bulk")
	}
}

func (z *zoo) of(c *cage) string { return c.read[z.IntN(len(c.read))] }

func (z *zoo) list(c *cage, prefix string) string {
	switch z.IntN(6) {
	case 0:
		return prefix + "*"
	case 1: // a generated column or the rowid alone, where there is one
		return prefix + c.read[len(c.read)-1-z.IntN(min(3, len(c.read)))]
	}
	var out []string
	for range 1 + z.IntN(3) {
		out = append(out, prefix+z.of(c))
	}
	return strings.Join(out, ", ")
}

// keyed returns a condition that mostly finds one row.
func (z *zoo) keyed(c *cage, prefix string) string {
	var out []string
	for _, k := range c.keys {
		out = append(out, prefix+k+z.pick(" = ", " = ", " = ", " == ")+z.key(c))
	}
	switch z.IntN(8) {
	case 0:
		out = append(out, prefix+z.of(c)+z.pick(" = ", " <> ", " > ", " IS ", " IS NOT ")+z.value())
	case 1:
		out[0] = fmt.Sprintf("%s%s IN (%s, %s)", prefix, c.keys[0], z.key(c), z.key(c))
	}
	return strings.Join(out, " AND ")
}

func (z *zoo) condition(c *cage, prefix string) string {
	switch z.IntN(6) {
	case 0:
		return z.keyed(c, prefix)
	case 1:
		return prefix + z.of(c) + " IS NOT NULL"
	case 2:
		return fmt.Sprintf("%s%s BETWEEN %s AND %s", prefix, z.of(c), z.value(), z.value())
	case 3:
		return fmt.Sprintf("lower(%s%s) = %s OR %s%s = %s", prefix, z.of(c), z.value(), prefix, z.of(c), z.key())
	default:
		return prefix + z.of(c) + z.pick(" = ", " <> ", " >= ", " < ", " IS ", " LIKE ") + z.value()
	}
}

// change returns a random statement that writes.
func (z *zoo) change() string {
	c, d := z.some(), z.base()
	or := z.pick("", "", "", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ROLLBACK")
	if c.view {
		or = ""
	}
	switch z.IntN(13) {
	case 0, 1:
		return z.insert(c, or)
	case 2:
		c = z.base()
		return z.insert(c, "") + z.pick(" ON CONFLICT DO NOTHING", " ON CONFLICT DO UPDATE SET a = excluded.b, b = coalesce(b, 0) + 1", " ON CONFLICT DO UPDATE SET c = "+z.value()+" WHERE a IS NOT NULL")
	case 3, 4, 5, 6:
		set := z.target(c) + " = " + z.pick(z.value(), z.value(), z.key(c), "coalesce("+z.target(c)+", 0) + 1")
		if z.chance(30) {
			set += ", " + z.target(c) + " = " + z.value()
		}
		return fmt.Sprintf("UPDATE %s %s SET %s WHERE %s", or, c.name, set, z.pick(z.keyed(c, ""), z.keyed(c, ""), z.condition(c, "")))
	case 7:
		c = z.base()
		return fmt.Sprintf("UPDATE OR IGNORE %s SET %s = x.b FROM %s AS x WHERE x.id = %s.id", c.name, z.target(c), d.name, c.name)
	case 8:
		return fmt.Sprintf("DELETE FROM %s%s", c.name, z.pick("", " WHERE "+z.keyed(c, ""), " WHERE "+z.keyed(c, ""), " WHERE "+z.condition(c, "")))
	case 9:
		c = z.base()
		return fmt.Sprintf("INSERT OR %s INTO %s (id, a, b) SELECT %s, b, a FROM %s", z.pick("IGNORE", "REPLACE"), c.name, z.pick("id", "id + 1", "a"), d.name)
	case 10: // may be copied page by page
		c = z.base()
		return fmt.Sprintf("%sINSERT INTO %s SELECT * FROM %s", z.pick("", "DELETE FROM "+c.name+"; "), c.name, d.name)
	case 11:
		c = z.base()
		return z.pick("UPDATE "+c.name+" SET rowid = rowid + 5 WHERE rowid < 5", "UPDATE "+c.name+" SET id = id + 1",
			"WITH w AS (SELECT id FROM "+d.name+") DELETE FROM "+c.name+" WHERE id IN w AND a = "+z.value())
	default:
		return "UPDATE clock SET n = n + 1 WHERE id = " + z.pick("1", "2", "3")
	}
}

func (z *zoo) target(c *cage) string { return c.columns[z.IntN(len(c.columns))] }

func (z *zoo) insert(c *cage, or string) string {
	columns := append([]string{}, c.keys...)
	for range 1 + z.IntN(3) {
		columns = append(columns, z.target(c))
	}
	row := func() string {
		var values []string
		for i := range columns {
			if i < len(c.keys) {
				values = append(values, z.key(c))
			} else {
				values = append(values, z.value())
			}
		}
		return "(" + strings.Join(values, ", ") + ")"
	}
	rows := row()
	if z.chance(30) {
		rows += ", " + row()
	}
	return fmt.Sprintf("INSERT %s INTO %s (%s) VALUES %s", or, c.name, strings.Join(columns, ", "), rows)
}

// define returns a random change of the schema.
func (z *zoo) define() string {
	c := z.base()
	switch z.IntN(12) {
	case 0:
		n := z.name("n")
		for _, t := range z.tables {
			if t == c && z.chance(50) {
				t.columns, t.read = append(t.columns, n), append(t.read, n)
			}
		}
		return "ALTER TABLE " + c.name + " ADD COLUMN " + n + " " + z.pick("TEXT DEFAULT 'a'", "INTEGER", "AS (a)", "TEXT NOT NULL DEFAULT 'x'")
	case 1:
		return "ALTER TABLE " + c.name + " DROP COLUMN " + z.pick("c", c.columns[len(c.columns)-1])
	case 2:
		return "ALTER TABLE " + c.name + " RENAME COLUMN " + z.pick("c TO e", "e TO c", "a TO c", "b TO tmp", "tmp TO b")
	case 3:
		return "ALTER TABLE " + z.pick("t0 RENAME TO t9", "t9 RENAME TO t0", "t1 RENAME TO t2", "t1 RENAME TO old", "old RENAME TO t1", "t2 RENAME TO t1")
	case 4, 5:
		return z.index()
	case 6:
		return "DROP INDEX IF EXISTS i" + fmt.Sprint(1+z.IntN(z.names+1))
	case 7:
		return z.trigger()
	case 8:
		return z.pick("DROP TRIGGER IF EXISTS tr", "DROP VIEW IF EXISTS v") + fmt.Sprint(1+z.IntN(z.names+1))
	case 9:
		return "CREATE TABLE IF NOT EXISTS bulk (i INTEGER PRIMARY KEY, v)"
	case 10:
		return z.pick("REINDEX", "VACUUM", "CREATE TABLE copy AS SELECT * FROM "+c.name, "DROP TABLE IF EXISTS copy")
	default:
		return "DROP TABLE IF EXISTS " + z.pick("t2", "copy", "fts")
	}
}
