// Package clock is the clock by which answers are made, dated and kept. A build
// with the tag "failpoints" can set it; any other build reads the system's.
//
// It is for whatever decides whether and how long an answer is kept, or says when
// something was. How long something took, and when work that failed is tried
// again, is measured by time.Now, whose monotonic reading no step changes.
package clock
