// Package failpoint names the steps of a write, so that a process can be killed
// or delayed between any two of them. Without the build tag "failpoints" it does
// nothing and costs nothing.
package failpoint

// A Point is a place between two steps of a write.
type Point string

// The points, in the order of a write.
const (
	BeforeMark    Point = "before-mark"    // the commit hook runs; nothing is in flux yet
	AfterMark     Point = "after-mark"     // in flux
	BeforeCommit  Point = "before-commit"  // the commit hook is about to return
	AfterCommit   Point = "after-commit"   // the driver's call returned; nothing is bumped yet
	BeforeRelease Point = "before-release" // bumped and still in flux
	BeforeAnswer  Point = "before-answer"  // the application knows the outcome, its client does not
)

// Points lists all points in the order of a write.
func Points() []Point {
	return []Point{BeforeMark, AfterMark, BeforeCommit, AfterCommit, BeforeRelease, BeforeAnswer}
}
