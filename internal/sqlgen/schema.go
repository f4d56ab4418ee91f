package sqlgen

import (
	"fmt"
	"strings"
)

// A table is a table or a view.
type table struct {
	name    string
	columns []*column
	keys    []*column // the primary key; for a view, what is likely to order it
	rowid   bool
	view    bool
	indexes []string
}

// A column is a column of a table or a view.
type column struct {
	name      string
	kind      kind
	notNull   bool
	generated bool
	strict    bool   // its table demands values of its type
	target    *table // what it refers to
}

// id returns the column that foreign keys refer to.
func (t *table) id() *column { return t.columns[0] }

func (t *table) writable() (list []*column) {
	for _, c := range t.columns {
		if !c.generated {
			list = append(list, c)
		}
	}
	return list
}

// references returns the columns that refer to other tables.
func (t *table) references() (list []*column) {
	for _, c := range t.columns {
		if c.target != nil {
			list = append(list, c)
		}
	}
	return list
}

// setup returns the statements that make a database.
func (g *generator) setup() (all []string) {
	g.literals = true
	defer func() { g.literals = false }()
	for i := range 2 + g.first(4) {
		all = append(all, g.table(fmt.Sprintf("t%d", i)))
	}
	for range g.IntN(5) {
		all = append(all, g.index())
	}
	for _, t := range g.tables {
		for i := range 4 + g.IntN(8) {
			g.next = i + 1
			all = append(all, g.insert(t, "INSERT OR IGNORE"))
		}
		g.next = 0
	}
	all = append(all, g.clockWrites()...)
	for i := range g.IntN(3) {
		all = append(all, g.view(fmt.Sprintf("v%d", i)))
	}
	if g.chance(35) {
		for i := range 1 + g.IntN(2) {
			all = append(all, g.trigger(fmt.Sprintf("tr%d", i)))
		}
	}
	if g.chance(10) {
		all = append(all, "ANALYZE")
	}
	return all
}

func (g *generator) collation() string {
	return one(g, "", "", "", "", "", " COLLATE NOCASE", " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY")
}

// table returns a CREATE TABLE.
func (g *generator) table(name string) string {
	t := &table{name: name, rowid: true}
	strict := g.chance(15)
	var parts, tail, options []string
	key := g.keying(t)
	parts = append(parts, key.columns...)
	tail = append(tail, key.tail...)
	if key.without {
		options, t.rowid = append(options, "WITHOUT ROWID"), false
	}
	if strict {
		options = append(options, "STRICT")
	}
	add := func(c *column, declaration string) {
		t.columns = append(t.columns, c)
		parts = append(parts, c.name+" "+declaration)
	}
	for i, name := range []string{"p", "q"} {
		if len(g.tables) > i && g.chance(75-40*i) {
			add(g.reference(name, strict))
		}
	}
	for _, name := range []string{"a", "b", "c", "d"}[:2+g.IntN(3)] {
		c := &column{name: name, kind: one(g, whole, whole, text, text, text, fraction, truth, moment, money, bytes, anything)}
		add(c, g.declaration(c, strict))
	}
	for _, c := range t.columns {
		c.strict = strict
	}
	if g.chance(25) {
		k, kinded := text, "TEXT"
		e := one(g, "a || b", "lower(b)", "coalesce(a, '-') || '.'", "CASE WHEN a IS NULL THEN 'none' ELSE b END")
		if g.chance(40) {
			k, kinded, e = whole, "INTEGER", one(g, "length(a)", "a IS NULL", "length(b) + 1")
		}
		add(&column{name: "g", kind: k, generated: true}, fmt.Sprintf("%s%s %sAS (%s) %s", kinded, g.collation(), one(g, "", "GENERATED ALWAYS "), e, one(g, "VIRTUAL", "STORED")))
	}
	if g.chance(8) {
		tail = append(tail, "UNIQUE (a, b)"+one(g, "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE"))
	}
	if g.chance(8) {
		tail = append(tail, "CHECK (a IS NULL OR b IS NULL OR a <> b)")
	}
	g.tables = append(g.tables, t)
	return strings.TrimSpace(fmt.Sprintf("CREATE TABLE %s (%s) %s", name, join(append(parts, tail...)), join(options)))
}

// A keying is how a table is keyed.
type keying struct {
	columns, tail []string
	without       bool
}

// keying adds the first columns of a table.
func (g *generator) keying(t *table) (k keying) {
	id := &column{name: "id", kind: whole}
	t.columns, t.keys = []*column{id}, []*column{id}
	switch g.IntN(14) {
	case 0, 1, 2, 3, 4:
		k.columns = []string{"id INTEGER PRIMARY KEY" + one(g, "", "", "", " AUTOINCREMENT", " DESC")}
	case 5, 6:
		id.kind = text
		k.columns = []string{"id TEXT" + g.collation() + " PRIMARY KEY" + one(g, "", " NOT NULL")}
	case 7:
		id.kind = text
		k.columns, k.without = []string{"id TEXT" + g.collation() + " PRIMARY KEY"}, true
	case 8, 9, 10:
		second := &column{name: "k", kind: one(g, whole, text), notNull: true}
		id.notNull = true
		t.columns, t.keys = append(t.columns, second), append(t.keys, second)
		k.columns = []string{"id INTEGER NOT NULL", "k " + declarations[second.kind][0] + one(g, "", " COLLATE NOCASE") + " NOT NULL"}
		k.tail, k.without = []string{"PRIMARY KEY (" + one(g, "id, k", "k, id", "id, k DESC") + ")"}, g.chance(60)
		if g.chance(60) {
			k.tail = append(k.tail, "UNIQUE (id)") // so that others can refer to it
		}
	case 11:
		k.columns = []string{"id INT PRIMARY KEY"}
	case 12:
		k.columns = []string{"id INTEGER UNIQUE"}
	case 13:
		t.keys = nil
		k.columns = []string{"id INTEGER"}
	}
	return k
}

// reference returns a column that refers to an earlier table.
func (g *generator) reference(name string, strict bool) (*column, string) {
	c := &column{name: name, target: one(g, g.tables...)}
	c.kind = c.target.id().kind
	c.notNull = g.chance(20)
	d := declarations[c.kind][0]
	if !strict && g.chance(8) {
		d = one(g, "", "TEXT", "NUMERIC") // of another affinity than what it refers to
	}
	if c.notNull {
		d += " NOT NULL"
	}
	if len(c.target.keys) == 1 && g.chance(85) {
		d += fmt.Sprintf(" REFERENCES %s(id) ON DELETE %s ON UPDATE %s%s", c.target.name, one(g, "CASCADE", "CASCADE", "SET NULL", "RESTRICT", "NO ACTION"),
			one(g, "CASCADE", "SET NULL", "NO ACTION"), one(g, "", "", " DEFERRABLE INITIALLY DEFERRED"))
	}
	return c, d
}

// declaration returns the type and the constraints of a column.
func (g *generator) declaration(c *column, strict bool) string {
	d := one(g, declarations[c.kind]...)
	if strict {
		d = one(g, strictDeclarations[c.kind]...)
	}
	if c.kind == text || c.kind == anything {
		d += g.collation()
	}
	switch g.IntN(16) {
	case 0:
		d += " UNIQUE"
	case 1, 2:
		c.notNull = true
		d += " NOT NULL DEFAULT " + values[c.kind][0]
	case 3:
		d += " DEFAULT " + values[c.kind][1]
	case 4:
		d += fmt.Sprintf(" CHECK (%s IS NULL OR %s <> %s)", c.name, c.name, values[c.kind][1])
	default:
		if !strict || d == "TEXT" {
			d += g.defaulted(d)
		}
	}
	return d
}

// index returns a CREATE INDEX.
func (g *generator) index() string {
	t := g.base()
	g.indexes++
	name := fmt.Sprintf("i%d", g.indexes)
	t.indexes = append(t.indexes, name)
	var keys []string
	for _, c := range some(g, 1+g.IntN(2), t.columns) {
		keys = append(keys, one(g, "%s", "%s", "%s", "%s DESC", "%s COLLATE NOCASE", "lower(%s)", "%s COLLATE RTRIM"))
		keys[len(keys)-1] = fmt.Sprintf(keys[len(keys)-1], c.name)
	}
	where := ""
	if g.chance(20) {
		c := one(g, t.columns...)
		where = " WHERE " + c.name + one(g, " IS NOT NULL", " > 0", " = 1")
	}
	return fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)%s", one(g, "", "", "", "", "UNIQUE "), name, t.name, join(keys), where)
}
