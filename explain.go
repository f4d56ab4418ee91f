package unstale

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/clock"
)

// An Explanation is what is known of one variant of a key.
type Explanation struct {
	Key          string       // that patterns match, and by which it is invalidated
	Variant      string       // tells the variants of one key apart and says no more: digests of the inputs that select it
	Stored       bool         // there is an entry, which the next six are about
	SelectedBy   []string     // names of what selects it besides the key: request fields, "who asks", and the like; not those that always select, such as Accept
	Since        time.Time    // when it was made
	Until        time.Time    // when it expires
	Keys         []string     // by which patterns find it: its own, and those of the results of Load that it was made from
	Dependencies []Dependency // what it was made of
	Reason       string       // why it cannot be served now; "" if it can
	Change       *Change      // what invalidated it, or, where there is none, the latest pattern that its key matches; nil if nothing did, or it is forgotten
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

// explainAll is Cache.Explain.
func (c *engine) explainAll(key string) []Explanation {
	key = c.keyOf(key)
	variants := key + "\n"
	found := make(map[string]*Entry)
	var entries []*Entry
	c.store.Range(func(k string, e *Entry) bool {
		if k == key || strings.HasPrefix(k, variants) {
			found[k] = e
			entries = append(entries, e)
		}
		return len(found) < maxExplained
	})
	_ = c.catchUp(context.Background(), &scope{engine: c}, entries...) // if nobody can, it is as far as is known
	c.history.missedUnder(variants, func(k string) {
		if len(found) < maxExplained && found[k] == nil {
			found[k] = nil
		}
	})
	if len(found) == 0 {
		found[key] = nil // a pattern may have matched it
	}
	var out []Explanation
	for _, k := range slices.Sorted(maps.Keys(found)) {
		if x := c.explain(k, found[k]); x.Stored || x.Change != nil || x.LastMiss != nil {
			out = append(out, x)
		}
	}
	return out
}

// explain says what is known of a key under which the store has e, or nothing.
func (c *engine) explain(key string, e *Entry) Explanation {
	x := Explanation{LastMiss: c.history.miss(key)}
	x.Key, x.Variant, _ = strings.Cut(key, "\n")
	switch {
	case e == nil || e.engine != c && e.engine != nil:
		x.Change = c.history.ban(x.Key)
		return x
	case e.engine == nil: // a signpost, or what passes
		return x
	}
	why := c.judge(e, clock.Now())
	x.Stored, x.Since, x.Until = true, e.created, e.expires
	x.Keys, x.SelectedBy = slices.Clone(e.record.Keys), slices.Clone(e.selects)
	switch e.audience() {
	case forIdentity:
		x.SelectedBy = append(x.SelectedBy, "who asks")
	case forCredentials:
		x.SelectedBy = append(x.SelectedBy, "credentials")
	}
	x.Reason, x.Change = string(why), c.blame(e, why)
	x.Dependencies = make([]Dependency, len(e.notes.origins))
	for i, o := range e.notes.origins {
		x.Dependencies[i] = Dependency{Statement: o.Statement, Source: o.Source}
	}
	for _, n := range e.notes.list {
		d := &x.Dependencies[n.origin]
		d.Count++
		d.Changed = d.Changed || c.ledger.Version(n.slot) > e.record.AsOf
	}
	return x
}

// cause returns what caused the miss of the entry under a key, if that is known
// and anyone may see it.
func (g *get) cause(key string, why miss) *Change {
	if g.ExplainTo == nil {
		return nil
	}
	if m := g.front.history.miss(key); m != nil && m.Reason == string(why) {
		return m.Change
	}
	return nil
}

// detail returns what Cache-Status says of a miss: to those who may see it, what
// caused it.
func (g *get) detail(why miss, cause *Change) string {
	if cause == nil || !g.ExplainTo(g.front.outside(g.r, g.client())) {
		return string(why)
	}
	return string(why) + ": " + printable(cause.String())
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
