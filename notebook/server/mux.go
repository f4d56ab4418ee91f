package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale"
)

// Mux routes like http.ServeMux, except that patterns with a literal "user"
// segment before a wildcard come first: ServeMux refuses persona/user/{user_id}
// beside persona/{id}/starred, because neither is more specific. Ids are UUIDs,
// so "user" is none.
type Mux struct {
	first, rest *http.ServeMux
	policies    map[string]unstale.Policy
	limits      map[string]int64
}

func newMux() *Mux {
	return &Mux{http.NewServeMux(), http.NewServeMux(), map[string]unstale.Policy{}, map[string]int64{}}
}

// HandleFunc registers a handler. A pattern must not be registered twice. With
// a method, the path "/" means itself and not whatever nothing else serves.
func (m *Mux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	if strings.HasSuffix(pattern, " /") {
		pattern += "{$}"
	}
	if _, said := m.policies[pattern]; !said {
		m.policies[pattern] = unstale.Policy{Shared: true} // handlers ask who asks where it matters
	}
	if strings.Contains(pattern, "/user/{") {
		m.first.HandleFunc(pattern, handler)
		return
	}
	m.rest.HandleFunc(pattern, handler)
}

// Uncached says that every request for the GETs must reach them: they count, or
// show what nobody tracks.
func (m *Mux) Uncached(patterns ...string) {
	for _, p := range patterns {
		m.policies[p] = unstale.Policy{Mode: unstale.ModeOff}
	}
}

// constantLife is how long an answer is kept that stays the same for as long as
// the process runs.
const constantLife = time.Hour

// Constant says that the GETs have such answers. They read nothing from which
// the cache could know that.
func (m *Mux) Constant(patterns ...string) {
	for _, p := range patterns {
		m.policies[p] = unstale.Policy{TTL: constantLife, Shared: true}
	}
}

// Limit says how large the body of a request to a route may be, in bytes.
func (m *Mux) Limit(pattern string, bytes int64) { m.limits[pattern] = bytes }

// Route returns the pattern that serves the request: a name for its route.
func (m *Mux) Route(r *http.Request) string {
	if _, pattern := m.first.Handler(r); pattern != "" {
		return pattern
	}
	_, pattern := m.rest.Handler(r)
	return pattern
}

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := m.first.Handler(r); pattern != "" {
		m.first.ServeHTTP(w, r)
		return
	}
	m.rest.ServeHTTP(w, r)
}
