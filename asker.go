package unstale

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// An asker finds out who asks, at most once per request and only when somebody
// wants to know.
type asker struct {
	engine *engine
	from   identifier // nil: nobody is known to ask
	realm  string     // in which what from says has a meaning
	named  bool       // which it has in every process
	method string     // of the request
	route  string     // of the request
	path   string     // as it came; handlers may rewrite the request's

	holdings *holdings // of the request
	own      holdings  // these, unless it is a part of another one

	begun atomic.Bool    // somebody finds it out
	known sync.WaitGroup // until they have
	found atomic.Bool    // they have
	id    string
	fill  fill          // what the identity was found from
	scope scope         // of the function that found it
	ctx   scopedContext // its context
}

// An identifier is a request that says who asks.
type identifier interface {
	context() context.Context
	identify(ctx context.Context) (string, error)
}

// name returns what the request is called in explanations: never its query, and
// its path only where no route says it in general.
func (a *asker) name() string {
	switch {
	case a.engine.history == nil:
		return ""
	case a.route == "":
		return a.method + " " + cut(a.path)
	case strings.HasPrefix(a.route, a.method+" "):
		return a.route
	default:
		return a.method + " " + a.route
	}
}

// request returns in whose course the scope's code runs, as in Change.Request.
func (s *scope) request() string {
	if s == nil || s.course == nil {
		return ""
	}
	return s.course.name()
}

// who returns the identity and lets the scope's fill depend on it.
func (s *scope) who() string {
	if s.engine == nil {
		return ""
	}
	if s.fill != nil {
		// Where nobody is known to ask, too: what Load stores may be asked for by a
		// handler that knows.
		s.fill.ask()
	}
	if s.asker == nil || s.asker.from == nil {
		return ""
	}
	if s.fill != nil && !s.asker.named {
		s.fill.stayHere() // what names mean is a matter of this process
	}
	if s.fill != nil {
		// After a panic, too: a handler that recovers answers without knowing.
		defer func() { s.fill.use(&s.asker.fill) }()
	}
	return s.asker.askWithin(s.flight)
}

// ask is askWithin outside of any flight.
func (a *asker) ask() string { return a.askWithin(nil) }

// askWithin runs HandlerOptions.Identity, within the flight of whoever asks first. A
// failure is logged, gives "", and makes what depends on it unstorable.
func (a *asker) askWithin(within *flight) string {
	switch {
	case a.found.Load():
	case a.begun.CompareAndSwap(false, true):
		a.findOut(within)
	default:
		a.known.Wait()
	}
	return a.id
}

// findOut is called once.
func (a *asker) findOut(within *flight) {
	a.fill.engine, a.fill.route = a.engine, a.route
	// Every hit may ask, and most services mark what they read.
	a.engine.unmarked.open(&a.fill, a.engine.unmarked.seen.Load())
	known := false
	defer func() {
		if !known { // an error or a panic: leave nothing that could pass for an identity
			a.fill.refuse(refusedIdentity)
		}
		a.fill.end()
		a.found.Store(true)
		a.known.Done()
	}()
	ctx := a.from.context()
	a.scope = scope{engine: a.engine, course: a, fill: &a.fill, flight: within, holdings: a.holdings, outer: scopeOf(ctx), asking: true}
	a.ctx = scopedContext{ctx, &a.scope}
	var id string
	var err error
	a.fill.numbered(func() { id, err = a.from.identify(&a.ctx) })
	if err != nil {
		a.engine.logger.LogAttrs(ctx, slog.LevelWarn,
			"unstale: HandlerOptions.Identity failed; answers that ask are not cached", slog.Any("error", err))
		return
	}
	a.id, known = id, true
}
