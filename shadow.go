package unstale

import (
	"cmp"
	"hash/maphash"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale/internal/clock"
)

// shadows is what is known of handlers that may read credentials by themselves,
// although HandlerOptions.Identity says who asks.
//
// As long as nothing is known of a route, a request with credentials is answered
// by a fill that sees them, and the answer is kept for exactly these. A second run,
// its shadow, does not see them, as a fill will not when the route is known; nobody
// is given its answer. A route of which both gave the same answer some times, and
// asked who asks each time, is known, for requests with credentials of the names that
// those had: that a visitor's statistics do not matter says nothing of a session.
//
// The order matters: what can be used up (a link in a mail, a state of OAuth) is
// used up by its own request. A route that writes has no shadow.
type shadows struct {
	seed maphash.Seed

	mu sync.Mutex
	m  map[uint64]shadowed // by the hash of handler and route
}

// shadowed is what is known of a route. Of one that has no name it is that of a path.
type shadowed struct {
	agreed map[uint64]int // runs in a row, by the hash of each credential's name; never changed
	writes bool           // a run did: no shadow follows
	until  time.Time      // no shadow before
}

const (
	agreedEnough = 3           // then a route is known
	maxShadowed  = 4096        // routes and paths that are remembered
	maxAgreed    = 32          // names of credentials of one
	shadowAgain  = time.Minute // after a shadow that did not help
)

func newShadows() *shadows {
	return &shadows{seed: maphash.MakeSeed(), m: make(map[uint64]shadowed)}
}

// answersFor says for whom the answers are that a request takes, and is given a
// fill for. A request with credentials takes none whose making did not ask.
func (g *get) answersFor() (all bool, own audience) {
	switch {
	case g.policy.Shared:
		return true, forIdentity
	case len(g.ByCredentials) > 0:
		return false, forCredentials
	case !g.credentials:
		return true, forIdentity
	case !g.front.shadows.knows(g):
		return false, forCredentials
	default:
		return false, forIdentity
	}
}

// unasked reports whether a fill that saw no credentials did not ask who asks
// either, so that a request with credentials is not given its answer.
func (g *get) unasked(f *fill) bool { return !g.all && g.own == forIdentity && !f.hasAsked() }

// runAsCame answers a request with credentials for which a fill did not ask who
// asks. A route on which that has written is never known again: what is used up was
// used up by the fill.
func (g *get) runAsCame(f *fill, why miss) {
	g.front.shadows.update(g, func(s *shadowed) { s.agreed, s.writes = nil, s.writes || f.hasWritten() })
	g.adviseShared()
	g.pass(g.w, g.client(), g.route, bypassUnasked, forward(why))
}

// key names what is learnt about.
func (s *shadows) key(g *get) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.WriteString(g.id)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(g.name)
	if g.name == "" {
		_ = h.WriteByte(0)
		_, _ = h.WriteString(g.r.URL.Path)
	}
	return h.Sum64()
}

func (s *shadows) get(g *get) shadowed {
	key := s.key(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key]
}

// knows reports whether the route is known for the credentials of a request.
func (s *shadows) knows(g *get) bool {
	x := s.get(g)
	if len(x.agreed) == 0 {
		return false
	}
	for name := range s.names(g) {
		if x.agreed[name] < agreedEnough {
			return false
		}
	}
	return true
}

// names yields the hash of each name among the credentials that a fill sees which
// is made for exactly them.
func (s *shadows) names(g *get) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for name, lines := range g.r.Header {
			class := g.fields.of(name)
			if !g.shows(class, name) {
				continue
			}
			if class != fieldCookie {
				if !yield(maphash.String(s.seed, name)) {
					return
				}
				continue
			}
			for _, line := range g.shownLines(class, lines) {
				for cookie := range strings.SplitSeq(line, "; ") {
					if !yield(maphash.String(s.seed, "Cookie: "+cookieName(cookie))) {
						return
					}
				}
			}
		}
		if clientCertificate(g.r) {
			yield(maphash.String(s.seed, ":certificates"))
		}
	}
}

// agree notes that a run and its shadow agreed, for credentials of these names. Where
// there is no room, any other is forgotten.
func (x *shadowed) agree(names iter.Seq[uint64]) {
	agreed := maps.Clone(x.agreed)
	if agreed == nil {
		agreed = make(map[uint64]int)
	}
	for name := range names { // one that comes twice counts once
		agreed[name] = min(x.agreed[name]+1, agreedEnough)
	}
	for name := range agreed {
		if len(agreed) <= maxAgreed {
			break
		}
		delete(agreed, name)
	}
	x.agreed = agreed
}

// update changes what is known. Where there is no room, any other is forgotten.
func (s *shadows) update(g *get, f func(*shadowed)) {
	key := s.key(g)
	s.mu.Lock()
	defer s.mu.Unlock()
	x, known := s.m[key]
	if !known {
		for old := range s.m {
			if len(s.m) < maxShadowed {
				break
			}
			delete(s.m, old)
		}
	}
	f(&x)
	s.m[key] = x
}

// shadow runs the handler without the request's credentials beside a fill that
// saw them, which has ended and was not streamed, and learns from what it answers.
// e is what the fill left, refused why that is not stored.
func (g *get) shadow(f *fill, e *Entry, rec *recorder, refused string) {
	c := g.front
	known := c.shadows.get(g)
	switch {
	case g.own != forCredentials || len(g.ByCredentials) > 0:
		return
	case f.hasWritten():
		c.shadows.update(g, func(s *shadowed) { s.writes = true })
		return
	case f.looksAtPassing(), known.writes || refused != "" || !g.again || clock.Now().Before(known.until) || scopeOf(g.r.Context()) != nil:
		return
	}
	counts := &c.stats.load().shadowed
	bare, cancel := g.beside()
	bare.all, bare.own = true, forIdentity // as if the route were known
	asked, outer := f.hasAsked(), rec.outside.header()
	started := c.verifications.start(func() {
		defer cancel()
		bare.compareShadow(e, rec.touched["Set-Cookie"], asked, outer, counts)
	})
	if !started {
		cancel()
		counts.skipped.Add(1)
	}
}

// compareShadow runs the shadow of a fill that left e, with these cookies, and
// counts what came of it.
func (g *get) compareShadow(e *Entry, cookies []string, asked bool, outer http.Header, counts *verifyCounters) {
	c := g.front
	differs, ended, what := false, false, ""
	f := c.begin(g.name, false)
	func() {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
			default: // of one that takes credentials for granted, probably
				differs, what = true, "panic"
				c.logger.Debug("unstale: a handler panicked that ran without the request's credentials",
					slog.String("route", g.name), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			}
		}()
		var rec *recorder
		if rec, ended = g.rerun(f, outer); !ended {
			return
		}
		if what = difference(e, rec); what == "" && !slices.Equal(cookies, rec.touched["Set-Cookie"]) {
			what = "field Set-Cookie"
		}
		differs = what != ""
	}()
	switch {
	case f.hasWritten():
		counts.undecided.Add(1)
		c.shadows.update(g, func(s *shadowed) { s.writes = true })
	case f.looksAtPassing() || g.lasting.hid.Load():
		counts.undecided.Add(1)
		c.shadows.update(g, func(s *shadowed) { s.until = clock.Now().Add(shadowAgain) })
	case !ended && !differs, f.reason() != "" && !differs, c.catchUp(g.r.Context(), g, e) != missNone, c.judge(e, clock.Now()) != missNone:
		counts.undecided.Add(1)
	case differs:
		counts.differed.Add(1)
		c.shadows.update(g, func(s *shadowed) { s.agreed, s.until = nil, clock.Now().Add(shadowAgain) })
		part, _, _ := strings.Cut(what, ":") // the rest may be somebody's
		c.reportOnce(site{kindCredentials, g.routeName()}, "unstale: a handler answers a request otherwise without its credentials ("+part+"), so that it reads them itself; its answers are kept for exactly these credentials, and not for long: let it ask unstale.Identity, or name what it reads in HandlerOptions.ByCredentials")
	case asked && f.hasAsked():
		counts.same.Add(1)
		c.shadows.update(g, func(s *shadowed) { s.agree(c.shadows.names(g)) })
	default:
		counts.same.Add(1)
		c.shadows.update(g, func(s *shadowed) { s.until = clock.Now().Add(shadowAgain) })
		g.adviseShared()
	}
}

// adviseShared says once of a route that its answers may be the same for all.
func (g *get) adviseShared() {
	g.front.reportOnce(site{kindUnasked, g.routeName()}, "unstale: an answer was made without asking who asks, so that requests with credentials share none: if answers of the route are the same for all, declare it Policy.Shared; else let its handler ask unstale.Identity")
}

// routeName is the route as a log has it.
func (g *get) routeName() string { return cmp.Or(g.name, "HandlerOptions.Route names none") }
