package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
)

// What the front's tokens are for, besides accessToken and refreshToken. A
// session token is good in the cookie alone, a live token for a WebSocket alone:
// scripts see the latter, never the former.
const (
	sessionToken = "session"
	liveToken    = "live"

	sessionLife = refreshLife
	liveLife    = accessLife
)

// sessionCookie holds the session token of somebody who logged in with a form.
const sessionCookie = "notebook_session"

// presented returns the token with which a request says who asks, and what the
// token must be for; "" if the request says nothing. A browser sends the cookie
// whoever made it send the request, so for anything but reading the cookie
// counts only if the request comes from a page of ours.
func presented(r *http.Request) (token, kind string) {
	if field := r.Header.Get("Authorization"); field != "" {
		scheme, token, _ := strings.Cut(field, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", ""
		}
		return strings.TrimSpace(token), accessToken
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" || !safe(r.Method) && !fromOurPage(r) {
		return "", ""
	}
	return cookie.Value, sessionToken
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// fromOurPage reports whether a browser says that one of our own pages made it
// send the request. Where it says nothing, the answer is no: every browser says
// it with what is not just reading.
func fromOurPage(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return false
	}
	return http.NewCrossOriginProtection().Check(r) == nil
}

// newSession returns the cookie with which the user is logged in.
func (s *server) newSession(r *http.Request, u *notebook.User) (*http.Cookie, error) {
	token, err := s.tokens.make(u, sessionToken, sessionLife)
	if err != nil {
		return nil, err
	}
	return cookie(r, token, sessionLife), nil
}

// cookie returns the session cookie; without a token it takes back the one that
// the browser has.
func cookie(r *http.Request, token string, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}
