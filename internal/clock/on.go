//go:build failpoints

package clock

import (
	"sync/atomic"
	"time"
)

// A setting is how far the clock is ahead of the system's, and how many settings
// there were, this one included.
type setting struct {
	offset time.Duration
	number uint64
}

var current atomic.Pointer[setting]

// Now returns the time by the clock. Once the clock was set, the time has no
// monotonic reading, so that a step acts on whatever compares times: that is
// harsher than a step of the system's clock.
func Now() time.Time {
	s := current.Load()
	if s == nil {
		return time.Now()
	}
	return time.Now().Round(0).Add(s.offset)
}

// Set lets the clock be so far ahead of the system's, or behind it.
func Set(offset time.Duration) {
	for {
		old := current.Load()
		next := &setting{offset: offset, number: 1}
		if old != nil {
			next.number += old.number
		}
		if current.CompareAndSwap(old, next) {
			return
		}
	}
}

// Steps returns how often the clock was set. What happened between two calls
// that return the same happened by one clock.
func Steps() uint64 {
	if s := current.Load(); s != nil {
		return s.number
	}
	return 0
}
