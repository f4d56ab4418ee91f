package testenv

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
)

// A Suite is what servers begin with that serve all tests of a package: TestMain makes
// it with new, and ends what it holds with End after the tests. Of a testing.TB it has
// what servers use.
type Suite struct {
	testing.TB
	cleanups []func()
}

// End runs what was given to Cleanup, the latest first.
func (s *Suite) End() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
	s.cleanups = nil
}

// Cleanup has f run at the end.
func (s *Suite) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Context returns one that does not end.
func (*Suite) Context() context.Context { return context.Background() }

// Helper does nothing.
func (*Suite) Helper() {}

// Errorf says what is wrong; the tests go on.
func (*Suite) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Fatal ends the tests.
func (s *Suite) Fatal(args ...any) {
	s.End()
	panic(fmt.Sprint(args...))
}

// Fatalf ends the tests.
func (s *Suite) Fatalf(format string, args ...any) { s.Fatal(fmt.Sprintf(format, args...)) }
