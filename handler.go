package unstale

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/rfc9111"
)

type handler struct {
	*middleware
	next http.Handler
	id   string // of the handlers that answer for each other

	plain [8]atomic.Pointer[plainPlace] // places asked for lately

	unproven bool        // it may be one of many that serve a single request each
	served   atomic.Bool // a request
}

// ServeHTTP is the way of a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := h.front
	refuseOthers(r.Context(), c.engine)
	if inFill(r.Context(), c.engine) {
		// The handler is wrapped twice, or serves a request of its own making. To
		// wait for the fill from within would be to wait for ever, and a stored
		// answer would hide from it what it is made of.
		h.next.ServeHTTP(w, r)
		return
	}
	name := h.Route(r)
	route, policy := c.stats.route(name), h.policyOf(name)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.method(w, r, name, route)
		return
	}
	directives, fields := rfc9111.RequestPolicy(r.Header), h.fields.read(r.Header)
	again := h.served.Load() || !h.served.CompareAndSwap(false, true)
	if why := h.bypass(r, policy, directives, &fields, again); why != "" {
		h.pass(w, newClient(h.middleware, r, name), route, why, rfc9111.ForwardBypass)
		return
	}
	if fields.sounds != "" {
		c.reportOnce(site{kindSounds, cut(fields.sounds)}, "unstale: a request field sounds like a credential, so that no handler sees it while an answer is made for the cache; if it says who asks, name it in HandlerOptions.Credentials; if answers go by it, in HandlerOptions.SelectFields")
	}
	target := requestTarget(r)
	g := &get{
		handler: h, w: w, r: r, name: name, route: route, policy: policy, directives: directives,
		encodings: fields.encodings, respelled: fields.respelled, unknown: fields.unknown,
		credentials: fields.credentials || clientCertificate(r), again: again,
	}
	g.all, g.own = g.answersFor()
	g.key, g.primary = g.place(&target, &fields)
	if policy.Mode == ModeReportOnly {
		g.reportOnly()
		return
	}
	var began time.Time
	if c.watch.on() && route.hits.Load()%hitSample == 0 {
		began = time.Now()
	}
	if g.answer(); g.served && !began.IsZero() {
		route.watched().hit.observe(time.Since(began))
	}
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
	bypassConnection   = "connection field"
	bypassTarget       = "long target"
	bypassFields       = "many unknown fields"
	bypassHandler      = "handler built anew"
	bypassHead         = "HEAD of what is not stored"
	bypassRange        = "range of what is not stored"
	bypassRequest      = "request directive"
	bypassDeadline     = "deadline passed"
	bypassApart        = "field keeps answers apart"
	bypassDear         = "cheaper than asking"
	bypassUnasked      = "nobody asked who asks"
)

// Bounds of what is put into a key. What is beyond passes: it would cost more than
// the answer.
const (
	maxTarget  = 8 << 10 // bytes of the request target and the host
	maxUnknown = 64      // request fields that nobody knows
)

// longTarget reports whether a target is beyond the bound.
func longTarget(r *http.Request) bool {
	return len(r.Host)+max(len(r.RequestURI), len(r.URL.Path)+len(r.URL.RawQuery)) > maxTarget
}

// bypass returns why a GET or HEAD request cannot be answered from the cache, or
// "". again says that it is not the first one that h serves.
func (h *handler) bypass(r *http.Request, p Policy, d rfc9111.Policy, f *requestFields, again bool) string {
	c := h.front
	switch {
	case p.Mode == ModeOff:
		return bypassRoute
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return bypassBody
	case f.upgrade:
		return bypassUpgrade
	case f.override:
		return bypassOverride
	case f.listed:
		return bypassConnection
	case longTarget(r):
		return bypassTarget
	case len(f.unknown) > maxUnknown:
		return bypassFields
	case scopeOf(r.Context()) != nil && c.countedBy(scopeOf(r.Context())).changed():
		return bypassUncommitted
	case d.NoStore:
		return bypassNoStore
	case rfc9111.Bypass(r.Header):
		return bypassPrecondition
	case h.Identity == nil && !p.Shared && (f.credentials || clientCertificate(r)):
		return bypassCredentials
	case h.unproven && !again:
		c.reportOnce(site{kindUnnamed, "Handler"}, "unstale: Handler was called again and again; answers of a handler that serves a single request are not cached: build it once, or give it a HandlerOptions.Name")
		return bypassHandler
	}
	return ""
}

// clientCertificate reports whether a certificate says who asks.
func clientCertificate(r *http.Request) bool { return r.TLS != nil && len(r.TLS.PeerCertificates) > 0 }

// outside returns r, which comes from a client, with a context that belongs
// to no fill. It is called once for a client.
func (c *front) outside(r *http.Request, from *client) *http.Request {
	from.passing = scope{engine: c.engine, asker: &from.asker, course: &from.asker, holdings: from.holdings, outer: scopeOf(r.Context())}
	from.passes = scopedContext{r.Context(), &from.passing}
	return r.WithContext(&from.passes)
}

// pass lets a client's request pass by the cache.
func (h *handler) pass(w http.ResponseWriter, from *client, route *routeCounters, why string, forward rfc9111.Forward) {
	passed := route.bypassed.at(why)
	passed.n.Add(1)
	from.status[0] = passed.passText(forward, why)
	if h := w.Header(); h["Cache-Status"] == nil {
		h["Cache-Status"] = from.status[:]
	} else {
		h.Add("Cache-Status", from.status[0])
	}
	began := time.Now()
	h.next.ServeHTTP(w, h.front.outside(from.request, from))
	h.front.spent(route, passed, why, time.Since(began))
}

// A passText is what Cache-Status says of requests that pass, which are often alike.
type passText struct {
	forward rfc9111.Forward
	why     string
	text    string
}

func (l *label) passText(forward rfc9111.Forward, why string) string {
	t := l.text.Load()
	if t == nil || t.forward != forward || t.why != why {
		t = &passText{forward, why, rfc9111.CacheStatus{Forward: forward, Detail: why}.String()}
		l.text.Store(t)
	}
	return t.text
}
