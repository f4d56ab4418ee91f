package main

import (
	"sync"
	"time"
)

// A register holds one fact of a service from outside: what was written to it,
// and when. Its writes come one after the other, its readers whenever they like.
type register[T any] struct {
	mu     sync.Mutex
	writes []written[T]
}

// A written value cannot be seen before its write began, and none older can be
// seen by whoever asks after it ended: after it was acknowledged, or after
// anybody had seen it.
type written[T any] struct {
	value      T
	begin, end time.Time
}

// newRegister returns a register that has always had the value.
func newRegister[T any](value T) *register[T] {
	return &register[T]{writes: []written[T]{{value: value}}}
}

// now returns the value as the writer knows it.
func (r *register[T]) now() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes[len(r.writes)-1].value
}

// forever is when a write ends of which nobody knows whether it has happened.
var forever = time.Unix(1<<40, 0)

// begin says that a write of the value is about to be asked for. The caller calls
// ended when it was acknowledged, and not if it failed.
func (r *register[T]) begin(value T) (ended func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := len(r.writes)
	r.writes = append(r.writes, written[T]{value, time.Now(), forever})
	return func() {
		now := time.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		if now.Before(r.writes[i].end) {
			r.writes[i].end = now
		}
	}
}

// holds reports whether a request between the two times may have been answered
// with a value that fits. If only one does, it has been seen from now on.
func (r *register[T]) holds(from, to time.Time, fits func(T) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	match, matches := 0, 0
	for i := len(r.writes) - 1; i >= 0; i-- {
		w := &r.writes[i]
		if !w.begin.After(to) && fits(w.value) {
			match = i
			matches++
		}
		if w.end.Before(from) {
			break
		}
	}
	if matches == 1 && to.Before(r.writes[match].end) {
		r.writes[match].end = to
	}
	return matches > 0
}
