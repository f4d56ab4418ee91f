package store

import "sync"

// signal tells whoever waits that something has happened. The zero value is
// ready for use, by several goroutines.
type signal struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next raise; nil while nobody waits
}

// wait returns a channel that the next raise closes.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

// awaited reports whether anybody waits.
func (s *signal) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next != nil
}

// raise wakes everybody who waits, and waits for nobody.
func (s *signal) raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}
