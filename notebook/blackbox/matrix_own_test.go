package blackbox_test

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// alike are the GETs that need a token and answer all the same who may ask.
var alike = []string{
	"GET /api/admin/broadcast-messages", "GET /api/admin/stats", "GET /api/admin/recent-users", "GET /api/admin/users", "GET /api/moderation/health",
	"GET /api/review/persona/pending", "GET /api/review/knowledge/pending", "GET /api/persona/{id}/file/{file_id}", "GET /api/knowledge/{id}/file/{file_id}",
	"GET /api/persona/user/{user_id}", "GET /api/knowledge/user/{user_id}", "GET /api/messages/{id}",
}

// TestWhoMaySeeWhat asks every GET that the document has as everybody that there
// can be, a banned user and one with a revoked token among them: about items in
// every state, before anything is stored and after each of the others has
// warmed the cache. Everybody gets what a second site answers him, which has no
// cache.
func TestWhoMaySeeWhat(t *testing.T) {
	t.Parallel()
	w := newEverything(t)
	doc := w.document()
	askers := append([]string{"", "alice", "bob", "moderator", "admin", "root"}, strangers...)
	truth, twin := map[read]answer{}, w.twin()
	routes := map[string]string{} // by path
	for _, g := range w.gets() {
		for _, path := range g.paths {
			routes[path] = "GET " + g.route
		}
	}
	for path := range routes {
		for _, as := range askers {
			truth[read{as, path}] = read{as, path}.peek(twin)
		}
	}
	w.refuses(doc, routes, truth)
	w.tellsApart(doc, routes, truth)
	seed := rand.Uint64()
	t.Logf("seed %d, %d GETs by %d people", seed, len(routes), len(askers))
	rng := rand.New(rand.NewPCG(seed, 0))
	hits := 0
	for _, first := range askers {
		if err := w.cache.Invalidate(t.Context(), unstale.Pattern("*")); err != nil {
			t.Fatal(err)
		}
		for path, route := range routes {
			order := slices.DeleteFunc(slices.Clone(askers), func(as string) bool { return as == first })
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for _, as := range slices.Concat([]string{first}, order, []string{first}) {
				r := read{as, path}
				got, want := r.peek(w.site), truth[r]
				if got.meaning() != want.meaning() {
					t.Errorf("%s: %s as %q, warmed by %q (%s):\n got %.1000q\nwant %.1000q", route, path, as, first, got.header.Get("Cache-Status"), got.meaning(), want.meaning())
				}
				if got.hit() {
					hits++
				}
			}
		}
	}
	if hits < len(routes)*len(askers) {
		t.Errorf("only %d hits: the cache was hardly asked", hits)
	}
	w.passes(doc, routes, askers, twin)
}

// refuses fails the test unless a route that needs a token refuses whoever has
// no good one.
func (w *everything) refuses(doc document, routes map[string]string, truth map[read]answer) {
	w.Helper()
	for r, a := range truth {
		if good := r.as != "" && !slices.Contains(strangers, r.as); !good && doc[routes[r.path]] && a.status != http.StatusUnauthorized {
			w.Errorf("%s as %q: %d %s", r.path, r.as, a.status, a.body)
		}
	}
}

// tellsApart fails the test unless there are, for each route with answers of
// one's own, two people who get different ones: else it would prove nothing
// that they get the right ones. A route that is not, or that some may not ask,
// has both answers and refusals.
func (w *everything) tellsApart(doc document, routes map[string]string, truth map[read]answer) {
	w.Helper()
	different, refused := map[string]bool{}, map[string]bool{}
	said := map[string]map[string]bool{} // by path
	for r, a := range truth {
		if a.status != http.StatusOK {
			refused[routes[r.path]] = true
			continue
		}
		if said[r.path] == nil {
			said[r.path] = map[string]bool{}
		}
		said[r.path][a.meaning()] = true
		different[routes[r.path]] = different[routes[r.path]] || len(said[r.path]) > 1
	}
	for _, route := range slices.Compact(slices.Sorted(maps.Values(routes))) {
		if doc[route] && (different[route] == slices.Contains(alike, route) || !refused[route]) {
			w.Errorf("%s: people get different answers: %v, some get none: %v", route, different[route], refused[route])
		}
		if !doc[route] && different[route] {
			w.Errorf("%s needs no token and answers people differently", route)
		}
	}
}

// passes asks the GETs that must reach their handlers as everybody. They say how
// the site does, or count, so that only the status and the files are compared.
func (w *everything) passes(doc document, routes map[string]string, askers []string, twin *site) {
	w.Helper()
	asked := slices.Collect(maps.Values(routes))
	for _, g := range w.passing() {
		asked = append(asked, "GET "+g.route)
		for _, path := range g.paths {
			for _, as := range append(slices.Clone(askers), askers...) {
				r := read{as, path}
				got, want := r.peek(w.site), r.peek(twin)
				download := strings.HasSuffix(g.route, "/download")
				if got.status != want.status || download && got.meaning() != want.meaning() {
					w.Errorf("%s as %q: %d, want %d", path, as, got.status, want.status)
				}
				if got.hit() {
					w.Errorf("%s comes from the cache: %s", path, got.header.Get("Cache-Status"))
				}
			}
		}
	}
	for operation := range doc {
		if strings.HasPrefix(operation, "GET ") && !slices.Contains(asked, operation) {
			w.Errorf("nobody asks for %s", operation)
		}
	}
}
