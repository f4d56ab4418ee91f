package precision

import (
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/workload"
)

// A boundless is a store without bounds, on which answers end by the clock of the
// trace.
type boundless struct {
	clock *workload.Clock

	mu      sync.Mutex
	entries map[string]boundlessEntry
}

type boundlessEntry struct {
	entry *unstale.Entry
	ends  time.Time // zero: never
}

var _ unstale.Store = (*boundless)(nil)

func newBoundless(clock *workload.Clock) *boundless {
	return &boundless{clock: clock, entries: make(map[string]boundlessEntry)}
}

// Get implements unstale.Store.
func (s *boundless) Get(key string) *unstale.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if !e.ends.IsZero() && !s.clock.Now.Before(e.ends) {
		return nil
	}
	return e.entry
}

// Set implements unstale.Store. The entry ends when the answer being made ends.
func (s *boundless) Set(key string, e *unstale.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[key] = boundlessEntry{e, s.clock.Ends}
}

// Delete implements unstale.Store.
func (s *boundless) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

// Range implements unstale.Store.
func (s *boundless) Range(f func(key string, e *unstale.Entry) bool) {
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
func (s *boundless) Stats() unstale.StoreStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return unstale.StoreStats{Entries: len(s.entries)}
}
