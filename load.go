package unstale

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/unstale/unstale/internal/clock"
)

// checkLoadKey refuses keys that would be taken for something else: for the key
// of a response, for another key with the prefix before it, or, because of a
// line break, for the variant of an entry that belongs to somebody.
func (c *engine) checkLoadKey(key string) error {
	switch {
	case key == "":
		return errors.New("unstale: Load with an empty key")
	case strings.HasPrefix(key, "http:"):
		return fmt.Errorf("unstale: Load with the key %q, which is that of a response", key)
	case strings.HasPrefix(key, c.options.Prefix+":"):
		return fmt.Errorf("unstale: Load with the key %q, which has the prefix already", key)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("unstale: Load with the key %q, which holds control characters; use Escape", key)
	}
	return nil
}

func (c *engine) load(ctx context.Context, key string, fn func(context.Context) ([]byte, error)) ([]byte, error) {
	if err := c.checkLoadKey(key); err != nil {
		return nil, err
	}
	refuseOthers(ctx, c)
	outer := scopeFor(ctx, c)
	held := c.countedBy(outer)
	if held.changed() {
		c.stats.loadOutcome(loadBypassed)
		return fn(ctx)
	}
	if outer != nil && outer.fill != nil && outer.fill.verifies {
		return fn(ctx) // a stored result would hide what it is made of
	}
	primary := c.keyOf(key)
	s := &scope{engine: c, holdings: outer.holdingsFor(c), outer: outer}
	if s.holdings == nil {
		s.holdings = &holdings{apart: true}
	}
	if outer != nil {
		s.asker, s.flight, s.course, s.asking = outer.asker, outer.flight, outer.course, outer.asking
	}
	if held.hold() && !s.identified() && c.asks(primary) {
		// To find out who asks may take another connection, where fn need not ask.
		c.stats.loadOutcome(loadBypassed)
		return fn(ctx)
	}
	// Who finds out who asks waits for nobody else's function, which may wait for them.
	mayJoin := !s.asking && !held.hold() && c.unstored.reason(c, primary, s, clock.Now()) == ""
	var j *joiner
	for {
		e, flightKey, at, why := c.find(ctx, primary, s)
		if e != nil && !held.see(e) {
			c.stats.loadOutcome(loadBypassed)
			return fn(ctx)
		}
		if e != nil {
			c.stats.loadOutcome(loadHit)
			outer.useStored(e, at.seq)
			return e.body, nil
		}
		if j == nil {
			j = &joiner{within: s.flight, mayJoin: mayJoin, newcomer: s}
		}
		j.found(&c.flights, s, why)
		j.holds = held.hold()
		if c.looksAgain(j, flightKey) {
			continue
		}
		f, how := c.flights.join(flightKey, j)
		if how == leads {
			c.stats.loadOutcome(loadMiss)
			return c.runLoad(ctx, s, primary, flightKey, f, fn)
		}
		landed, err := c.await(ctx, f, j, how)
		if err != nil {
			outer.refuse(refusedLeft)
			return nil, err
		}
		if !landed || how == waits {
			continue
		}
		if at, ok := c.entitled(ctx, f, j, primary, s); ok {
			c.stats.loadOutcome(loadJoined)
			outer.useStored(f.landing.entry, at.seq)
			return f.landing.entry.body, nil
		}
		j.inVain(f.landing)
	}
}

// asks reports whether results for a key were found to depend on who asks.
func (c *engine) asks(primary string) bool {
	e := c.store.Get(primary)
	return e != nil && e.kind == kindSignpost && e.choice.asked
}

// begin starts the fill of a function given to Load, which runs in the scope.
func (s *scope) begin() *fill {
	if s.course == nil {
		return s.engine.begin(routeOfLoad, true)
	}
	return s.engine.begin(s.course.route, false)
}

// refuse makes what the scope's fill computes unstorable, if there is one.
func (s *scope) refuse(reason string) {
	if s != nil && s.fill != nil {
		s.fill.refuse(reason)
	}
}

// useStored hands a stored result on to the scope's fill, if there is one.
func (s *scope) useStored(e *Entry, found uint64) {
	if s != nil && s.fill != nil {
		s.fill.useStored(e, found)
	}
}

// runLoad runs the function of a flight that the caller leads, in the scope s.
func (c *engine) runLoad(ctx context.Context, s *scope, primary, flightKey string, f *flight, fn func(context.Context) ([]byte, error)) (body []byte, err error) {
	s.fill, s.flight = f.fill, f
	left := landing{unshared: true} // unless there is something to share
	defer func() { c.flights.finish(flightKey, f, left) }()
	panicked := true
	defer func() {
		if panicked { // whoever recovers makes something without knowing what is missing
			s.outer.refuse(refusedPanicked)
		}
	}()
	inner, cancel := newFillContext(ctx, s, s.lookedOutsideLoad)
	defer cancel()
	c.flights.lead(f, cancel)
	stop := context.AfterFunc(ctx, func() { c.flights.leaveLeading(ctx, flightKey, f) })
	defer stop()

	func() {
		defer f.fill.end()
		f.fill.numbered(func() { body, err = fn(inner) })
	}()
	panicked = false
	now := clock.Now()
	switch {
	case inner.Err() != nil:
		f.fill.refuse(refusedLeft)
		left.cut = true
	case err != nil && f.fill.known():
		f.fill.refuseAlone(refusedFailed)
	case err != nil:
		f.fill.refuse(refusedFailed)
	case int64(len(body)) > c.options.MaxBody:
		f.fill.refuseAlone(refusedTooLarge)
	case !f.fill.known():
		f.fill.doubt()
		f.fill.refuseAlone(refusedUnknown)
	}
	e, refused := f.fill.seal(primary, c.options.TTL, now)
	if s.outer != nil && s.outer.fill != nil {
		s.outer.fill.use(f.fill)
		s.outer.fill.useKey(primary)
	}
	if e == nil {
		c.stats.refused(refused)
		if byNature(refused, http.StatusOK) {
			c.unstored.add(c, primary, s, nil, f.fill, refused, now)
		}
		return body, err
	}
	e.kind, e.body = kindValue, body
	left.unshared = false
	left.entry, left.keep = e, c.keep(primary, s, e, nil)
	if c.judge(e, now) == missNone {
		c.put(primary, left.keep, e)
	}
	return body, nil
}

// lookedOutsideLoad is called when a function given to Load finds a value in its
// context that was put there by its caller. The key cannot know of it.
func (s *scope) lookedOutsideLoad(key any) {
	if s.engine.neutral(key, false) {
		return
	}
	s.engine.reportOnce(siteContext(key), fmt.Sprintf("unstale: a function given to Load looked at a context value of type %T from outside; its result is not cached", key))
	s.fill.refuseAlone(refusedContext)
}

// appendVary, selecting and may implement selector: a function result has no request fields.
func (s *scope) appendVary(b []byte, _ []string) []byte { return b }
func (s *scope) selecting() []string                    { return nil }
func (s *scope) may(*Entry) bool                        { return true }
func (s *scope) dear(_, _ *Entry) bool                  { return false }
func (s *scope) allows(time.Duration) bool              { return false }

// appendCredentials and audiences implement selector: no function result is kept
// for what a request carries, which its key would have to name.
func (s *scope) appendCredentials(b []byte) []byte   { return b }
func (s *scope) audiences() (all bool, own audience) { return true, forIdentity }

// patience and identified implement selector.
func (s *scope) patience() time.Duration {
	wait := s.engine.options.LookWait
	if s.course != nil {
		wait = max(wait, time.Duration(s.engine.stats.route(s.course.route).worth.took.Load()))
	}
	return wait
}

func (s *scope) identified() bool {
	return s.asker == nil || s.asker.from == nil || s.asker.found.Load()
}

// alone implements selector.
func (s *scope) alone() bool { return false }

// identity implements selector. An entry that is found this way says itself that
// it asked. Middlewares may call different people by one name.
func (s *scope) identity() string {
	if s.asker == nil || s.asker.from == nil {
		return ""
	}
	who := s.asker.askWithin(s.flight)
	if who == "" {
		return ""
	}
	return string(appendText(nil, s.asker.realm)) + who
}
