package api

import (
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/web"
)

// Patterns of routes that are named in more than one place.
const (
	cacheStatsRoute    = "GET /api/admin/cache/stats"
	metricsRoute       = "GET /api/metrics/prometheus"
	metricsCacheRoute  = "GET /api/metrics/cache"
	metricsHealthRoute = "GET /api/metrics/health"
	healthRoute        = "GET /health"
	socketRoute        = "GET /api/ws/{token}"
	liveRoute          = "GET /live"
	docsRoute          = "GET /docs"
	assetRoute         = "GET " + web.AssetsPath + "{name}"
	dictionaryRoute    = "GET /api/dictionary/translation"

	moderationHealthRoute = "GET /api/moderation/health"
)

// uncachedRoutes returns the GET routes that every request must reach: those
// that count, and those that show what nobody tracks.
func uncachedRoutes() []string {
	list := []string{cacheStatsRoute, cacheExplainRoute, metricsRoute, metricsCacheRoute, metricsHealthRoute, healthRoute, socketRoute, liveRoute}
	for _, k := range notebook.ItemKinds() {
		list = append(list, downloadRoute(k))
	}
	return list
}

// itemRoute returns the pattern of a route about items of the kind.
func itemRoute(k notebook.ItemKind, method, rest string) string {
	return method + " /api/" + string(k) + "/" + rest
}

func downloadRoute(k notebook.ItemKind) string { return itemRoute(k, "GET", "{id}/download") }

// uploadRoutes returns the routes that take the files of items of the kind.
func uploadRoutes(k notebook.ItemKind) (create, add string) {
	return itemRoute(k, "POST", "upload"), itemRoute(k, "POST", "{id}/files")
}

// constantLife is how long an answer is kept that stays the same for as long as
// the process runs.
const constantLife = time.Hour

// constantRoutes returns the GET routes with such answers, as the mux names
// them. They read nothing from which the cache could know that.
func constantRoutes() []string {
	return []string{
		"GET /{$}", docsRoute, assetRoute, "GET /login", "GET /register",
		"GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml",
	}
}

func splitPattern(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, path
}

// operationID returns a name such as get-persona-id-starred.
func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/api/"), func(r rune) bool { return strings.ContainsRune("/{}_", r) })
	return strings.Join(append([]string{strings.ToLower(method)}, words...), "-")
}

// tag returns the first segment of a path, which groups the documentation.
func tag(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "/api"), "/"), "/")
	if first == "" {
		return "site"
	}
	return first
}
