//go:build !failpoints

package failpoint

import "time"

// Enabled says whether this binary has failpoints.
const Enabled = false

// Pass is called when a point is passed. Without the build tag it does nothing.
func Pass(Point) {}

// Now is the clock by which answers are made, dated and kept. Without the build
// tag it is time.Now.
func Now() time.Time { return time.Now() }

// SetClock sets the clock. Without the build tag it does nothing.
func SetClock(time.Duration) {}

// Steps returns how often the clock was set.
func Steps() uint64 { return 0 }
