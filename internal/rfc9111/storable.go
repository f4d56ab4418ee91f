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

// Storable reports whether a shared cache may store the complete response to a
// GET request (RFC 9111 §3), and otherwise why not; the reason is "" if ok. The
// caller answers for the method and for the body being whole.
//
// authorization says that the handler saw the request's Authorization field; a
// caller that took the credentials away, or keys by them, passes false.
//
// ok does not mean fresh: Lifetime may still say that the response has expired.
//
// must-understand does not lift no-store, although RFC 9111 §5.2.2.3 would let
// it: not storing is always allowed.
func Storable(status int, h http.Header, authorization bool) (ok bool, reason string) {
	h = canonical(h)
	cc := ParseCacheControl(h["Cache-Control"])
	_, varyStar := ParseVary(h["Vary"])
	rule := statusRule(status)
	switch {
	case rule == never:
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
	case authorization && !cc.Public && !cc.MustRevalidate && !cc.SMaxAge.Set:
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
	explicitly      // with an explicit lifetime
	always          // unless something else forbids it
)

// statusRule says which statuses are stored. always are those that RFC 9110
// §15.1 calls heuristically cacheable, without 206 (partial) and without 405,
// 414 and 501 (seldom meant to last).
func statusRule(status int) rule {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 410:
		return always
	case 302, 303, 307:
		return explicitly
	case 401, 407, // about the credentials
		408, 411, 412, 413, 416, 417, 421, 425, 426, // about the message or the connection, not the target
		428, 429, 431: // RFC 6585 forbids it
		return never
	}
	if status >= 400 && status <= 499 {
		return explicitly
	}
	return never
}
