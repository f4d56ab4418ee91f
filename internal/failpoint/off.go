//go:build !failpoints

package failpoint

// Enabled says whether this binary has failpoints.
const Enabled = false

// Pass is called when a point is passed. Without the build tag it does nothing.
func Pass(Point) {}
