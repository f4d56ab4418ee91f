package server

import "net/http"

// Secure sets the fields without which a page could be made to do what it is not
// meant to. What its scripts, styles and pictures may be, the policy says.
func Secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
}

// always sets the fields that every answer has: nobody guesses at what it is, and
// browsers come to a site that is reached by TLS in no other way.
func (s *Server) always(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	if s.https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
