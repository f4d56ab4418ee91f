package sqldep

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// A RowSummary is a changed row in words.
type RowSummary struct {
	Table     string
	Operation string   // "insert", "update" or "delete"
	Key       string   // the values of its shortest unique key, "" where there is none
	Columns   []string // that an update changed
}

// Summary returns some of the changes in words, in the order of the tables'
// names, and how many more there are.
func (c *Changes) Summary(limit int) (rows []RowSummary, more int) {
	tables := slices.SortedFunc(maps.Keys(c.tables), compareNames)
	for _, t := range tables {
		for i := range c.tables[t].rows {
			if len(rows) == limit {
				return rows, c.rows - len(rows)
			}
			rows = append(rows, c.tables[t].rows[i].summary(t))
		}
	}
	return rows, c.rows - len(rows)
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
			if t.changed(c, ch.Old, ch.New) {
				s.Columns = append(s.Columns, t.Columns[c].Name)
			}
		}
	}
	var key []int
	for _, k := range t.Keys {
		if key == nil || len(k.Columns) < len(key) {
			key = k.Columns
		}
	}
	var parts []string
	for _, c := range key {
		parts = append(parts, image[c].short())
	}
	s.Key = strings.Join(parts, " ")
	return s
}

// short returns a value for people.
func (v Value) short() string {
	switch v.kind {
	case kindNull:
		return "NULL"
	case kindInt:
		return fmt.Sprint(int64(v.num))
	case kindText:
		const enough = 64
		if len(v.text) > enough || !utf8.ValidString(v.text) {
			return strings.ToValidUTF8(v.text[:min(len(v.text), enough)], "") + "…"
		}
		return v.text
	}
	return "?"
}
