package rfc9111

import (
	"net/http"
	"net/url"
	"strings"
)

// SafeMethod reports whether a method is safe: one of those of RFC 9110 §9.2.1,
// PROPFIND (RFC 4918 §9.1), REPORT (RFC 3253 §3.6), SEARCH (RFC 5323 §2) or QUERY.
// A method that it does not know is not.
func SafeMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace,
		"PROPFIND", "QUERY", "REPORT", "SEARCH":
		return true
	}
	return false
}

// InvalidatedTargets returns the URIs that a response to an unsafe request
// invalidates (RFC 9111 §4.4): the target itself, and what Location and
// Content-Location name on the same origin. There are none if the status is an
// error. host is the request's Host; every URL returned has it as its own Host,
// the target's scheme, and neither fragment nor user information.
//
// The origin is taken to be the host alone, without a default port: behind a
// proxy that ends TLS a handler does not know the scheme it was asked with, and
// one invalidation too many is harmless.
func InvalidatedTargets(target *url.URL, host string, status int, h http.Header) []*url.URL {
	if status < 200 || status > 399 {
		return nil
	}
	h = canonical(h)
	base := *target
	base.Host, base.User, base.Fragment, base.RawFragment = host, nil, "", ""
	targets := []*url.URL{&base}
	for _, field := range [...]string{"Location", "Content-Location"} {
		for _, v := range h[field] {
			if u := onSameHost(&base, v); u != nil {
				targets = append(targets, u)
			}
		}
	}
	return targets
}

// onSameHost resolves a reference against base; nil if that is somewhere else.
func onSameHost(base *url.URL, reference string) *url.URL {
	ref, err := url.Parse(trim(reference))
	if err != nil || ref.Opaque != "" {
		return nil
	}
	switch ref.Scheme {
	case "", "http", "https":
	default:
		return nil
	}
	u := base.ResolveReference(ref)
	if !strings.EqualFold(trimPort(u.Host), trimPort(base.Host)) {
		return nil
	}
	u.Scheme, u.Host, u.User, u.Fragment, u.RawFragment = base.Scheme, base.Host, nil, "", ""
	return u
}

func trimPort(host string) string {
	for _, port := range [...]string{":80", ":443", ":"} {
		if bare, ok := strings.CutSuffix(host, port); ok {
			return bare
		}
	}
	return host
}
