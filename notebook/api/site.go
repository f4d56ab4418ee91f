package api

import (
	"context"
	"encoding/json"
	"net/http"

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

// serveDocs serves the API reference for people. It is rendered once, from the
// document that every registered route is in.
func (s *server) serveDocs() error {
	document, err := json.Marshal(s.huma.OpenAPI())
	if err != nil {
		return err
	}
	page, err := web.Reference(document)
	if err != nil {
		return err
	}
	s.mux.HandleFunc(docsRoute, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_, _ = w.Write(page) // the client is gone
	})
	return nil
}
