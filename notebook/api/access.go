package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// caller is what an answer needs of its request besides its input.
type caller struct {
	method, path, requestID string
	lang                    notebook.Lang
}

type callerKey struct{}

// withCaller puts the caller into the context, inside the cache: the values that
// an answer depends on come from the request that the cache knows.
func withCaller(ctx huma.Context, next func(huma.Context)) {
	next(huma.WithValue(ctx, callerKey{}, callerOf(ctx)))
}

func callerOf(ctx huma.Context) caller {
	u := ctx.URL()
	return caller{ctx.Method(), u.Path, ctx.Header(requestIDField), language(ctx.Header("Accept-Language"))}
}

func callerIn(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

var errUnknown = errors.New("who asks could not be found out")

// who returns the user who asks, nil for nobody, or notebook.ErrInvalidToken.
// An answer made after asking is kept for that user alone, so handlers ask only
// when they have to know.
func (s *server) who(ctx context.Context) (*notebook.User, error) {
	switch id := unstale.Identity(ctx); id {
	case "":
		return nil, nil
	case stranger:
		return nil, notebook.ErrInvalidToken
	case unknown:
		return nil, errUnknown
	default:
		u, err := s.store.User(ctx, id)
		if errors.Is(err, notebook.ErrUserNotFound) {
			return nil, notebook.ErrInvalidToken
		}
		return u, err
	}
}

type userKey struct{}

// userOf returns the user that the route requires.
func userOf(ctx context.Context) *notebook.User {
	u, _ := ctx.Value(userKey{}).(*notebook.User)
	return u
}

// require lets only users with at least this role pass. It comes before the
// input is read: a stranger learns nothing from what is wrong with it.
func (s *server) require(least notebook.Role) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		u, err := s.who(ctx.Context())
		switch {
		case err != nil:
		case u == nil:
			err = notebook.ErrLoginRequired
		case !u.Role.Includes(least):
			err = notebook.ErrForbidden
		default:
			next(huma.WithValue(ctx, userKey{}, u))
			return
		}
		s.refuse(ctx, err)
	}
}

// access says who may use a route.
type access struct{ least notebook.Role }

// Who may use a route.
var (
	anyone     = access{}
	users      = access{notebook.RoleUser}
	moderators = access{notebook.RoleModerator}
	admins     = access{notebook.RoleAdmin}
)

// handle registers a handler under a pattern such as "GET /api/users/me". It
// returns the operation as it is documented, so that more can be said about it.
func handle[I, O any](s *server, pattern string, a access, summary string, handler func(context.Context, *I) (*O, error), adjust ...func(*huma.Operation)) *huma.Operation {
	method, path := splitPattern(pattern)
	op := huma.Operation{
		Method: method, Path: path, Summary: summary, OperationID: operationID(method, path),
		Tags: []string{tag(path)}, DefaultStatus: http.StatusOK, MaxBodyBytes: maxJSON,
	}
	if a != anyone {
		op.Security = []map[string][]string{{"bearer": {}}}
		op.Middlewares = huma.Middlewares{s.require(a.least)}
		if a != users {
			op.Description = "Needs the role " + string(a.least) + "."
		}
	}
	for _, f := range adjust {
		f(&op)
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.failure(ctx, callerIn(ctx), err)
		}
		return out, nil
	})
	return documented(s.huma.OpenAPI().Paths[path], method)
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
