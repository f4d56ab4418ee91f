package sqlite

import (
	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/sqldep"
)

// describe returns what people are told of the open transaction's changes.
func (s *session) describe() *unstale.Change {
	writer := s.caller
	if s.counted {
		writer = s.writer
	}
	ch := &unstale.Change{Request: writer.Request()}
	rows, more := s.changes.Summary(maxSummary)
	ch.More = more
	for _, r := range rows {
		ch.Rows = append(ch.Rows, unstale.RowChange(r))
	}
	return ch
}

// maxSummary bounds the rows of a summary.
const maxSummary = 8

var _ = unstale.RowChange(sqldep.RowSummary{}) // they have the same fields
