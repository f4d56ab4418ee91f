package server

import (
	"net/http"
	"strings"

	"github.com/unstale/unstale/notebook/service"
)

// SessionCookie holds the session token of somebody who logged in with a form. On a
// site that is known to be reached by TLS alone its name has the prefix with which
// browsers take it from nobody but the site's own host, by TLS (RFC 6265bis).
const (
	SessionCookie = "notebook_session"
	hostPrefix    = "__Host-"
)

func (s *Server) sessionCookie() string {
	if s.https {
		return hostPrefix + SessionCookie
	}
	return SessionCookie
}

// Presented returns the token with which a request says who asks, and what the
// token must be for; "" if the request says nothing. A browser sends the cookie
// no matter who made it send the request, so for anything but reading the cookie
// counts only if the request comes from a page of ours. To scripts of other
// origins, named ones among them, it does not count at all: they have tokens.
func (s *Server) Presented(r *http.Request) (token, kind string) {
	if field := r.Header.Get("Authorization"); field != "" {
		scheme, token, _ := strings.Cut(field, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", ""
		}
		return strings.TrimSpace(token), service.AccessToken
	}
	cookie, err := r.Cookie(s.sessionCookie())
	if err != nil || cookie.Value == "" || foreign(r) || !Safe(r.Method) && !FromOurPage(r) {
		return "", ""
	}
	return cookie.Value, service.SessionToken
}

// Safe reports whether requests with the method only read.
func Safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// FromOurPage reports whether a browser says that one of our own pages made it
// send the request. Where it says nothing, the answer is no: every browser says
// it with what is not just reading.
func FromOurPage(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return false
	}
	return http.NewCrossOriginProtection().Check(r) == nil
}

// Session returns the session cookie; with "" for the token it takes back the one
// that the browser has.
func (s *Server) Session(r *http.Request, token string) *http.Cookie {
	life := int(service.SessionLife.Seconds())
	if token == "" {
		life = -1
	}
	return &http.Cookie{
		Name: s.sessionCookie(), Value: token, Path: "/", MaxAge: life, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: s.https || r.TLS != nil || s.fromProxy(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}
