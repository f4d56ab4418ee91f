package dialect

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/unstale/unstale/internal/shape"
)

// A generator makes random schemas, queries and changes from small domains, so
// that values meet, tie and convert.
type generator struct {
	*rand.Rand
	schema *Schema
	names  []string // of the tables
	args   []any    // of the statement being made
	neat   bool     // the query being made has a total order and no query inside
	alias  int
	parent string // the type of the key of the first table, if others may refer to it
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }
func (g *generator) chance(percent int) bool    { return g.IntN(100) < percent }

// ddl returns a schema of a few tables.
func (g *generator) ddl() string {
	var b strings.Builder
	n := 2 + g.IntN(2)
	for i := range n {
		g.table(&b, fmt.Sprintf("t%d", i))
	}
	if g.chance(30) {
		fmt.Fprintf(&b, "CREATE TRIGGER tr AFTER %s ON t0 BEGIN UPDATE t1 SET b = 'a' WHERE a = 1; END;\n", g.pick("INSERT", "UPDATE", "DELETE"))
	}
	return b.String()
}

// refer lets the other tables have foreign keys to the first one.
func (g *generator) refer(name, affinity string) {
	if name == "t0" {
		g.parent = affinity
	}
}

func (g *generator) table(b *strings.Builder, name string) {
	fmt.Fprintf(b, "CREATE TABLE %s (", name)
	key, suffix := "", ""
	switch g.IntN(5) {
	case 0, 1:
		b.WriteString("id INTEGER PRIMARY KEY")
		g.refer(name, "INTEGER")
	case 2:
		b.WriteString("id TEXT PRIMARY KEY NOT NULL")
		g.refer(name, "TEXT")
	case 3:
		b.WriteString("id " + g.pick("INTEGER", "TEXT", "TEXT COLLATE NOCASE") + ", k TEXT")
		key, suffix = ", PRIMARY KEY (id, k)", " WITHOUT ROWID"
	case 4:
		b.WriteString("id INTEGER UNIQUE")
	}
	for _, c := range []string{"a", "b", "c"} {
		affinity := g.pick("INTEGER", "INTEGER", "TEXT", "TEXT", "TEXT COLLATE NOCASE", "REAL", "NUMERIC", "BLOB")
		if c == "a" && name != "t0" && g.parent != "" {
			affinity = g.parent
		}
		fmt.Fprintf(b, ", %s %s", c, affinity)
		if g.chance(20) {
			b.WriteString(" UNIQUE")
		}
		if c == "a" && name != "t0" && g.parent != "" && g.chance(60) {
			fmt.Fprintf(b, "%s REFERENCES t0 (id) ON DELETE %s ON UPDATE CASCADE%s", g.pick("", " NOT NULL"), g.pick("CASCADE", "CASCADE", "SET NULL"), g.pick("", " DEFERRABLE INITIALLY DEFERRED"))
		}
	}
	if g.chance(25) {
		fmt.Fprintf(b, ", g TEXT AS (a || b) %s", g.pick("VIRTUAL", "STORED"))
	}
	b.WriteString(key + ")" + suffix + ";\n")
	if g.chance(15) {
		fmt.Fprintf(b, "CREATE UNIQUE INDEX %s_i ON %s (%s);\n", name, name, g.pick("a, b", "b COLLATE NOCASE", "lower(b)", "c", "c, id"))
	}
	if g.chance(30) {
		fmt.Fprintf(b, "CREATE INDEX %s_j ON %s (%s);\n", name, name, g.pick("a", "b, a", "c DESC"))
	}
}

// literal returns a random value as a literal.
func (g *generator) literal() string {
	return g.pick("0", "1", "1", "2", "2", "3", "-1", "1.0", "2.5", "'1'", "'a'", "'a'", "'A'", "'b'", "''", "x'61'", "NULL", "9007199254740993")
}

// value returns a random value, mostly as a parameter.
func (g *generator) value() string {
	if g.chance(30) {
		return g.literal()
	}
	domain := []any{int64(0), int64(1), int64(1), int64(2), int64(2), int64(3), 1.0, 2.5, "1", "a", "a", "A", "b", "", []byte("a"), nil, true, int64(9007199254740993)}
	g.args = append(g.args, domain[g.IntN(len(domain))])
	return fmt.Sprintf("?%d", len(g.args))
}

// fitting returns a value that a column is likely to hold.
func (g *generator) fitting(c *shape.Column) string {
	if g.chance(20) {
		return g.value()
	}
	var v any = g.pick("a", "A", "b", "1")
	if c.Type.(*columnType).affinity != affinityText {
		v = int64(g.IntN(5))
	}
	if g.chance(30) {
		if s, ok := v.(string); ok {
			return "'" + s + "'"
		}
		return fmt.Sprint(v)
	}
	g.args = append(g.args, v)
	return fmt.Sprintf("?%d", len(g.args))
}

// A origin is an item of a FROM clause.
type origin struct {
	alias string
	table *Table
}

func (g *generator) anyTable() *Table { return g.schema.Tables[g.names[g.IntN(len(g.names))]] }

func (g *generator) column(s origin) (string, *shape.Column) {
	c := &s.table.Columns[g.IntN(len(s.table.Columns))]
	if g.chance(2) && !s.table.WithoutRowID {
		return s.alias + ".rowid", c
	}
	return s.alias + "." + c.Name, c
}

func (g *generator) anyColumn(list []origin) (string, *shape.Column) {
	return g.column(list[g.IntN(len(list))])
}

// query returns a random SELECT. Its expressions may use the columns of outer.
func (g *generator) query(outer []origin, depth int, results int) string {
	if depth == 0 {
		if g.neat = g.chance(50); g.neat {
			depth = 2
		}
	}
	var own []origin
	var from strings.Builder
	items := 1 + max(0, g.IntN(4)-1-depth)
	if g.neat {
		items = 1 + g.IntN(3)
	}
	for i := range items {
		g.alias++
		s := origin{fmt.Sprintf("x%d", g.alias), g.anyTable()}
		own = append(own, s)
		all := append(append([]origin{}, own...), outer...)
		if i == 0 {
			fmt.Fprintf(&from, " FROM %s AS %s", s.table.Name, s.alias)
			continue
		}
		switch g.IntN(4) {
		case 0:
			fmt.Fprintf(&from, ", %s %s", s.table.Name, s.alias)
		case 1:
			fmt.Fprintf(&from, " JOIN %s %s ON %s", s.table.Name, s.alias, g.join(s, own[:i], all, depth))
		default:
			fmt.Fprintf(&from, " LEFT JOIN %s %s ON %s", s.table.Name, s.alias, g.join(s, own[:i], all, depth))
		}
	}
	all := append(append([]origin{}, own...), outer...)
	var where string
	if g.chance(85) {
		where = " WHERE " + g.condition(own, all, depth)
	}
	grouped := g.chance(15)
	aggregate := !grouped && g.chance(20)
	var columns []string
	for range max(1, results) {
		columns = append(columns, g.result(own, all, depth, grouped || aggregate))
	}
	if results == 0 {
		for range g.IntN(3) {
			columns = append(columns, g.result(own, all, depth, grouped || aggregate))
		}
		if g.chance(15) && !grouped && !aggregate {
			columns = []string{"*"}
		}
	}
	var tail strings.Builder
	if grouped {
		column, _ := g.anyColumn(own)
		if g.chance(60) {
			column = own[0].alias + "." + own[0].table.Columns[0].Name
		}
		tail.WriteString(" GROUP BY " + column)
		if g.chance(50) && results == 0 {
			columns[0] = column
		}
		if g.chance(20) {
			tail.WriteString(" HAVING " + g.result(own, all, depth, true) + " > 0")
		}
		if g.chance(70) {
			tail.WriteString(" ORDER BY " + column)
		}
	} else if g.neat || g.chance(75) {
		tail.WriteString(" ORDER BY " + g.order(own, len(columns)))
	}
	if g.chance(25) {
		fmt.Fprintf(&tail, " LIMIT %d", g.IntN(3))
		if g.chance(30) {
			tail.WriteString(" OFFSET 1")
		}
	}
	distinct := ""
	if !g.neat && g.chance(8) {
		distinct = "DISTINCT "
	}
	return "SELECT " + distinct + strings.Join(columns, ", ") + from.String() + where + tail.String()
}

// join returns an ON condition.
func (g *generator) join(s origin, before, all []origin, depth int) string {
	if g.chance(25) {
		return g.condition([]origin{s}, all, depth)
	}
	x, _ := g.column(s)
	if g.chance(60) {
		x = s.alias + "." + s.table.Columns[0].Name
	}
	y, _ := g.anyColumn(before)
	on := x + " = " + y
	if g.chance(30) {
		on = y + " = " + x
	}
	if g.chance(30) {
		on += " AND " + g.condition(all, all, depth+1)
	}
	return on
}

// condition returns a condition that likes to fix keys.
func (g *generator) condition(own, all []origin, depth int) string {
	var parts []string
	for _, s := range own {
		if g.chance(40) {
			for i, c := range s.table.Columns {
				if i == 0 || c.Name == "k" {
					x, y := s.alias+"."+c.Name, g.fitting(&s.table.Columns[i])
					switch {
					case g.chance(10):
						parts = append(parts, fmt.Sprintf("%s IN (%s, %s)", x, y, g.fitting(&s.table.Columns[i])))
					case g.chance(20):
						parts = append(parts, y+" = "+x)
					default:
						parts = append(parts, x+" = "+y)
					}
				}
			}
		}
	}
	if len(parts) == 0 || g.chance(50) {
		parts = append(parts, g.term(all, depth))
	}
	return strings.Join(parts, " AND ")
}

// term returns a random condition.
func (g *generator) term(all []origin, depth int) string {
	x, c := g.anyColumn(all)
	switch n := g.IntN(22); {
	case n < 5:
		return x + " = " + g.fitting(c)
	case n == 5:
		y, _ := g.anyColumn(all)
		return x + " = " + y
	case n == 6:
		return x + g.pick(" < ", " >= ", " <> ", " IS ", " IS NOT ") + g.value()
	case n == 7:
		return fmt.Sprintf("%s %sIN (%s, %s)", x, g.pick("", "NOT "), g.fitting(c), g.value())
	case n == 8:
		return x + g.pick(" IS NULL", " NOTNULL")
	case n == 9:
		return "NOT (" + g.term(all, depth) + ")"
	case n == 10:
		return x + " COLLATE NOCASE = " + g.value()
	case n == 11:
		return x + " = " + g.value() + " COLLATE NOCASE"
	case n == 12:
		return fmt.Sprintf("%s BETWEEN %s AND %s", x, g.value(), g.value())
	case n == 13:
		return x + " LIKE 'a%'"
	case n < 17:
		return "(" + g.condition(all[:1], all, depth) + " OR " + g.term(all, depth) + ")"
	case n == 17:
		return "(" + g.term(all, depth) + " AND " + g.term(all, depth) + ")"
	case n < 20 && depth < 2:
		return g.pick("", "NOT ") + "EXISTS (" + g.query(all, depth+1, 1) + ")"
	case n == 20 && depth < 2:
		return x + g.pick(" IN (", " NOT IN (", " = (") + g.query(all, depth+1, 1) + ")"
	}
	return x + " + 0 > " + g.literal()
}

// result returns a random result expression.
func (g *generator) result(own, all []origin, depth int, aggregate bool) string {
	x, _ := g.anyColumn(all)
	if aggregate && g.chance(80) {
		y, _ := g.anyColumn(own)
		return g.pick("count(*)", "count("+y+")", "count(DISTINCT "+y+")", "min("+y+")", "max("+y+")", "sum("+y+")",
			"group_concat("+y+")", "coalesce(max("+y+"), 0)", "count(*) FILTER (WHERE "+y+" = 1)")
	}
	switch n := g.IntN(12); {
	case n == 0:
		return "upper(" + x + ")"
	case n == 1:
		return x + " || '-'"
	case n == 2 && depth < 2:
		return "(" + g.query(all, depth+1, 1) + ")"
	case n == 3 && depth < 2:
		return "EXISTS (" + g.query(all, depth+1, 1) + ")"
	case n == 4:
		return "max(" + x + ", 1)"
	}
	return x
}

// order returns a random ORDER BY that likes to be total.
func (g *generator) order(own []origin, results int) string {
	var terms []string
	if g.chance(30) {
		x, _ := g.anyColumn(own)
		terms = append(terms, x+g.pick("", " DESC", " COLLATE NOCASE"))
	}
	if g.chance(5) {
		terms = append(terms, fmt.Sprint(1+g.IntN(results)))
	}
	for i, s := range own {
		if i > 0 && !g.neat && g.chance(40) {
			continue
		}
		terms = append(terms, s.alias+"."+s.table.Columns[0].Name)
		if s.table.Columns[1].Name == "k" {
			terms = append(terms, s.alias+".k")
		}
	}
	return strings.Join(terms, ", ")
}

// insert returns an INSERT of a random row.
func (g *generator) insert(t *Table) string {
	var columns, values []string
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Generated == shape.NotGenerated {
			columns = append(columns, c.Name)
			values = append(values, g.fitting(c))
		}
	}
	return fmt.Sprintf("INSERT OR %s INTO %s (%s) VALUES (%s)", g.pick("REPLACE", "IGNORE"), t.Name, strings.Join(columns, ", "), strings.Join(values, ", "))
}

// change returns a random statement that changes rows.
func (g *generator) change() string {
	t := g.anyTable()
	s := origin{t.Name, t}
	if g.chance(35) {
		return g.insert(t)
	}
	where := " WHERE " + t.Name + "." + t.Columns[0].Name + " = " + g.fitting(&t.Columns[0])
	switch g.IntN(6) {
	case 0:
		where = " WHERE " + g.condition([]origin{s}, []origin{s}, 2)
	case 1:
		if g.chance(30) {
			where = ""
		}
	}
	if g.chance(25) {
		return "DELETE FROM " + t.Name + where
	}
	i := g.IntN(len(t.Columns))
	for t.Columns[i].Generated != shape.NotGenerated {
		i = g.IntN(len(t.Columns))
	}
	c := &t.Columns[i]
	switch {
	case g.chance(10) && !t.WithoutRowID:
		return fmt.Sprintf("UPDATE OR REPLACE %s SET rowid = rowid + %d%s", t.Name, g.IntN(3)-1, where)
	case g.chance(20):
		return fmt.Sprintf("UPDATE OR REPLACE %s SET %s = %s + 1%s", t.Name, c.Name, c.Name, where)
	}
	return fmt.Sprintf("UPDATE OR %s %s SET %s = %s%s", g.pick("REPLACE", "IGNORE"), t.Name, c.Name, g.fitting(c), where)
}
