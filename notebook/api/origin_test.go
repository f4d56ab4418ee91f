package api

import (
	"strings"
	"testing"
)

// Unless the operator names origins, no other page reads an answer.
func TestNoOtherOriginIsNamedByDefault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, method := range []string{"GET", "OPTIONS"} {
		for _, path := range []string{"/api/persona/public", "/api/users/me"} {
			w := s.send(method, path, "", nil, "Origin", "https://www.example.com", "Access-Control-Request-Method", "GET")
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s: %s", method, path, name, w.Header().Get(name))
				}
			}
		}
	}
}
