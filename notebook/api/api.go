// Package api serves the notebook over HTTP.
//
// The order of a request is: log, cache, handlers. The cache stands around
// everything; handlers read through the store with the request's context, and
// say who asks by userOf or who. Nothing here says what an answer depends on or
// what a write makes stale. Four files name keys: binding.go the one under
// which an account is loaded when a token is checked, socket.go the one under
// which it is known whether somebody's messages have changed, results.go those
// of pages of knowledge bases, resources.go those that people may want to
// invalidate by hand, with the tags of what no database holds.
// watched.go declares files that people edit. patterns.go names the routes that
// are not cached, and those whose answers no database holds.
package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/live"
	"github.com/unstale/unstale/notebook/moderation"
	"github.com/unstale/unstale/notebook/store"
)

// Config is what the API is made of.
type Config struct {
	// Binding is the one whose Options the Cache was made with.
	Binding *Binding
	// Store and Files hold the data.
	Store *store.Store
	Files *files.Store
	// Cache stands around everything. It may be off, not nil.
	Cache *unstale.Cache
	// Dictionary is the path of the JSON file with the translations, which people
	// may edit at any time. No file there: an empty dictionary.
	Dictionary string
	// Moderator judges texts. Default moderation.DefaultWords.
	Moderator moderation.Moderator
	// Mailer brings people their codes. Nil: what needs mail answers that there is
	// none.
	Mailer Mailer
	// Proxies are those whose X-Forwarded-For says who the client is, for the
	// limits on how often a client may try. Default none: the client is whoever
	// has connected.
	Proxies []netip.Prefix
	// Gatherer feeds /api/metrics/prometheus. Nil: an empty page.
	Gatherer prometheus.Gatherer
	// Logger receives one line per request and the cause of every 5xx. Default
	// slog.Default.
	Logger *slog.Logger
	// PasswordCost is the bcrypt cost of new passwords. Default
	// bcrypt.DefaultCost.
	PasswordCost int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Version appears in the OpenAPI document and at /. Default "dev".
	Version string
}

// server is the API.
type server struct {
	store    *store.Store
	files    *files.Store
	cache    *unstale.Cache
	gatherer prometheus.Gatherer
	logger   *slog.Logger
	tokens   tokens
	cost     int
	version  string
	clock    func() time.Time
	mux      *mux
	huma     huma.API
	decoy    string // the hash against which a nobody's password is checked
	live     *live.Hub

	front *front

	failedReads atomic.Uint64 // GETs that failed on our side

	dictionary *watchedFile
	moderator  moderation.Moderator
	moderation *declared[moderationState]

	mailer             Mailer
	proxies            []netip.Prefix
	attempts, mailings *limiter
}

// API is the whole service: what is under /api, the pages for people at /, and
// /health, /docs and /openapi.json, all of it through the cache.
type API struct {
	http.Handler
	live *live.Hub
}

// Close ends the WebSocket connections, which no server does that stops, and
// returns when the last has ended. It comes before the store is closed.
func (a *API) Close() { a.live.Close() }

// New returns the service, which the caller closes. It is called once per
// Binding, before the first request.
func New(c Config) (*API, error) {
	s := &server{
		store: c.Store, files: c.Files, cache: c.Cache, gatherer: c.Gatherer, logger: c.Logger,
		cost: c.PasswordCost, version: c.Version, clock: c.Now, mux: newMux(), live: live.NewHub(live.Options{}),
	}
	if s.gatherer == nil {
		s.gatherer = prometheus.NewRegistry()
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.version == "" {
		s.version = "dev"
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.dictionary = watch(c.Dictionary, dictionaryTag, c.Cache)
	if s.moderator = c.Moderator; s.moderator == nil {
		s.moderator = moderation.DefaultWords()
	}
	s.moderation = declare(moderationState{moderator: s.moderator.Name(), well: true}, moderationTag, c.Cache)
	s.mailer, s.proxies = c.Mailer, c.Proxies
	s.attempts = newLimiter(maxAttempts, attemptsPer, s.clock)
	s.mailings = newLimiter(maxMailings, mailingsPer, s.clock)
	s.tokens = tokens{secret: c.Binding.secret, now: s.clock}
	var err error
	if s.decoy, err = notebook.HashPassword("nobody's password", s.cost); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s.huma = humago.New(s.mux, s.document())
	s.huma.UseMiddleware(withCaller)
	s.routes()
	s.completeDocument()
	s.serveDocs()
	if err := s.frontRoutes(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if err := c.Binding.bind(s); err != nil {
		return nil, err
	}
	cached, err := c.Cache.Middleware(c.Binding.handlerOptions())
	if err != nil {
		return nil, err
	}
	return &API{s.outermost(s.watching(cached(s.mux))), s.live}, nil
}

func (s *server) routes() {
	s.siteRoutes()
	s.authRoutes()
	s.userRoutes()
	for _, k := range notebook.ItemKinds() {
		i := items{s, k}
		i.routes()
		i.fileRoutes()
		i.starRoutes()
		i.reviewRoutes()
	}
	s.starRoutes()
	s.historyRoutes()
	s.commentRoutes()
	s.messageRoutes()
	s.registrationRoutes()
	s.avatarRoutes()
	s.adminUserRoutes()
	s.dictionaryRoutes()
	s.moderationRoutes()
	s.cacheRoutes()
	s.metricsRoutes()
	s.mux.HandleFunc("/", s.notFound)
}

// now returns the time as the store keeps it.
func (s *server) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// document configures OpenAPI. Responses get no $schema field and no Link: their
// shape is the front ends'.
func (s *server) document() huma.Config {
	useEnvelopes()
	c := huma.DefaultConfig("Notebook", s.version)
	c.CreateHooks, c.DocsPath, c.SchemasPath = nil, "", ""
	c.Transformers = []huma.Transformer{answerFields}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	return c
}
