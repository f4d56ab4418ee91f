package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/web"
)

func (a *api) siteRoutes() {
	const health = "GET /health"
	a.Mux.Uncached(health)
	a.Mux.Constant("GET /{$}")
	handle(a, "GET /", anyone, "What this is; for browsers, the page to begin at", a.about,
		func(op *huma.Operation) { op.Middlewares = append(op.Middlewares, a.home) })
	handle(a, health, anyone, "Is the service up", a.up)
}

// home is what answers to GET / unless it is asked for JSON.
func (a *api) home(ctx huma.Context, next func(huma.Context)) {
	ctx.AppendHeader("Vary", "Accept")
	if r, w := humago.Unwrap(ctx); server.WantsPage(r) {
		a.Home(w, r)
		return
	}
	next(ctx)
}

type about struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	OpenAPI string `json:"openapi"`
	Docs    string `json:"docs"`
}

func (a *api) about(ctx context.Context, _ *struct{}) (*answer[about], error) {
	return say(ctx, about{"notebook", a.version, "/openapi.json", "/docs"}, "麦麦笔记本", "The notebook"), nil
}

type up struct {
	Status string `json:"status"`
}

// upAnswer has its data twice: clients that know no envelope read them beside it.
type upAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		envelope[up]
		up
	}
}

func (a *api) up(ctx context.Context, _ *struct{}) (*upAnswer, error) {
	w := &upAnswer{CacheControl: "no-store"}
	w.Body.up = up{"healthy"}
	w.Body.envelope = say(ctx, w.Body.up, "服务正常", "The service is up").Body
	return w, nil
}

// serveDocs serves the documentation, which is made when somebody first asks.
func (a *api) serveDocs() {
	page := sync.OnceValues(func() ([]byte, error) {
		document, err := json.Marshal(a.huma.OpenAPI())
		if err != nil {
			return nil, err
		}
		return web.Reference(document)
	})
	const docs = "GET /docs"
	a.Mux.Constant(docs)
	a.Mux.HandleFunc(docs, func(w http.ResponseWriter, _ *http.Request) {
		page, err := page()
		if err != nil {
			panic(fmt.Errorf("documentation: %w", err)) // answered and logged like any
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		server.Secure(w.Header(), "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'")
		_, _ = w.Write(page) // the client is gone
	})
}

func (a *api) metricsRoutes(g prometheus.Gatherer) {
	const route, cache, well = "GET /api/metrics/prometheus", "GET /api/metrics/cache", "GET /api/metrics/health"
	a.Mux.Uncached(route, cache, well)
	metrics := promhttp.HandlerFor(g, promhttp.HandlerOpts{})
	a.Mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		metrics.ServeHTTP(w, r)
	})
	method, path := splitPattern(route)
	a.huma.OpenAPI().AddOperation(&huma.Operation{ // which nobody else does: the handler is not huma's
		Method: method, Path: path, Summary: "Show the metrics in the text format of Prometheus",
		OperationID: operationID(method, path), Tags: []string{tag(path)},
		Responses: map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	})
	handle(a, cache, anyone, "Show what the cache has done", a.cacheMetrics)
	handle(a, well, anyone, "Is the service well", a.metricsHealth)
}

// health is how the service is.
type health struct {
	Status       string `json:"status" enum:"healthy,unhealthy"`
	Database     string `json:"database" enum:"healthy,unhealthy"`
	CacheEnabled bool   `json:"cache_enabled"`
}

// healthAnswer has its data twice, as upAnswer has.
type healthAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		envelope[health]
		health
	}
}

func (a *api) metricsHealth(ctx context.Context, _ *struct{}) (*healthAnswer, error) {
	h := health{"healthy", "healthy", a.Cache.Enabled()}
	if err := a.Ping(ctx); err != nil {
		a.Logger.ErrorContext(ctx, "the database does not answer", "error", err)
		h.Status, h.Database = "unhealthy", "unhealthy"
	}
	w := &healthAnswer{CacheControl: "no-store"}
	w.Body.health, w.Body.envelope = h, say(ctx, h, "健康检查完成", "How the service is").Body
	return w, nil
}
