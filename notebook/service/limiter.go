package service

import (
	"math"
	"sync"
	"time"

	"github.com/unstale/unstale/notebook"
)

// maxLimited is how many a limiter remembers.
const maxLimited = 1 << 14

// A Limiter allows each, a client or a user, so many tries at once, and as many
// again in the course of a period. It remembers a bounded number of them, and
// forgets those first who have not tried for long. It may be used concurrently.
type Limiter struct {
	burst  int
	refill time.Duration // for one more try
	size   int
	now    func() time.Time

	mu sync.Mutex
	// When somebody will have all their tries again. Once recent holds half of those
	// who may be remembered it becomes older, and what was older is forgotten.
	recent, older map[string]time.Time
}

// NewLimiter returns a limiter that nobody has tried.
func NewLimiter(burst int, period time.Duration, now func() time.Time) *Limiter {
	return &Limiter{burst: burst, refill: period / time.Duration(burst), size: maxLimited, now: now, recent: map[string]time.Time{}}
}

// Admit takes so many of somebody's tries, all or none, and returns nil, or
// notebook.ErrTooManyRequests, which says how long to wait. Whoever wants more than
// there ever are has to wait until there are all of them.
func (l *Limiter) Admit(who string, tries int) error {
	if wait := l.take(who, min(tries, l.burst)); wait > 0 {
		return notebook.ErrTooManyRequests.With(notebook.RetryAfter, int(math.Ceil(wait.Seconds())))
	}
	return nil
}

// take takes so many tries and returns 0, or how long it takes until there are as
// many.
func (l *Limiter) take(who string, tries int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	full, ok := l.recent[who]
	if !ok {
		full = l.older[who]
	}
	if full.Before(now) {
		full = now
	}
	cost := time.Duration(tries) * l.refill
	wait := full.Add(cost).Sub(now) - time.Duration(l.burst)*l.refill
	if wait <= 0 {
		wait, full = 0, full.Add(cost)
	}
	if !ok && len(l.recent) >= l.size/2 {
		l.recent, l.older = map[string]time.Time{}, l.recent
	}
	l.recent[who] = full
	return wait
}
