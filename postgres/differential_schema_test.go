package postgres

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A pgType is a type of columns with a small domain of values, full of traps: they meet,
// tie and are equal without being the same. Those that stand first are taken more often.
type pgType struct {
	name     string
	literals []string
	args     []any
	array    any  // an argument for = ANY
	exact    bool // values that are equal are the same
	letters  bool // they are texts
}

var pgTypes = []pgType{
	{"int4", []string{"1", "2", "3", "4", "0", "-1", "7"}, []any{int32(1), int64(2), 3, 4, 0, "1"}, []int32{1, 3}, true, false},
	{"int8", []string{"1", "2", "3", "4", "0", "9007199254740993"}, []any{int64(1), 2, int32(3), int64(9007199254740993)}, []int64{1, 2, 2}, true, false},
	{"int2", []string{"1", "2", "3", "-1"}, []any{int16(1), 2, 3}, []int16{1}, true, false},
	{"text", []string{"'a'", "'b'", "'A'", "'k'", "''", "'a '", "'É'", "'1'", "'\u212a'", "'é'", "repeat('x', 300)"}, []any{"a", "b", "A", "", "é"}, []string{"a", "b", ""}, true, true},
	{`text COLLATE "C"`, []string{"'a'", "'b'", "'B'", "''", "'a '", "'ab'", "'é'"}, []any{"a", "b", "B", ""}, []string{"a", "B"}, true, true},
	{`text COLLATE "und-x-icu"`, []string{"'a'", "'B'", "'b'", "'A'", "''"}, []any{"a", "b", "B", ""}, []string{"a", "B"}, true, true},
	{"varchar(10)", []string{"'a'", "'b'", "'A'", "'ab'", "''"}, []any{"a", "b", "ab"}, []string{"a"}, true, true},
	{"char(4)", []string{"'a'", "'b'", "'ab'", "''"}, []any{"a", "a ", "b"}, []string{"a", "ab"}, true, false},
	{"citext", []string{"'a'", "'A'", "'b'", "'k'", "'K'", "'\u212a'", "'É'", "'é'", "''"}, []any{"a", "A", "b", "k", "é", "\u212a"}, nil, false, true},
	{"bool", []string{"true", "false"}, []any{true, false}, nil, true, false},
	{"numeric", []string{"1", "2", "1.0", "1.00", "1.5", "0", "-1", "'NaN'", "100000000000000000000", "0.001"}, []any{"1", "1.0", 2, 1.5, "NaN"}, nil, false, false},
	{"numeric(6,2)", []string{"1", "1.5", "2", "0", "-2.25"}, []any{"1", "1.5", 2}, nil, true, false},
	{"float8", []string{"1", "1.5", "0", "'-0'", "'NaN'", "'infinity'", "0.1"}, []any{1.0, 1.5, 0.0, 0.1}, []float64{1, 0.1}, false, false},
	{"float4", []string{"1", "1.5", "0", "0.1"}, []any{float32(1), float32(0.1), 1.5}, nil, false, false},
	{"uuid", []string{"'6ecd8c99-4036-403d-bf84-cf8400f67836'", "'00000000-0000-0000-0000-000000000001'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
		[]any{"6ecd8c99-4036-403d-bf84-cf8400f67836", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, []string{"6ecd8c99-4036-403d-bf84-cf8400f67836"}, true, false},
	{"date", []string{"'2024-01-01'", "'2024-01-02'", "'2023-12-31'", "'infinity'", "'0044-03-15 BC'"}, []any{"2024-01-01", "2024-01-02", "infinity"}, nil, true, false},
	{"timestamp", []string{"'2024-01-01 10:00:00'", "'2024-01-01 10:00:00.000001'", "'2024-01-02'", "'infinity'"}, []any{"2024-01-01 10:00:00", "2024-01-02"}, nil, true, false},
	{"timestamptz", []string{"'2024-01-01 10:00:00+00'", "'2024-01-01 11:00:00+01'", "'2024-01-02 00:00:00+00'", "'-infinity'"}, []any{"2024-01-01 10:00:00+00", "2024-01-01 12:00:00+02"}, nil, true, false},
	{"bytea", []string{`'\x61'`, `'\x'`, `'\x6100'`}, []any{[]byte("a"), []byte{}}, nil, true, false},
	{"mood", []string{"'sad'", "'ok'", "'happy'"}, []any{"sad", "ok"}, nil, true, false},
	{"jsonb", []string{"'1'", `'{"a": 1}'`, `'{"a": 1.0}'`, "'[1, 2]'"}, []any{"1"}, nil, false, false},
	{"int4[]", []string{"'{1,2}'", "'{}'", "'{1,NULL}'"}, []any{[]int32{1, 2}}, nil, true, false},
	{"inet", []string{"'10.0.0.1'", "'10.0.0.1/32'", "'10.0.0.0/8'", "'::1'"}, []any{"10.0.0.1"}, nil, true, false},
	{"word", []string{"'a'", "'b'", "'A'", "''"}, []any{"a", "b"}, []string{"a"}, true, true},
	{"amount", []string{"1", "2", "3"}, []any{1, 2}, nil, true, false},
}

// A pgTable is a table or a view.
type pgTable struct {
	name    string
	columns []*pgColumn
	key     []*pgColumn // none: it has none
	view    bool
}

// A pgColumn is a column of one.
type pgColumn struct {
	name      string
	typ       *pgType
	notNull   bool
	generated bool
	target    *pgTable // what it refers to
}

func (t *pgTable) references() (list []*pgColumn) {
	for _, c := range t.columns {
		if c.target != nil {
			list = append(list, c)
		}
	}
	return list
}

// unique returns columns of which no two rows agree in all, unless they agree in every
// column.
func (t *pgTable) unique() []*pgColumn {
	if len(t.key) > 0 {
		return t.key
	}
	return t.columns
}

func (t *pgTable) writable() (list []*pgColumn) {
	for _, c := range t.columns {
		if !c.generated {
			list = append(list, c)
		}
	}
	return list
}

// A pgGenerator makes one case, a statement at a time.
type pgGenerator struct {
	*rand.Rand
	tables  []*pgTable // tables, then views
	views   int
	args    []any
	plain   bool // values are written into the text
	aliases int
	next    int         // the key of the row to be inserted; 0: any
	pending int         // prepared transactions
	attach  [][3]string // tables, their partitions, and the bounds of these
}

func (g *pgGenerator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *pgGenerator, list ...T) T { return list[g.IntN(len(list))] }

// early returns a small number below n, 0 more often than n-1.
func (g *pgGenerator) early(n int) int { return min(g.IntN(n), g.IntN(n)) }

// first returns 0 even more often.
func (g *pgGenerator) first(n int) int { return min(g.early(n), g.early(n)) }

func (g *pgGenerator) base() *pgTable { return g.tables[g.IntN(len(g.tables)-g.views)] }

func (g *pgGenerator) any() *pgTable {
	if g.chance(15) {
		return pick(g, g.tables...)
	}
	return g.base()
}

// some returns a few members of a list, in a random order.
func some[T any](g *pgGenerator, n int, list []T) (out []T) {
	for _, i := range g.Perm(len(list))[:min(n, len(list))] {
		out = append(out, list[i])
	}
	return out
}

// value returns a value as an application would compare it with a column.
func (g *pgGenerator) value(c *pgColumn) string {
	t := c.typ
	switch n := g.IntN(100); {
	case n < 1:
		t = &pgTypes[g.IntN(len(pgTypes))]
	case n < 3:
		return "NULL"
	}
	if g.plain || g.chance(30) {
		return t.literals[g.first(len(t.literals))]
	}
	return g.bind(t.args[g.first(len(t.args))])
}

func (g *pgGenerator) bind(v any) string {
	g.args = append(g.args, v)
	return fmt.Sprintf("$%d", len(g.args))
}

// stored returns a value for a row.
func (g *pgGenerator) stored(c *pgColumn) string {
	if !c.notNull && g.chance(15) {
		return "NULL"
	}
	return c.typ.literals[g.early(len(c.typ.literals))]
}

// setup returns the statements that make a database, as its owner.
func (g *pgGenerator) setup() (all []string) {
	g.plain = true
	defer func() { g.plain = false }()
	all = append(all, "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", "CREATE DOMAIN word AS text", "CREATE DOMAIN amount AS int4")
	for i := range 2 + g.early(3) {
		all = append(all, g.table(fmt.Sprintf("t%d", i))...)
	}
	for _, t := range g.tables {
		for i := range 4 + g.IntN(8) {
			g.next = i + 1
			all = append(all, g.insert(t)+" ON CONFLICT DO NOTHING")
		}
		g.next = 0
	}
	for i := range g.IntN(3) {
		all = append(all, g.view(fmt.Sprintf("v%d", i)))
	}
	if g.chance(35) {
		all = append(all, g.trigger()...)
	}
	if g.chance(30) {
		all = append(all, g.policy()...)
	}
	return all
}

func (g *pgGenerator) table(name string) (all []string) {
	t := &pgTable{name: name}
	var parts []string
	add := func(c *pgColumn, more string) {
		t.columns = append(t.columns, c)
		if c.notNull {
			more = " NOT NULL" + more
		}
		parts = append(parts, c.name+" "+c.typ.name+more)
	}
	divided := g.chance(18)
	id := &pgColumn{name: "id", typ: &pgTypes[pick(g, 0, 0, 0, 0, 0, 0, 1, 1, 1, 3, 3, 8, 10, 14)]}
	switch g.IntN(10) {
	case 0:
		add(id, "")
	case 1:
		add(id, " UNIQUE")
	case 2, 3:
		id.notNull = true
		second := &pgColumn{name: "k", typ: &pgTypes[pick(g, 0, 3)], notNull: true}
		add(id, "")
		add(second, "")
		parts = append(parts, "PRIMARY KEY ("+pick(g, "id, k", "k, id")+")")
		t.key = []*pgColumn{id, second}
	default:
		id.notNull = true
		add(id, " PRIMARY KEY")
		t.key = []*pgColumn{id}
	}
	for i, name := range []string{"p", "q"} {
		if len(g.tables) <= i || !g.chance(80-40*i) {
			continue
		}
		to := pick(g, g.tables...)
		c := &pgColumn{name: name, typ: to.columns[0].typ, target: to, notNull: g.chance(40)}
		more := ""
		if len(to.key) == 1 && g.chance(85) {
			more = fmt.Sprintf(" REFERENCES %s (id) ON DELETE %s ON UPDATE %s%s", to.name, pick(g, "CASCADE", "CASCADE", "SET NULL", "NO ACTION"), pick(g, "CASCADE", "NO ACTION"),
				pick(g, "", "", " DEFERRABLE INITIALLY DEFERRED"))
		}
		add(c, more)
	}
	for _, name := range []string{"a", "b", "c", "d"}[:2+g.IntN(3)] {
		c := &pgColumn{name: name, typ: &pgTypes[g.early(len(pgTypes))], notNull: g.chance(20)}
		more := ""
		if c.typ.exact && !divided && g.chance(6) {
			more = " UNIQUE"
		}
		add(c, more)
	}
	if g.chance(20) {
		last := t.columns[len(t.columns)-1]
		typ, expr := &pgTypes[9], last.name+" IS NULL"
		if last.typ.name == "int4" {
			typ, expr = &pgTypes[0], last.name+" + 1"
		}
		add(&pgColumn{name: "g", typ: typ, generated: true}, " GENERATED ALWAYS AS ("+expr+") STORED")
	}
	g.tables = append(g.tables, t)
	switch {
	case divided && len(t.key) > 0:
		all = append(all, g.partitions(t, strings.Join(parts, ", "))...)
	case g.chance(6): // its keys are not those of its children
		all = append(all, fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(parts, ", ")), fmt.Sprintf("CREATE TABLE %s_c () INHERITS (%[1]s)", name))
		t.key = nil
		g.tables = append(g.tables, &pgTable{name: name + "_c", columns: t.columns})
	default:
		all = append(all, fmt.Sprintf("CREATE TABLE %s (%s)", name, strings.Join(parts, ", ")))
	}
	if g.chance(30) {
		all = append(all, fmt.Sprintf("CREATE %sINDEX ON %s (%s)", pick(g, "", "", "UNIQUE "), name, pick(g, t.columns...).name))
	}
	return all
}

// partitions returns what makes a partitioned table, and partitions of it, of which one
// has its columns in another order and one more that is gone.
func (g *pgGenerator) partitions(t *pgTable, columns string) (all []string) {
	id := t.columns[0]
	kind := pick(g, "HASH", "LIST", "RANGE")
	all = append(all, fmt.Sprintf("CREATE TABLE %s (%s) PARTITION BY %s (id)", t.name, columns, kind))
	bounds := []string{"FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "FOR VALUES WITH (MODULUS 2, REMAINDER 1)"}
	switch few := id.typ.literals; kind {
	case "LIST":
		bounds = []string{fmt.Sprintf("FOR VALUES IN (%s, %s)", few[0], few[1]), "DEFAULT"}
	case "RANGE":
		bounds = []string{"FOR VALUES FROM (MINVALUE) TO (" + few[1] + ")", "DEFAULT"}
	}
	for i, bound := range bounds {
		p := &pgTable{name: fmt.Sprintf("%s_%d", t.name, i), columns: t.columns, key: t.key}
		generated := slices.ContainsFunc(t.columns, func(c *pgColumn) bool { return c.generated })
		if i == 0 || generated {
			all = append(all, fmt.Sprintf("CREATE TABLE %s PARTITION OF %s %s", p.name, t.name, bound))
		} else {
			list := []string{"gone int4"}
			for _, c := range slices.Backward(t.columns) {
				list = append(list, c.name+" "+c.typ.name)
				if c.notNull {
					list[len(list)-1] += " NOT NULL"
				}
			}
			all = append(all, fmt.Sprintf("CREATE TABLE %s (%s)", p.name, strings.Join(list, ", ")), "ALTER TABLE "+p.name+" DROP COLUMN gone",
				fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s %s", t.name, p.name, bound))
		}
		g.tables = append(g.tables, p)
		g.attach = append(g.attach, [3]string{t.name, p.name, bound})
	}
	return all
}

func (g *pgGenerator) insert(t *pgTable) string {
	var names, values []string
	for _, c := range t.writable() {
		names = append(names, c.name)
		if slices.Contains(t.key, c) {
			values = append(values, g.keyValue(c))
		} else {
			values = append(values, g.stored(c))
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.name, strings.Join(names, ", "), strings.Join(values, ", "))
}

func (g *pgGenerator) keyValue(c *pgColumn) string {
	n := g.IntN(10)
	if g.next > 0 {
		n, g.next = g.next, g.next+1
	}
	switch c.typ.name {
	case "int4", "int8", "numeric":
		return fmt.Sprint(n)
	}
	return c.typ.literals[n%len(c.typ.literals)]
}

// view returns a CREATE VIEW over tables and earlier views.
func (g *pgGenerator) view(name string) string {
	t, u := pick(g, g.tables...), pick(g, g.tables...)
	id, a := t.columns[0], pick(g, t.columns...)
	v := &pgTable{name: name, view: true, columns: []*pgColumn{{name: "id", typ: id.typ, target: id.target}}}
	add := func(name string, c *pgColumn) {
		v.columns = append(v.columns, &pgColumn{name: name, typ: c.typ, target: c.target})
	}
	var body string
	switch g.IntN(6) {
	case 0, 1:
		add("a", a)
		body = fmt.Sprintf("SELECT id, %s FROM %s WHERE %s", a.name, t.name, g.term([]pgSource{{"", t}}, 3))
	case 2:
		if !id.typ.exact {
			id = t.columns[len(t.columns)-1]
		}
		v.columns[0].typ = id.typ
		add("n", &pgColumn{typ: &pgTypes[1]})
		body = fmt.Sprintf("SELECT %s, count(*) FROM %s GROUP BY 1", id.name, t.name)
	case 3:
		b := pick(g, u.columns...)
		add("a", a)
		add("b", b)
		body = fmt.Sprintf("SELECT x.id, x.%s, y.%s FROM %s x %sJOIN %s y ON %s", a.name, b.name, t.name, pick(g, "", "LEFT "), u.name, g.on(pgSource{"y", u}, []pgSource{{"x", t}}))
	case 4:
		add("a", a)
		body = fmt.Sprintf("SELECT id, %s FROM %s UNION ALL SELECT id, %s FROM %s WHERE %s", a.name, t.name, a.name, t.name, g.term([]pgSource{{"", t}}, 3))
	default:
		add("n", &pgColumn{typ: &pgTypes[1]})
		body = fmt.Sprintf("SELECT x.id, (SELECT count(*) FROM %s y WHERE %s) FROM %s x", u.name, g.on(pgSource{"y", u}, []pgSource{{"x", t}}), t.name)
	}
	g.aliases = 0
	g.tables = append(g.tables, v)
	g.views++
	var names []string
	for _, c := range v.columns {
		names = append(names, c.name)
	}
	return fmt.Sprintf("CREATE VIEW %s (%s) WITH (security_barrier = %t) AS %s", name, strings.Join(names, ", "), g.chance(30), body)
}

// trigger returns a trigger that writes another table.
func (g *pgGenerator) trigger() []string {
	on, to := g.base(), g.base()
	c := pick(g, to.writable()...)
	body := pick(g, fmt.Sprintf("UPDATE %s SET %s = %s", to.name, c.name, g.stored(c)), g.insert(to)+" ON CONFLICT DO NOTHING", "DELETE FROM "+to.name)
	if !strings.HasPrefix(body, "INSERT") {
		d := pick(g, to.columns...)
		body += fmt.Sprintf(" WHERE %s = %s", d.name, d.typ.literals[0])
	}
	return []string{
		fmt.Sprintf("CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF pg_trigger_depth() < 2 THEN %s; END IF; RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$", body),
		fmt.Sprintf("CREATE TRIGGER fires AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION fires()", pick(g, "INSERT", "UPDATE", "DELETE", "INSERT OR UPDATE"), on.name, pick(g, "ROW", "STATEMENT")),
	}
}

// policy hides rows of a table from the role as which is read.
func (g *pgGenerator) policy() []string {
	t := g.base()
	using := g.term([]pgSource{{"", t}}, 3)
	if u := g.base(); u != t && g.chance(40) {
		using = fmt.Sprintf("EXISTS (SELECT FROM %s y WHERE %s)", u.name, g.on(pgSource{"y", u}, []pgSource{{t.name, t}}))
	}
	return []string{"ALTER TABLE " + t.name + " ENABLE ROW LEVEL SECURITY", fmt.Sprintf("CREATE POLICY hides ON %s USING (%s) WITH CHECK (true)", t.name, using)}
}
