package unstale

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/rfc9111"
)

// passFor is how long a URI is let pass after its answer had to be streamed.
const passFor = time.Minute

// fill runs the handler in the flight that the request leads, answers with what
// it wrote, and stores that if it may.
func (g *get) fill(f *flight, flightKey string, why miss) {
	c := g.cache
	cause := c.cause(flightKey, why)
	defer c.flights.finish(flightKey, f, landing{}) // without effect once it has landed
	s := g.scope(f.fill)
	ctx, cancel := newFillContext(g.r.Context(), s, s.lookedOutside)
	defer cancel()
	c.flights.lead(f, cancel)
	stop := context.AfterFunc(g.r.Context(), func() { c.flights.leaveLeading(f) })
	defer stop()

	rec := newRecorder(ctx, g.w, c.options.MaxBody, func(reason string) {
		f.fill.refuse(reason)
		g.passBy() // first, so that those who waited need not wait for each other
		c.flights.finish(flightKey, f, landing{unshared: true})
		status := rfc9111.CacheStatus{Forward: forward(why), Detail: "not stored: " + reason}
		g.w.Header().Add("Cache-Status", status.String())
	})
	func() {
		defer f.fill.end()
		g.next.ServeHTTP(rec, g.fillRequest(ctx))
		rec.finish()
	}()
	if rec.mode != keeping {
		c.stats.refused(f.fill.reason())
		return
	}
	if ctx.Err() != nil {
		f.fill.refuse(refusedLeft)
	}
	now := failpoint.Now()
	e, vary, refused := g.seal(f.fill, rec, now)
	status := rfc9111.CacheStatus{Forward: forward(why)}
	left := landing{unshared: refused != ""}
	if refused == "" {
		if verdict := c.judge(e, now); verdict != missNone {
			refused = string(verdict)
		}
	}
	if refused != "" {
		c.stats.refused(refused)
		status.Detail = "not stored: " + refused
	} else {
		ch, key := c.put(g.primary, g, e, vary)
		left = landing{entry: e, choice: ch, key: key}
		g.route.stored.Add(1)
		status.Stored = true
	}
	c.flights.finish(flightKey, f, left)
	if refused == "" {
		status.Detail = g.detail(why, cause)
	}
	if rec.incomplete() {
		g.relay(rec, status)
		return
	}
	g.respond(e, newStoredHeader(rec.frozen), status, "")
}

// relay answers with what the handler wrote, which is not what it declared: the
// client learns of it as without the cache, because net/http cuts the connection.
func (g *get) relay(rec *recorder, status rfc9111.CacheStatus) {
	h := g.w.Header()
	mergeHeader(h, rec.frozen)
	h["Cache-Status"] = append(h["Cache-Status"], status.String())
	g.w.WriteHeader(rec.status)
	_, _ = g.w.Write(rec.body)
}

// seal turns a recorded answer into an entry, and says why it may not be stored,
// or "". vary names the request fields that selected it.
func (g *get) seal(f *fill, rec *recorder, now time.Time) (e *Entry, vary []string, refused string) {
	c := g.cache
	h := rec.frozen
	if !rec.incomplete() {
		complete(h, rec.status, rec.body)
	}
	lifetime, explicit := rfc9111.Lifetime(h, now)
	if !explicit {
		lifetime = orDefault(g.policy.TTL, c.options.TTL)
	}
	ok, reason := rfc9111.Storable(rec.status, h, rfc9111.Terms{Errors: g.policy.StoreErrors})
	vary, _ = rfc9111.ParseVary(h["Vary"])
	switch {
	case rec.incomplete():
		reason = refusedIncomplete
	case !ok:
	case c.variesByCredentials(vary):
		reason = "varies by credentials"
	case f.reason() != "":
		reason = f.reason() // says more than that nothing is known
	case !f.known() && g.policy.TTL == 0:
		reason = refusedUnknown
	}
	if reason == "" {
		e, reason = f.seal(g.key, lifetime, now)
	}
	if e == nil {
		e = &Entry{created: now, asked: f.hasAsked()}
	}
	e.kind, e.status = kindResponse, rec.status
	e.ages = e.ages || !f.known() // stored then because the route's policy says so
	e.body = exact(rec.body)
	e.age = rfc9111.InitialAge(h, now)
	bound(h, e.asked)
	e.etag = h.Get("Etag")
	if reason == "" {
		stored := rfc9111.StoredHeader(h)
		if bodyAllowed(e.status) {
			stored["Content-Length"] = []string{strconv.Itoa(len(e.body))}
		}
		e.header = newStoredHeader(stored)
	}
	return e, union(vary, g.forwarded), reason
}

// complete adds what net/http would add to the header of such an answer, and an
// entity tag where the handler gave none.
func complete(h http.Header, status int, body []byte) {
	if _, ok := h["Content-Type"]; !ok && len(body) > 0 && h.Get("Content-Encoding") == "" {
		h.Set("Content-Type", http.DetectContentType(body))
	}
	if status == http.StatusOK && h["Etag"] == nil {
		h.Set("Etag", rfc9111.StrongETag(h.Get("Content-Type"), body))
	}
}

// bound tells caches downstream to ask every time, unless the application said
// what they may do: what cannot be recalled is not promised.
func bound(h http.Header, asked bool) {
	if h["Cache-Control"] != nil || h["Expires"] != nil || h["Pragma"] != nil {
		return
	}
	if asked {
		h.Set("Cache-Control", "private, no-cache")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
}

// variesByCredentials reports whether an answer says that it varies by a field
// that no fill sees.
func (c *Cache) variesByCredentials(vary []string) bool {
	return slices.ContainsFunc(vary, func(name string) bool {
		return slices.Contains(c.credentials, http.CanonicalHeaderKey(name))
	})
}

// exact returns b without the room it grew into, if that is worth a copy.
func exact(b []byte) []byte {
	if cap(b)-len(b) > len(b)/8+64 {
		return slices.Clone(b)
	}
	return slices.Clip(b)
}

// passBy lets the URI pass by the cache for a while: whoever asks for it next
// gets ranges and conditions from the handler itself, and waits for nobody.
func (g *get) passBy() {
	c := g.cache
	var ch choice
	if old := c.store.Get(g.primary); old != nil && old.kind == kindSignpost {
		ch = old.choice
	}
	ch.pass = true
	c.signpost(g.primary, ch, passFor)
}

// serve answers from an entry.
func (g *get) serve(e *Entry, now time.Time, status rfc9111.CacheStatus) {
	status.TTL, status.HasTTL = e.remaining(now), true
	g.respond(e, e.header, status, strconv.FormatInt(int64(e.ageAt(now)/time.Second), 10))
}

// respond answers the request with e, whole or as its conditions and range ask
// (RFC 9110 §13.2.2), under the given header and with an Age, unless it is "".
func (g *get) respond(e *Entry, header storedHeader, status rfc9111.CacheStatus, age string) {
	h := g.w.Header()
	own := append(header.addTo(h, 3), status.String(), age, "bytes")
	if h["Cache-Status"] == nil {
		h["Cache-Status"] = own[:1:1]
	} else {
		h["Cache-Status"] = append(h["Cache-Status"], own[0])
	}
	if age != "" {
		h["Age"] = own[1:2:2]
	}
	stored := rfc9111.Stored{Status: e.status, ETag: e.etag, Size: int64(len(e.body))}
	if g.cache.options.IfModifiedSince {
		stored.LastModified = header.get("Last-Modified")
	}
	body := e.body
	outcome := rfc9111.Evaluate(g.r.Method, g.r.Header, stored)
	switch outcome.Status {
	case e.status:
		if e.status == http.StatusOK && h["Accept-Ranges"] == nil {
			h["Accept-Ranges"] = own[2:]
		}
	case http.StatusNotModified:
		for i := range header {
			if name := header[i].name; rfc9111.OmitFromNotModified(name) {
				delete(h, name)
			}
		}
		delete(h, "Content-Length")
		body = nil
	case http.StatusPartialContent:
		h.Set("Content-Range", outcome.Range.ContentRange(int64(len(body))))
		body = body[outcome.Range.Start : outcome.Range.Start+outcome.Range.Length]
		h.Set("Content-Length", strconv.Itoa(len(body)))
	case http.StatusRequestedRangeNotSatisfiable:
		// What was said of the representation is not true of this answer, least of
		// all for how long it may be kept.
		for i := range header {
			if name := header[i].name; rfc9111.OmitFromNotModified(name) {
				delete(h, name)
			}
		}
		delete(h, "Etag")
		delete(h, "Expires")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Range", rfc9111.UnsatisfiedRange(int64(len(body))))
		h.Set("Content-Length", "0")
		body = nil
	}
	if h["Content-Length"] == nil && bodyAllowed(outcome.Status) {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	g.w.WriteHeader(outcome.Status)
	if len(body) > 0 && g.r.Method != http.MethodHead {
		_, _ = g.w.Write(body) // a client that left is no news
	}
}
