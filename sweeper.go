package unstale

import "sync"

// A sweeper runs work in the background, never twice at once, until it is
// closed. A wake during a run leads to another run.
type sweeper struct {
	work func()

	mu      sync.Mutex
	running bool
	again   bool
	closed  bool
	idle    sync.WaitGroup
}

func (s *sweeper) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.again = true
	if s.running {
		return
	}
	s.running = true
	s.idle.Go(s.run)
}

func (s *sweeper) run() {
	for {
		s.mu.Lock()
		if !s.again || s.closed {
			s.running = false
			s.mu.Unlock()
			return
		}
		s.again = false
		s.mu.Unlock()
		s.work()
	}
}

// close waits for the present run.
func (s *sweeper) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.idle.Wait()
}
