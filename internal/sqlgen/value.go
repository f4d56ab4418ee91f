package sqlgen

import (
	"fmt"
	"strings"
	"time"
)

// kind is what an application keeps in a column.
type kind uint8

const (
	whole kind = iota
	text
	fraction
	truth
	moment
	money
	bytes
	anything
	kinds
)

// declarations are the types that columns of a kind have.
var declarations = [kinds][]string{
	whole:    {"INTEGER", "INTEGER", "INT", "BIGINT"},
	text:     {"TEXT", "TEXT", "VARCHAR(10)"},
	fraction: {"REAL", "DOUBLE", "FLOAT"},
	truth:    {"BOOLEAN", "BOOLEAN", "INTEGER"},
	moment:   {"DATETIME", "TEXT", "INTEGER", "TIMESTAMP", "DATE"},
	money:    {"DECIMAL(10,2)", "NUMERIC"},
	bytes:    {"BLOB"},
	anything: {"", "NUMERIC", "BLOB", "TEXT"},
}

// strictDeclarations are those that a STRICT table permits.
var strictDeclarations = [kinds][]string{
	whole: {"INTEGER", "INT"}, text: {"TEXT"}, fraction: {"REAL"}, truth: {"INTEGER"},
	moment: {"TEXT", "INTEGER"}, money: {"REAL"}, bytes: {"BLOB"}, anything: {"ANY"},
}

// values are literals of a kind. Those that stand first are taken more often.
var values = [kinds][]string{
	whole:    {"1", "2", "3", "4", "0", "5", "-1", "9007199254740993"},
	text:     {"'a'", "'b'", "'A'", "''", "'a '", "'1'", "'ab'", "'é'", "'É'", "'B'"},
	fraction: {"1.0", "1.5", "2", "0.0", "-0.0", "-1.5", "9007199254740992.0"},
	truth:    {"1", "0", "TRUE", "FALSE"},
	moment:   {"'2024-01-01'", "'2024-01-01 10:00:00'", "1704103200", "'2024-01-02T00:00:00Z'", "'2023-12-31'"},
	money:    {"1", "1.5", "10.25", "'1.50'", "0"},
	bytes:    {"x'61'", "x''", "x'6100'", "'a'"},
	anything: {"1", "'1'", "1.0", "'a'", "x'61'", "''", "1.5", "9007199254740993", "'A'"},
}

// some Go types of applications.
type (
	label string
	count int64
)

// arguments returns arguments that fit a kind.
func arguments(k kind) []any {
	switch k {
	case whole:
		return []any{1, int64(2), 3, int32(1), uint8(4), count(2), 0, int64(5), -1, int64(9007199254740993)}
	case text:
		return []any{"a", "b", "A", "", "a ", "1", label("a"), "ab", "é", "É"}
	case fraction:
		return []any{1.0, 1.5, 2.0, float32(1.5), 0.0, -1.5}
	case truth:
		return []any{true, false, 1, 0}
	case moment:
		return []any{"2024-01-01", "2024-01-01 10:00:00", int64(1704103200), time.Unix(1704103200, 0).UTC(), "2024-01-02T00:00:00Z"}
	case money:
		return []any{1, 1.5, 10.25, "1.50"}
	case bytes:
		return []any{[]byte("a"), []byte{}, "a"}
	}
	return []any{1, "1", 1.0, "a", []byte("a"), "", 1.5, true, nil, int64(9007199254740993), (*string)(nil)}
}

// early returns a small number below n, 0 more often than n-1.
func (g *generator) early(n int) int { return min(g.IntN(n), g.IntN(n)) }

// first returns 0 even more often.
func (g *generator) first(n int) int { return min(g.early(n), g.early(n)) }

// value returns a value as an application would compare it with a column, or
// store it there: mostly of its kind, mostly a parameter.
func (g *generator) value(c *column) string {
	k := c.kind
	switch n := g.IntN(100); {
	case n < 3:
		k = kind(g.IntN(int(kinds)))
	case n < 5:
		if g.literals || g.chance(50) {
			return "NULL"
		}
		return g.bind(nil)
	}
	if g.literals || g.chance(25) {
		return values[k][g.first(len(values[k]))]
	}
	list := arguments(k)
	return g.bind(list[g.first(len(list))])
}

// stored returns a value for a row: one that a constraint seldom forbids.
func (g *generator) stored(c *column) string {
	if c.notNull || c.target != nil && g.chance(70) {
		for {
			if v := g.fitting(c); v != "NULL" {
				return v
			}
		}
	}
	if g.chance(15) {
		return "NULL"
	}
	return g.fitting(c)
}

// fitting is value without the misfits.
func (g *generator) fitting(c *column) string {
	k := c.kind
	if g.literals || g.chance(25) {
		n := len(values[k])
		if c.strict {
			n = min(n, 2) // the others may be of another type
		}
		return values[k][g.early(n)]
	}
	list := arguments(k)
	n := len(list)
	if c.strict {
		n = min(n, 2)
	}
	return g.bind(list[g.early(n)])
}

// limit returns a LIMIT clause, mostly without an offset.
func (g *generator) limit() string {
	number := func(n int) string {
		if g.literals || g.chance(30) {
			return fmt.Sprint(n)
		}
		return g.bind(n)
	}
	var b strings.Builder
	fmt.Fprintf(&b, " LIMIT %s", number(one(g, 1, 1, 2, 2, 2, 3, 3, 3, 5, 5, 10, 10, 0, -1)))
	if g.chance(35) {
		fmt.Fprintf(&b, "%s%s", one(g, " OFFSET ", " OFFSET ", " OFFSET ", ", "), number(one(g, 0, 1, 1, 1, 2)))
	}
	return b.String()
}
