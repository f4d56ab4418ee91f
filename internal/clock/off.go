//go:build !failpoints

package clock

import "time"

// Now returns the time by the clock. Without the build tag it is time.Now.
func Now() time.Time { return time.Now() }

// Set sets the clock. Without the build tag it does nothing.
func Set(time.Duration) {}

// Steps returns how often the clock was set.
func Steps() uint64 { return 0 }
