package unstale

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

// Identity returns what HandlerOptions.Identity said about the request that ctx belongs
// to: who asks, or "" for nobody. In a fill the asking is observed: the answer is
// kept for that identity alone, and depends on whatever the identity was found
// from. Without HandlerOptions.Identity, or with a context that belongs to no
// request, it returns "".
func Identity(ctx context.Context) string {
	s := scopeOf(ctx)
	if s == nil {
		return ""
	}
	return s.who()
}

// who returns the identity and lets the scope's fill depend on it.
func (s *scope) who() string {
	if s.cache == nil {
		return ""
	}
	if s.fill != nil {
		// Where nobody is known to ask, too: what Load stores may be asked for by a
		// handler that knows.
		s.fill.ask()
	}
	if s.asker == nil || s.asker.Identity == nil {
		return ""
	}
	if s.fill != nil {
		// After a panic, too: a handler that recovers answers without knowing.
		defer func() { s.fill.use(&s.asker.fill) }()
	}
	return s.asker.askWithin(s.flight)
}

// An asker finds out who asks, at most once per request and only when somebody
// wants to know.
type asker struct {
	*middleware
	request *http.Request // as it came, credentials included
	route   string        // of the request
	path    string        // as it came; handlers may rewrite the request's

	once  sync.Once
	id    string
	fill  fill          // what the identity was found from
	scope scope         // of the function that found it
	ctx   scopedContext // its context
	open  transactions  // its transactions, where the request has none
}

func newAsker(m *middleware, r *http.Request, route string) *asker {
	return &asker{middleware: m, request: r, route: route, path: r.URL.Path}
}

// name returns what the request is called in explanations: never its query, and
// its path only where no route says it in general.
func (a *asker) name() string {
	switch method := a.request.Method; {
	case a.cache.history == nil:
		return ""
	case a.route == "":
		return method + " " + cut(a.path, maxName)
	case strings.HasPrefix(a.route, method+" "):
		return a.route
	default:
		return method + " " + a.route
	}
}

// request returns in whose course the scope's code runs, as in Change.Request.
func (s *scope) request() string {
	if s == nil || s.course == nil {
		return ""
	}
	return s.course.name()
}

// ask is askWithin outside of any flight.
func (a *asker) ask() string { return a.askWithin(nil) }

// askWithin runs HandlerOptions.Identity, within the flight of whoever asks first. A
// failure is logged, gives "", and makes what depends on it unstorable.
func (a *asker) askWithin(within *flight) string {
	a.once.Do(func() {
		a.fill.cache, a.fill.route = a.cache, a.route
		// Every hit may ask, and most services mark what they read.
		a.cache.unmarked.open(&a.fill, a.cache.unmarked.seen.Load())
		known := false
		defer func() {
			if !known { // an error or a panic: leave nothing that could pass for an identity
				a.fill.refuse(refusedIdentity)
			}
			a.fill.end()
		}()
		ctx := a.request.Context()
		outer := scopeOf(ctx)
		a.scope = scope{cache: a.cache, course: a, fill: &a.fill, flight: within, transactions: &a.open, outer: outer, asking: true}
		if outer != nil {
			a.scope.transactions = outer.transactions
		}
		a.ctx = scopedContext{ctx, &a.scope}
		var id string
		var err error
		a.fill.numbered(func() { id, err = a.Identity(a.request.WithContext(&a.ctx)) })
		if err != nil {
			a.cache.logger.LogAttrs(ctx, slog.LevelWarn,
				"unstale: HandlerOptions.Identity failed; answers that ask are not cached", slog.Any("error", err))
			return
		}
		a.id, known = id, true
	})
	return a.id
}

// lookedOutside is called when a handler's fill finds a value in its context
// that was put there outside the cache. Such a value may say who asks, or by which
// listener.
func (s *scope) lookedOutside(key any) {
	switch {
	case key == http.LocalAddrContextKey:
		s.fill.choose(inputLocalAddr)
		return
	case key == http.ServerContextKey:
		s.fill.choose(inputServer)
		return
	case s.cache.neutral(key, true):
		return
	}
	s.cache.reportOnce(siteContext(key), fmt.Sprintf("unstale: a handler looked at a context value of type %T from outside the cache; this counts as asking who asks", key))
	s.askFor()
}

// askFor counts a look at what may say who asks as asking. Where nobody is known
// to ask, it is all that tells clients apart.
func (s *scope) askFor() {
	if s.who() == "" {
		s.fill.refuse(refusedContext)
	}
}
