package rfc9111

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// StoredHeader returns a deep copy of a response's header without what belongs
// to one connection (RFC 9111 §3.1), to one client, or to the moment of one
// answer: those fields a hit makes anew or does without. Date is kept: it says
// when the answer was made, not when it is sent (RFC 9110 §6.6.1). Names are
// canonical in the copy.
func StoredHeader(h http.Header) http.Header {
	h = canonical(h)
	named := ConnectionOptions(h["Connection"])
	stored := make(http.Header, len(h))
	for name, values := range h {
		if !kept(name) || slices.Contains(named, name) {
			continue
		}
		// Nil stays nil: net/http takes it as "do not add this field".
		stored[name] = slices.Clone(values)
	}
	return stored
}

func kept(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", // one connection
		"Set-Cookie", "Authentication-Info", // one client
		"Age", "Cache-Status", "X-Request-Id", "Request-Id", "X-Correlation-Id": // one answer
		return false
	}
	return !strings.HasPrefix(name, "Proxy-") && !strings.HasPrefix(name, http.TrailerPrefix)
}

// ConnectionOptions returns the canonical names that Connection lists.
func ConnectionOptions(values []string) []string {
	var names []string
	for option := range members(values) {
		names = append(names, http.CanonicalHeaderKey(option))
	}
	return names
}

// OmitFromNotModified reports whether the field of the given canonical name
// describes the content that a 304 does not carry (RFC 9110 §15.4.5). Last-Modified
// is one: the entity tag speaks for it.
func OmitFromNotModified(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Range", "Last-Modified":
		return true
	}
	return false
}

// canonical returns h with canonical names, which is h itself unless a handler
// wrote into the map past http.Header's methods. Field names are case-insensitive
// on the wire, and a set-cookie must not slip through because of its spelling.
func canonical(h http.Header) http.Header {
	clean := true
	for name := range h {
		if name != http.CanonicalHeaderKey(name) {
			clean = false
			break
		}
	}
	if clean {
		return h
	}
	c := make(http.Header, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		key := http.CanonicalHeaderKey(name)
		c[key] = append(c[key], h[name]...)
	}
	return c
}
