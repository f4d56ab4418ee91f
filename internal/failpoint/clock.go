//go:build failpoints

package failpoint

import (
	"sync/atomic"
	"time"
)

// A setting of the clock is how far it is off, and the how manieth setting it is.
type setting struct {
	offset time.Duration
	number uint64
}

var clock atomic.Pointer[setting]

// Now is the clock by which answers are made, dated and kept. Once it was set it
// has no monotonic reading, so that a step acts on whatever compares times: that
// is harsher than a step of the system's clock.
func Now() time.Time {
	s := clock.Load()
	if s == nil {
		return time.Now()
	}
	return time.Now().Round(0).Add(s.offset)
}

// SetClock lets the clock be so far ahead of the system's, or behind it.
func SetClock(offset time.Duration) {
	for {
		old := clock.Load()
		next := &setting{offset: offset, number: 1}
		if old != nil {
			next.number += old.number
		}
		if clock.CompareAndSwap(old, next) {
			return
		}
	}
}

// Steps returns how often the clock was set. What happened between two calls
// that return the same happened by one clock.
func Steps() uint64 {
	if s := clock.Load(); s != nil {
		return s.number
	}
	return 0
}
