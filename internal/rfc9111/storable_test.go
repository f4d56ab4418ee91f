package rfc9111

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

func TestStorable(t *testing.T) {
	t.Parallel()
	type H = http.Header
	tests := []struct {
		name   string
		status int
		h      http.Header
		auth   bool
		reason string
	}{
		{"plain", 200, nil, false, ""},
		{"no-store, RFC 9111 §5.2.2.5", 200, H{"Cache-Control": {"no-store"}}, false, "no-store"},
		{"no-store beats public", 200, H{"Cache-Control": {"public, max-age=60, no-store"}}, false, "no-store"},
		{"must-understand does not lift no-store", 200, H{"Cache-Control": {"must-understand, no-store, max-age=60"}}, false, "no-store"},
		{"private, RFC 9111 §5.2.2.7", 200, H{"Cache-Control": {"private, max-age=60"}}, false, "private"},
		{"private with fields", 200, H{"Cache-Control": {`private="X-Name", max-age=60`}}, false, "private"},
		{"no-cache, RFC 9111 §5.2.2.4", 200, H{"Cache-Control": {"no-cache"}}, false, "no-cache"},
		{"no-cache with fields", 200, H{"Cache-Control": {`no-cache="X", max-age=60`}}, false, "no-cache"},
		{"Pragma alone", 200, H{"Pragma": {"no-cache"}}, false, "no-cache"},
		{"Pragma beside Cache-Control, RFC 9111 §5.4", 200, H{"Pragma": {"no-cache"}, "Cache-Control": {"max-age=60"}}, false, ""},
		{"Set-Cookie, RFC 9111 §7.3", 200, H{"Set-Cookie": {"a=b"}, "Cache-Control": {"public, max-age=60"}}, false, "set-cookie"},
		{"Set-Cookie by another spelling", 200, H{"set-cookie": {"a=b"}}, false, "set-cookie"},
		{"Set-Cookie suppressed", 200, H{"Set-Cookie": nil}, false, ""},
		{"no-store by another spelling", 200, H{"cache-control": {"no-store"}}, false, "no-store"},
		{"Vary: *, RFC 9111 §4.1", 200, H{"Vary": {"Accept", "*"}}, false, "vary"},
		{"Vary malformed", 200, H{"Vary": {"Accept Language"}}, false, "vary"},
		{"Vary", 200, H{"Vary": {"Accept, Accept-Language"}}, false, ""},
		{"malformed", 200, H{"Cache-Control": {`max-age=60, x="`}}, false, "malformed"},
		{"declared trailer", 200, H{"Trailer": {"X-Sum"}}, false, "trailer"},
		{"no trailer, in as many words", 200, H{"Trailer": {"", " ,"}}, false, ""},
		{"late trailer", 200, H{http.TrailerPrefix + "X-Sum": {"1"}}, false, "trailer"},
		{"Authorization, RFC 9111 §3.5", 200, H{"Cache-Control": {"max-age=60"}}, true, "authorization"},
		{"Authorization and public", 200, H{"Cache-Control": {"public"}}, true, ""},
		{"Authorization and must-revalidate", 200, H{"Cache-Control": {"must-revalidate"}}, true, ""},
		{"Authorization and s-maxage", 200, H{"Cache-Control": {"s-maxage=60"}}, true, ""},
		{"Authorization and proxy-revalidate", 200, H{"Cache-Control": {"proxy-revalidate"}}, true, "authorization"},
		{"Authorization, public and private", 200, H{"Cache-Control": {"public, private"}}, true, "private"},
		{"redirect without a lifetime, RFC 9110 §15.1", 302, nil, false, "freshness"},
		{"redirect, public without a lifetime", 302, H{"Cache-Control": {"public"}}, false, "freshness"},
		{"redirect with max-age", 302, H{"Cache-Control": {"max-age=60"}}, false, ""},
		{"redirect with s-maxage", 303, H{"Cache-Control": {"s-maxage=60"}}, false, ""},
		{"redirect with Expires", 307, H{"Expires": {"Thu, 01 Jan 2026 00:00:00 GMT"}}, false, ""},
		{"forbidden, private", 403, H{"Cache-Control": {"private"}}, false, "private"},
	}
	for _, tt := range tests {
		before := tt.h.Clone()
		ok, reason := Storable(tt.status, tt.h, Terms{Authorization: tt.auth})
		if reason != tt.reason || ok != (tt.reason == "") {
			t.Errorf("%s: got %v %q, want %q", tt.name, ok, reason, tt.reason)
		}
		if !equalHeader(before, tt.h) {
			t.Errorf("%s: header changed to %v", tt.name, tt.h)
		}
	}
}

// TestStorableStatus names every status that is stored; all others never are,
// whatever the header says.
func TestStorableStatus(t *testing.T) {
	t.Parallel()
	always := []int{200, 203, 204, 300, 301, 308, 404, 410}
	explicitly := []int{302, 303, 307, 402, 403, 409, 423, 424}
	never := []int{206, 226, 304, 401, 407, 416, 428, 429, 431, 511}
	for status := -1; status < 1100; status++ {
		for _, errors := range []bool{false, true} {
			for cc, lasts := range map[string]bool{"public": false, "max-age=60": true, "public, s-maxage=0": true} {
				want := ""
				switch {
				case slices.Contains(always, status):
				case slices.Contains(never, status) || status < 200 || status > 599, !errors && !slices.Contains(explicitly, status):
					want = ReasonStatus
				case !lasts:
					want = ReasonFreshness
				}
				h := http.Header{"Cache-Control": {cc}}
				if ok, reason := Storable(status, h, Terms{Errors: errors}); reason != want || ok != (want == "") {
					t.Errorf("%d, %s, errors %t: got %v %q, want %q", status, cc, errors, ok, reason, want)
				}
			}
		}
	}
}

// TestStorableErrors: what forbids storing forbids it with errors, too.
func TestStorableErrors(t *testing.T) {
	t.Parallel()
	type H = http.Header
	tests := []struct {
		name   string
		status int
		h      http.Header
		reason string
	}{
		{"max-age", 503, H{"Cache-Control": {"max-age=5"}}, ""},
		{"Expires", 503, H{"Expires": {"Thu, 01 Jan 2026 00:00:00 GMT"}}, ""},
		{"no lifetime", 503, nil, "freshness"},
		{"public without a lifetime", 400, H{"Cache-Control": {"public"}}, "freshness"},
		{"no-store", 503, H{"Cache-Control": {"max-age=5, no-store"}}, "no-store"},
		{"private", 400, H{"Cache-Control": {"max-age=5, private"}}, "private"},
		{"Vary: *", 400, H{"Cache-Control": {"max-age=5"}, "Vary": {"*"}}, "vary"},
		{"without a name", 599, H{"Cache-Control": {"max-age=5"}}, ""},
		{"without a name, must-understand, RFC 9111 §5.2.2.3", 599, H{"Cache-Control": {"max-age=5, must-understand"}}, "status"},
		{"with a name, must-understand", 503, H{"Cache-Control": {"max-age=5, must-understand"}}, ""},
		{"429, RFC 6585 §4", 429, H{"Cache-Control": {"max-age=5"}}, "status"},
	}
	for _, tt := range tests {
		if ok, reason := Storable(tt.status, tt.h, Terms{Errors: true}); reason != tt.reason || ok != (tt.reason == "") {
			t.Errorf("%s: got %v %q, want %q", tt.name, ok, reason, tt.reason)
		}
	}
}

func equalHeader(a, b http.Header) bool {
	return maps.EqualFunc(a, b, slices.Equal[[]string])
}
