package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (s *server) metricsRoutes() {
	prometheus := promhttp.HandlerFor(s.gatherer, promhttp.HandlerOpts{})
	s.mux.HandleFunc(metricsRoute, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		prometheus.ServeHTTP(w, r)
	})
	method, path := splitPattern(metricsRoute)
	s.huma.OpenAPI().AddOperation(&huma.Operation{ // which nobody else does: the handler is not huma's
		Method: method, Path: path, Summary: "Show the metrics in the text format of Prometheus",
		OperationID: operationID(method, path), Tags: []string{tag(path)},
		Responses: map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	})
	handle(s, metricsCacheRoute, anyone, "Show what the cache has done", s.cacheStats)
	handle(s, metricsHealthRoute, anyone, "Is the service well", s.metricsHealth)
}

// health is how the service is.
type health struct {
	Status       string `json:"status" enum:"healthy,unhealthy"`
	Database     string `json:"database" enum:"healthy,unhealthy"`
	CacheEnabled bool   `json:"cache_enabled"`
}

func (s *server) metricsHealth(ctx context.Context, _ *struct{}) (*answer[health], error) {
	h := health{"healthy", "healthy", s.cache.Enabled()}
	if err := s.store.DB().PingContext(ctx); err != nil {
		s.logger.ErrorContext(ctx, "the database does not answer", "error", err)
		h.Status, h.Database = "unhealthy", "unhealthy"
	}
	return noStore(say(ctx, h, "健康检查完成", "How the service is")), nil
}
