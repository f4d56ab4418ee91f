package api

import (
	"strings"
	"time"
)

// Patterns of routes that are named in more than one place.
const (
	downloadRoute      = "GET /api/persona/{id}/download"
	cacheStatsRoute    = "GET /api/admin/cache/stats"
	metricsRoute       = "GET /api/metrics/prometheus"
	metricsCacheRoute  = "GET /api/metrics/cache"
	metricsHealthRoute = "GET /api/metrics/health"
	healthRoute        = "GET /health"
	docsRoute          = "GET /docs"
	dictionaryRoute    = "GET /api/dictionary/translation"

	moderationHealthRoute = "GET /api/moderation/health"
)

// uncachedRoutes returns the GET routes that every request must reach: those
// that count, and those that show what nobody tracks.
func uncachedRoutes() []string {
	return []string{downloadRoute, cacheStatsRoute, metricsRoute, metricsCacheRoute, metricsHealthRoute, healthRoute}
}

// constantLife is how long an answer is kept that stays the same for as long as
// the process runs.
const constantLife = time.Hour

// constantRoutes returns the GET routes with such answers, as the mux names
// them. They read nothing from which the cache could know that.
func constantRoutes() []string {
	return []string{
		"GET /{$}", docsRoute,
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
