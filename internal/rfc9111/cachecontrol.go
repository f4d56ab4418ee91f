package rfc9111

import (
	"net/http"
	"strings"
	"time"
)

// maxDelta is what a number of seconds beyond it counts as (RFC 9111 §1.2.2).
const maxDelta = 1 << 31

// Delta is the argument of a directive that takes a number of seconds.
type Delta struct {
	Set     bool  // the directive is present
	Seconds int64 // 0 to 2^31
}

// Duration returns the number of seconds as a duration.
func (d Delta) Duration() time.Duration { return time.Duration(d.Seconds) * time.Second }

// Directives is what Cache-Control says (RFC 9111 §5.2), of a request or of a
// response. Unknown directives leave no trace in it.
//
// If a directive with seconds occurs several times, the most restrictive value
// counts; a missing or invalid number is the most restrictive one.
type Directives struct {
	NoStore         bool
	NoCache         bool // with or without field names
	Private         bool // with or without field names
	Public          bool
	MustRevalidate  bool
	ProxyRevalidate bool
	MustUnderstand  bool
	NoTransform     bool
	OnlyIfCached    bool
	MaxStaleAny     bool // max-stale without a number: any staleness

	MaxAge               Delta
	SMaxAge              Delta
	MinFresh             Delta
	MaxStale             Delta
	StaleWhileRevalidate Delta
	StaleIfError         Delta

	// Malformed says that some part could not be read. Something restrictive
	// may have been in it.
	Malformed bool
}

// ParseCacheControl reads all lines of a Cache-Control field.
func ParseCacheControl(values []string) Directives {
	var d Directives
	for _, v := range values {
		d.parse(v)
	}
	return d
}

func (d *Directives) parse(s string) {
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return
		}
		var dir directive
		var ok bool
		if dir, s, ok = cutDirective(s); !ok {
			d.Malformed = true
			continue
		}
		d.add(dir)
	}
}

// add takes restrictive directives also where they carry an argument that
// nobody defined, and permissive ones only in their proper form.
func (d *Directives) add(dir directive) {
	switch strings.ToLower(dir.name) {
	case "no-store":
		d.NoStore = true
	case "no-cache":
		d.NoCache = true
	case "private":
		d.Private = true
	case "public":
		d.Public = d.Public || !dir.hasArg
	case "must-revalidate":
		d.MustRevalidate = d.MustRevalidate || !dir.hasArg
	case "proxy-revalidate":
		d.ProxyRevalidate = true
	case "must-understand":
		d.MustUnderstand = true
	case "no-transform":
		d.NoTransform = true
	case "only-if-cached":
		d.OnlyIfCached = true
	case "max-age":
		d.MaxAge.atMost(dir)
	case "s-maxage":
		d.SMaxAge.atMost(dir)
	case "min-fresh":
		d.MinFresh.atLeast(dir)
	case "max-stale":
		if !dir.hasArg {
			d.MaxStaleAny = true
			return
		}
		d.MaxStale.atMost(dir)
	case "stale-while-revalidate":
		d.StaleWhileRevalidate.atMost(dir)
	case "stale-if-error":
		d.StaleIfError.atMost(dir)
	}
}

func (d *Delta) atMost(dir directive) {
	n, ok := parseDelta(dir.arg)
	if !ok {
		n = 0
	}
	if !d.Set || n < d.Seconds {
		*d = Delta{Set: true, Seconds: n}
	}
}

func (d *Delta) atLeast(dir directive) {
	n, ok := parseDelta(dir.arg)
	if !ok {
		n = maxDelta
	}
	if !d.Set || n > d.Seconds {
		*d = Delta{Set: true, Seconds: n}
	}
}

// parseDelta reads delta-seconds: digits only, clamped to maxDelta.
func parseDelta(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(n*10+int64(s[i]-'0'), maxDelta)
	}
	return n, true
}

// Policy is what a request asks of a cache.
type Policy struct {
	NoStore      bool // nothing of this request or its response may be stored
	NoCache      bool // no stored response will do
	OnlyIfCached bool // 504 rather than a fill
	MaxAge       Delta
	MinFresh     Delta
}

// RequestPolicy reads Cache-Control of a request or, in its absence, Pragma
// (RFC 9111 §5.4). max-stale is a permission that is not made use of. A request
// whose Cache-Control is malformed neither takes from the cache nor gives to it.
func RequestPolicy(h http.Header) Policy {
	values := h["Cache-Control"]
	if len(values) == 0 {
		return Policy{NoCache: pragmaNoCache(h)}
	}
	d := ParseCacheControl(values)
	return Policy{
		NoStore:      d.NoStore || d.Malformed,
		NoCache:      d.NoCache || d.Malformed,
		OnlyIfCached: d.OnlyIfCached,
		MaxAge:       d.MaxAge,
		MinFresh:     d.MinFresh,
	}
}

// FreshFor reports whether a stored response of the given age, with the given
// lifetime remaining, is what the request accepts (RFC 9111 §5.2.1). It is
// false for a response that is no longer fresh.
func (p Policy) FreshFor(age, remaining time.Duration) bool {
	switch {
	case p.NoCache || remaining <= 0:
		return false
	case p.MaxAge.Set && age > p.MaxAge.Duration():
		return false
	case p.MinFresh.Set && remaining < p.MinFresh.Duration():
		return false
	}
	return true
}

func pragmaNoCache(h http.Header) bool {
	values := h["Pragma"]
	return len(values) > 0 && ParseCacheControl(values).NoCache
}
