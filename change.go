package unstale

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/adapter"
)

// A Change is something that invalidated stored answers. It is not to be
// changed.
type Change struct {
	Time     time.Time
	Cause    string      // "write", "unsafe method", "difference", "invalidation" for Invalidate, or why everything fell
	Request  string      // in whose course it was made: method and route, or path where that has no name; "" if it was no request
	Database string      // where it happened, or ""
	Rows     []RowChange // the first that changed, at least one of each table where there is room
	More     int         // how many other rows changed
	Targets  []string    // the first that were named, such as "tag prices"

	seq uint64
	ban *glob // nil: no pattern
}

// A RowChange is a changed row, or says that rows of a table changed.
type RowChange struct {
	Table     string
	Operation string   // "insert", "update" or "delete"; "" for rows of the table, of which no more is said
	Key       string   // the values of its primary key, or of another unique one; "" where there is none
	Columns   []string // that an update changed
	Coarse    string   // why everything fell that was read from the table, such as "too many rows"; "" if it did not
}

// String returns one line, such as
//
//	write by POST /cards/{id}/star at 12:00:03.004: update cards 42 (stars)
func (ch *Change) String() string {
	var b strings.Builder
	b.WriteString(ch.Cause)
	if ch.Request != "" {
		b.WriteString(" by " + ch.Request)
	}
	b.WriteString(" at " + ch.Time.Format("15:04:05.000"))
	var parts []string
	for _, r := range ch.Rows {
		s := cmp.Or(r.Operation, "rows of") + " " + r.Table
		if r.Key != "" {
			s += " " + r.Key
		}
		if len(r.Columns) > 0 {
			s += " (" + strings.Join(r.Columns, " ") + ")"
		}
		if r.Coarse != "" {
			s += " (" + r.Coarse + ")"
		}
		parts = append(parts, s)
	}
	if ch.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more", ch.More))
	}
	parts = append(parts, ch.Targets...)
	if len(parts) > 0 {
		b.WriteString(": " + strings.Join(parts, ", "))
	}
	return b.String()
}

// A Miss is a request, or a Load, that found an entry and was not served from it,
// or the end of an entry that a pattern matched. It is not to be changed.
type Miss struct {
	Time   time.Time
	Reason string  // as in Cache-Status
	Change *Change // what invalidated the entry; nil if nothing did, or it is forgotten

	key    string
	tag    string          // of the entry
	coarse *adapter.Origin // because of which alone the entry fell, or nil
}
