package unstale

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/rfc9111"
)

// Handler caches what next answers to GET and HEAD requests, as a shared cache
// per RFC 9111. Every other request passes, and an unsafe one invalidates its URI
// (§4.4).
//
// On a hit nothing inside runs: no router, no middleware, no handler. So put
// logging, CORS and compression outside, everything that computes the answer
// inside: log, CORS, compression, cache, handlers.
//
// Inside a fill the request is a GET without conditions, ranges, body or
// credentials, its URL is in canonical form, its context belongs to the fill: it
// ends when nobody waits for the answer any longer, which may be after the first
// client left. The answer is kept back until next returns; a handler that
// flushes, hijacks, sends trailers or more than Options.MaxBody bytes streams as
// without the cache. A panic passes through.
//
// With the cache off Handler returns next, or, where Options.Identity is set,
// next with nothing but Identity around it.
func (c *Cache) Handler(next http.Handler) http.Handler {
	h := &handler{cache: c, next: next}
	switch {
	case c.Enabled():
		return h
	case c != nil && c.options.Identity != nil:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, c.outside(r, newAsker(c, r, "")))
		})
	default:
		return next
	}
}

type handler struct {
	cache  *Cache
	next   http.Handler
	report func(Difference) // set: every hit is recomputed
}

// ServeHTTP is the way of a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := h.cache
	refuseOthers(r.Context(), c)
	if inFill(r.Context(), c) {
		// The handler is wrapped twice, or serves a request of its own making. To
		// wait for the fill from within would be to wait for ever, and a stored
		// answer would hide from it what it is made of.
		h.next.ServeHTTP(w, r)
		return
	}
	name := c.options.Route(r)
	route, policy := c.stats.route(name), c.options.Policies[name]
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.method(w, r, name, route)
		return
	}
	directives, fields := rfc9111.RequestPolicy(r.Header), c.fields.read(r.Header, c.options.IgnoreCookies)
	if why := c.bypass(r, policy, directives, &fields); why != "" {
		h.pass(w, r, name, route, why)
		return
	}
	g := &get{
		handler: h, w: w, r: r, name: name, route: route, policy: policy,
		target: requestTarget(r), directives: directives, forwarded: fields.forwarded,
	}
	g.key = g.target.key(c.options.Prefix)
	g.primary = g.target.place(g.key)
	c.databases.poll()
	if policy.Mode == ReportOnly {
		g.reportOnly()
		return
	}
	g.answer()
}

// Why a request passes by the cache.
const (
	bypassRoute        = "route off"
	bypassBody         = "request body"
	bypassUpgrade      = "upgrade"
	bypassOverride     = "method override"
	bypassUncommitted  = "uncommitted writes"
	bypassNoStore      = "request no-store"
	bypassPrecondition = "precondition"
	bypassCredentials  = "credentials"
	bypassStreams      = "streams"
	bypassMethod       = "method"
)

// bypass returns why a GET or HEAD request cannot be answered from the cache, or
// "".
func (c *Cache) bypass(r *http.Request, p Policy, d rfc9111.Policy, f *requestFields) string {
	switch {
	case p.Mode == Off:
		return bypassRoute
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return bypassBody
	case f.upgrade:
		return bypassUpgrade
	case f.override:
		return bypassOverride
	case uncommittedWrites(r.Context(), c):
		return bypassUncommitted
	case d.NoStore:
		return bypassNoStore
	case rfc9111.Bypass(r.Header):
		return bypassPrecondition
	case c.options.Identity == nil && (f.credentials || clientCertificate(r)):
		return bypassCredentials
	}
	return ""
}

// clientCertificate reports whether a certificate says who asks.
func clientCertificate(r *http.Request) bool { return r.TLS != nil && len(r.TLS.PeerCertificates) > 0 }

// outside returns r, on behalf of which a is asked, with a context that belongs
// to no fill.
func (c *Cache) outside(r *http.Request, a *asker) *http.Request {
	outer := scopeOf(r.Context())
	return r.WithContext(context.WithValue(r.Context(), scopeKey{}, &scope{
		cache: c, asker: a, course: a, transactions: transactionsOf(scopeFor(r.Context(), c)), outer: outer,
	}))
}

// pass lets a request pass by the cache.
func (h *handler) pass(w http.ResponseWriter, r *http.Request, name string, route *routeCounters, why string) {
	route.bypassed.add(why, 1)
	w.Header().Add("Cache-Status", rfc9111.CacheStatus{Forward: rfc9111.ForwardBypass, Detail: why}.String())
	h.next.ServeHTTP(w, h.cache.outside(r, newAsker(h.cache, r, name)))
}

// get is a GET or HEAD request on its way through the cache.
type get struct {
	*handler
	w          http.ResponseWriter
	r          *http.Request
	name       string // of the route
	route      *routeCounters
	policy     Policy
	target     target
	key        string // the name of the URI
	primary    string // the key under which the store holds what stands for all variants
	directives rfc9111.Policy
	forwarded  []string
	asks       *asker // nil until somebody wants to know who asks
}

// vary, always and identity implement selector.
func (g *get) vary(fields []string) string { return rfc9111.VaryKey(fields, g.r.Header) }
func (g *get) always() []string            { return g.forwarded }
func (g *get) identity() string {
	if g.cache.options.Identity == nil {
		return ""
	}
	return g.asker().ask()
}

func (g *get) asker() *asker {
	if g.asks == nil {
		g.asks = newAsker(g.cache, g.r, g.name)
	}
	return g.asks
}

// scope returns the mark under which f runs the handler for the request.
func (g *get) scope(f *fill) *scope {
	a := g.asker()
	return &scope{
		cache: g.cache, fill: f, asker: a, course: a, transactions: new(transactions), outer: scopeOf(g.r.Context()),
	}
}

// answer serves a valid entry, joins somebody's fill, or runs one.
func (g *get) answer() {
	c := g.cache
	mayJoin := !g.directives.NoCache
	for attempt := 1; ; attempt++ {
		now := failpoint.Now()
		e, key, why := c.find(g.primary, g, now)
		if e != nil {
			if why = g.accepts(e, now); why == missNone {
				if g.report != nil {
					g.verify(e)
				}
				g.route.hits.Add(1)
				g.route.hitBytes.Add(uint64(len(e.body)))
				g.serve(e, now, rfc9111.CacheStatus{Hit: true})
				if g.report == nil && !e.ages && c.verifications.draw() {
					g.verifyBeside(e)
				}
				return
			}
		}
		if g.directives.OnlyIfCached {
			g.route.misses.add(string(why), 1)
			g.w.Header().Add("Cache-Status", rfc9111.CacheStatus{Forward: forward(why), Detail: string(why)}.String())
			http.Error(g.w, "not in the cache", http.StatusGatewayTimeout)
			return
		}
		if why == missPass {
			g.pass(g.w, g.r, g.name, g.route, bypassStreams)
			return
		}
		f, leader := c.flights.join(key, mayJoin && attempt <= maxJoins, c.begin)
		if leader {
			g.route.misses.add(string(why), 1)
			g.route.fills.Add(1)
			g.fill(f, key, why)
			return
		}
		select {
		case <-f.done:
		case <-g.r.Context().Done():
			c.flights.leave(f)
			if errors.Is(g.r.Context().Err(), context.DeadlineExceeded) { // the client may still be there
				http.Error(g.w, "no answer in time", http.StatusServiceUnavailable)
			}
			return
		}
		now = failpoint.Now()
		if e := f.landing.entry; c.entitled(f, g.primary, g, now) && g.accepts(e, now) == missNone {
			g.route.joined.Add(1)
			g.serve(e, now, rfc9111.CacheStatus{Forward: forward(why), Collapsed: true})
			return
		}
		mayJoin = mayJoin && !f.landing.unshared
		c.databases.poll()
	}
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
	case missVariant, missIdentity:
		return rfc9111.ForwardVary
	case missRequest:
		return rfc9111.ForwardRequest
	default:
		return rfc9111.ForwardStale
	}
}

// fillRequest returns the request as a fill sees it: what is left of it is what
// the entry's key and identity determine.
func (g *get) fillRequest(ctx context.Context) *http.Request {
	r := g.r.WithContext(ctx)
	r.Method = http.MethodGet
	r.Host = strings.ToLower(g.r.Host)
	r.URL = canonicalURL(g.r.URL)
	r.RequestURI = canonicalURL(publicURL(g.r)).RequestURI()
	r.Header = g.r.Header.Clone()
	for _, name := range g.cache.credentials {
		delete(r.Header, name)
	}
	for _, name := range [...]string{
		"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range",
		"Cache-Control", "Pragma",
	} {
		delete(r.Header, name)
	}
	r.RemoteAddr = ""
	if r.TLS != nil {
		state := *r.TLS
		state.PeerCertificates, state.VerifiedChains = nil, nil
		r.TLS = &state
	}
	r.Body = http.NoBody
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
	return r
}
