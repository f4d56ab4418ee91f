// Package sqlgen makes random SQLite databases, queries and changes, for tests
// alone. Values come from a small domain full of traps, so that they meet, tie
// and convert; queries are weighted towards what applications write.
//
// Everything is a function of the random numbers: a seed and an index give the
// same case again. The package runs no SQL; that a constraint forbids what a
// change attempts is as good as any other outcome.
package sqlgen

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A Case is a database, what is read of it, and how it changes.
type Case struct {
	Orphans bool     // foreign keys are not enforced during Setup
	Loose   bool     // nor afterwards
	Setup   []string // statements that make the database
	Reads   []Read
	Changes []Change
}

// A Statement is an SQL text with its arguments.
type Statement struct {
	Text string
	Args []any
}

// A Read is what one function reads.
type Read struct {
	Shape   string // a name for queries of this kind
	Way     Way
	Rows    int  // how many rows of each query are read; 0: all
	Clock   bool // what it returns may change by itself
	Queries []Statement
}

// Way is how the queries of a Read are run.
type Way uint8

// The ways.
const (
	Direct   Way = iota // on the pool, one after the other
	Prepared            // as statements that are prepared once
	Snapshot            // in one read transaction
)

// Found stands, as an argument, for the first value of the first row that the
// query before it returned, or NULL.
type Found struct{}

// A Change is what happens to the database between two looks at the reads: its
// statements, on one connection. Transactions are spelled out among them.
type Change struct {
	Statements []Statement
	During     *Read // a read that is under way meanwhile, and joins the others
}

// Size bounds a Case.
type Size struct{ Reads, Changes int }

// New returns the case that belongs to a seed and an index.
func New(seed, index uint64, size Size) *Case {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, index)), clock: newClock(seed, index)}
	c := &Case{Orphans: g.chance(20), Loose: g.chance(15), Setup: g.setup()}
	for range size.Reads {
		c.Reads = append(c.Reads, g.read())
	}
	c.Reads = append(c.Reads, g.clockReads()...)
	c.Reads = append(c.Reads, g.finerReads(seed, index, size.Reads)...)
	for range size.Changes {
		ch := g.change()
		if g.chance(20) {
			ch.During = g.overlapped()
		}
		c.Changes = append(c.Changes, ch)
	}
	return c
}

// String returns the case as a Go literal, within a package that imports this
// one, database/sql and time.
func (c *Case) String() string {
	var b strings.Builder
	b.WriteString("{\n")
	if c.Orphans {
		b.WriteString("\tOrphans: true,\n")
	}
	if c.Loose {
		b.WriteString("\tLoose: true,\n")
	}
	b.WriteString("\tSetup: []string{\n")
	for _, s := range c.Setup {
		fmt.Fprintf(&b, "\t\t%s,\n", quote(s))
	}
	b.WriteString("\t},\n\tReads: []sqlgen.Read{\n")
	for i := range c.Reads {
		fmt.Fprintf(&b, "\t\t%s,\n", c.Reads[i].literal())
	}
	b.WriteString("\t},\n\tChanges: []sqlgen.Change{\n")
	for _, ch := range c.Changes {
		fmt.Fprintf(&b, "\t\t{Statements: %s", literals(ch.Statements))
		if ch.During != nil {
			fmt.Fprintf(&b, ", During: &sqlgen.Read%s", ch.During.literal())
		}
		b.WriteString("},\n")
	}
	b.WriteString("\t},\n}")
	return b.String()
}

func (r *Read) literal() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{Shape: %q, ", r.Shape)
	if r.Way != Direct {
		fmt.Fprintf(&b, "Way: sqlgen.%s, ", [...]string{"Direct", "Prepared", "Snapshot"}[r.Way])
	}
	if r.Rows > 0 {
		fmt.Fprintf(&b, "Rows: %d, ", r.Rows)
	}
	if r.Clock {
		b.WriteString("Clock: true, ")
	}
	fmt.Fprintf(&b, "Queries: %s}", literals(r.Queries))
	return b.String()
}

func literals(list []Statement) string {
	var b strings.Builder
	b.WriteString("[]sqlgen.Statement{")
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "{Text: %s", quote(s.Text))
		if len(s.Args) > 0 {
			b.WriteString(", Args: []any{")
			for j, a := range s.Args {
				if j > 0 {
					b.WriteString(", ")
				}
				b.WriteString(goLiteral(a))
			}
			b.WriteString("}")
		}
		b.WriteString("}")
	}
	return b.String() + "}"
}

// goLiteral returns an argument as Go source.
func goLiteral(a any) string {
	switch a := a.(type) {
	case Found:
		return "sqlgen.Found{}"
	case sql.NamedArg:
		return fmt.Sprintf("sql.Named(%q, %s)", a.Name, goLiteral(a.Value))
	case time.Time:
		return fmt.Sprintf("time.Unix(%d, 0).UTC()", a.Unix())
	case nil:
		return "nil"
	case []byte:
		return fmt.Sprintf("[]byte(%q)", a)
	case string:
		return fmt.Sprintf("%q", a)
	case float64: // a negative zero has no literal
		return fmt.Sprintf("float64(%v)", a)
	case int, bool:
		return fmt.Sprint(a)
	case int64:
		return fmt.Sprintf("int64(%d)", a)
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(a) // as database/sql does
	if err != nil {
		return fmt.Sprintf("%#v", a)
	}
	return goLiteral(v)
}

func quote(s string) string {
	if strings.Contains(s, "`") {
		return fmt.Sprintf("%q", s)
	}
	return "`" + s + "`"
}
