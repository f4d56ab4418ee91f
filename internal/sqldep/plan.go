package sqldep

import (
	"fmt"
	"strings"
)

// A Plan is what a query depends on, but for the values of its parameters. It
// belongs to one text and schema, does not change, and may be used concurrently.
type Plan struct {
	refused  string
	fallback string
	reads    []read // by table name
}

// A read is what a plan depends on in one table.
type read struct {
	table   *Table
	whole   bool  // on every change; then nothing below counts
	columns []int // the columns read, ascending
	rows    []row // on these rows only; empty: on all of them
}

// A row is a unique key with its values: at most one row of the table.
type row struct {
	columns []int
	values  []operand
}

// Refused returns why the result of the query must not be cached, in few words
// that do not vary with the query, or "" when it may be.
func (p *Plan) Refused() string { return p.refused }

// Fallback returns why the dependencies are coarser than rows and columns, in
// few words that do not vary with the query, or "".
func (p *Plan) Fallback() string { return p.fallback }

// String returns the plan for people and tests, such as "users[id=?1]{name}" for
// the name of one row, "users{name}" for all names, "users" for any change.
func (p *Plan) String() string {
	if p.refused != "" {
		return "refused: " + p.refused
	}
	var parts []string
	for i := range p.reads {
		parts = append(parts, p.reads[i].String())
	}
	s := strings.Join(parts, " ")
	if p.fallback != "" {
		s += " (" + p.fallback + ")"
	}
	return s
}

func (r *read) String() string {
	if r.whole {
		return r.table.Name
	}
	var b strings.Builder
	b.WriteString(r.table.Name)
	for _, w := range r.rows {
		b.WriteByte('[')
		for i, c := range w.columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s=%s", r.table.Columns[c].Name, w.values[i])
		}
		b.WriteByte(']')
	}
	b.WriteByte('{')
	for i, c := range r.columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.table.Columns[c].Name)
	}
	b.WriteByte('}')
	return b.String()
}
