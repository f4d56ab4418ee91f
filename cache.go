package unstale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/unstale/unstale/internal/adapter"
)

// A Cache stores what handlers answer and what functions return, and serves it as
// long as it is true. All methods may be called concurrently.
type Cache struct{ *front }

// New returns a cache, or an error that names the option at fault.
func New(o Options) (*Cache, error) {
	o.NeutralContextKeys = slices.Clone(o.NeutralContextKeys)
	if err := o.complete(); err != nil {
		return nil, err
	}
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	return &Cache{newFront(e)}, nil
}

// Enabled reports whether the cache is switched on. It is false for a nil Cache.
func (c *Cache) Enabled() bool { return c != nil && c.enabled() }

// Close ends background work, waits for it, and closes the store if it is an io.Closer.
// Requests must have ended. Closing twice is fine.
func (c *Cache) Close() error {
	if !c.Enabled() {
		return nil
	}
	c.verifications.close()
	return c.close()
}

// Handler caches what next answers to GET and HEAD requests, as a shared cache
// per RFC 9111. Every other request passes, and an unsafe one that succeeds
// invalidates its path under every query, and what its answer names (§4.4).
//
// On a hit nothing inside runs: no router, no middleware, no handler. So put
// logging, CORS and compression outside, everything that computes the answer
// inside: log, CORS, compression, cache, handlers.
//
// Two calls of Handler never answer for each other, whatever they are given:
// build the handler once, when the service starts. Where that cannot be, because a
// framework builds one for each request, give it a [HandlerOptions.Name].
//
// Inside a fill the request is a GET without conditions, ranges, body or
// credentials, its URL is in canonical form, its context belongs to the fill: it
// ends when nobody waits for the answer any longer, which may be after the first
// client left. The answer is kept back until next returns; a handler that
// flushes, hijacks, sends trailers or more than Options.MaxBody bytes streams as
// without the cache. A panic passes through. HEAD, and a range of what is not
// stored, reach next as they came.
//
// What was set on the response before is what next finds in its header, and what
// next makes of that is made of it again on a hit.
//
// Who asks, what is particular about routes, and the like, is told to
// [Cache.Middleware]. With the cache off Handler returns next.
func (c *Cache) Handler(next http.Handler) http.Handler {
	if !c.Enabled() {
		return next
	}
	return c.plain.wrap(next)
}

// Middleware returns what wraps handlers as [Cache.Handler] does, with options, or
// an error that names the option at fault. All that it wraps share the options; who
// asks is one space of names for all of them.
//
// With the cache off it wraps nothing but Identity around a handler. A nil Cache
// wraps nothing at all, and is refused beside Identity.
func (c *Cache) Middleware(o HandlerOptions) (func(http.Handler) http.Handler, error) {
	o.Policies = maps.Clone(o.Policies)
	for _, list := range []*[]string{&o.Credentials, &o.SelectFields, &o.IgnoreFields, &o.IgnoreCookies} {
		*list = slices.Clone(*list)
	}
	if err := o.complete(); err != nil {
		return nil, err
	}
	if c == nil {
		if o.Identity != nil {
			return nil, errors.New("unstale: HandlerOptions.Identity with a nil Cache, which cannot tell who asks; use Options.Off")
		}
		return func(next http.Handler) http.Handler { return next }, nil
	}
	return c.newMiddleware(o).wrap, nil
}

// Load returns what fn returns, from the cache if a stored result is valid. The
// key names the result, everything that fn's result depends on besides tracked
// reads must be in it; put ids into it with Escape. Keys of all callers on one
// Cache share one space, in which "prefix:" stands before them. A key that begins
// with "prefix:" or "http:" or holds control characters is refused.
//
// fn must use the context that it is given: what it reads, or asks, with another
// one counts for whoever that one belongs to, not for the result.
//
// The result travels as JSON. The caller always gets a decoded copy of its own,
// on a miss as on a hit, so that what JSON does not keep is missed in the first
// test and not on the first hit.
//
// Whatever uses the result inherits what it depends on, what remains of its
// life, its key, and whether it could be cached at all. If fn asked who asks, by
// Identity, the result is kept for that identity.
//
// Concurrent calls for one key share one run of fn; it runs in the goroutine of
// the first caller and goes on as long as one of them waits, so a caller whose
// ctx ends may be held until fn returns. An error is returned to the caller that
// ran fn, and never stored. While ctx's request has a transaction that changed
// something and has not ended, Load runs fn and neither serves nor stores. While
// it has one that only reads, Load serves nothing that was made after that began,
// so that the transaction sees one state of the database, as without a cache. While
// it holds a connection, by a transaction, rows that are open or a *sql.Conn, Load
// waits for nobody else's run of fn, who may wait for that connection. What is begun
// or taken without a context counts for every request, and for a call of Load in no
// request's course, or with Outside, what any does.
func Load[T any](ctx context.Context, c *Cache, key string, fn func(context.Context) (T, error)) (T, error) {
	var result T
	run := func(ctx context.Context) ([]byte, error) {
		v, err := fn(ctx)
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("unstale: Load %q: %w", key, err)
		}
		return b, nil
	}
	load := run
	if c.Enabled() {
		load = func(ctx context.Context) ([]byte, error) { return c.load(ctx, key, run) }
	}
	body, err := load(ctx)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(body, &result); err != nil {
		var none T
		return none, fmt.Errorf("unstale: Load %q: %w", key, err)
	}
	return result, nil
}

// Invalidate makes everything that the targets name invalid. It holds when
// Invalidate returns: no request that begins later is answered from what was
// stored, or began to be made, before the call. All targets are checked first;
// if one is malformed the error says which, and nothing is invalidated. The cost
// does not depend on the number of entries.
//
// Changes of a captured database need no call.
func (c *Cache) Invalidate(ctx context.Context, targets ...Target) error {
	if !c.Enabled() {
		return nil
	}
	return c.invalidate(ctx, targets)
}

// InvalidateAsync is Invalidate for callers that do not wait and act on no
// error: a malformed target is logged. In this process it takes effect before it
// returns.
func (c *Cache) InvalidateAsync(targets ...Target) {
	if err := c.Invalidate(context.Background(), targets...); err != nil {
		c.logger.Error("unstale: invalidation refused", slog.Any("error", err))
	}
}

// Follow has the cache ask s before it serves what depends on one of the tags,
// until stop is called. Whoever makes an answer from the source says
// [DependOn](ctx, tag) before reading it, and CatchUp calls [Cache.Invalidate] for
// the tag when the source has changed. Without tags s is asked before anything is
// served, as befits a bus that tells what to invalidate.
//
// What depends on the tags falls when Follow is called and when stop is; without
// tags, everything does when stop is called. Other caches, on this node or elsewhere,
// hear of nothing.
func (c *Cache) Follow(s Source, tags ...Tag) (stop func()) {
	if !c.Enabled() {
		return func() {}
	}
	return c.engine.followTags(s, tags)
}

// Database registers a database with the cache, for adapters such as package
// sqlite. The name appears in logs and statistics. s, if not nil, tells what the
// adapter is not told otherwise before it becomes visible. It may be asked before
// Database has returned.
func (c *Cache) Database(name string, s Source) adapter.Database {
	return c.engine.database(name, s)
}

// Stats returns a snapshot of the counters. It is cheap enough for a scrape.
func (c *Cache) Stats() Stats {
	if !c.Enabled() {
		return Stats{}
	}
	return c.snapshot()
}

// Advice says what keeps hits away, by route and reason, the most costly first,
// since New or the last ResetStats: where the handler ran the longest although
// something could be changed, in the service or in the cache's options. A statement
// that is handled coarser than its text allows is among it, with what it took to make
// answers anew that fell because of it alone. What is a
// client's choice, such as no-store, is left out, and so is what the operator has
// switched off.
func (c *Cache) Advice() []Advice {
	if !c.Enabled() {
		return nil
	}
	return c.advice()
}

// Watch begins to record, for a page that shows it, what is not counted otherwise: the
// time that hits save and take, and what makes stored answers fall. It costs a hit some
// nanoseconds and bounded memory. It ends when all that it returned are closed, or the
// cache is.
func (c *Cache) Watch() *Watcher {
	if !c.Enabled() {
		return new(Watcher)
	}
	c.watch.watchers.Add(1)
	return &Watcher{engine: c.engine}
}

// ResetStats sets the counters to zero; what is counted by call site is kept, and
// so are the counters of the Store.
func (c *Cache) ResetStats() {
	if c.Enabled() {
		c.stats.p.Store(new(counters))
	}
}

// Explain says what is known of the answers stored under a key, in up to 100
// variants: for other request fields, and for other identities. The key is that
// of [Cache.RequestKey], or one given to Load, without the prefix or with it; of
// a key of which nothing is known it returns nothing.
//
// It walks over the whole store and is for people, not for programs. What it
// returns holds what keys hold: queries, identities, and values of rows' keys.
// With Options.History negative it says only what is stored.
func (c *Cache) Explain(key string) []Explanation {
	if !c.Enabled() {
		return nil
	}
	return c.explainAll(key)
}

// RequestKey returns the key under which the answer to a request is stored, but
// for its variants.
func (c *Cache) RequestKey(r *http.Request) string {
	if c == nil {
		return ""
	}
	t := requestTarget(r)
	return t.key(c.options.Prefix)
}
