package rfc9111

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
)

func TestSafeMethod(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]bool{
		"GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true, // RFC 9110 §9.2.1
		"POST": false, "PUT": false, "PATCH": false, "DELETE": false, "CONNECT": false,
		"PROPFIND": true, "REPORT": true, "SEARCH": true, "QUERY": true,
		"PROPPATCH": false, "MKCOL": false, "LOCK": false, "": false, "get": false, "query": false, "PURGE": false,
	} {
		if got := SafeMethod(method); got != want {
			t.Errorf("%q: got %v", method, got)
		}
	}
}

func TestInvalidatedTargets(t *testing.T) {
	t.Parallel()
	loc := func(v ...string) http.Header { return http.Header{"Location": v} }
	tests := []struct {
		name   string
		target string
		status int
		h      http.Header
		want   []string
	}{
		{"target, RFC 9111 §4.4", "/a?q=1", 200, nil, []string{"//h/a?q=1"}},
		{"no content", "/a", 204, nil, []string{"//h/a"}},
		{"redirect", "/a", 303, loc("/b"), []string{"//h/a", "//h/b"}},
		{"client error", "/a", 400, loc("/b"), nil},
		{"server error", "/a", 500, loc("/b"), nil},
		{"interim", "/a", 103, loc("/b"), nil},
		{"Location and Content-Location", "/a", 201, http.Header{"Location": {"/b"}, "Content-Location": {"/c"}}, []string{"//h/a", "//h/b", "//h/c"}},
		{"another spelling", "/a", 201, http.Header{"location": {"/b"}}, []string{"//h/a", "//h/b"}},
		{"several", "/a", 201, loc("/b", "/c"), []string{"//h/a", "//h/b", "//h/c"}},
		{"relative", "/x/a", 201, loc("b?q"), []string{"//h/x/a", "//h/x/b?q"}},
		{"relative up", "/x/y/a", 201, loc("../b"), []string{"//h/x/y/a", "//h/x/b"}},
		{"query alone", "/a?p", 201, loc("?q"), []string{"//h/a?p", "//h/a?q"}},
		{"empty names the target", "/a?p", 201, loc(""), []string{"//h/a?p", "//h/a?p"}},
		{"fragment dropped", "/a", 201, loc("/b#c"), []string{"//h/a", "//h/b"}},
		{"absolute", "/a", 201, loc("https://h/b"), []string{"//h/a", "//h/b"}},
		{"absolute, host in capitals", "/a", 201, loc("http://H/b"), []string{"//h/a", "//h/b"}},
		{"absolute, default port", "/a", 201, loc("https://h:443/b"), []string{"//h/a", "//h/b"}},
		{"absolute, user information dropped", "/a", 201, loc("http://u:p@h/b"), []string{"//h/a", "//h/b"}},
		{"scheme-relative", "/a", 201, loc("//h/b"), []string{"//h/a", "//h/b"}},
		{"another host", "/a", 201, loc("http://evil/b", "//evil/b"), []string{"//h/a"}},
		{"another host that begins alike", "/a", 201, loc("http://h.evil/b", "http://h@evil/b"), []string{"//h/a"}},
		{"another port", "/a", 201, loc("http://h:8080/b"), []string{"//h/a"}},
		{"another kind of URI", "/a", 201, loc("mailto:x@h", "ftp://h/b", "http:b"), []string{"//h/a"}},
		{"no URI", "/a", 201, loc("http://h:port/", "%zz", "\x00"), []string{"//h/a"}},
		{"escapes stay", "/a%2Fb", 201, loc("/c%2Fd"), []string{"//h/a%2Fb", "//h/c%2Fd"}},
		{"target in absolute form", "http://other:1/a", 200, loc("b"), []string{"http://h/a", "http://h/b"}},
	}
	for _, tt := range tests {
		target, err := url.Parse(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		before := *target
		var got []string
		for _, u := range InvalidatedTargets(target, "h", tt.status, tt.h) {
			got = append(got, u.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if *target != before {
			t.Errorf("%s: target changed to %v", tt.name, target)
		}
	}
}
