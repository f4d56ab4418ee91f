package unstale

import (
	"log/slog"
	"sync"
	"time"
)

// A breaker keeps callers from something that fails: after some failures in a row nobody
// calls it for a while, and then one caller does. It says once that it begins to fail, and
// once that it does not any more.
type breaker struct {
	what   string // is not done to it meanwhile
	engine *engine

	mu     sync.Mutex
	failed int           // in a row
	pause  time.Duration // between attempts; 0: it does not fail
	next   time.Time     // attempt
}

// Bounds of a breaker.
const (
	breakAfter = 5
	breakFirst = 100 * time.Millisecond
	breakMost  = 5 * time.Second
)

// allows reports whether it may be called now. report must follow.
func (b *breaker) allows(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 {
		return true
	}
	if now.Before(b.next) {
		return false
	}
	b.next = now.Add(b.pause) // this is the attempt
	return true
}

// report says what came of a call.
func (b *breaker) report(err error, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		if b.pause > 0 {
			b.engine.logger.Info("unstale: the shared store is well again and is " + b.what)
		}
		b.failed, b.pause = 0, 0
		return
	}
	b.failed++
	switch {
	case b.pause > 0:
		b.pause = min(2*b.pause, breakMost)
	case b.failed >= breakAfter:
		b.pause = breakFirst
		b.engine.logger.Warn("unstale: the shared store fails and is not "+b.what+" meanwhile, which costs hits", slog.Any("error", err))
	default:
		return
	}
	b.next = now.Add(b.pause)
}
