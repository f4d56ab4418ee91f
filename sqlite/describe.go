package sqlite

import "github.com/unstale/unstale"

// maxSummary bounds the rows of a change that are named.
const maxSummary = 8

// describe returns what people are told of the open transaction's changes.
func (s *session) describe() *unstale.Change {
	writer := s.caller
	if s.counted {
		writer = s.writer
	}
	rows, more := s.changes.Summary(maxSummary)
	ch := &unstale.Change{Request: writer.Request(), Rows: make([]unstale.RowChange, len(rows)), More: more}
	for i, r := range rows {
		ch.Rows[i] = unstale.RowChange(r)
	}
	return ch
}
