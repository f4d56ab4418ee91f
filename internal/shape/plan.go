package shape

import (
	"fmt"
	"slices"
	"strings"
)

// A Plan is what a query depends on, but for the values of its parameters and
// of the rows that it returns. It belongs to one text and schema, is not changed
// once it is in use, and may be used concurrently.
type Plan struct {
	Refused string   // why the result must not be cached, in few words that do not vary with the query, or ""
	Coarse  string   // why the dependencies are coarser than they might be, likewise
	Sources []Source // by table name
	Width   int      // the number of the result's columns, if a source needs them

	// Guards are conditions that some arguments fail; Under returns the plan for those
	// that do.
	Guards []Guard
	Under  func(failing []Guard) *Plan

	// Ends are moments, in microseconds, of which the least that is shown ends the result,
	// by the clock of the database.
	Ends []Operand

	Clocked  bool      // it calls functions of date and time
	Zoneless []Operand // parameters whose arguments must fit, or it may go by the time zone
}

// A Source is what a plan depends on in one occurrence of a table.
type Source struct {
	Table   *Table
	Coarse  bool        // on every change of the table; then nothing below counts
	Watched ColumnSet   // on these columns
	Sets    []Selection // of the rows in one of these sets; none: of all rows
	Broad   []Selection // the sets that hold without the rows of the result
	Range   *Range      // between bounds, as far as the rows of the result do not narrow them further
	Span    *Span       // up to an end
	Probe   *Probe      // of the rows in the sets that it finds, if it finds some
	Entire  bool        // Sets hold only if the result was read to its end
	Unless  bool        // needless where every foreign key has its parent
	Reason  string      // why it is coarser than the text allows, or ""
}

// A Selection is the rows that have these values in some columns. All of a
// source have the same columns, ascending; [Folded] names one that is compared
// without regard to case.
type Selection struct {
	Columns []int
	Values  []Operand
}

// runs reports whether an operand stands for several parameters.
func (w *Selection) runs() bool {
	return slices.ContainsFunc(w.Values, func(o Operand) bool { return o.Last > o.Number })
}

// all returns the values of the selections that this one stands for: of each parameter
// of a run.
func (w *Selection) all() (list [][]Operand) {
	i := slices.IndexFunc(w.Values, func(o Operand) bool { return o.Last > o.Number })
	if i < 0 {
		return [][]Operand{w.Values}
	}
	for n := w.Values[i].Number; n <= w.Values[i].Last; n++ {
		one := Selection{w.Columns, slices.Clone(w.Values)}
		one.Values[i].Number, one.Values[i].Last = n, 0
		list = append(list, one.all()...)
	}
	return list
}

// A Span is the rows from the start of an order up to the last row of the
// result, if its end has been reached, or it was cut by its limit.
type Span struct {
	Column     int
	Descending bool
	End        Operand
	Limit      *Operand // nil: the end is always known
	Value      bool     // NULL is no end, because NULLs do not stand where the type has them, but last
}

// String returns the plan for people and tests, such as "users[id=?1]{name}" for
// the name of one row, "users{name}" for all names, "users" for any change,
// "cards{made}↓made" for the latest ones, "cards{made}(made<?1)" for the ones up to some
// time and "users[id=#2]{name}?" for the names
// of the users in the result's second column, which only counts the way it is
// written if the foreign keys hold.
func (p *Plan) String() string {
	if p.Refused != "" {
		return "refused: " + p.Refused
	}
	var parts []string
	for i := range p.Sources {
		parts = append(parts, p.Sources[i].String())
	}
	for _, e := range p.Ends {
		parts = append(parts, "until "+e.String())
	}
	s := strings.Join(parts, " ")
	if p.Coarse != "" {
		s += " (" + p.Coarse + ")"
	}
	return s
}

func (s *Source) String() string {
	if s.Coarse {
		return s.Table.Name
	}
	var b strings.Builder
	b.WriteString(s.Table.Name)
	for _, w := range s.Sets {
		b.WriteByte('[')
		for i, c := range w.Columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			name := s.Table.Columns[number(c)].Name
			if c < 0 {
				name = "lower(" + name + ")"
			}
			fmt.Fprintf(&b, "%s=%s", name, w.Values[i])
		}
		b.WriteByte(']')
	}
	b.WriteString(s.Table.names(s.Watched))
	if s.Range != nil {
		b.WriteString(s.Range.String(s.Table))
	}
	if s.Span != nil {
		arrow := "↑"
		if s.Span.Descending {
			arrow = "↓"
		}
		b.WriteString(arrow + s.Table.Columns[s.Span.Column].Name)
	}
	if s.Probe != nil {
		b.WriteString(" by " + s.Probe.SQL)
	}
	if s.Unless {
		b.WriteByte('?')
	}
	return b.String()
}

// names returns the names of columns, * for all of them.
func (t *Table) names(set ColumnSet) string {
	if set.All(t) {
		return "{*}"
	}
	var names []string
	for c := range t.Columns {
		if set.Has(c) {
			names = append(names, t.Columns[c].Name)
		}
	}
	return "{" + strings.Join(names, " ") + "}"
}
