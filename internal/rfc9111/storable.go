package rfc9111

import (
	"net/http"
	"strings"
)

// Why a response is not storable: stable words, fit for a metric's label.
const (
	ReasonStatus        = "status"        // the status is not one that is ever stored
	ReasonFreshness     = "freshness"     // the status is stored only with an explicit lifetime
	ReasonMalformed     = "malformed"     // Cache-Control cannot be read
	ReasonNoStore       = "no-store"      //
	ReasonPrivate       = "private"       //
	ReasonNoCache       = "no-cache"      //
	ReasonSetCookie     = "set-cookie"    //
	ReasonVary          = "vary"          // Vary: *, or one that cannot be read
	ReasonAuthorization = "authorization" // the request had credentials that the response does not release
	ReasonTrailer       = "trailer"       // a hit could not replay the trailer section
)

// Terms are what Storable needs to know besides the response.
type Terms struct {
	// Authorization says that the handler saw the request's Authorization field. It
	// is false where the caller took the credentials away, or keys by them.
	Authorization bool

	// Errors lets every final status be stored that has an explicit lifetime, but
	// for those that never are. Without it only some redirects and refusals are,
	// and no status that a request can provoke.
	Errors bool
}

// Storable reports whether a shared cache may store the complete response to a
// GET request (RFC 9111 §3), and otherwise why not; the reason is "" if ok. The
// caller answers for the method and for the body being whole.
//
// ok does not mean fresh: Lifetime may still say that the response has expired.
//
// must-understand keeps out a status without a name (RFC 9111 §5.2.2.3). It does
// not lift no-store, although it could: not storing is always allowed.
func Storable(status int, h http.Header, terms Terms) (ok bool, reason string) {
	h = canonical(h)
	cc := ParseCacheControl(h["Cache-Control"])
	_, varyStar := ParseVary(h["Vary"])
	rule := statusRule(status)
	if rule == asError && terms.Errors {
		rule = explicitly
	}
	switch {
	case rule == never, rule == asError, cc.MustUnderstand && http.StatusText(status) == "":
		reason = ReasonStatus
	case cc.NoStore:
		reason = ReasonNoStore
	case cc.Private:
		reason = ReasonPrivate
	case cc.NoCache, len(h["Cache-Control"]) == 0 && pragmaNoCache(h):
		// RFC 9111 §5.4 gives Pragma no meaning in a response, but whoever
		// sends it has one in mind.
		reason = ReasonNoCache
	case len(h["Set-Cookie"]) > 0:
		reason = ReasonSetCookie
	case varyStar:
		reason = ReasonVary
	case cc.Malformed:
		reason = ReasonMalformed
	case hasTrailer(h):
		reason = ReasonTrailer
	case terms.Authorization && !cc.Public && !cc.MustRevalidate && !cc.SMaxAge.Set:
		reason = ReasonAuthorization // RFC 9111 §3.5
	case rule == explicitly && !cc.MaxAge.Set && !cc.SMaxAge.Set && len(h["Expires"]) == 0:
		reason = ReasonFreshness
	}
	return reason == "", reason
}

func hasTrailer(h http.Header) bool {
	for range members(h["Trailer"]) {
		return true
	}
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

type rule int

const (
	never      rule = iota
	asError         // with an explicit lifetime, where the caller stores errors
	explicitly      // with an explicit lifetime
	always          // unless something else forbids it
)

// statusRule says which statuses are stored. always are those that RFC 9110
// §15.1 calls heuristically cacheable, without 206 (partial) and without 405,
// 414 and 501 (seldom meant to last). asError are, besides those of servers,
// whatever a request can provoke by what is not in its key, and every status
// without a rule of its own, which counts as the x00 of its class (§15).
func statusRule(status int) rule {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 410:
		return always
	case 302, 303, 307, 402, 403, 409, 423, 424:
		return explicitly
	case 206, 226, // a part, RFC 9111 §3.3, and a difference, RFC 3229 §10.4.1
		304, 416, // about the condition and the range of one request, RFC 9110 §15.4.5, §15.5.17
		401, 407, // about its credentials, with a challenge for one client, RFC 9110 §15.5.2, §15.5.8
		428, 429, 431, 511: // RFC 6585 §3, §4, §5, §6: "MUST NOT be stored by a cache"
		return never
	}
	if status >= 200 && status <= 599 {
		return asError
	}
	return never // not final, or no status (RFC 9110 §15)
}
