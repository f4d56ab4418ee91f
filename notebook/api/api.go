// Package api is the notebook's JSON API: for each route its input, its answer
// and its documentation. What people can do is package service's affair.
package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// api is the routes of a server.
type api struct {
	*server.Server
	huma    huma.API
	version string
}

// Routes registers the routes. The gatherer feeds /api/metrics/prometheus, with
// nothing if it is nil; the version appears in the OpenAPI document and at /.
func Routes(g prometheus.Gatherer, version string) func(*server.Server) error {
	if g == nil {
		g = prometheus.NewRegistry()
	}
	return func(s *server.Server) error {
		a := &api{Server: s, version: version}
		a.huma = humago.New(s.Mux, a.document())
		a.huma.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
			next(huma.WithContext(ctx, server.WithCaller(ctx.Context(), callerOf(ctx))))
		})
		a.siteRoutes()
		a.authRoutes()
		a.userRoutes()
		for _, k := range notebook.ItemKinds() {
			i := items{a.Items(k), a}
			i.routes()
			i.fileRoutes()
			i.starRoutes()
			i.reviewRoutes()
		}
		a.ownRoutes()
		a.commentRoutes()
		a.messageRoutes()
		a.registrationRoutes()
		a.avatarRoutes()
		a.adminUserRoutes()
		a.dictionaryRoutes()
		a.moderationRoutes()
		a.cacheRoutes()
		a.metricsRoutes(g)
		a.completeDocument()
		a.serveDocs()
		return nil
	}
}

// document configures OpenAPI. Responses get no $schema field and no Link: their
// shape is the front ends'.
func (a *api) document() huma.Config {
	useEnvelopes()
	c := huma.DefaultConfig("Notebook", a.version)
	c.CreateHooks, c.DocsPath, c.SchemasPath = nil, "", ""
	c.Formats = map[string]huma.Format{"application/json": onlyUTF8, "json": onlyUTF8}
	c.Transformers = []huma.Transformer{answerFields}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	a.Mux.Constant("GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml")
	return c
}

func callerOf(ctx huma.Context) server.Caller {
	u := ctx.URL()
	return server.NewCaller(ctx.Method(), u.Path, ctx.Header)
}

// require lets only users with at least this role pass. It comes before the
// input is read: a stranger learns nothing from what is wrong with it.
func (a *api) require(least notebook.Role) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		u, err := a.Accounts.Require(ctx.Context(), least)
		if err != nil {
			a.refuse(ctx, err)
			return
		}
		next(huma.WithContext(ctx, server.WithUser(ctx.Context(), u)))
	}
}

// limited refuses clients who try an operation too often, before their input is
// read.
func (a *api) limited(l *service.Limiter) func(*huma.Operation) {
	return func(op *huma.Operation) {
		fails(notebook.ErrTooManyRequests)(op)
		op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
			r, _ := humago.Unwrap(ctx)
			if err := a.Admit(l, r); err != nil {
				a.refuse(ctx, err)
				return
			}
			next(ctx)
		})
	}
}

// refuse answers with an error before the handler has run.
func (a *api) refuse(ctx huma.Context, err error) {
	_, w := humago.Unwrap(ctx)
	a.Failure(ctx.Context(), callerOf(ctx), err).Write(w)
}

// access says who may use a route: "" is anyone.
const anyone notebook.Role = ""

// What an input holds in bytes, unless it is an upload, of users and of anybody.
const (
	maxJSON      = 1 << 20
	maxStrangers = 16 << 10
)

// handle registers a handler under a pattern such as "GET /api/users/me". It
// returns the operation as it is documented, so that more can be said about it.
func handle[I, O any](a *api, pattern string, least notebook.Role, summary string, handler func(context.Context, *I) (*O, error), adjust ...func(*huma.Operation)) *huma.Operation {
	method, path := splitPattern(pattern)
	op := huma.Operation{
		Method: method, Path: path, Summary: summary, OperationID: operationID(method, path),
		Tags: []string{tag(path)}, DefaultStatus: http.StatusOK, MaxBodyBytes: maxJSON,
	}
	if least == anyone {
		op.MaxBodyBytes = maxStrangers
	} else {
		op.Security = []map[string][]string{{"bearer": {}}}
		op.Middlewares = huma.Middlewares{a.require(least)}
		if least != notebook.RoleUser {
			op.Description = "Needs the role " + string(least) + "."
		}
	}
	for _, f := range adjust {
		f(&op)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		var out *O
		err := checkTexts(reflect.ValueOf(in))
		if err == nil {
			out, err = handler(ctx, in)
		}
		if err != nil {
			return nil, a.Failure(ctx, server.CallerIn(ctx), err)
		}
		return out, nil
	})
	return documented(a.huma.OpenAPI().Paths[path], method)
}

func documented(p *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodPost:
		return p.Post
	case http.MethodPut:
		return p.Put
	case http.MethodDelete:
		return p.Delete
	}
	return p.Get
}
