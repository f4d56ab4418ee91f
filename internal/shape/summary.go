package shape

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A RowSummary is a changed row in words, or stands for the rows of a table of
// which no images are kept.
type RowSummary struct {
	Table     string
	Operation string   // "insert", "update" or "delete"; "" of rows without images
	Key       string   // the values of its first unique key, "" where there is none
	Columns   []string // that an update changed, the first of them
}

// Bounds of a summary, for people.
const (
	maxSummaryColumns = 16 // of a row
	maxSummaryBytes   = 64 // of a value
)

// Summary returns some of the changes in words, by the names of the tables, and
// how many more rows changed. It names each table before it names a second row of
// one.
func (c *Changes) Summary(limit int) (rows []RowSummary, more int) {
	tables := slices.SortedFunc(maps.Keys(c.tables), CompareNames)
	named := make([]int, len(tables)) // how many of each
	for left, again := limit, true; again && left > 0; {
		again = false
		for i, t := range tables {
			if tc := c.tables[t]; left > 0 && (named[i] < len(tc.rows) || tc.coarse && named[i] == 0) {
				named[i]++
				left--
				again = true
			}
		}
	}
	more = c.rows
	for i, t := range tables {
		tc := c.tables[t]
		if tc.coarse && named[i] > 0 {
			rows = append(rows, RowSummary{Table: t.Name})
			continue
		}
		for j := range named[i] {
			rows = append(rows, tc.rows[j].summary(t))
		}
		more -= named[i]
	}
	return rows, more
}

func (ch *Change) summary(t *Table) RowSummary {
	s := RowSummary{Table: t.Name, Operation: "update"}
	image := ch.New
	switch {
	case ch.Old == nil:
		s.Operation = "insert"
	case ch.New == nil:
		s.Operation, image = "delete", ch.Old
	default:
		for c := range t.Columns {
			if !t.changed(c, ch.Old, ch.New) {
				continue
			}
			if len(s.Columns) == maxSummaryColumns {
				s.Columns = append(s.Columns, "…")
				break
			}
			s.Columns = append(s.Columns, t.Columns[c].Name)
		}
	}
	if len(t.Keys) > 0 {
		parts := make([]string, len(t.Keys[0].Columns))
		for i, c := range t.Keys[0].Columns {
			parts[i] = image[c].short()
		}
		s.Key = strings.Join(parts, " ")
	}
	return s
}

// short returns a value for people. It holds on to nothing of the image.
func (v Value) short() string {
	text, more := v.text, ""
	if len(text) > maxSummaryBytes {
		text, more = text[:maxSummaryBytes], "…"
	}
	switch v.kind {
	case KindNull:
		return "NULL"
	case KindInt:
		return strconv.FormatInt(int64(v.num), 10)
	case KindFloat:
		return strconv.FormatFloat(math.Float64frombits(v.num), 'g', -1, 64)
	case KindText:
		return strings.Clone(strings.ToValidUTF8(text, "")) + more
	case KindBlob:
		return fmt.Sprintf("x'%x'", text) + more
	}
	return "?"
}
