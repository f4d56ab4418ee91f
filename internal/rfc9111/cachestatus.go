package rfc9111

import (
	"fmt"
	"strconv"
	"time"
)

// CacheName is how this cache calls itself in Cache-Status.
const CacheName = "unstale"

// Forward is why a request went to the handler (RFC 9211 §2.2).
type Forward string

const (
	ForwardBypass  Forward = "bypass"    // the cache was configured not to handle the request
	ForwardMethod  Forward = "method"    // the method is not cached
	ForwardMiss    Forward = "miss"      // nothing stored, for whatever reason
	ForwardURIMiss Forward = "uri-miss"  // nothing stored under the URI
	ForwardVary    Forward = "vary-miss" // something stored, but for other request fields
	ForwardRequest Forward = "request"   // the request did not want what is stored
	ForwardStale   Forward = "stale"     // what is stored is no longer true or fresh
)

// CacheStatus is a member of the Cache-Status field (RFC 9211). Zero fields are
// left out, apart from TTL where HasTTL is set.
type CacheStatus struct {
	Hit       bool
	Forward   Forward // empty on a hit
	Status    int     // fwd-status: what the handler answered, if that is not the status of this response
	TTL       time.Duration
	HasTTL    bool
	Stored    bool
	Collapsed bool   // the request waited for another one's fill
	Key       string // the cache key
	Detail    string // an explanation for people
}

// String returns the member in its canonical form. Bytes of Key and Detail that
// a structured field's string cannot hold appear as %XX.
func (s CacheStatus) String() string {
	return string(s.Append(make([]byte, 0, 64)))
}

// Append appends the member to b in its canonical form.
func (s CacheStatus) Append(b []byte) []byte {
	b = append(b, CacheName...)
	switch {
	case s.Hit:
		b = append(b, ";hit"...)
	case s.Forward != "":
		b = append(b, ";fwd="...)
		b = append(b, s.Forward...)
	}
	if s.Status >= 100 && s.Status <= 999 {
		b = append(b, ";fwd-status="...)
		b = strconv.AppendInt(b, int64(s.Status), 10)
	}
	if s.HasTTL {
		b = append(b, ";ttl="...)
		b = strconv.AppendInt(b, int64(s.TTL/time.Second), 10)
	}
	if s.Stored {
		b = append(b, ";stored"...)
	}
	if s.Collapsed {
		b = append(b, ";collapsed"...)
	}
	if s.Key != "" {
		b = appendString(append(b, ";key="...), s.Key)
	}
	if s.Detail != "" {
		b = appendString(append(b, ";detail="...), s.Detail)
	}
	return b
}

// appendString writes a structured field's string (RFC 9651 §3.3.3).
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c > '~':
			b = fmt.Appendf(b, "%%%02X", c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
