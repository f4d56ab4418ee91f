// Package goroutine marks goroutines, and those that they start: a goroutine inherits
// the set of profiler labels of the one that started it, and the set can be told
// from every other by its address.
package goroutine

import (
	"context"
	"runtime/pprof"
	"unsafe"
)

// A Mark is a mark that is like no other. The zero value is that of goroutines
// that nobody marked.
type Mark struct{ set unsafe.Pointer }

// New returns a new mark. Profiles show it as the label "unstale" of that value.
func New(value string) Mark {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("unstale", value))
	outer := Current()
	pprof.SetGoroutineLabels(ctx)
	m := Current()
	runtime_setProfLabel(outer.set)
	return m
}

// Current returns the mark of the calling goroutine, or of code in it that has set
// labels of its own.
func Current() Mark { return Mark{runtime_getProfLabel()} }

// Run runs code under the mark, and so the goroutines that it starts.
func (m Mark) Run(code func()) {
	outer := Current()
	runtime_setProfLabel(m.set)
	defer runtime_setProfLabel(outer.set)
	code()
}

// The runtime keeps these two linkable for others (go.dev/issue/67401): package
// pprof can set labels, and cannot say which are set.

//go:linkname runtime_getProfLabel runtime/pprof.runtime_getProfLabel
func runtime_getProfLabel() unsafe.Pointer

//go:linkname runtime_setProfLabel runtime/pprof.runtime_setProfLabel
func runtime_setProfLabel(labels unsafe.Pointer)
