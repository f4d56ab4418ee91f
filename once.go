package unstale

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/unstale/unstale/internal/adapter"
)

// maxSites bounds the places that are told apart; what comes later is counted
// under "other".
const maxSites = 1000

// reports tells once of each place in the program that keeps answers out of the
// cache, and counts how often it did.
type reports struct {
	mu    sync.Mutex
	sites map[site]uint64
}

// A site is a place in the program, with what it did.
type site struct{ kind, place string }

// Kinds of sites.
const (
	kindWrote       = "write in a GET"
	kindUntracked   = "untracked read"
	kindContext     = "context value"
	kindUnnamed     = "handler without a name"
	kindSounds      = "field that sounds like a credential"
	kindApart       = "field that keeps answers apart"
	kindLanguage    = "language without Vary"
	kindStatement   = "statement"
	kindRoute       = "route"
	kindCredentials = "credentials read by a handler"
	kindUnasked     = "answer made without asking who asks"
)

// siteContext is a look at a context value that was put there outside.
func siteContext(key any) site { return site{kindContext, fmt.Sprintf("%T", key)} }

// reportOnce counts the site, and logs the message if it is new, with what is
// known beside the place.
func (c *engine) reportOnce(s site, message string, more ...slog.Attr) {
	r := &c.reports
	r.mu.Lock()
	if r.sites == nil {
		r.sites = make(map[site]uint64)
	}
	if _, known := r.sites[s]; !known && len(r.sites) >= maxSites {
		s.place = "other"
	}
	r.sites[s]++
	first := r.sites[s] == 1
	r.mu.Unlock()
	if first {
		c.logger.LogAttrs(context.Background(), slog.LevelWarn, message, append(more, slog.String(s.named(), s.place))...)
	}
}

// named says what the place is, in a log.
func (s site) named() string {
	switch s.kind {
	case kindStatement, kindRoute:
		return s.kind
	}
	return "at"
}

// reportWrite reports once, by call site, a GET that wrote.
func (c *engine) reportWrite(at site) {
	c.reportOnce(at, "unstale: a GET wrote to the database; its answer is not cached", slog.String("remedy", remedies[refusedWrote]))
}

// reportUnmarked reports once, by call site, a statement that made fills
// unstorable.
func (c *engine) reportUnmarked(at site, why, statement string) {
	var more []slog.Attr
	if statement != "" {
		more = append(more, slog.String("statement", adapter.Cut(statement, maxStatement)))
	}
	c.reportOnce(at, "unstale: a statement without the request's context ("+why+"); answers computed meanwhile are not cached: give it the request's context, or that of Outside", more...)
}

// reportStatement reports once a statement of which no result is ever stored.
func (c *engine) reportStatement(statement, reason string) {
	c.reportOnce(site{kindStatement, adapter.Cut(statement, maxStatement)}, "unstale: what is made from a statement's result is not cached",
		slog.String("reason", reason), slog.String("remedy", remedyFor(reason)))
}

// maxStatement bounds the texts of statements that are told apart and shown.
const maxStatement = 2000

// snapshot returns the counts of one kind by place.
func (r *reports) snapshot(kind string) map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := make(map[string]uint64)
	for s, n := range r.sites {
		if s.kind == kind {
			m[s.place] = n
		}
	}
	return m
}
