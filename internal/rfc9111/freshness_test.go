package rfc9111

import (
	"math"
	"net/http"
	"testing"
	"time"
)

func TestLifetime(t *testing.T) {
	t.Parallel()
	type H = http.Header
	const s = time.Second
	received := time.Date(2026, 1, 2, 12, 0, 0, 500_000_000, time.UTC)
	at := func(d time.Duration) string {
		return received.Truncate(s).Add(d).Format(http.TimeFormat)
	}
	tests := []struct {
		name     string
		h        http.Header
		want     time.Duration
		explicit bool
	}{
		{"nothing said", nil, 0, false},
		{"no heuristics, RFC 9111 §4.2.2", H{"Last-Modified": {at(-1000 * s)}, "Cache-Control": {"public"}}, 0, false},
		{"max-age, RFC 9111 §4.2.1", H{"Cache-Control": {"max-age=60"}}, 60 * s, true},
		{"s-maxage first", H{"Cache-Control": {"max-age=60, s-maxage=30"}, "Expires": {at(10 * s)}}, 30 * s, true},
		{"s-maxage first, even if longer", H{"Cache-Control": {"s-maxage=90, max-age=60"}}, 90 * s, true},
		{"s-maxage first, even if invalid", H{"Cache-Control": {"s-maxage=x, max-age=60"}}, 0, true},
		{"max-age before Expires, RFC 9111 §5.3", H{"Cache-Control": {"max-age=60"}, "Expires": {"0"}}, 60 * s, true},
		{"max-age=0", H{"Cache-Control": {"max-age=0"}}, 0, true},
		{"max-age clamped", H{"Cache-Control": {"max-age=99999999999"}}, maxDelta * s, true},
		{"Expires - Date", H{"Expires": {at(50 * s)}, "Date": {at(20 * s)}}, 30 * s, true},
		{"Expires - Date, less the apparent age", H{"Expires": {at(50 * s)}, "Date": {at(-20 * s)}}, 50 * s, true},
		{"Expires without Date", H{"Expires": {at(50*s + s)}}, 50*s + s/2, true},
		{"Expires past", H{"Expires": {at(-s)}}, 0, true},
		{"Expires: 0, RFC 9111 §5.3", H{"Expires": {"0"}}, 0, true},
		{"Expires empty", H{"Expires": {""}}, 0, true},
		{"Expires in another zone", H{"Expires": {"Friday, 02-Jan-26 12:30:00 CET"}}, 0, true},
		{"Expires in RFC 850 form", H{"Expires": {"Friday, 02-Jan-26 12:00:40 GMT"}, "Date": {at(0)}}, 40 * s, true},
		{"Expires in asctime form", H{"Expires": {"Fri Jan  2 12:00:40 2026"}, "Date": {at(0)}}, 40 * s, true},
		{"Expires several: the earliest, RFC 9111 §4.2.1", H{"Expires": {at(50 * s), at(40 * s)}, "Date": {at(0)}}, 40 * s, true},
		{"Expires several: one invalid", H{"Expires": {at(50 * s), "-1"}}, 0, true},
		{"Expires far away", H{"Expires": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, maxDelta * s, true},
		{"Date very old, Expires far away", H{"Expires": {"Fri, 31 Dec 9999 23:59:59 GMT"}, "Date": {"Mon, 01 Jan 0001 00:00:00 GMT"}}, 0, true},
		{"Date invalid", H{"Expires": {at(50*s + s)}, "Date": {"yesterday"}}, 50*s + s/2, true},
		{"Age counts, RFC 9111 §4.2.3", H{"Cache-Control": {"max-age=60"}, "Age": {"20"}}, 40 * s, true},
		{"Age beyond the lifetime", H{"Cache-Control": {"max-age=60"}, "Age": {"61"}}, 0, true},
		{"Age does not make a lifetime", H{"Age": {"20"}}, 0, false},
		{"old Date counts", H{"Cache-Control": {"max-age=60"}, "Date": {at(-20 * s)}}, 40 * s, true},
		{"another spelling", H{"cache-control": {"max-age=60"}, "age": {"1"}}, 59 * s, true},
	}
	for _, tt := range tests {
		if got, explicit := Lifetime(tt.h, received); got != tt.want || explicit != tt.explicit {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, got, explicit, tt.want, tt.explicit)
		}
	}
}

func TestInitialAge(t *testing.T) {
	t.Parallel()
	type H = http.Header
	const s = time.Second
	received := time.Date(2026, 1, 2, 12, 0, 0, 999_999_999, time.UTC)
	at := func(d time.Duration) string { return received.Truncate(s).Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name string
		h    http.Header
		want time.Duration
	}{
		{"none", nil, 0},
		{"Age", H{"Age": {"20"}}, 20 * s},
		{"Age list: the first, RFC 9111 §5.1", H{"Age": {"20, 30"}}, 20 * s},
		{"Age lines: the first", H{"Age": {"20", "30"}}, 20 * s},
		{"Age invalid: ignored, RFC 9111 §5.1", H{"Age": {"-1"}}, 0},
		{"Age empty", H{"Age": {""}}, 0},
		{"Age list: empty members do not count, RFC 9110 §5.6.1", H{"Age": {" ,\t, 20,30"}}, 20 * s},
		{"Age lines: empty ones do not count", H{"Age": {"", ",", "20", "30"}}, 20 * s},
		{"Age list: the first is invalid", H{"Age": {"x, 20"}}, 0},
		{"Age in quotes", H{"Age": {`"20"`}}, 0},
		{"Age with a parameter", H{"Age": {"20;x=1"}}, 0},
		{"Age overflow, RFC 9111 §1.2.2", H{"Age": {"99999999999999999999"}}, maxDelta * s},
		{"Date now", H{"Date": {at(0)}}, 0},
		{"Date ahead", H{"Date": {at(20 * s)}}, 0},
		{"Date behind", H{"Date": {at(-20 * s)}}, 20 * s},
		{"Date and Age: the greater", H{"Date": {at(-20 * s)}, "Age": {"30"}}, 30 * s},
		{"Date very old", H{"Date": {"Mon, 01 Jan 0001 00:00:00 GMT"}}, maxDelta * s},
		{"Date twice", H{"Date": {at(-20 * s), at(-30 * s)}}, 0},
	}
	for _, tt := range tests {
		if got := InitialAge(tt.h, received); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCurrentAge(t *testing.T) {
	t.Parallel()
	const s = time.Second
	received := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name    string
		initial time.Duration
		now     time.Time
		want    time.Duration
	}{
		{"at once", 0, received, 0},
		{"resident, RFC 9111 §4.2.3", 0, received.Add(5 * s), 5 * s},
		{"resident after an age", 3 * s, received.Add(5 * s), 8 * s},
		{"clock set back", 3 * s, received.Add(-5 * s), 3 * s},
		{"centuries", math.MaxInt64, received.AddDate(2000, 0, 0), maxDelta * s},
	}
	for _, tt := range tests {
		if got := CurrentAge(min(tt.initial, maxLifetime), received, tt.now); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
