package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/unstale/unstale/notebook/service"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		s := &Server{https: https}
		h := http.Header{}
		s.always(h)
		if h.Get("X-Content-Type-Options") != "nosniff" || (h.Get("Strict-Transport-Security") != "") != https {
			t.Errorf("by TLS %v: %v", https, h)
		}
	}
	h := http.Header{}
	Secure(h, "default-src 'none'")
	if h.Get("Content-Security-Policy") != "default-src 'none'; base-uri 'none'; frame-ancestors 'none'" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") == "" {
		t.Error(h)
	}
}

// The session goes by TLS alone where the site is known to be reached so, and where
// a proxy that is known says so; others may say what they like.
func TestSessionCookie(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct {
		https, tells bool
		peer         string
		secure       bool
		name         string
	}{
		{false, false, "192.0.2.1:1", false, "notebook_session"},
		{false, true, "192.0.2.1:1", false, "notebook_session"},
		{false, true, "10.0.0.1:1", true, "notebook_session"},
		{true, false, "192.0.2.1:1", true, "__Host-notebook_session"},
	} {
		s := &Server{https: test.https, proxies: proxies}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.peer
		if test.tells {
			r.Header.Set("X-Forwarded-Proto", "https")
		}
		c := s.Session(r, "token")
		if c.Secure != test.secure || c.Name != test.name || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
			t.Errorf("%+v: %v", test, c)
		}
		r.AddCookie(c)
		if token, kind := s.Presented(r); token != "token" || kind != service.SessionToken {
			t.Errorf("%+v: %q %q", test, token, kind)
		}
	}
	s := &Server{https: true}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: SessionCookie, Value: "planted"})
	if token, _ := s.Presented(r); token != "" {
		t.Error("a cookie that another host may have planted counts")
	}
}

func TestAdministers(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"GET /api/admin/users": true, "POST /api/admin/cache/invalidate": true, "GET /api/metrics/prometheus": true,
		"GET /api/persona/public": false, "GET /health": false, "POST /api/review/persona/{id}/approve": false, "/": false, "": false,
	} {
		if administers(pattern) != want {
			t.Errorf("%q: %v", pattern, !want)
		}
	}
}
