package unstale

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/rfc9111"
)

// passFor is how long requests for what had to be streamed are let pass.
const passFor = time.Minute

// begin starts a fill that answers the request. It depends on its URI from the start,
// so that what is known of it, be it that it is not stored, holds until an unsafe
// request has changed it.
func (g *get) begin() *fill {
	c := g.front
	f := c.begin(g.name, true)
	f.dependOnSlot(c.keySlot(g.key))
	if g.Name == "" {
		f.stayHere()
	}
	if path, _, queried := strings.Cut(g.key, "?"); queried {
		f.dependOnSlot(c.pathSlot(path))
	}
	return f
}

// fill runs the handler in the flight that the request leads, answers with what
// it wrote, and stores that if it may.
func (g *get) fill(f *flight, flightKey string, why miss) {
	c := g.front
	cause, coarse, fallen := g.cause(flightKey, why), c.history.coarse(flightKey, why), c.history.fallen(flightKey, why)
	defer c.flights.finish(flightKey, f, landing{}) // without effect once it has landed
	s := g.scope(f.fill)
	ctx, cancel := newFillContext(g.r.Context(), s, s.lookedOutside)
	defer cancel()
	c.flights.lead(f, cancel)
	stop := context.AfterFunc(g.r.Context(), func() { c.flights.leaveLeading(g.r.Context(), flightKey, f) })
	defer stop()
	began := time.Now()

	var rec *recorder
	rec = newRecorder(ctx, g.w, c.options.MaxBody, func(reason string) {
		f.fill.refuse(reason)
		g.passBy(f.fill, rec) // first, so that those who waited need not wait for each other
		c.flights.finish(flightKey, f, landing{unshared: true})
		if rec.held {
			cancel() // a stream may have no end
			return
		}
		status := rfc9111.CacheStatus{Forward: forward(why), Detail: "not stored: " + reason}
		g.w.Header().Add("Cache-Status", status.String())
	})
	rec.hold = func() bool { return g.unasked(f.fill) }
	ended := g.run(ctx, f.fill, rec)
	took := time.Since(began)
	unasked := rec.held || g.unasked(f.fill)
	switch {
	case !ended:
		f.fill.refuse(refusedPanicked)
	case rec.held:
		f.fill.refuse(refusedStreamed)
	}
	if rec.mode != keeping || rec.held || !ended {
		c.flights.finish(flightKey, f, landing{unasked: true})
		c.refused(g.route, f.fill.reason(), f.fill.dueTo(), took)
		if unasked && g.r.Context().Err() == nil {
			g.runAsCame(f.fill, why)
		}
		return
	}
	if ctx.Err() != nil {
		f.fill.refuse(refusedLeft)
	}
	g.route.worth.ran(took)
	g.worth.ran(took)
	if c.watch.on() {
		g.route.watched().fill.observe(took)
	}
	now := clock.Now()
	e, vary, refused := g.seal(f.fill, rec, now)
	status := rfc9111.CacheStatus{Forward: forward(why)}
	left := landing{unshared: refused != "", unasked: !f.fill.hasAsked(), cut: ctx.Err() != nil}
	if byNature(refused, rec.status) {
		c.unstored.add(c.engine, g.primary, g, vary, f.fill, refused, now)
	}
	if refused == "" {
		e.route, e.took = g.route, took
		left.entry, left.keep = e, c.keep(g.primary, g, e, vary)
		if verdict := c.judge(e, now); verdict != missNone {
			refused = string(verdict)
		}
	}
	if refused != "" {
		c.refused(g.route, refused, f.fill.dueTo(), took)
		status.Detail = "not stored: " + refused
	} else {
		if g.weighed {
			if e.worth = g.worth; e.worth == nil {
				e.worth = g.route.newWorth(took)
			}
		}
		c.put(g.primary, left.keep, e)
		g.route.refill(why, coarse, took)
		if c.watch.on() && fallen != nil && fallen.tag != "" && fallen.tag == e.tag() {
			c.watch.inVain(g.route, fallen.Change)
		}
		g.keptApart(why, now)
		status.Stored = true
	}
	c.flights.finish(flightKey, f, left)
	if unasked {
		g.runAsCame(f.fill, why)
		return
	}
	if refused == "" {
		status.Detail = g.detail(why, cause)
	}
	defer g.shadow(f.fill, e, rec, refused)
	if rec.incomplete() {
		g.relay(rec, status)
		return
	}
	g.respond(e, rec.changes, status.String(), "")
}

// run runs the handler in a fill. ended is false where it panicked that did not see
// the credentials of its request, without asking: it may have taken them for granted.
func (g *get) run(ctx context.Context, f *fill, rec *recorder) (ended bool) {
	defer f.end()
	defer func() {
		if !ended && (rec.held || g.unasked(f)) && g.r.Context().Err() == nil {
			ended = recover() == nil
		}
	}()
	f.numbered(func() { g.next.ServeHTTP(rec, g.fillRequest(ctx)) })
	rec.finish()
	return true
}

// relay answers with what the handler wrote, which is not what it declared: the
// client learns of it as without the cache, because net/http cuts the connection.
func (g *get) relay(rec *recorder, status rfc9111.CacheStatus) {
	h := g.w.Header()
	rec.changes.applyTo(h, 0)
	h["Cache-Status"] = append(h["Cache-Status"], status.String())
	g.w.WriteHeader(rec.status)
	_, _ = g.w.Write(rec.body)
	rec.overrun()
}

// seal turns a recorded answer into an entry, and says why it may not be stored,
// or "". vary names the request fields that selected it, and other inputs that
// only some answers depend on.
func (g *get) seal(f *fill, rec *recorder, now time.Time) (e *Entry, vary []string, refused string) {
	c := g.front
	h := g.withoutCookies(rec.touched)
	lifetime, explicit := rfc9111.Lifetime(h, now)
	if !explicit {
		lifetime = orDefault(g.policy.TTL, c.options.TTL)
	}
	if g.own == forCredentials {
		lifetime = min(lifetime, g.credentialLife(now))
	}
	ok, reason := rfc9111.Storable(rec.status, h, rfc9111.Terms{Errors: g.policy.StoreErrors})
	named, _ := rfc9111.ParseVary(h["Vary"])
	switch {
	case rec.incomplete():
		reason = refusedIncomplete
	case !ok:
	case g.variesByHidden(named):
		reason = refusedHidden
	case g.renews(rec.touched["Set-Cookie"]):
		reason = refusedRenewed
	case f.reason() != "":
		reason = f.reason() // says more than that nothing is known
	case !f.known() && g.policy.TTL == 0:
		reason = refusedUnknown
	}
	vary = union(g.choosing(named), f.selectedBy())
	if reason == "" {
		e, reason = f.seal(g.key, lifetime, now)
	}
	if e == nil {
		e = &Entry{created: now, asked: f.hasAsked()}
	}
	if g.own == forCredentials {
		e.asked, e.exactly = true, true
	}
	e.kind, e.status, e.silent = kindResponse, rec.status, rec.silent
	e.ages = e.ages || !f.known() // stored then because the route's policy says so
	e.body = exact(rec.body)
	e.age = rfc9111.InitialAge(h, now)
	e.describe(rec)
	if reason == "" {
		e.header = rec.changes.replayed(h)
		alone := make(http.Header)
		e.header.applyTo(alone, 0)
		e.adds = missingFrom(alone)
		e.repeats = rec.outside.repeated(h, e.body)
		g.adviseLanguage(h, vary)
	}
	return e, vary, reason
}

// describe notes what net/http would find out about the answer, and an entity tag
// where the handler gave none. A fill's answer that is not whole has none.
func (e *Entry) describe(rec *recorder) {
	h := rec.touched
	e.length = strconv.Itoa(len(e.body))
	if len(e.body) > 0 {
		e.sniffed = http.DetectContentType(e.body)
	}
	if tags, given := h["Etag"]; given {
		if len(tags) > 0 {
			e.etag = tags[0]
		}
		return
	}
	if e.status == http.StatusOK && !rec.incomplete() {
		contentType := h.Get("Content-Type")
		if contentType == "" {
			contentType = e.sniffed
		}
		e.weakTag = "W/" + rfc9111.StrongETag(contentType, e.body)
	}
}

// adviseLanguage says once of a route that its answers are in some language, and
// that nothing tells which of them a client gets.
func (g *get) adviseLanguage(h http.Header, vary []string) {
	if h["Content-Language"] != nil && !slices.Contains(vary, "accept-language") && g.fields.of("Accept-Language") == fieldVaries {
		g.front.reportOnce(site{kindLanguage, g.name}, "unstale: an answer has a Content-Language and no Vary; if it follows the client's Accept-Language, say Vary, or name that field in HandlerOptions.SelectFields")
	}
}

// withoutCookies returns the fields of an answer, without the cookies that the
// route's policy drops if there are no others.
func (g *get) withoutCookies(h http.Header) http.Header {
	lines := h["Set-Cookie"]
	if len(lines) == 0 || slices.ContainsFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return !slices.Contains(g.policy.DropSetCookie, strings.TrimSpace(name)) || deletesCookie(line)
	}) {
		return h
	}
	h = maps.Clone(h)
	delete(h, "Set-Cookie")
	return h
}

// deletesCookie reports whether a Set-Cookie field ends a cookie.
func deletesCookie(line string) bool {
	set, err := http.ParseSetCookie(line)
	return err != nil || set.Value == "" || set.MaxAge < 0 || !set.Expires.IsZero() && set.Expires.Before(clock.Now())
}

// renews reports whether an answer that is for exactly the credentials of its
// request gives another one in a cookie's place: its client will not ask with these again.
func (g *get) renews(lines []string) bool {
	return g.own == forCredentials && slices.ContainsFunc(lines, func(line string) bool {
		set, err := http.ParseSetCookie(line)
		if err != nil || !g.showsCookie(set.Name) {
			return false
		}
		sent := g.r.CookiesNamed(set.Name)
		return len(sent) > 0 && !slices.ContainsFunc(sent, func(c *http.Cookie) bool { return c.Value == set.Value })
	})
}

// variesByHidden reports whether an answer says that it varies by a field that the
// fill did not see.
func (g *get) variesByHidden(vary []string) bool {
	return slices.ContainsFunc(vary, func(name string) bool {
		name = http.CanonicalHeaderKey(name)
		class := g.fields.of(name)
		return class >= fieldHidden && class <= fieldCookie && !(g.own == forCredentials && g.shows(class, name))
	})
}

// choosing returns those of the fields that an answer names in Vary which select
// because of it. Others are in the place already, or among the credentials.
func (g *get) choosing(vary []string) []string {
	return slices.DeleteFunc(vary, func(name string) bool {
		name = http.CanonicalHeaderKey(name)
		class := g.fields.of(name)
		return class.selects() || g.own == forCredentials && g.shows(class, name)
	})
}

// exact returns b without the room it grew into, if that is worth a copy.
func exact(b []byte) []byte {
	if cap(b)-len(b) > len(b)/8+64 {
		return slices.Clone(b)
	}
	return slices.Clip(b)
}

// passBy lets requests for what is being streamed pass by the cache for a while:
// who asks next gets ranges and conditions from the handler itself, and waits for
// nobody. Other variants of the URI are none of its business.
func (g *get) passBy(f *fill, rec *recorder) {
	now := clock.Now()
	named, _ := rfc9111.ParseVary(rec.touched["Vary"])
	if g.variesByHidden(named) {
		named = nil // requests that differ in it pass anyway, or are taken for one
	}
	e := &Entry{kind: kindPass, asked: f.hasAsked(), exactly: g.own == forCredentials, created: now, expires: now.Add(passFor)}
	g.front.put(g.primary, g.front.keep(g.primary, g, e, union(g.choosing(named), f.selectedBy())), e)
}

// serve answers from an entry that was found.
func (g *get) serve(e *Entry, now time.Time) {
	status := g.front.hitTexts.of(e.remaining(now))
	if g.looked > 0 {
		said := hitStatus(e.remaining(now))
		said.Detail = fmt.Sprintf("source asked %v ago, within %v", g.looked.Round(time.Millisecond), g.policy.Within)
		status = said.String()
	}
	g.serveAs(e, now, status)
}

// serveAs is serve with what Cache-Status says of it.
func (g *get) serveAs(e *Entry, now time.Time, status string) {
	g.respond(e, e.header, status, strconv.FormatInt(int64(e.ageAt(now)/time.Second), 10))
}

// respond answers the request with e, whole or as its conditions and range ask
// (RFC 9110 §13.2.2), under the given header and with an Age, unless it is "".
// What the cache adds, it adds where neither the handler nor anybody outside has
// set the field.
func (g *get) respond(e *Entry, header storedHeader, status, age string) {
	h := g.w.Header()
	alone := len(h) == 0 && age != "" // and everything that is replayed is known
	own := header.applyTo(h, 8)
	set := func(name, value string) {
		own = append(own, value)
		h[name] = own[len(own)-1 : len(own) : len(own)]
	}
	if alone || h["Cache-Status"] == nil {
		set("Cache-Status", status)
	} else {
		h["Cache-Status"] = append(h["Cache-Status"], status)
	}
	if age != "" {
		set("Age", age)
	}
	adds := e.adds
	if !alone {
		adds = missingFrom(h)
	}
	whole := g.untransformed()
	stored := rfc9111.Stored{Status: e.status, ETag: e.etag, Size: int64(len(e.body))}
	switch {
	case adds&addsTag == 0: // the handler's, or one from outside, of which nobody knows what it stands for
		if !alone && h.Get("Etag") != e.etag {
			stored.ETag = ""
		}
	case e.weakTag != "":
		stored.ETag = e.weakTag
		if whole && (adds&addsType != 0 || alone || header.get("Content-Type") != "") { // it stands for the type, too
			stored.ETag = e.weakTag[len("W/"):]
		}
		set("Etag", stored.ETag)
	}
	if adds&addsBound != 0 {
		// Caches downstream are to ask every time, unless the application said what
		// they may do: what cannot be recalled is not promised.
		if e.asked {
			set("Cache-Control", "private, no-cache")
		} else {
			set("Cache-Control", "no-cache")
		}
	}
	if g.IfModifiedSince {
		stored.LastModified = header.get("Last-Modified")
	}
	body := e.body
	outcome := rfc9111.Outcome{Status: e.status}
	if stored.ETag != "" || adds&addsTag != 0 {
		outcome = rfc9111.Evaluate(g.r.Method, g.r.Header, stored, whole)
	}
	if adds&addsType != 0 && len(body) > 0 && (whole || g.r.Method == http.MethodHead) {
		set("Content-Type", e.sniffed) // net/http would, if it saw the beginning of the body
	}
	if outcome.Status != e.status {
		body = inPart(h, body, outcome)
	} else if adds&addsRanges != 0 && whole && e.status == http.StatusOK {
		set("Accept-Ranges", "bytes")
	}
	if adds&addsLength != 0 && outcome.Status == e.status && bodyAllowed(e.status) && (g.r.Method == http.MethodHead || g.outermost()) {
		set("Content-Length", e.length)
	}
	if !e.silent || outcome.Status != e.status {
		g.w.WriteHeader(outcome.Status)
	}
	if len(body) > 0 && g.r.Method != http.MethodHead {
		_, _ = g.w.Write(body) // a client that left is no news
	}
}

// inPart makes of the header of a whole answer that of a 304, 206 or 416, and
// returns what of the body goes with it.
func inPart(h http.Header, body []byte, outcome rfc9111.Outcome) []byte {
	switch outcome.Status {
	case http.StatusPartialContent:
		h.Set("Content-Range", outcome.Range.ContentRange(int64(len(body))))
		h.Set("Content-Length", strconv.FormatInt(outcome.Range.Length, 10))
		return body[outcome.Range.Start : outcome.Range.Start+outcome.Range.Length]
	case http.StatusRequestedRangeNotSatisfiable:
		// What was said of the representation is not true of this answer, least of
		// all for how long it may be kept.
		omitContent(h)
		delete(h, "Etag")
		delete(h, "Expires")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Range", rfc9111.UnsatisfiedRange(int64(len(body))))
		h.Set("Content-Length", "0")
	default:
		omitContent(h)
	}
	return nil
}

// missingFrom returns which of them a header lacks.
func missingFrom(h http.Header) (a additions) {
	if _, ok := h["Etag"]; !ok {
		a |= addsTag
	}
	if h["Cache-Control"] == nil && h["Expires"] == nil && h["Pragma"] == nil {
		a |= addsBound
	}
	if _, ok := h["Content-Type"]; !ok && len(h["Content-Encoding"]) == 0 {
		a |= addsType
	}
	if _, ok := h["Accept-Ranges"]; !ok {
		a |= addsRanges
	}
	if h["Content-Length"] == nil {
		a |= addsLength
	}
	return a
}

// omitContent removes what describes content that the answer does not carry.
func omitContent(h http.Header) {
	for name := range h {
		if rfc9111.OmitFromNotModified(name) {
			delete(h, name)
		}
	}
}

// untransformed reports whether the bytes that the cache writes are those that
// the client gets: nobody stands between it and net/http, or the client accepts
// no encoding, so that nobody can be compressing. Only then can the cache speak of
// parts, and of an entity tag that stands for these bytes alone (RFC 9110
// §8.8.3.3).
func (g *get) untransformed() bool {
	if g.encodings == 0 {
		return true
	}
	t := reflect.TypeOf(g.w)
	if g.front.native.Load() == any(t) {
		return true
	}
	if !ownWriter(t) {
		return false
	}
	g.front.native.Store(t)
	return true
}

// outermost reports whether nothing stands outside that could write after the
// cache: the server calls its handler. Only then is the length of the body that of
// the answer.
func (g *get) outermost() bool {
	s, _ := g.r.Context().Value(http.ServerContextKey).(*http.Server)
	return s != nil && s.Handler == http.Handler(g.handler)
}

// ownWriter reports whether a type of ResponseWriter is net/http's own.
func ownWriter(t reflect.Type) bool {
	if t.Kind() != reflect.Pointer {
		return false
	}
	switch t.String() {
	case "*http.response", "*http.http2responseWriter":
		return t.Elem().PkgPath() == "net/http"
	case "*http2.responseWriter":
		return t.Elem().PkgPath() == "golang.org/x/net/http2" || strings.HasPrefix(t.Elem().PkgPath(), "net/http/internal/")
	}
	return false
}
