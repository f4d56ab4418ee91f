package unstale

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// target is the URI that a client asked for in canonical form. Two requests have
// the same target, seen included, exactly if a handler that looks at host and
// URL alone cannot tell them apart: the handler of a fill is given the canonical
// form (see fillRequest).
type target struct {
	host  string // lower case, "https://" before it where TLS is spoken
	path  string // segments escaped by Escape
	query string // parameters sorted by name, escaped by Escape

	// seen is what handlers see in place of path and query, because something
	// outside the cache, such as http.StripPrefix, rewrote the URL; else "".
	seen string
}

// requestTarget returns the target of a request.
func requestTarget(r *http.Request) target {
	public := publicURL(r)
	t := targetOf(r.Host, r.TLS != nil, public)
	if u := r.URL; u != public || !originForm(u) {
		path, query := canonicalPath(u), canonicalQuery(u.RawQuery)
		if path != t.path || query != t.query || !originForm(u) {
			t.seen = Escape(u.Scheme) + ":" + Escape(u.Opaque) + "//" + Escape(u.Host) + " " + path + "?" + query
		}
	}
	return t
}

// publicURL returns the URL that the client asked for.
func publicURL(r *http.Request) *url.URL {
	if rest, ok := strings.CutPrefix(r.RequestURI, r.URL.Path); ok && plainPath(r.URL.Path) {
		if query, ok := strings.CutPrefix(rest, "?"); ok && query == r.URL.RawQuery || rest == "" && r.URL.RawQuery == "" {
			return r.URL
		}
	}
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return u
	}
	return r.URL // the request came from no server
}

// originForm reports whether u has a path and a query and nothing before them.
func originForm(u *url.URL) bool { return u.Scheme == "" && u.Opaque == "" && u.Host == "" }

// targetOf returns the target of a URI on a host.
func targetOf(host string, tls bool, u *url.URL) target {
	host = strings.ToLower(host)
	if strings.IndexByte(host, '/') >= 0 {
		host = Escape(host) // nothing that only looks like TLS
	}
	if tls {
		host = "https://" + host
	}
	return target{host: host, path: canonicalPath(u), query: canonicalQuery(u.RawQuery)}
}

// key returns "prefix:http:GET host path?query", the name by which the answers
// to a URI are invalidated. HEAD is answered from GET.
func (t *target) key(prefix string) string { return string(t.appendKey(nil, prefix)) }

func (t *target) appendKey(b []byte, prefix string) []byte {
	b = append(append(b, prefix...), ":http:GET "...)
	b = append(append(append(b, t.host...), ' '), t.path...)
	if t.query != "" {
		b = append(append(b, '?'), t.query...)
	}
	return b
}

// canonicalPath escapes each segment of the path. An encoded slash stays
// different from a real one.
func canonicalPath(u *url.URL) string {
	p := u.Path
	if u.RawPath == "" {
		if plainPath(p) {
			return p
		}
		return escapeSegments(p, func(s string) string { return s })
	}
	return escapeSegments(u.EscapedPath(), func(s string) string {
		if d, err := url.PathUnescape(s); err == nil {
			return d
		}
		return s
	})
}

func escapeSegments(p string, decode func(string) string) string {
	b := make([]byte, 0, len(p)+16)
	for first := true; ; first = false {
		segment, rest, more := strings.Cut(p, "/")
		if !first {
			b = append(b, '/')
		}
		b = appendEscaped(b, decode(segment))
		if !more {
			return string(b)
		}
		p = rest
	}
}

func plainPath(p string) bool {
	for i := 0; i < len(p); i++ {
		if !unreserved(p[i]) && p[i] != '/' {
			return false
		}
	}
	return true
}

// canonicalQuery sorts parameters by name, keeping the order among equal names,
// and escapes names and values alike. What net/url cannot parse follows as it is,
// apart from bytes that have no place in a key.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	if plainQuery(raw) {
		return raw
	}
	type parameter struct{ name, value string }
	var list []parameter
	var malformed []string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || strings.Contains(pair, ";") {
			malformed = append(malformed, pair)
			continue
		}
		list = append(list, parameter{n, v})
	}
	slices.SortStableFunc(list, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	b := make([]byte, 0, len(raw)+16)
	for _, p := range list {
		b = append(appendEscaped(append(b, '&'), p.name), '=')
		b = appendEscaped(b, p.value)
	}
	for _, pair := range malformed {
		b = append(b, '&')
		for i := range len(pair) {
			if c := pair[i]; c <= ' ' || c >= 0x7f || c == '*' {
				b = appendEscaped(b, pair[i:i+1])
			} else {
				b = append(b, c)
			}
		}
	}
	return strings.TrimPrefix(string(b), "&")
}

// plainQuery reports whether a query is in canonical form already.
func plainQuery(raw string) bool {
	for last := ""; ; {
		pair, rest, more := strings.Cut(raw, "&")
		name, value, found := strings.Cut(pair, "=")
		if !found || name < last || !plain(name) || !plain(value) {
			return false
		}
		if !more {
			return true
		}
		last, raw = name, rest
	}
}

func plain(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return true
}

// canonicalURL returns a copy of u that its canonical path and query determine.
func canonicalURL(u *url.URL) *url.URL {
	c := *u
	c.RawQuery = canonicalQuery(u.RawQuery)
	c.ForceQuery, c.OmitHost = false, false
	c.Fragment, c.RawFragment = "", ""
	c.User = nil
	c.RawPath = ""
	if p := canonicalPath(u); strings.Contains(p, "%2F") {
		c.RawPath = p // only where a segment holds a slash does Path not say everything
	}
	return &c
}
