package api

import (
	"net/http"
	"strings"
)

// mux routes like http.ServeMux, except that patterns with a literal "user"
// segment before a wildcard come first: ServeMux refuses persona/user/{user_id}
// beside persona/{id}/starred, because neither is more specific. Ids are UUIDs,
// so "user" is none.
type mux struct{ first, rest *http.ServeMux }

func newMux() *mux { return &mux{http.NewServeMux(), http.NewServeMux()} }

// HandleFunc registers a handler. A pattern must not be registered twice. With
// a method, the path "/" means itself and not whatever nothing else serves.
func (m *mux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	if strings.HasSuffix(pattern, " /") {
		pattern += "{$}"
	}
	if strings.Contains(pattern, "/user/{") {
		m.first.HandleFunc(pattern, handler)
		return
	}
	m.rest.HandleFunc(pattern, handler)
}

// Route returns the pattern that serves the request: a name for its route.
func (m *mux) Route(r *http.Request) string {
	if _, pattern := m.first.Handler(r); pattern != "" {
		return pattern
	}
	_, pattern := m.rest.Handler(r)
	return pattern
}

// ServeHTTP implements http.Handler.
func (m *mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := m.first.Handler(r); pattern != "" {
		m.first.ServeHTTP(w, r)
		return
	}
	m.rest.ServeHTTP(w, r)
}
