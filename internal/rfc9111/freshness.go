package rfc9111

import (
	"net/http"
	"time"
)

// maxLifetime bounds all durations, as maxDelta bounds all seconds.
const maxLifetime = maxDelta * time.Second

// Lifetime returns how long after received a response remains fresh in a shared
// cache by its own word (RFC 9111 §4.2.1), the age that it arrived with already
// taken off. s-maxage precedes max-age, which precedes Expires. explicit is
// false, and d is 0, if the response says nothing.
//
// d is between 0 and 2^31 seconds; 0 with explicit means expired. An Expires
// field that is no date has passed, and of several the earliest counts.
func Lifetime(h http.Header, received time.Time) (d time.Duration, explicit bool) {
	h = canonical(h)
	cc := ParseCacheControl(h["Cache-Control"])
	switch {
	case cc.SMaxAge.Set:
		d = cc.SMaxAge.Duration()
	case cc.MaxAge.Set:
		d = cc.MaxAge.Duration()
	case len(h["Expires"]) > 0:
		d = expiresIn(h, received)
	default:
		return 0, false
	}
	return max(0, d-InitialAge(h, received)), true
}

// expiresIn returns Expires - Date.
func expiresIn(h http.Header, received time.Time) time.Duration {
	date, ok := dateOf(h)
	if !ok {
		date = received
	}
	d := maxLifetime
	for _, v := range h["Expires"] {
		expires, ok := parseDate(v)
		if !ok {
			return 0
		}
		d = min(d, expires.Sub(date))
	}
	return max(0, d)
}

// InitialAge returns the age that a response had when it was received (RFC 9111
// §4.2.3, corrected_initial_age): the greater of what its Age field says and of
// the time since its Date. It is between 0 and 2^31 seconds. Time spent waiting
// for the response is for the caller to take into account, by giving as
// received the time at which the request was sent.
func InitialAge(h http.Header, received time.Time) time.Duration {
	h = canonical(h)
	age := ageValue(h)
	if date, ok := dateOf(h); ok {
		// Date has whole seconds; the fraction of received is no age.
		age = max(age, received.Truncate(time.Second).Sub(date))
	}
	return min(age, maxLifetime)
}

// CurrentAge returns the age at now of a response that was received with age
// initial (RFC 9111 §4.2.3). Age fields carry it in whole seconds, rounded down.
func CurrentAge(initial time.Duration, received, now time.Time) time.Duration {
	// A clock that was set back does not make a response younger.
	resident := min(max(0, now.Sub(received)), maxLifetime)
	return min(initial+resident, maxLifetime)
}

// ageValue reads Age: of a list the first member counts, and nothing if that is
// invalid (RFC 9111 §5.1).
func ageValue(h http.Header) time.Duration {
	for first := range members(h["Age"]) {
		n, _ := parseDelta(first)
		return time.Duration(n) * time.Second
	}
	return 0
}

func dateOf(h http.Header) (time.Time, bool) {
	if len(h["Date"]) != 1 {
		return time.Time{}, false
	}
	return parseDate(h["Date"][0])
}
