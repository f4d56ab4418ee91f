package rfc9111

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func seconds(n int64) Delta { return Delta{Set: true, Seconds: n} }

func TestParseCacheControl(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []string
		want   Directives
	}{
		{"nothing", nil, Directives{}},
		{"empty", []string{""}, Directives{}},
		{"empty members, RFC 9110 §5.6.1.2", []string{" ,, public , ,"}, Directives{Public: true}},
		{"empty lines, RFC 9110 §5.6.1", []string{"", ",", "\t,max-age=5\t,", ", ,public"}, Directives{Public: true, MaxAge: seconds(5)}},
		{"quoted commas and quotes", []string{`x="a,\",no-store", public`}, Directives{Public: true}},
		{"all flags", []string{"no-store, no-cache, private, public, must-revalidate, proxy-revalidate, must-understand, no-transform, only-if-cached"},
			Directives{NoStore: true, NoCache: true, Private: true, Public: true, MustRevalidate: true, ProxyRevalidate: true, MustUnderstand: true, NoTransform: true, OnlyIfCached: true}},
		{"all numbers", []string{"max-age=1, s-maxage=2, min-fresh=3, max-stale=4, stale-while-revalidate=5, stale-if-error=6"},
			Directives{MaxAge: seconds(1), SMaxAge: seconds(2), MinFresh: seconds(3), MaxStale: seconds(4), StaleWhileRevalidate: seconds(5), StaleIfError: seconds(6)}},
		{"case-insensitive, RFC 9111 §5.2", []string{"No-StorE, MAX-age=7"}, Directives{NoStore: true, MaxAge: seconds(7)}},
		{"several lines, RFC 9110 §5.3", []string{"public", "max-age=5"}, Directives{Public: true, MaxAge: seconds(5)}},
		{"quoted argument, RFC 9111 §5.2", []string{`max-age="5"`}, Directives{MaxAge: seconds(5)}},
		{"quoted pair, RFC 9110 §5.6.4", []string{`max-age="1\0"`}, Directives{MaxAge: seconds(10)}},
		{"unknown ignored, RFC 9111 §5.2.3", []string{`community="UCI", x, y=1, max-age=5`}, Directives{MaxAge: seconds(5)}},
		{"no directive within quotes", []string{`x="no-store, private", public`}, Directives{Public: true}},
		{"no directive in a longer name", []string{`no-store-x, xprivate`}, Directives{}},
		{"qualified no-cache, RFC 9111 §5.2.2.4", []string{`no-cache="Set-Cookie, X"`}, Directives{NoCache: true}},
		{"qualified no-cache as a token", []string{`no-cache=set-cookie`}, Directives{NoCache: true}},
		{"qualified private, RFC 9111 §5.2.2.7", []string{`private="X"`}, Directives{Private: true}},
		{"argument on a restriction", []string{`no-store=0`}, Directives{NoStore: true}},
		{"argument on a permission", []string{`public=0, must-revalidate=0`}, Directives{}},
		{"duplicate: the least, RFC 9111 §4.2.1", []string{"max-age=9, max-age=3", "max-age=5"}, Directives{MaxAge: seconds(3)}},
		{"duplicate min-fresh: the most", []string{"min-fresh=9, min-fresh=3"}, Directives{MinFresh: seconds(9)}},
		{"duplicate with an invalid one", []string{"max-age=9, max-age=x"}, Directives{MaxAge: seconds(0)}},
		{"invalid: letters, RFC 9111 §4.2.1", []string{"max-age=1x"}, Directives{MaxAge: seconds(0)}},
		{"invalid: sign", []string{"max-age=-1, s-maxage=+1"}, Directives{MaxAge: seconds(0), SMaxAge: seconds(0)}},
		{"invalid: fraction", []string{"max-age=1.5"}, Directives{MaxAge: seconds(0)}},
		{"invalid: no number", []string{"max-age, s-maxage="}, Directives{MaxAge: seconds(0), SMaxAge: seconds(0)}},
		{"invalid min-fresh asks for everything", []string{"min-fresh=x"}, Directives{MinFresh: seconds(maxDelta)}},
		{"overflow, RFC 9111 §1.2.2", []string{"max-age=2147483649, s-maxage=" + strings.Repeat("9", 60)}, Directives{MaxAge: seconds(maxDelta), SMaxAge: seconds(maxDelta)}},
		{"max-stale without a number", []string{"max-stale"}, Directives{MaxStaleAny: true}},
		{"malformed: space before =", []string{"max-age =5"}, Directives{Malformed: true}},
		{"malformed: space after =", []string{"max-age= 5"}, Directives{Malformed: true}},
		{"malformed: no comma", []string{"public max-age=5"}, Directives{Malformed: true}},
		{"malformed: after the quotes", []string{`max-age="5"5, public`}, Directives{Public: true, Malformed: true}},
		{"malformed: quotes open, the rest is looked at", []string{`x="a, no-store`}, Directives{NoStore: true, Malformed: true}},
		{"malformed: quotes end in a backslash", []string{`x="a\`}, Directives{Malformed: true}},
		{"malformed: no token", []string{`=5, "x", public`}, Directives{Public: true, Malformed: true}},
		{"malformed: control and non-ASCII bytes", []string{"\x00, \xff", "private"}, Directives{Private: true, Malformed: true}},
		{"lines are separate", []string{`x="a`, `no-store"`}, Directives{Malformed: true}},
	}
	for _, tt := range tests {
		if got := ParseCacheControl(tt.values); got != tt.want {
			t.Errorf("%s: %q\n got %+v\nwant %+v", tt.name, tt.values, got, tt.want)
		}
	}
}

func TestRequestPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		h    http.Header
		want Policy
	}{
		{"nothing", nil, Policy{}},
		{"all", http.Header{"Cache-Control": {"no-store, no-cache, only-if-cached, max-age=1, min-fresh=2"}},
			Policy{NoStore: true, NoCache: true, OnlyIfCached: true, MaxAge: seconds(1), MinFresh: seconds(2)}},
		{"Pragma, RFC 9111 §5.4", http.Header{"Pragma": {"No-Cache"}}, Policy{NoCache: true}},
		{"Pragma among others", http.Header{"Pragma": {"x=1, no-cache"}}, Policy{NoCache: true}},
		{"Pragma of another kind", http.Header{"Pragma": {"akamai-x-cache-on"}}, Policy{}},
		{"Cache-Control precedes Pragma", http.Header{"Pragma": {"no-cache"}, "Cache-Control": {"max-age=5"}}, Policy{MaxAge: seconds(5)}},
		{"max-stale is not made use of", http.Header{"Cache-Control": {"max-stale=100"}}, Policy{}},
		{"malformed stays out", http.Header{"Cache-Control": {`x="`}}, Policy{NoStore: true, NoCache: true}},
	}
	for _, tt := range tests {
		if got := RequestPolicy(tt.h); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestPolicyFreshFor(t *testing.T) {
	t.Parallel()
	const s = time.Second
	tests := []struct {
		name           string
		cc             string
		age, remaining time.Duration
		want           bool
	}{
		{"no wish", "", 100 * s, s, true},
		{"no longer fresh, RFC 9111 §4.2", "", 100 * s, 0, false},
		{"max-stale does not help", "max-stale", 100 * s, -s, false},
		{"max-age, RFC 9111 §5.2.1.1", "max-age=5", 5 * s, s, true},
		{"max-age exceeded", "max-age=5", 5*s + 1, s, false},
		{"max-age=0 and some age", "max-age=0", 1, s, false},
		{"min-fresh, RFC 9111 §5.2.1.3", "min-fresh=5", 0, 5 * s, true},
		{"min-fresh not reached", "min-fresh=5", 0, 5*s - 1, false},
		{"no-cache, RFC 9111 §5.2.1.4", "no-cache", 0, s, false},
		{"no-store may be answered from the cache, RFC 9111 §5.2.1.5", "no-store", 0, s, true},
		{"only-if-cached, RFC 9111 §5.2.1.7", "only-if-cached", 0, s, true},
	}
	for _, tt := range tests {
		h := http.Header{}
		if tt.cc != "" {
			h.Set("Cache-Control", tt.cc)
		}
		if got := RequestPolicy(h).FreshFor(tt.age, tt.remaining); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}
