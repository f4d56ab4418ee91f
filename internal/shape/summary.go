package shape

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a summary, for people.
const (
	maxSummaryColumns = 16 // of a row
	maxSummaryBytes   = 64 // of a value
)

// Summary calls row with some of the changes in words, by the names of the tables,
// and returns how many more rows changed. It names each table before it names a
// second row of one. The operation is "insert", "update" or "delete", or "" of rows
// of a table that is described by the table alone, for a reason that coarse says; the
// key the values of the first unique one, or ""; the columns those that an update
// changed, the first of them.
func (c *Changes) Summary(limit int, row func(table, operation, key string, columns []string, coarse string)) (more int) {
	tables := slices.SortedFunc(maps.Keys(c.tables), CompareNames)
	named := make([]int, len(tables)) // how many of each
	for left, again := limit, true; again && left > 0; {
		again = false
		for i, t := range tables {
			if tc := c.tables[t]; left > 0 && (named[i] < len(tc.rows) || tc.coarse != "" && named[i] == 0) {
				named[i]++
				left--
				again = true
			}
		}
	}
	more = c.rows
	for i, t := range tables {
		tc := c.tables[t]
		if tc.coarse != "" && named[i] > 0 {
			row(t.Name, "", "", nil, tc.coarse)
			continue
		}
		for j := range named[i] {
			table, operation, key, columns := tc.rows[j].summary(t)
			row(table, operation, key, columns, "")
		}
		more -= named[i]
	}
	return more
}

func (ch *Change) summary(t *Table) (table, operation, key string, columns []string) {
	operation = "update"
	image := ch.New
	switch {
	case ch.Old == nil:
		operation = "insert"
	case ch.New == nil:
		operation, image = "delete", ch.Old
	default:
		for c := range t.Columns {
			if !ch.Differs.Has(c) || t.Columns[c].Generated == Virtual {
				continue
			}
			if len(columns) == maxSummaryColumns || c >= MaxColumn { // of which it is not known whether this one
				columns = append(columns, "…")
				break
			}
			columns = append(columns, t.Columns[c].Name)
		}
	}
	if len(t.Keys) > 0 {
		parts := make([]string, len(t.Keys[0].Columns))
		for i, c := range t.Keys[0].Columns {
			parts[i] = image[c].short()
		}
		key = strings.Join(parts, " ")
	}
	return t.Name, operation, key, columns
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
