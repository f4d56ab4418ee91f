package unstale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/ledger"
)

// A Source is something outside that answers are made from and that others may
// change: a database, a file, a setting, a bus.
type Source interface {
	// CatchUp returns when the cache has been told of every change that was visible
	// when CatchUp was called: the change is in flux, or what was made of it has been
	// invalidated. An error means that nobody can vouch for the source now; what was
	// made from it stays, and is not served meanwhile.
	//
	// It is called once at a time, before a stored answer that was made from the
	// source is judged, and answers for all who came before the call. It should end
	// soon after ctx does.
	CatchUp(ctx context.Context) error
}

// A source is a Source that is followed. What is made from it has its whole among
// its slots.
//
// A look is a call of CatchUp. Who has to judge an entry waits for a look that was
// sent after they began to wait, which is after whatever they have read themselves:
// an older one may have left before a change that they have seen the effect of. So
// one look is under way at most, one is queued, and who comes joins the latter.
//
// Why nothing stale passes. Let a change be visible when a request begins, or when
// it last read something. The look was sent later, so when it has ended the change
// is in flux or has bumped what it touches, before the entry is judged; the argument
// of package ledger does the rest. It needs of the source that a bump does not
// precede visibility: a fill that lacks the change took its asOf before the bump
// then. A source that learns of a commit before it is visible leaves it in flux
// until it is. Where no look answers, nobody is served from what is stored.
type source struct {
	Source // nil: its adapter tells everything before it is visible
	engine *engine
	name   string
	tags   []Tag
	every  bool // it is asked whatever an entry is made from
	prompt bool // it answers at once

	positioned adapter.Positioned // nil: others cannot judge what is made from it

	number int // of its whole
	whole  ledger.Slot
	closed atomic.Bool // nothing is stored that is made from it

	ctx    context.Context // of looks; ends when the source is closed
	cancel context.CancelFunc
	sent   atomic.Int64              // when the last look was, as the time since the cache was made
	told   atomic.Pointer[time.Time] // when the last look was sent that was answered without an error; nil: none was
	fails  atomic.Bool               // the last look
	since  atomic.Pointer[time.Time] // when they began to; nil: they do not
	failed atomic.Uint64             // looks
	looks  durations
	costs  atomic.Int64 // what a look takes, in nanoseconds
	lags   lag          // who waits in vain

	mu      sync.Mutex
	idle    *time.Timer // looks where nobody asks; nil for one that answers at once
	running *look       // sent, not answered
	next    *look       // to be sent when running has ended
	took    time.Duration
	done    bool // no more looks
}

// A lag is the time in which whoever waits for a source waits in vain.
type lag struct {
	mu   sync.Mutex
	from time.Time     // zero: there is none
	wait time.Duration // how long the last of them waited
	said bool
}

// A look is a call of CatchUp.
type look struct {
	sent time.Time
	done chan struct{}
	err  error // set before done is closed
}

// Bounds of looks.
const (
	DefaultLookWait = 20 * time.Millisecond // see Options.LookWait
	lookWithin      = 10 * time.Second      // then its context ends
	lookIdle        = time.Second           // between looks where nobody asks
	lookAgain       = 10 * time.Millisecond // between looks that nobody waits for
	lagFor          = time.Second           // that a source lags before it is said
)

var errSourceClosed = errors.New("unstale: the source is no longer followed")

// followTags is Cache.Follow.
func (c *engine) followTags(s Source, tags []Tag) (stop func()) {
	src := c.follow(fmt.Sprintf("%T", s), s)
	src.tags = slices.Clone(tags)
	src.every = src.every || len(tags) == 0
	c.sources.add(src)
	targets, slots := make([]Target, len(tags)), make([]ledger.Slot, len(tags))
	for i, t := range tags {
		targets[i], slots[i] = t, c.ledger.Slot(c.hash(hashTag, string(t)))
	}
	// What was made before does not know that it is made from s.
	c.apply(slots, nil, change(context.Background(), targets))
	return sync.OnceFunc(func() { src.close("source no longer followed") })
}

// follow returns a source that is not followed yet.
func (c *engine) follow(name string, s Source) *source {
	if !c.enabled() {
		s = nil // nothing is served
	}
	src := &source{Source: s, engine: c, name: name}
	_, src.prompt = s.(adapter.Prompt)
	_, src.every = s.(adapter.Shared)
	src.positioned, _ = s.(adapter.Positioned)
	return src
}

// sources is the set of those that are followed, copied on change.
type sources struct {
	since  time.Time    // when the cache was made
	waits  atomic.Bool  // there is or was one that does not answer at once
	asking atomic.Int64 // who waits for looks, or passes because they are dear
	mu     sync.Mutex
	list   atomic.Pointer[[]*source]
	looks  sync.WaitGroup // under way
}

func (ss *sources) all() []*source {
	if p := ss.list.Load(); p != nil {
		return *p
	}
	return nil
}

// add gives a source a whole that nobody has, if there is one, and follows it.
func (ss *sources) add(s *source) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	list := slices.Clone(ss.all())
	for slices.ContainsFunc(list, func(o *source) bool { return o.number == s.number }) {
		s.number++
	}
	s.whole = s.engine.ledger.Whole(s.number)
	s.ctx, s.cancel = context.WithCancel(Outside(context.Background())) // what a look reads is no answer's
	if s.Source != nil && !s.prompt {
		ss.waits.Store(true)
		s.mu.Lock() // it may be called before it is known
		s.sent.Store(-int64(lookIdle))
		s.idle = time.AfterFunc(0, s.glance) // what is read before the first look may fall with it
		s.mu.Unlock()
	}
	list = append(list, s)
	ss.list.Store(&list)
}

func (ss *sources) remove(s *source) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(ss.all()), func(o *source) bool { return o == s })
	ss.list.Store(&list)
}

// close ends the looks of all sources, and has those let go what they hold that hold
// something.
func (ss *sources) close() (err error) {
	for _, s := range ss.all() {
		s.end()
	}
	ss.looks.Wait()
	for _, s := range ss.all() {
		if h, ok := s.Source.(adapter.Holder); ok {
			err = errors.Join(err, h.Release())
		}
	}
	return err
}

// end ends looks. Who waits for one is told that nobody vouches.
func (s *source) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	s.cancel()
	if s.idle != nil {
		s.idle.Stop()
	}
}

// close ends the following and invalidates what was made from the source. Its whole
// may be given to another one: what has it was recorded before closed was set, so
// that it is older than the bump.
func (s *source) close(cause string) {
	f := s.mark(cause, false) // nothing is served between the last look and the bump
	s.closed.Store(true)
	s.end()
	s.engine.sources.remove(s)
	f.Settle()
}

// concerns reports whether an entry that might be served is made from the source.
func (s *source) concerns(e *Entry) bool {
	if e == nil || e.engine != s.engine {
		return false
	}
	if s.every {
		return true
	}
	slots := e.record.Slots // sorted, so that wholes are last
	for i := len(slots) - 1; i >= 0 && slots[i] >= s.whole; i-- {
		if slots[i] == s.whole {
			return true
		}
	}
	return false
}

func (s *source) concernsAny(entries []*Entry) bool {
	for _, e := range entries {
		if s.concerns(e) {
			return true
		}
	}
	return false
}

// catchUp has every source caught up that concerns one of the entries, one of which
// is about to be judged for s. It returns why nobody vouches for them, or missNone.
// What s has read, and who asks, it has read before.
func (c *engine) catchUp(ctx context.Context, s selector, entries ...*Entry) miss {
	var wait time.Duration
	var until time.Time
	var waits []*look // for those that do not answer at once
	var from []*source
	for _, src := range c.sources.all() {
		if src.Source == nil || !src.concernsAny(entries) {
			continue
		}
		if src.prompt {
			if src.call(src.ctx) != nil {
				return missFailed
			}
			continue
		}
		if wait == 0 {
			wait = s.patience()
		}
		l, last := src.join(wait)
		if l == nil {
			src.late(wait)
			return missLate
		}
		waits, from = append(waits, l), append(from, src)
		if until.Before(last) {
			until = last
		}
	}
	if waits == nil {
		return missNone
	}
	c.sources.asking.Add(1)
	defer c.sources.asking.Add(-1)
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for i, l := range waits {
		select {
		case <-l.done:
			if l.err != nil {
				return missFailed
			}
		case <-ctx.Done():
			return missLate
		case <-timer.C:
			from[i].late(wait)
			return missLate
		}
	}
	return missNone
}

// lately reports whether s may be given e, which is for all, although no look was sent
// since the request came: every source that e is made from, and that does not answer at
// once, has answered one that is not older than s allows. It is as good as at the oldest of
// them.
func (c *engine) lately(s selector, e *Entry) bool {
	if e == nil || e.audience() != forAll || !s.allows(0) {
		return false
	}
	var oldest time.Duration
	for _, src := range c.sources.all() {
		if src.Source == nil || !src.concerns(e) {
			continue
		}
		if src.prompt {
			if err := src.call(src.ctx); err != nil {
				return false
			}
			continue
		}
		told := src.told.Load()
		if told == nil {
			return false
		}
		// The clock that cannot be set stands still while a machine sleeps.
		oldest = max(oldest, time.Since(*told), time.Now().Round(0).Sub(told.Round(0)))
	}
	return s.allows(oldest)
}

// glance has those sources caught up that answer at once, for a fill: what was
// written before it is not to make it fall.
func (c *engine) glance() {
	for _, src := range c.sources.all() {
		if src.prompt {
			_ = src.call(src.ctx)
		}
	}
}

// call calls CatchUp. A panic is an error.
func (s *source) call(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("unstale: CatchUp panicked: %v\n%s", v, debug.Stack())
		}
		if fails := err != nil; fails || s.fails.Load() {
			s.note(fails, err)
		}
	}()
	return s.CatchUp(ctx)
}

// note counts looks that fail, and says when they begin to and when they end.
func (s *source) note(fails bool, err error) {
	if fails {
		s.engine.stats.load().looks.failed.Add(1)
		if s.failed.Add(1); s.since.Load() == nil {
			now := time.Now()
			s.since.Store(&now)
		}
	} else {
		s.since.Store(nil)
	}
	switch {
	case s.fails.Swap(fails) == fails || s.ctx.Err() != nil:
	case fails:
		s.engine.logger.Warn("unstale: a source cannot be asked; what is made from it is not served from the cache meanwhile",
			slog.String("source", s.name), slog.Any("error", err))
	default:
		s.engine.logger.Info("unstale: a source answers again", slog.String("source", s.name))
	}
}

// late counts somebody who waited in vain, and says so once that has lasted.
func (s *source) late(wait time.Duration) {
	s.engine.stats.load().looks.late.Add(1)
	s.lags.mu.Lock()
	defer s.lags.mu.Unlock()
	l := &s.lags
	if l.wait = wait; l.from.IsZero() {
		l.from = time.Now()
	}
	if l.said || time.Since(l.from) < lagFor {
		return
	}
	l.said = true
	s.engine.logger.Warn("unstale: a source answers too late; what is made from it is not served from the cache meanwhile",
		slog.String("source", s.name), slog.Duration("waited", wait))
}

// inTime ends a lag with a look that took less than those who waited in vain.
func (s *source) inTime(took time.Duration) {
	s.lags.mu.Lock()
	defer s.lags.mu.Unlock()
	if s.lags.from.IsZero() || took > s.lags.wait {
		return
	}
	if s.lags.said {
		s.engine.logger.Info("unstale: a source answers in time again", slog.String("source", s.name), slog.Duration("took", took))
	}
	s.lags.from, s.lags.said = time.Time{}, false
}

// join returns a look that is not sent yet, or nil if it is known that nobody who
// waits so long will have its answer: the last one took longer, or the one under way
// has. The look is sent then all the same, so that it is known when that has passed.
// Each look may take so long: until is that long after the one is sent that comes
// before it, and that long again.
func (s *source) join(wait time.Duration) (l *look, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slow := s.took > wait || s.running != nil && time.Since(s.running.sent) >= wait
	until = time.Now().Add(wait)
	if s.running != nil {
		until = s.running.sent.Add(2 * wait)
	}
	if l = s.ask(); slow {
		return nil, until
	}
	return l, until
}

// ask returns a look that is not sent yet, or is sent now. The caller holds mu.
func (s *source) ask() *look {
	if s.done {
		l := &look{done: make(chan struct{}), err: errSourceClosed}
		close(l.done)
		return l
	}
	if s.running == nil {
		s.running = &look{done: make(chan struct{})}
		s.send()
		s.engine.sources.looks.Go(s.run)
		return s.running
	}
	if s.next == nil {
		s.next = &look{done: make(chan struct{})}
	}
	return s.next
}

// send notes that the look under way is being sent. The caller holds mu.
func (s *source) send() {
	s.running.sent = time.Now()
	s.sent.Store(int64(s.running.sent.Sub(s.engine.sources.since)))
	s.engine.stats.load().looks.sent.Add(1)
}

// run runs looks until nobody has asked for another one.
func (s *source) run() {
	for more := true; more; {
		ctx, cancel := context.WithTimeout(s.ctx, lookWithin)
		err := s.call(ctx)
		cancel()
		more = s.answer(err)
	}
}

// answer ends the look under way, and begins the next one if there is one.
func (s *source) answer(err error) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.done {
		err = errSourceClosed
	}
	l := s.running
	s.took = time.Since(l.sent)
	s.looks.observe(s.took)
	if l.err = err; err == nil {
		approach(&s.costs, int64(s.took))
		s.inTime(s.took)
		s.told.Store(&l.sent)
	}
	close(l.done)
	s.running, s.next = s.next, nil
	if s.running == nil {
		return false
	}
	s.send()
	return true
}

// glance sends a look where nobody has asked for a while: what a fill is made of is
// not to be told after it began.
func (s *source) glance() {
	s.nudge(lookIdle)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		s.idle.Reset(lookIdle)
	}
}

// nudge sends a look that nobody waits for, unless one was sent lately.
func (s *source) nudge(lately time.Duration) {
	if s.Source == nil || s.prompt || int64(time.Since(s.engine.sources.since))-s.sent.Load() < int64(lately) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.ask()
	}
}
