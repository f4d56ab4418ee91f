// Package server serves the notebook over HTTP. It has what the JSON API and the
// pages for people share: who asks, in which language, how often, and what they
// are told when something fails.
//
// The order of a request is: pace, log, cache, handlers. The cache stands around
// everything, and knows of no route but by its policy, which stands where the
// route is registered.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/live"
	"github.com/unstale/unstale/notebook/service"
)

// Config is what a server is made of.
type Config struct {
	// Service is what people can do.
	Service *service.Service
	// Cache stands around everything. It may be off, not nil.
	Cache *unstale.Cache
	// Proxies are those whose X-Forwarded-For says who the client is, for the
	// limits on how often a client may try. Default none: the client is the one who
	// has connected.
	Proxies []netip.Prefix
	// Origins are those whose pages may read answers and hold WebSocket connections
	// (see ParseOrigins). Default none but our own.
	Origins []string
	// HTTPS says that the site is reached by TLS alone, whoever ends it: browsers are
	// told so, and send the session no other way.
	HTTPS bool
	// AdminApart keeps what administers and measures the notebook off the Handler: it
	// is served by Admin alone.
	AdminApart bool
	// Logger receives one line per request and the cause of every 5xx. Default
	// slog.Default.
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Prefix is with what the keys of the notebook's cache begin.
const Prefix = "maimnp"

// Server is the whole service, all of it through the cache: what is under /api,
// the pages for people at /, and /health, /docs and /openapi.json.
type Server struct {
	http.Handler
	// Admin serves everything, what administers and measures included.
	Admin http.Handler
	*service.Service
	Mux    *Mux
	Cache  *unstale.Cache
	Logger *slog.Logger
	Live   *live.Hub
	// AdminApart says that what administers and measures the notebook is served by Admin
	// alone.
	AdminApart bool
	// Attempts limits registrations and resets, Mailings codes asked for, Downloads
	// archives that are made.
	Attempts, Mailings, Downloads *service.Limiter
	// FailedReads counts GETs that failed on our side.
	FailedReads atomic.Uint64
	// Home is what browsers get at /, and Lost where there is nothing.
	Home http.HandlerFunc
	Lost func(http.ResponseWriter, *http.Request, *Failure)

	proxies []netip.Prefix
	origins []string
	https   bool
	logins  *service.Limiter
}

// New returns a server of what the parts register, which the caller closes.
func New(c Config, parts ...func(*Server) error) (*Server, error) {
	s := &Server{
		Service: c.Service, Mux: newMux(), Cache: c.Cache, Logger: c.Logger, Live: live.NewHub(live.Options{}), proxies: c.Proxies,
		origins: c.Origins, https: c.HTTPS, AdminApart: c.AdminApart,
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s.logins = service.NewLimiter(maxLogins, attemptsPer, c.Now)
	s.Attempts = service.NewLimiter(maxAttempts, attemptsPer, c.Now)
	s.Mailings = service.NewLimiter(maxMailings, mailingsPer, c.Now)
	s.Downloads = service.NewLimiter(maxDownloads, downloadsPer, c.Now)
	for _, register := range parts {
		if err := register(s); err != nil {
			return nil, err
		}
	}
	s.Mux.HandleFunc("/", s.NotFound)
	cached, err := c.Cache.Middleware(unstale.HandlerOptions{
		Name:     "notebook", // in every process that shares its answers
		Identity: s.identity, Route: s.Mux.Route, ExplainTo: s.explainTo, Policies: s.Mux.policies,
		// From where a browser sends a request decides who asks, and who may read the
		// answer: of that nothing is left within the cache.
		IgnoreFields: []string{"Origin", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site"},
	})
	if err != nil {
		return nil, err
	}
	inner := cached(s.Mux)
	s.Admin = paced(s.outermost(inner))
	s.Handler = s.Admin
	if c.AdminApart {
		s.Handler = paced(s.outermost(s.withoutAdmin(inner)))
	}
	return s, nil
}

// Close ends the WebSocket connections, which no server does that stops, and
// returns when the last has ended. It comes before the store is closed.
func (s *Server) Close() { s.Live.Close() }

// identity says who asks by a valid token, "" without a token.
func (s *Server) identity(r *http.Request) (string, error) {
	token, kind := s.Presented(r)
	if kind == "" {
		return "", nil
	}
	id, err := s.Accounts.Identify(r.Context(), token, kind)
	if err != nil { // of which the asker is told, unlike of an identity that is not known
		s.Logger.LogAttrs(r.Context(), slog.LevelError, "identifying a user failed",
			slog.String("request_id", r.Header.Get(requestIDField)), slog.Any("error", err))
	}
	return id, nil
}

// explainTo lets admins see in Cache-Status what caused a miss. It asks only
// where there is something to see and somebody has logged in.
func (s *Server) explainTo(r *http.Request) bool {
	_, err := s.Accounts.Require(r.Context(), notebook.RoleAdmin)
	return err == nil
}

type userKey struct{}

// WithUser returns a context for what a user does whom the route requires.
func WithUser(ctx context.Context, u *notebook.User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// User returns the user whom the route requires.
func User(ctx context.Context) *notebook.User {
	u, _ := ctx.Value(userKey{}).(*notebook.User)
	return u
}
