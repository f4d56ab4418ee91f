package server

import (
	"net/http"
	"strings"
)

// administers reports whether the route with this pattern is there to administer the
// notebook or to measure it.
func administers(pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	for _, prefix := range []string{"/api/admin/", "/api/metrics/", "/admin/", "/console"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// withoutAdmin answers as if there were no routes that administer the notebook.
func (s *Server) withoutAdmin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if administers(s.Mux.Route(r)) {
			s.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
