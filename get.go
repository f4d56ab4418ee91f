package unstale

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/unstale/unstale/internal/rfc9111"
)

// get is a GET or HEAD request on its way through the cache.
type get struct {
	*handler
	w          http.ResponseWriter
	r          *http.Request
	name       string // of the route
	route      *routeCounters
	policy     Policy
	key        string // the name of the URI
	primary    string // the place: under it the store holds what stands for all variants
	directives rfc9111.Policy
	encodings  encodings // that the client accepts
	served     bool      // from an entry that was found
	respelled  bool      // some field's name may be another spelling of one that Vary means
	unknown    []string  // fields that select because nobody knows them
	asks       *client   // nil until somebody wants to know who asks

	again       bool     // the handler is no one that serves this request alone, and may run beside it
	credentials bool     // the request carries some
	all         bool     // it takes answers for all
	own         audience // of the other answers that it takes, and of what it leaves

	weighed bool   // the worth of what is stored decides
	worth   *worth // of the place; nil if nothing is known

	looked time.Duration // how old the look is on which it is answered, if it is no new one

	lasting *lastingContext // of a run beside the request, and after it; else nil
}

// Inputs that select as request fields do that Vary names, where an answer turns
// out to depend on them.
const (
	inputLocalAddr = ":local address"
	inputServer    = ":server"
)

// appendVary implements selector.
func (g *get) appendVary(b []byte, fields []string) []byte {
	for _, name := range fields {
		b = appendText(b, name)
		switch name {
		case inputLocalAddr:
			b = appendText(b, fmt.Sprint(g.r.Context().Value(http.LocalAddrContextKey)))
		case inputServer:
			v := g.r.Context().Value(http.ServerContextKey)
			n := g.front.servers.number(v)
			if b = binary.AppendUvarint(b, n); n == 0 { // what somebody else has put there
				b = appendText(b, fmt.Sprint(v))
			}
		default:
			canonical := http.CanonicalHeaderKey(name)
			b = appendLines(b, g.r.Header[canonical])
			if g.respelled {
				b = g.appendTwins(b, canonical)
			}
		}
	}
	return b
}

// appendTwins appends the fields that some programs take for the one of the name.
func (g *get) appendTwins(b []byte, canonical string) []byte {
	for _, twin := range slices.Sorted(maps.Keys(g.r.Header)) {
		if twin != canonical && dashed(twin) == canonical {
			b = appendLines(appendText(b, twin), g.r.Header[twin])
		}
	}
	return b
}

// selecting and may implement selector.
func (g *get) selecting() []string { return g.unknown }
func (g *get) may(e *Entry) bool   { return len(e.repeats) == 0 || e.repeats.standsIn(g.w.Header()) }

// audiences implements selector.
func (g *get) audiences() (all bool, own audience) { return g.all, g.own }

// identity implements selector.
func (g *get) identity() string {
	if g.Identity == nil {
		return ""
	}
	return g.client().ask()
}

func (g *get) client() *client {
	if g.asks == nil {
		g.asks = newClient(g.middleware, g.r, g.name)
	}
	return g.asks
}

// scope returns the mark under which f runs the handler for the request.
func (g *get) scope(f *fill) *scope {
	a := &g.client().asker
	s := &scope{
		engine: g.front.engine, fill: f, asker: a, course: a, holdings: a.holdings, outer: scopeOf(g.r.Context()),
	}
	if !g.front.layout.known {
		s.askFor() // what a router has put into the request, nobody can say
	}
	return s
}

// holds reports whether who asks holds a connection that somebody's fill may wait
// for, because the request is a part of another one.
func (g *get) holds() bool {
	own := scopeOf(g.r.Context()).holdingsFor(g.front.engine)
	return own != nil && holders{nil, own}.hold()
}

// patience and identified implement selector.
func (g *get) patience() time.Duration {
	return max(g.front.options.LookWait, time.Duration(g.route.worth.took.Load()))
}

// allows implements selector.
func (g *get) allows(age time.Duration) bool {
	g.looked = 0
	if g.policy.Within == 0 || age > g.policy.Within {
		return false
	}
	g.looked = age
	return true
}

func (g *get) identified() bool {
	return g.Identity == nil || g.own == forCredentials || g.asks != nil && g.asks.found.Load()
}

// alone implements selector: handlers without a name are numbered as they come.
func (g *get) alone() bool { return g.Name == "" }

// answer serves a valid entry, joins somebody's fill, or runs one.
func (g *get) answer() {
	c := g.front
	g.weighed = g.weighs()
	var room joiner
	var j *joiner
	for {
		g.looked = 0
		e, key, at, why := c.find(g.r.Context(), g.primary, g)
		now := at.time
		refused := ""
		if e != nil {
			switch why = g.accepts(e, now); {
			case why != missNone:
				refused = bypassRequest // and nobody gets another answer because of it
			case g.leavesRanges(e):
				refused = bypassRange
			default:
				g.hit(e, now)
				return
			}
		}
		if g.directives.OnlyIfCached {
			g.route.misses.add(string(why), 1)
			g.w.Header().Add("Cache-Status", rfc9111.CacheStatus{Forward: forward(why), Detail: string(why)}.String())
			http.Error(g.w, "not in the cache", http.StatusGatewayTimeout)
			return
		}
		if refused == "" {
			refused = g.unfilled(why, now)
		}
		if refused != "" {
			g.passFor(refused, why)
			return
		}
		if g.weighed && j == nil {
			g.learn(nil, why)
		}
		if j == nil {
			room = joiner{mayJoin: !g.directives.NoCache, newcomer: g}
			j = &room
		}
		j.found(&c.flights, g, why)
		j.holds = g.holds()
		if c.looksAgain(j, key) {
			continue
		}
		f, how := c.flights.join(key, j)
		if how == leads {
			g.route.misses.add(string(why), 1)
			g.route.fills.Add(1)
			g.fill(f, key, why)
			return
		}
		landed, err := c.await(g.r.Context(), f, j, how)
		if err != nil {
			if errors.Is(g.r.Context().Err(), context.DeadlineExceeded) {
				// The client may still be there, and the handler has something to say.
				g.pass(g.w, g.client(), g.route, bypassDeadline, forward(why))
			}
			return
		}
		if !landed || how == waits {
			continue
		}
		if at, ok := c.entitled(g.r.Context(), f, j, g.primary, g); ok && g.accepts(f.landing.entry, at.time) == missNone {
			now := at.time
			e := f.landing.entry
			g.route.joined.Add(1)
			status := rfc9111.CacheStatus{Forward: forward(why), Collapsed: true, TTL: e.remaining(now), HasTTL: true}
			g.serveAs(e, now, status.String())
			return
		}
		if f.landing.unasked && !g.all && g.own == forIdentity {
			g.runAsCame(f.fill, why)
			return
		}
		j.inVain(f.landing)
	}
}

// passFor lets the request pass.
func (g *get) passFor(reason string, why miss) {
	if reason != bypassDear {
		g.pass(g.w, g.client(), g.route, reason, forward(why))
		return
	}
	asking := &g.front.sources.asking
	asking.Add(1)
	defer asking.Add(-1)
	began := time.Now()
	g.pass(g.w, g.client(), g.route, reason, forward(why))
	took := time.Since(began)
	g.worth.ran(took)
	g.route.worth.ran(took)
}

// hit serves a valid entry that the request accepts.
func (g *get) hit(e *Entry, now time.Time) {
	c := g.front
	if g.weighed {
		g.learn(e, missNone)
	}
	if g.Verify != nil {
		g.verify(e)
	}
	g.served = true
	g.route.hits.Add(1)
	if c.watch.on() {
		g.route.saved.Add(int64(e.took))
	}
	g.route.hitBytes.Add(uint64(len(e.body)))
	if g.looked > 0 {
		g.route.bounded.Add(1)
	}
	if len(g.unknown) > 0 {
		c.apart.hit(g.id, g.key, g.unknown)
	}
	if g.Verify != nil || e.ages || !g.draws() {
		g.serve(e, now)
		return
	}
	outer := g.w.Header().Clone()
	g.serve(e, now)
	g.verifyBeside(e, outer)
}

// leavesRanges reports whether the handler, and not the cache, gives the part of e
// that is asked for: the handler said that it gives parts, and the cache cannot.
func (g *get) leavesRanges(e *Entry) bool {
	return len(g.r.Header["Range"]) > 0 && !g.untransformed() && e.header.get("Accept-Ranges") == "bytes"
}

// unfilled returns why nothing is to be filled for a request for which nothing is
// stored, or "".
func (g *get) unfilled(why miss, now time.Time) string {
	switch {
	case why == missPass:
		return bypassStreams
	case why == missDear:
		return bypassDear
	case g.r.Method == http.MethodHead:
		return bypassHead
	case len(g.r.Header["Range"]) > 0:
		// Whether it is small enough to be stored is not known, and a part of it is all
		// that the client wants.
		return bypassRange
	case g.directives.NoCache: // for a look at what is so now
	case g.weighed && why.cold() && g.route.worth.passes(g.front.price()):
		return bypassDear
	case len(g.unknown) > 0 && why.cold() && g.front.apart.passes(g.id, g.key, g.unknown, now):
		return bypassApart
	default:
		return g.front.unstored.reason(g.front.engine, g.primary, g, now)
	}
	return ""
}

// accepts reports whether the request's own directives accept a valid entry.
func (g *get) accepts(e *Entry, now time.Time) miss {
	d := &g.directives
	if d.NoCache || (d.MaxAge.Set || d.MinFresh.Set) &&
		!d.FreshFor(e.ageAt(now), e.remaining(now)) {
		return missRequest
	}
	return missNone
}

// forward is the word that RFC 9211 has for a reason of ours.
func forward(why miss) rfc9111.Forward {
	switch why {
	case missUnknown:
		return rfc9111.ForwardURIMiss
	case missVariant, missIdentity, missOutside:
		return rfc9111.ForwardVary
	case missRequest:
		return rfc9111.ForwardRequest
	case missPass, missDear:
		return rfc9111.ForwardBypass
	default:
		return rfc9111.ForwardStale
	}
}
