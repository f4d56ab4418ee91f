package blackbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// Where pages of the site's front end come from, and others that nobody named.
const (
	frontOrigin   = "https://front.example"
	foreignOrigin = "https://other.example"
)

// from sends a request as a script of a page of the origin does; "" is no browser.
func (v visitor) from(origin, method, path string, fields ...string) answer {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, v.url+path, nil)
	if err != nil {
		v.Fatal(err)
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	a, err := v.exchange(r)
	if err != nil {
		v.Fatal(err)
	}
	return a
}

// shared fails the test unless the answer lets pages of the origin read it, and
// those alone: "" for none.
func (a answer) shared(origin string) answer {
	a.Helper()
	credentials, exposed := "", ""
	if origin != "" {
		credentials, exposed = "true", "Content-Disposition"
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": credentials, "Access-Control-Expose-Headers": exposed,
	} {
		if got := a.header.Values(name); strings.Join(got, "|") != want {
			a.Errorf("%s (%s): %s is %q, want %q", a.request, a.header.Get("Cache-Status"), name, got, want)
		}
	}
	if vary := strings.Join(a.header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
		a.Errorf("%s: Vary is %q", a.request, vary)
	}
	return a
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		c := s.newPublic("alice", "public")
		private := s.newCard("alice", "private")
		all := []string{"", frontOrigin, foreignOrigin, s.url, "null", frontOrigin}
		allowed := func(origin string) string { return map[string]string{frontOrigin: frontOrigin}[origin] }

		// Whoever asked first, everybody is told what concerns them.
		paths := []struct {
			v      visitor
			path   string
			status int
			stored bool
		}{
			{s.nobody(), "/api/persona/public", 200, true}, {s.nobody(), persona(c.ID), 200, true}, {s.as("alice"), "/api/users/me", 200, true},
			{s.as("alice"), persona(private.ID), 200, true}, {s.nobody(), persona(private.ID), 401, false}, {s.as("bob"), persona(private.ID), 403, false},
			{s.nobody(), persona(unknownID), 404, false}, {s.nobody(), "/api/persona/public?page=x", 422, false}, {s.nobody(), "/nowhere", 404, false},
			{s.nobody(), persona(c.ID) + "/download", 200, false}, {s.nobody(), "/api/users/" + s.ids["alice"] + "/avatar", 200, true}, {s.nobody(), "/", 200, true},
		}
		for _, p := range paths {
			for i, origin := range all {
				a := p.v.from(origin, http.MethodGet, p.path).shared(allowed(origin))
				s.equal("status of "+p.path, a.status, p.status)
				if i > 0 && s.cached && p.stored != a.hit() {
					s.Errorf("%s for %q: %s", p.path, origin, a.header.Get("Cache-Status"))
				}
			}
		}
		s.nobody().get("/api/persona/public")
		if a := s.nobody().from(foreignOrigin, http.MethodGet, "/api/persona/public", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"); s.cached && !a.hit() {
			s.Errorf("from where a browser asks keeps answers apart: %s", a.header.Get("Cache-Status"))
		}
		tag := s.nobody().from("", http.MethodGet, persona(c.ID)).header.Get("ETag")
		if s.cached {
			s.equal("confirmed", s.nobody().from(frontOrigin, http.MethodGet, persona(c.ID), "If-None-Match", tag).shared(frontOrigin).status, http.StatusNotModified)
		}
		s.as("bob").from(frontOrigin, http.MethodPost, persona(c.ID)+"/star").shared(frontOrigin).want(http.StatusOK)

		// A preflight is answered to pages of a named origin alone.
		asks := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,content-type"}
		for _, path := range []string{"/api/users/me", "/api/auth/token", persona(c.ID), "/api/nowhere"} {
			a := s.nobody().from(frontOrigin, http.MethodOptions, path, asks...).shared(frontOrigin)
			s.equal("status", a.status, http.StatusNoContent)
			s.equal("methods", a.header.Get("Access-Control-Allow-Methods"), "GET, HEAD, POST, PUT, DELETE")
			s.equal("fields", a.header.Get("Access-Control-Allow-Headers"), "authorization,content-type")
			s.equal("cache", a.header.Get("Cache-Status"), "")
			for _, origin := range []string{"", foreignOrigin, "null"} {
				a := s.nobody().from(origin, http.MethodOptions, path, asks...).shared("")
				if a.status < 400 || a.header.Get("Access-Control-Allow-Methods") != "" {
					s.Errorf("preflight of %q: %d %v", origin, a.status, a.header)
				}
			}
		}
		if a := s.nobody().from(frontOrigin, http.MethodOptions, "/api/users/me"); a.status == http.StatusNoContent {
			s.Error("what is no preflight is answered as one")
		}
	})
}

// A session is for our own pages. A page of another origin, a named one among
// them, has no part in it, though the browser sends the cookie.
func TestSessionsAreNotForOtherOrigins(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/login", strings.NewReader(url.Values{"username": {"alice"}, "password": {password}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", s.url)
		w, err := s.nobody().exchange(r)
		if err != nil {
			t.Fatal(err)
		}
		cookie, _, _ := strings.Cut(w.header.Get("Set-Cookie"), ";")
		for _, path := range []string{"/api/users/me", "/me/bar", "/live"} {
			for _, origin := range []string{"", s.url, frontOrigin, foreignOrigin, s.url} {
				a := s.nobody().from(origin, http.MethodGet, path, "Cookie", cookie, "Accept", "text/html, application/json")
				// The bar of a stranger is one with a link to log in, the rest is refused.
				known := a.status == http.StatusOK && (path == "/live" || strings.Contains(string(a.body), "alice"))
				if own := origin == "" || origin == s.url; own != known {
					s.Errorf("%s from %q with a cookie: %d %.300s", path, origin, a.status, a.body)
				}
			}
		}
		a := s.nobody().from(frontOrigin, http.MethodGet, "/api/users/me", "Cookie", cookie, "Authorization", "Bearer "+s.tokens["bob"])
		if a.want(http.StatusOK); !strings.Contains(string(a.body), "bob") {
			s.Errorf("a token beside a cookie: %s", a.body)
		}
	})
}

// The same pages may hold a WebSocket connection that may read answers.
func TestSocketsOfOtherOrigins(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	for origin, want := range map[string]int{
		"": http.StatusSwitchingProtocols, s.url: http.StatusSwitchingProtocols, frontOrigin: http.StatusSwitchingProtocols,
		foreignOrigin: http.StatusForbidden, "null": http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		conn, w, err := websocket.Dial(t.Context(), s.url+"/api/ws/"+s.tokens["alice"], &websocket.DialOptions{HTTPClient: s.http, HTTPHeader: header})
		if err == nil {
			_ = conn.CloseNow()
		}
		if w == nil || w.StatusCode != want {
			t.Errorf("from %q: %v %v, want %d", origin, w, err, want)
		}
	}
}
