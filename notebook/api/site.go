package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook/web"
)

func (s *server) siteRoutes() {
	handle(s, "GET /", anyone, "What this is; for browsers, the page to begin at", s.about,
		func(op *huma.Operation) { op.Middlewares = append(op.Middlewares, s.home) })
	handle(s, healthRoute, anyone, "Is the service up", s.up)
}

type about struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	OpenAPI string `json:"openapi"`
	Docs    string `json:"docs"`
}

func (s *server) about(ctx context.Context, _ *struct{}) (*answer[about], error) {
	return say(ctx, about{"notebook", s.version, "/openapi.json", "/docs"}, "麦麦笔记本", "The notebook"), nil
}

type up struct {
	Status string `json:"status"`
}

func (s *server) up(ctx context.Context, _ *struct{}) (*answer[up], error) {
	return noStore(say(ctx, up{"healthy"}, "服务正常", "The service is up")), nil
}

// serveDocs serves the documentation, which is made when somebody first asks.
func (s *server) serveDocs() {
	page := sync.OnceValues(func() ([]byte, error) {
		document, err := json.Marshal(s.huma.OpenAPI())
		if err != nil {
			return nil, err
		}
		return web.Reference(document)
	})
	s.mux.HandleFunc(docsRoute, func(w http.ResponseWriter, _ *http.Request) {
		page, err := page()
		if err != nil {
			panic(fmt.Errorf("documentation: %w", err)) // answered and logged like any
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_, _ = w.Write(page) // the client is gone
	})
}
