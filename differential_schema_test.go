package unstale_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A zoo makes random schemas, queries and changes. Values come from a small
// domain, so that they meet, tie and convert.
type zoo struct {
	*rand.Rand
	tables   []*cage
	literals bool  // values are written into the text
	args     []any // of the statement being made
	names    int
}

// A cage is a table, or a view that can be written.
type cage struct {
	name    string
	columns []string // that can be written
	read    []string // all, the rowid included where there is one
	keys    []string
	view    bool
	text    bool // the keys are text
}

type (
	label string
	count int64
)

func (z *zoo) pick(list ...string) string { return list[z.IntN(len(list))] }
func (z *zoo) chance(percent int) bool    { return z.IntN(100) < percent }
func (z *zoo) some() *cage                { return z.tables[z.IntN(len(z.tables))] }
func (z *zoo) name(prefix string) string  { z.names++; return fmt.Sprint(prefix, z.names) }

// value returns a value as a parameter or a literal.
func (z *zoo) value() string {
	if z.literals || z.chance(25) {
		return z.pick("0", "1", "1", "2", "3", "-1", "1.0", "2.5", "'1'", "'a'", "'a'", "'A'", "'b'", "''", "x'61'", "NULL", "9007199254740993")
	}
	domain := []any{
		0, 1, 1, int64(2), int64(2), uint8(3), -1, 1.0, 2.5, "1", "a", "a", "A", "b", "", "a\x00b", "\xff", []byte("a"), nil, true,
		time.Unix(1, 0).UTC(), label("a"), count(1), int64(9007199254740993), new(int), (*string)(nil),
	}
	v := domain[z.IntN(len(domain))]
	if z.IntN(400) == 0 {
		v = strings.Repeat("long", 20_000)
	}
	z.args = append(z.args, v)
	return fmt.Sprintf("?%d", len(z.args))
}

// key returns a value that a key is likely to hold.
func (z *zoo) key(of ...*cage) string {
	text := z.chance(30)
	if len(of) > 0 && z.chance(90) {
		text = of[0].text
	}
	switch {
	case z.chance(12):
		return z.value()
	case z.literals && text:
		return z.pick("'a'", "'A'", "'b'", "'1'")
	case z.literals:
		return z.pick("1", "2", "3", "4")
	case text:
		z.args = append(z.args, z.pick("a", "b", "A", "1"))
	default:
		z.args = append(z.args, 1+z.IntN(4))
	}
	return fmt.Sprintf("?%d", len(z.args))
}

// schema returns the statements that make a database.
func (z *zoo) schema() (all []string) {
	for i := range 3 {
		all = append(all, z.table(fmt.Sprintf("t%d", i), i))
	}
	all = append(all, "CREATE UNIQUE INDEX parent ON t0 (id)") // which foreign keys need
	for range z.IntN(4) {
		all = append(all, z.index())
	}
	if z.chance(60) {
		all = append(all, z.trigger())
	}
	if z.chance(50) {
		all = append(all, z.viewOf()...)
	}
	if z.chance(40) {
		all = append(all, z.fullText()...)
	}
	if z.chance(15) {
		all = append(all, z.wide())
	}
	z.literals = true
	for range 20 {
		all = append(all, z.insert(z.some(), "OR IGNORE"))
	}
	z.literals = false
	return append(all, "CREATE TABLE clock (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)", "INSERT INTO clock VALUES (1, 0), (2, 0), (3, 0)")
}

func (z *zoo) table(name string, i int) string {
	c := &cage{name: name}
	var b strings.Builder
	strict := z.chance(15)
	without := false
	var tail []string
	switch z.IntN(7) {
	case 0, 1:
		b.WriteString("id INTEGER PRIMARY KEY" + z.pick("", " AUTOINCREMENT", " DESC"))
		c.columns, c.keys = []string{"id"}, []string{"id"}
	case 2:
		b.WriteString("id TEXT " + z.pick("", "COLLATE NOCASE ") + "PRIMARY KEY")
		c.columns, c.keys, c.text = []string{"id"}, []string{"id"}, true
	case 3, 4:
		c.text = z.chance(40)
		if c.text {
			b.WriteString("id TEXT" + z.pick("", " COLLATE NOCASE") + ", k TEXT")
		} else {
			b.WriteString("id " + z.pick("INTEGER", "INT") + ", k TEXT")
		}
		tail = append(tail, "PRIMARY KEY ("+z.pick("id, k", "k, id", "id")+")")
		c.columns, c.keys = []string{"id", "k"}, []string{"id", "k"}
		without = true
	case 5:
		b.WriteString("k INTEGER, id " + z.pick("INTEGER", "TEXT") + " UNIQUE" + z.pick("", " ON CONFLICT REPLACE"))
		c.columns, c.keys = []string{"k", "id"}, []string{"id"}
	case 6:
		b.WriteString("id INTEGER, k INTEGER")
		tail = append(tail, "UNIQUE (id, k)")
		c.columns, c.keys = []string{"id", "k"}, []string{"id", "k"}
	}
	for _, n := range []string{"a", "b", "c"} {
		types := []string{"INTEGER", "INTEGER", "TEXT", "TEXT", "TEXT COLLATE NOCASE", "REAL", "NUMERIC", "BLOB", "", "VARCHAR(10) COLLATE RTRIM"}
		if strict {
			types = []string{"INTEGER", "TEXT", "TEXT COLLATE NOCASE", "REAL", "ANY", "BLOB"}
		}
		fmt.Fprintf(&b, ", %s %s%s", n, z.pick(types...), z.pick("", "", "", "", " UNIQUE", " DEFAULT 'a'", " NOT NULL DEFAULT 1"))
		c.columns = append(c.columns, n)
	}
	if i > 0 && z.chance(50) {
		fmt.Fprintf(&b, ", f REFERENCES t0(id) ON DELETE %s ON UPDATE %s%s", z.pick("CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION"),
			z.pick("CASCADE", "SET NULL", "NO ACTION"), z.pick("", " DEFERRABLE INITIALLY DEFERRED"))
		c.columns = append(c.columns, "f")
		if strict {
			return z.table(name, i) // a STRICT column has a type
		}
	}
	c.read = append(c.read, c.columns...)
	if z.chance(60) {
		kind := z.pick("VIRTUAL", "STORED")
		fmt.Fprintf(&b, ", g %s AS (a || b) %s, h %s AS (length(g) + id) %s", z.pick("TEXT", "TEXT COLLATE NOCASE"), kind, z.pick("INTEGER", "INT"), z.pick("VIRTUAL", kind))
		c.read = append(c.read, "g", "h")
	}
	if len(tail) > 0 {
		b.WriteString(", " + strings.Join(tail, ", "))
	}
	if !without {
		c.read = append(c.read, z.pick("rowid", "_rowid_", "oid"))
	}
	z.tables = append(z.tables, c)
	var options []string
	if without {
		options = append(options, "WITHOUT ROWID")
	}
	if strict {
		options = append(options, "STRICT")
	}
	return "CREATE TABLE " + name + " (" + b.String() + ") " + strings.Join(options, ", ")
}

// wide is a table with more columns than SQLite's mask of used ones has bits.
func (z *zoo) wide() string {
	c := &cage{name: "wide", columns: []string{"id"}, keys: []string{"id"}}
	var b strings.Builder
	for i := range 70 {
		fmt.Fprintf(&b, ", w%d TEXT", i)
	}
	c.columns = append(c.columns, "w0", "w62", "w63", "w64", "w69")
	c.read = c.columns
	z.tables = append(z.tables, c)
	return "CREATE TABLE wide (id INTEGER PRIMARY KEY" + b.String() + ")"
}

func (z *zoo) index() string {
	c := z.base()
	return fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)%s", z.pick("", "", "UNIQUE "), z.name("i"), c.name,
		z.pick("a", "b, a", "c DESC", "lower(b)", "a + 1", "b COLLATE NOCASE", "a, b", "k"), z.pick("", "", " WHERE a > 0", " WHERE b IS NOT NULL"))
}

// base returns a real table with the usual columns.
func (z *zoo) base() *cage { return z.tables[z.IntN(3)] }

func (z *zoo) trigger() string {
	z.literals = true
	defer func() { z.literals = false }()
	on, to := z.base(), z.base()
	return fmt.Sprintf("CREATE TRIGGER %s %s %s ON %s %s BEGIN %s; %s; END", z.name("tr"), z.pick("AFTER", "BEFORE"),
		z.pick("INSERT", "DELETE", "UPDATE", "UPDATE OF a"), on.name, z.pick("", "", "WHEN 1 < (SELECT count(*) FROM "+to.name+")"),
		z.pick("SELECT 1", "UPDATE "+to.name+" SET b = "+z.value()+" WHERE id = "+z.key()), z.pick(
			"UPDATE OR IGNORE "+to.name+" SET a = coalesce(a, 0) + 1 WHERE id = "+z.key(),
			"DELETE FROM "+to.name+" WHERE id = "+z.key(),
			"INSERT OR REPLACE INTO "+to.name+" (id, a) VALUES ("+z.key()+", "+z.value()+")"))
}

func (z *zoo) viewOf() []string {
	c, d, name := z.base(), z.base(), z.name("v")
	z.tables = append(z.tables, &cage{name: name, columns: []string{"id", "a"}, read: []string{"id", "a", "n"}, keys: []string{"id"}, view: true})
	return []string{
		fmt.Sprintf("CREATE VIEW %s (id, a, n) AS SELECT x.id, x.a, (SELECT count(*) FROM %s WHERE id = x.id) FROM %s AS x %s", name, d.name, c.name,
			z.pick("", "WHERE x.a IS NOT NULL", "UNION ALL SELECT id, b, 7 FROM "+d.name)),
		fmt.Sprintf("CREATE TRIGGER %s INSTEAD OF %s ON %s BEGIN UPDATE OR IGNORE %s SET b = new.a WHERE id = new.id; END", z.name("tr"), z.pick("INSERT", "UPDATE"), name, c.name),
	}
}

func (z *zoo) fullText() []string {
	z.tables = append(z.tables, &cage{name: "fts", columns: []string{"rowid", "a"}, read: []string{"a", "rowid"}, keys: []string{"rowid"}})
	options := z.pick("", ", content='', contentless_delete=1", ", content='t0', content_rowid='rowid'", ", detail=none")
	return []string{"CREATE VIRTUAL TABLE fts USING fts5(a" + options + ")", "INSERT INTO fts (rowid, a) VALUES (1, 'a b'), (2, 'b')"}
}
