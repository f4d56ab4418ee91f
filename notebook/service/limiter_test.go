package service

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 12, 0, 0, 0, time.UTC)
	l := NewLimiter(3, time.Minute, func() time.Time { return now })
	take := func(client string, want ...time.Duration) {
		t.Helper()
		for i, w := range want {
			if got := l.take(client, 1); got != w {
				t.Errorf("try %d of %s: wait %v, want %v", i+1, client, got, w)
			}
		}
	}
	take("a", 0, 0, 0, 20*time.Second, 20*time.Second)
	take("b", 0)
	now = now.Add(15 * time.Second)
	take("a", 5*time.Second)
	now = now.Add(5 * time.Second)
	take("a", 0, 20*time.Second)
	now = now.Add(time.Hour) // no more than three are saved up
	take("a", 0, 0, 0, 20*time.Second)
}

// Whoever comes from very many addresses fills no memory, and does not free
// whom the limiter has just refused.
func TestLimiterIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := NewLimiter(1, time.Hour, func() time.Time { return now })
	l.size = 100
	l.take("thief", 1)
	for i := range 1000 {
		if l.take(fmt.Sprint(i), 1) != 0 {
			t.Fatal("somebody new is refused")
		}
		if i%20 == 0 && l.take("thief", 1) == 0 {
			t.Fatalf("after %d others the thief is forgotten", i)
		}
		if n := len(l.recent) + len(l.older); n > l.size {
			t.Fatalf("%d clients are remembered", n)
		}
	}
}

func TestLimiterAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := NewLimiter(10, time.Hour, func() time.Time { return now })
	var tries sync.WaitGroup
	let := make(chan bool, 100)
	for range cap(let) {
		tries.Go(func() { let <- l.take("a", 1) == 0 })
	}
	tries.Wait()
	close(let)
	n := 0
	for ok := range let {
		if ok {
			n++
		}
	}
	if n != 10 {
		t.Errorf("%d tries were let through", n)
	}
}

// Several tries are had together or not at all.
func TestLimiterTakesSeveral(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := NewLimiter(10, 10*time.Second, func() time.Time { return now })
	for _, step := range []struct {
		tries int
		wait  time.Duration
	}{{7, 0}, {5, 2 * time.Second}, {3, 0}, {1, time.Second}} {
		if got := l.take("a", step.tries); got != step.wait {
			t.Errorf("%d: %v, want %v", step.tries, got, step.wait)
		}
	}
	if err := l.Admit("b", 1000); err != nil {
		t.Errorf("more than there ever are: %v", err)
	}
}
