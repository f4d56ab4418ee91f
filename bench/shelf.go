package main

import (
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

// A shelf is a store without bounds, on which answers end by the clock of the
// trace.
type shelf struct {
	clock *workload.Clock

	mu      sync.Mutex
	entries map[string]shelved
}

type shelved struct {
	entry *unstale.Entry
	ends  time.Time // zero: never
}

var _ unstale.Store = (*shelf)(nil)

func newShelf(clock *workload.Clock) *shelf {
	return &shelf{clock: clock, entries: make(map[string]shelved)}
}

// Get implements unstale.Store.
func (s *shelf) Get(key string) *unstale.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if !e.ends.IsZero() && !s.clock.Now.Before(e.ends) {
		return nil
	}
	return e.entry
}

// Set implements unstale.Store. The entry ends when the answer being made ends.
func (s *shelf) Set(key string, e *unstale.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[key] = shelved{e, s.clock.Ends}
}

// Delete implements unstale.Store.
func (s *shelf) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

// Range implements unstale.Store.
func (s *shelf) Range(f func(key string, e *unstale.Entry) bool) {
	s.mu.Lock()
	snapshot := make(map[string]*unstale.Entry, len(s.entries))
	for key, e := range s.entries {
		snapshot[key] = e.entry
	}
	s.mu.Unlock()
	for key, e := range snapshot {
		if !f(key, e) {
			return
		}
	}
}

// Stats implements unstale.Store.
func (s *shelf) Stats() unstale.StoreStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return unstale.StoreStats{Entries: len(s.entries)}
}
