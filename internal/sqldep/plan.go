package sqldep

import (
	"fmt"
	"slices"
	"strings"
)

// A Plan is what a query depends on, but for the values of its parameters and
// of the rows that it returns. It belongs to one text and schema, does not
// change, and may be used concurrently.
type Plan struct {
	refused  string
	fallback string
	sources  []source // by table name
	width    int      // the number of the result's columns, if a source needs them

	clocked   bool      // it calls functions of date and time
	modifiers []operand // parameters that must not make them go by the time zone
}

// A source is what a plan depends on in one occurrence of a table.
type source struct {
	table   *Table
	whole   bool        // on every change of the table; then nothing below counts
	watched columnSet   // on these columns
	sets    []selection // of the rows in one of these sets; none: of all rows
	broad   []selection // the sets that hold without the rows of the result
	span    *span       // up to a bound
	probe   *probe      // of the rows in the sets that it finds, if it finds some
	entire  bool        // sets hold only if the result was read to its end
	unless  bool        // needless where every foreign key has its parent
}

// A selection is the rows that have these values in some columns. All of a
// source have the same columns, ascending.
type selection struct {
	columns []int
	values  []operand
}

// A span is the rows from the start of an order up to the last row of the
// result, if its end has been reached, or it was cut by its limit.
type span struct {
	column     int
	descending bool
	bound      operand
	limit      *operand // nil: the bound is always known
}

// Refused returns why the result of the query must not be cached, in few words
// that do not vary with the query, or "" when it may be.
func (p *Plan) Refused() string { return p.refused }

// Fallback returns why the dependencies are coarser than they might be, in few
// words that do not vary with the query, or "".
func (p *Plan) Fallback() string { return p.fallback }

// Coarse reports whether the query depends on everything in some table: every
// change of it, or the same columns of all its rows.
func (p *Plan) Coarse() bool {
	return slices.ContainsFunc(p.sources, func(s source) bool { return s.whole })
}

// String returns the plan for people and tests, such as "users[id=?1]{name}" for
// the name of one row, "users{name}" for all names, "users" for any change,
// "cards{made}↓made" for the latest ones and "users[id=#2]{name}?" for the names
// of the users in the result's second column, which only counts the way it is
// written if the foreign keys hold.
func (p *Plan) String() string {
	if p.refused != "" {
		return "refused: " + p.refused
	}
	var parts []string
	for i := range p.sources {
		parts = append(parts, p.sources[i].String())
	}
	s := strings.Join(parts, " ")
	if p.fallback != "" {
		s += " (" + p.fallback + ")"
	}
	return s
}

func (s *source) String() string {
	if s.whole {
		return s.table.Name
	}
	var b strings.Builder
	b.WriteString(s.table.Name)
	for _, w := range s.sets {
		b.WriteByte('[')
		for i, c := range w.columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s=%s", s.table.Columns[c].Name, w.values[i])
		}
		b.WriteByte(']')
	}
	b.WriteString(s.table.names(s.watched))
	if s.span != nil {
		arrow := "↑"
		if s.span.descending {
			arrow = "↓"
		}
		b.WriteString(arrow + s.table.Columns[s.span.column].Name)
	}
	if s.probe != nil {
		b.WriteString(" by " + s.probe.sql)
	}
	if s.unless {
		b.WriteByte('?')
	}
	return b.String()
}

// names returns the names of columns, * for all of them.
func (t *Table) names(set columnSet) string {
	if set.all(t) {
		return "{*}"
	}
	var names []string
	for c := range t.Columns {
		if set.has(c) {
			names = append(names, t.Columns[c].Name)
		}
	}
	return "{" + strings.Join(names, " ") + "}"
}
