package console

import (
	"time"

	"github.com/unstale/unstale"
)

// figures are what all who look on are shown a part of.
type figures struct {
	at       time.Time
	stats    unstale.Stats
	advice   []unstale.Advice
	falls    []unstale.Fall
	writes   []unstale.WriteStats
	verified []unstale.Verification
	claims   []unstale.Claim
	entries  map[string]int
	samples  []sample
}

// A sample is what had been counted at some moment.
type sample struct {
	at             time.Time
	requests, hits uint64 // those that passed left out; joined ones are hits
}

// Bounds of what is looked at.
const (
	maxSamples   = 120
	maxFallsSeen = 80
	walkEvery    = 10 * time.Second // over the store
	maxWalked    = 50_000           // entries
)

// figures returns what is known now, or was less than a second ago.
func (c *console) figures() figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.last.at) < every*9/10 {
		return c.last
	}
	if now.Sub(c.walked) >= walkEvery {
		c.walked, c.entries, c.claims = now, c.watcher.Entries(maxWalked), c.watcher.Claims()
	}
	f := figures{
		at: now, stats: c.cache.Stats(), advice: c.cache.Advice(), falls: c.watcher.Falls(maxFallsSeen), writes: c.watcher.Writes(),
		verified: c.watcher.Verifications(), claims: c.claims, entries: c.entries,
	}
	s := sample{at: now}
	for _, r := range f.stats.Routes {
		s.hits += r.Hits + r.Joined
		s.requests += r.Hits + r.Joined + r.MissCount()
	}
	if n := len(c.samples); n > 0 && s.requests < c.samples[n-1].requests {
		c.samples = nil // the counters were reset
	}
	if len(c.samples) == maxSamples {
		c.samples = c.samples[1:]
	}
	c.samples = append(c.samples[:len(c.samples):len(c.samples)], s)
	f.samples = c.samples
	c.last = f
	return f
}
