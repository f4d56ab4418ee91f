package unstale

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/clock"
)

// A scope is the mark that a context carries: on whose behalf code with this
// context runs.
type scope struct {
	engine   *engine   // nil: of every cache
	fill     *fill     // nil: outside of any fill
	asker    *asker    // of the request; nil where nobody can be asked about
	flight   *flight   // of the function given to Load that is running, if one is
	holdings *holdings // of the request, or of the function given to Load where there is none
	outer    *scope    // the scope around this one
	course   *asker    // of the request in whose course this runs; nil if it is none
	asking   bool      // it finds out who asks, for which others may wait

	caller  atomic.Pointer[caller] // that was made last for an adapter
	first   caller                 // room for the first one
	claimed atomic.Bool            // first is taken
}

type scopeKey struct{}

// scopeOf returns the innermost scope of ctx, or nil.
func scopeOf(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// scopeFor returns the innermost scope of ctx that concerns c, or nil.
func scopeFor(ctx context.Context, c *engine) *scope {
	s := scopeOf(ctx)
	for s != nil && s.engine != c && s.engine != nil {
		s = s.outer
	}
	return s
}

// fills calls f for the fill of every cache that collects for ctx.
func fills(ctx context.Context, f func(*fill)) {
	var seen *engine
	for s := scopeOf(ctx); s != nil; s = s.outer {
		if s.fill != nil && s.engine != seen {
			f(s.fill)
			seen = s.engine
		}
		if s.engine == nil {
			return
		}
	}
}

// refuseOthers makes the fills of other caches that ctx belongs to unstorable:
// what is about to be used is known to c alone, and they would not hear of its
// changes.
func refuseOthers(ctx context.Context, c *engine) {
	for s := scopeOf(ctx); s != nil && s.engine != nil; s = s.outer {
		if s.engine != c && s.fill != nil {
			s.fill.refuse(refusedOtherCache)
		}
	}
}

// inFill reports whether ctx belongs to a fill of c.
func inFill(ctx context.Context, c *engine) bool {
	s := scopeFor(ctx, c)
	return s != nil && s.fill != nil
}

// Outside returns a context for work that concerns no answer: background jobs,
// probes, logging to the database. What is read with it is nobody's dependency;
// what is read without it, or the request's context, is that of every answer that
// is being made meanwhile.
func Outside(ctx context.Context) context.Context {
	s := &scope{outer: scopeOf(ctx)}
	if s.outer != nil {
		s.course = s.outer.course
	}
	return context.WithValue(ctx, scopeKey{}, s)
}

// DependOn says that the answer being made depends on what the tags stand for,
// which is something that no captured database holds. Outside of a fill, or
// without tags, it does nothing. Call it before reading what the tag stands for.
func DependOn(ctx context.Context, tags ...Tag) {
	if len(tags) == 0 {
		return // says nothing, so that nothing is known
	}
	fills(ctx, func(f *fill) {
		hashes := make([]uint64, len(tags))
		for i, t := range tags {
			hashes[i] = f.engine.hash(hashTag, string(t))
		}
		asOf := f.engine.ledger.Seq()
		for _, s := range f.engine.sources.all() {
			if slices.ContainsFunc(tags, func(t Tag) bool { return slices.Contains(s.tags, t) }) {
				f.dependOn(s, adapter.Dependencies{AsOf: asOf})
			}
		}
		f.dependOn(nil, adapter.Dependencies{AsOf: asOf, Hashes: hashes, From: f.engine.tagOrigin(tags)})
	})
}

// ExpireAt says that the answer being made is not to be served at t or later,
// for answers that change by the clock alone. It only ever shortens the life of
// the answer, which ends when the clock shows t, or when as much time has passed
// as it is until t now, should somebody set the clock. Outside of a fill it does
// nothing.
func ExpireAt(ctx context.Context, t time.Time) {
	fills(ctx, func(f *fill) { f.expireAt(t) })
}

// ExpireAfter is ExpireAt with a time relative to now.
func ExpireAfter(ctx context.Context, d time.Duration) {
	t := clock.Now().Add(d)
	fills(ctx, func(f *fill) {
		f.expireAt(t)
		f.age()
	})
}

// NoStore keeps the answer being made out of the cache, and everything that is
// made from it. Outside of a fill it does nothing.
func NoStore(ctx context.Context) {
	fills(ctx, func(f *fill) { f.refuse(refusedNoStore) })
}

// scopedContext is a context with a scope of its own.
type scopedContext struct {
	context.Context
	scope *scope
}

// Value implements context.Context.
func (c *scopedContext) Value(key any) any {
	if key == (scopeKey{}) {
		return c.scope
	}
	return c.Context.Value(key)
}

// fillContext is the context of a fill. It collects, it ends when nobody waits
// for the fill any longer, and it notices when code inside looks at a value that
// was put into the context outside.
type fillContext struct {
	context.Context                 // carries the end of the fill, no values of others
	outer           context.Context // of which values alone matter
	scope           *scope
	outside         func(key any) // called when a value from outside was found
}

// newFillContext returns the context of f and the function that ends it. Whoever
// runs the fill may have a deadline, which is the fill's, too: the code inside does
// then what it would do without a cache, and who waits for it begins anew.
func newFillContext(outer context.Context, s *scope, outside func(key any)) (*fillContext, context.CancelFunc) {
	var ctx context.Context
	var cancel context.CancelFunc
	if deadline, ok := outer.Deadline(); ok {
		ctx, cancel = context.WithDeadline(context.Background(), deadline)
	} else {
		ctx, cancel = context.WithCancel(context.Background())
	}
	return &fillContext{ctx, outer, s, outside}, cancel
}

// Value implements context.Context.
func (c *fillContext) Value(key any) any {
	if key == (scopeKey{}) {
		return c.scope
	}
	if v := c.Context.Value(key); v != nil {
		return v
	}
	v := c.outer.Value(key)
	if v != nil {
		c.outside(key)
	}
	return v
}

// Packages whose context values say nothing that an answer could depend on:
// tracing, logging and the server's own. Routers' values follow from the path,
// so they say nothing new to a handler; a function given to Load must have them
// in its key.
var (
	neutralPackages = []string{
		"net/http", "runtime/trace", "runtime/pprof", "log/slog", "golang.org/x/net/trace",
		"go.opentelemetry.io/", "github.com/DataDog/", "github.com/getsentry/sentry-go",
		"go.elastic.co/apm", "github.com/newrelic/go-agent", "github.com/rs/zerolog", "github.com/go-logr/logr",
	}
	routerPackages = []string{
		"github.com/go-chi/chi", "github.com/gorilla/mux", "github.com/julienschmidt/httprouter",
		"github.com/labstack/echo", "github.com/danielgtaylor/huma",
	}
)

// neutral reports whether a context value under key cannot change an answer. Of
// net/http's own, two tell which listener a request came by.
func (c *engine) neutral(key any, router bool) bool {
	if key == http.LocalAddrContextKey || key == http.ServerContextKey {
		return false
	}
	for _, k := range c.options.NeutralContextKeys {
		if k == key {
			return true
		}
	}
	t := reflect.TypeOf(key)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.PkgPath() == "" {
		return false
	}
	return hasPackage(t.PkgPath(), neutralPackages) || router && hasPackage(t.PkgPath(), routerPackages)
}

// lasts reports whether a context value under key may be used when the request has
// ended that it came with.
func (c *engine) lasts(key any) bool {
	return key == http.LocalAddrContextKey || key == http.ServerContextKey || c.neutral(key, false)
}

func hasPackage(path string, list []string) bool {
	for _, p := range list {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}
