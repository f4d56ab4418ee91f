package unstale

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Change is something that invalidated stored answers. It is not to be
// changed.
type Change struct {
	Time     time.Time
	Cause    string      // as in Stats.Invalidations
	Request  string      // in whose course it was made: the method and the route or path; "" if it was no request
	Database string      // whose rows changed
	Rows     []RowChange // the first of them
	More     int         // how many other rows changed
	Targets  []string    // given to Invalidate

	seq        uint64
	everything bool
	ban        *glob
}

// A RowChange is one changed row.
type RowChange struct {
	Table     string
	Operation string // "insert", "update" or "delete"
	Key       string // the values of its key, as far as they are known
	Columns   []string
}

// String returns one line, such as
//
//	database write by POST /cards/{id}/star at 12:00:03.004: update cards 42 (stars)
func (ch *Change) String() string {
	var b strings.Builder
	b.WriteString(ch.Cause)
	if ch.Request != "" {
		b.WriteString(" by " + ch.Request)
	}
	b.WriteString(" at " + ch.Time.Format("15:04:05.000"))
	var parts []string
	for _, r := range ch.Rows {
		s := r.Operation + " " + r.Table
		if r.Key != "" {
			s += " " + r.Key
		}
		if len(r.Columns) > 0 {
			s += " (" + strings.Join(r.Columns, " ") + ")"
		}
		parts = append(parts, s)
	}
	if ch.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more rows", ch.More))
	}
	parts = append(parts, ch.Targets...)
	if len(parts) > 0 {
		b.WriteString(": " + strings.Join(parts, ", "))
	}
	return b.String()
}

// A Miss is a request that found an entry and was not served from it.
type Miss struct {
	Time   time.Time
	Reason string  // as in Cache-Status
	Change *Change // what invalidated the entry; nil if nothing did, or it is forgotten
}

// An Explanation is what is known of one key.
type Explanation struct {
	Key          string
	Stored       bool         // there is an entry, and the following three are about it
	Since        time.Time    // when it was made
	Until        time.Time    // when it expires
	Dependencies []Dependency // what it was made of
	Reason       string       // why it cannot be served now; "" if it can, or there is none
	Change       *Change      // what invalidated it; nil if nothing did, or it is forgotten
	LastMiss     *Miss        // nil if there was none, or it is forgotten
}

// A Dependency is something an answer was made of.
type Dependency struct {
	Statement string // the SQL text, or ""
	Source    string // such as "cards[owner=?1]{title}↓made", or "tag prices"
	Count     int    // of the ledger's slots that stand for it
	Changed   bool   // since the answer was made
}

// maxExplained bounds the variants that Explain looks at.
const maxExplained = 100

// Explain says what is known of the answers stored under a key, in all their
// variants: for other request fields, and for other identities. The key is that
// of [Cache.RequestKey], or one given to Load, without the prefix or with it. It
// walks over the whole store and is for people, not for programs. With
// Options.History negative it says only what is stored.
func (c *Cache) Explain(key string) []Explanation {
	if !c.Enabled() {
		return nil
	}
	if !strings.HasPrefix(key, c.options.Prefix+":") {
		key = c.keyOf(key)
	}
	c.databases.poll()
	out := []Explanation{c.explain(key)}
	c.store.Range(func(k string, _ *Entry) bool {
		if strings.HasPrefix(k, key+"\n") {
			out = append(out, c.explain(k))
		}
		return len(out) < maxExplained
	})
	return out
}

// RequestKey returns the key under which the answer to a request is stored, but
// for its variants.
func (c *Cache) RequestKey(r *http.Request) string {
	if c == nil {
		return ""
	}
	return requestTarget(r).key(c.options.Prefix)
}

func (c *Cache) explain(key string) Explanation {
	x := Explanation{Key: key, LastMiss: c.history.miss(key)}
	e := c.store.Get(key)
	if e == nil || e.kind == kindSignpost || e.cache != c {
		return x
	}
	x.Stored, x.Since, x.Until = true, e.created, e.expires
	why := c.judge(e, time.Now())
	x.Reason, x.Change = string(why), c.blame(e, why)
	x.Dependencies = make([]Dependency, len(e.notes.origins))
	for i, o := range e.notes.origins {
		x.Dependencies[i] = Dependency{Statement: o.statement, Source: o.source}
	}
	for _, n := range e.notes.list {
		d := &x.Dependencies[n.origin]
		d.Count++
		d.Changed = d.Changed || c.ledger.Version(n.slot) > e.record.AsOf
	}
	return x
}

// detail returns what Cache-Status says of a miss: to those who may see it, what
// caused it.
func (c *Cache) detail(r *http.Request, key string, why miss) string {
	if c.options.ExplainTo == nil || !c.options.ExplainTo(r) {
		return string(why)
	}
	m := c.history.miss(key)
	if m == nil || m.Reason != string(why) || m.Change == nil {
		return string(why)
	}
	return string(why) + ": " + printable(m.Change.String())
}

// printable returns a text that may stand in a field (RFC 8941 §3.3.3).
func printable(s string) string {
	const enough = 300
	b := []byte(s[:min(len(s), enough)])
	for i := range b {
		if b[i] < ' ' || b[i] > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
