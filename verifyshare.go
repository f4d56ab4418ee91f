package unstale

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/ledger"
)

// Bounds of the recomputations of HandlerOptions.VerifyShare.
const (
	maxVerifications = 2           // at a time
	verifyWithin     = time.Minute // then its context ends
)

// verifications are the runs of handlers beside the requests: recomputations, and
// shadows.
type verifications struct {
	ctx    context.Context // ends when the cache is closed
	cancel context.CancelFunc

	mu      sync.Mutex
	running int
	closed  bool
	idle    sync.WaitGroup
}

// draws reports whether a hit is one of the share that is verified.
func (m *middleware) draws() bool { return m.VerifyShare > 0 && rand.Float64() < m.VerifyShare }

// start runs work in the background, unless enough others run.
func (v *verifications) start(work func()) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.running == maxVerifications {
		return false
	}
	v.running++
	v.idle.Go(func() {
		defer func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.running--
		}()
		work()
	})
	return true
}

// close ends what is under way and waits for it.
func (v *verifications) close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.cancel()
	v.idle.Wait()
}

// verifyBeside has e, which was just served, recomputed beside the request. outer
// is what stood in the header before; it is kept.
func (g *get) verifyBeside(e *Entry, outer http.Header) {
	c := g.front
	counts := &c.stats.load().verified
	if scopeOf(g.r.Context()) != nil || !g.again || e.passing {
		counts.skipped.Add(1) // what the handler reads would reach a fill around the cache, or it ends with the request
		return
	}
	beside, cancel := g.beside()
	started := c.verifications.start(func() {
		defer cancel()
		beside.compare(e, outer, counts)
	})
	if !started {
		cancel()
		counts.skipped.Add(1)
	}
}

// beside returns a copy of g that runs the handler beside the request and after it,
// and what ends that.
func (g *get) beside() (b *get, cancel func()) {
	within, end := context.WithTimeout(context.Background(), verifyWithin)
	ctx := &lastingContext{Context: within, outer: context.WithoutCancel(g.r.Context()), engine: g.front.engine}
	unlink := context.AfterFunc(g.front.verifications.ctx, end)
	copied := *g
	copied.w, copied.lasting = nil, ctx
	copied.r = g.r.Clone(ctx) // the server has done with the request when the handler returns
	copied.r.Body = http.NoBody
	if g.asks != nil && !g.asks.found.Load() {
		copied.asks = nil // who asks is found by this one, if at all
	}
	return &copied, func() { unlink(); end() }
}

// A lastingContext has those values of a request's context that may be used when the
// request has ended. There are routers whose values serve another request then (chi's).
type lastingContext struct {
	context.Context // ends the run beside
	outer           context.Context
	engine          *engine
	hid             atomic.Bool // a value
}

// Value implements context.Context.
func (c *lastingContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	v := c.outer.Value(key)
	if v != nil && !c.engine.lasts(key) {
		c.hid.Store(true)
		return nil
	}
	return v
}

// compare recomputes e, counts what came of it, and drops it if it differs.
func (g *get) compare(e *Entry, outer http.Header, counts *verifyCounters) {
	c := g.front
	defer func() {
		if v := recover(); v != nil {
			counts.undecided.Add(1)
			if v != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				c.logger.Error("unstale: the handler panicked while a stored answer was verified",
					slog.String("key", g.key), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			}
		}
	}()
	if c.catchUp(g.r.Context(), g, e) != missNone || c.judge(e, clock.Now()) != missNone {
		counts.undecided.Add(1)
		c.watch.verify(g.name, "undecided")
		return
	}
	d, decided := g.recompute(e, outer)
	switch {
	case !decided:
		counts.undecided.Add(1)
		c.watch.verify(g.name, "undecided")
		return
	case d == nil:
		counts.same.Add(1)
		c.watch.verify(g.name, "same")
		return
	}
	counts.differed.Add(1)
	c.watch.verify(g.name, "differed")
	what := d.What
	if d.private {
		what, _, _ = strings.Cut(what, ":") // the rest is for one identity alone
	}
	g.reportDifference("unstale: a stored answer differs from what the handler answers now, though nothing it is known to depend on has changed; it is dropped", e, what)
	c.drop(e)
}

// reportDifference reports, once for a URI, that e is not what the handler answers.
func (g *get) reportDifference(message string, e *Entry, what string) {
	if g.route.differing.at(cut(g.key)).n.Add(1) > 1 {
		return
	}
	sources, statements := e.madeOf()
	g.front.logger.Warn(message,
		slog.String("route", g.name), slog.String("key", g.key), slog.String("what", printable(what)),
		slog.Int("dependencies", len(e.record.Slots)), slog.String("made_of", printable(sources)), slog.String("statements", statements),
		slog.Duration("stored_for", clock.Now().Sub(e.created)), slog.String("remedy", differenceRemedy))
}

// differenceRemedy is what to do where a handler looks at something that nobody
// declared.
const differenceRemedy = "what the handler looks at beside the database, such as a map or a cache of its own, a file or the clock, must go, be in a function given to Load, or be declared by DependOn or ExpireAt"

// madeOf names what the entry was made of, as far as that is remembered: what of
// which tables, and by which statements.
func (e *Entry) madeOf() (sources, statements string) {
	var of, by []string
	for _, o := range e.notes.origins {
		of = append(of, o.Source)
		if o.Statement != "" && !slices.Contains(by, o.Statement) {
			by = append(by, o.Statement)
		}
	}
	return strings.Join(of, ", "), adapter.Cut(strings.Join(by, "; "), maxStatement)
}

// drop makes an entry fall, with all that is stored under its key and under the
// keys of the results it was made from: any of them may be what is wrong.
func (c *front) drop(e *Entry) {
	slots := make([]ledger.Slot, len(e.record.Keys))
	targets := make([]Target, len(e.record.Keys))
	for i, key := range e.record.Keys {
		slots[i], targets[i] = c.keySlot(key), Key(key)
	}
	ch := change(context.Background(), targets)
	ch.Cause = causeDifference
	c.apply(slots, nil, ch)
	c.stats.invalidation(causeDifference, 1)
}
