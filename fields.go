package unstale

import (
	"net/http"
	"slices"
	"strings"
)

// A fieldMeaning is what a request field means to the cache, beyond what
// package rfc9111 makes of it. It is a set of bits.
type fieldMeaning uint8

const (
	meansCredential fieldMeaning = 1 << iota // says who asks; no fill sees it
	meansAddress                             // says only where the request came from; no fill sees it either
	meansForwarded                           // changes what frameworks take the URL to be
	meansOverride                            // makes frameworks take the request for one with another method
	meansUpgrade
)

// fieldMeanings holds the fields that mean something, by canonical name.
type fieldMeanings map[string]fieldMeaning

// newFieldMeanings returns the meanings where these fields are credentials.
func newFieldMeanings(credentials []string) fieldMeanings {
	m := make(fieldMeanings)
	add := func(meaning fieldMeaning, names ...string) {
		for _, name := range names {
			m[name] |= meaning
		}
	}
	add(meansCredential, credentials...)
	add(meansAddress, addressFields[:]...)
	add(meansForwarded,
		"Front-End-Https", "X-Forwarded-Host", "X-Forwarded-Path", "X-Forwarded-Port", "X-Forwarded-Prefix",
		"X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl",
		"X-Forwarded-Uri", "X-Host", "X-Http-Host-Override", "X-Original-Host", "X-Original-Uri",
		"X-Original-Url", "X-Rewrite-Url", "X-Script-Name", "X-Url-Scheme")
	add(meansOverride, "X-Http-Method-Override", "X-Http-Method", "X-Method-Override")
	add(meansUpgrade, "Upgrade")
	return m
}

// addressFields are those in which proxies report the client's address. They are
// taken from a fill like credentials, as net/http's own RemoteAddr is, but most
// requests behind a proxy have one, so that they are no reason to bypass.
var addressFields = [...]string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"}

// credentialFields returns the canonical names, sorted, of the request fields
// that say who asks or where from.
func credentialFields(more []string) []string {
	fields := append([]string{
		"Authorization", "Cookie", "Proxy-Authorization",
		"X-Api-Key", "X-Auth-Token", "X-Access-Token",
		"Remote-User", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
		"X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Forwarded-Client-Cert",
		"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Access-Token",
		"X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Accesstoken", "X-Ms-Client-Principal",
		"X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id", "X-Goog-Iap-Jwt-Assertion",
		"Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Tailscale-User-Login",
	}, addressFields[:]...)
	for _, f := range more {
		fields = append(fields, http.CanonicalHeaderKey(f))
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// requestFields is what the fields of a request mean.
type requestFields struct {
	credentials bool     // they say who asks
	override    bool     // they ask for another method
	upgrade     bool     // they ask for another protocol
	forwarded   []string // those that may change the URL, in lower case, sorted
}

// read looks at each field once. Cookies with the names in ignored do not count.
//
// Answers vary by the fields in forwarded whether or not they say so: this is
// how caches get poisoned.
func (m fieldMeanings) read(h http.Header, ignored []string) (f requestFields) {
	for name, lines := range h {
		meaning := m[name]
		if meaning == 0 {
			continue
		}
		if meaning&(meansCredential|meansAddress) == meansCredential && (name != "Cookie" || carriesCookies(lines, ignored)) {
			f.credentials = true
		}
		f.override = f.override || meaning&meansOverride != 0 && len(lines) > 0
		f.upgrade = f.upgrade || meaning&meansUpgrade != 0 && len(lines) > 0
		if meaning&meansForwarded != 0 {
			f.forwarded = append(f.forwarded, strings.ToLower(name))
		}
	}
	slices.Sort(f.forwarded)
	return f
}

// carriesCookies reports whether the lines of a Cookie field have anything that
// is not to be ignored. What net/http would drop as malformed counts, because the
// handler may read it otherwise.
func carriesCookies(lines, ignored []string) bool {
	for _, line := range lines {
		for cookie := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(strings.TrimSpace(cookie), "=")
			if cookie = strings.TrimSpace(cookie); cookie != "" && !slices.Contains(ignored, name) {
				return true
			}
		}
	}
	return false
}
