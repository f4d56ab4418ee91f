package unstale

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A stored answer that is made from a source which has to be asked costs a look, and
// one look may cost more than the handler. So what is stored is judged by its worth
// before the source is asked: by what the handler took the last times, how often what
// was stored was still true, what a look takes, and among how many it is shared now.
// Where it does not pay the request passes, which is always right. All of these are
// measured again now and then. Options.WeighLooks switches it on.
//
// The judgement decides who is served from what is stored, and nothing about what is true.

// A worth is what is known of a place, or of a route.
type worth struct {
	took   atomic.Int64  // what running the handler takes
	holds  atomic.Int64  // of always: how often what was stored was still true
	asked  atomic.Uint32 // how often this was known
	passed atomic.Uint32 // how often it did not pay
}

const (
	// always is a share of one. Shares are fixed-point numbers.
	always = 1 << 10

	// worthAfter is how often what was stored was looked at before its worth is
	// believed. Until then it is served.
	worthAfter = 16

	// Of so many requests that it does not pay for, two in a row are treated as if it did:
	// the first sees or stores an answer, the second sees whether that holds.
	worthAgain = 128

	// storing is what an answer that may be stored costs beyond what its handler
	// takes: see docs/measurements.md.
	storing = 15 * time.Microsecond
)

// pays reports whether it is cheaper to be served from what is stored, if that holds in
// a share of all cases and a look costs so much, than to run a handler that takes so long.
func pays(took, look time.Duration, holds int64) bool {
	return int64(took)*holds > int64(look)*always+int64(storing)*(always-holds)
}

// approach moves what is known towards what was measured: at once if it is less, slowly
// if it is more, since what is measured may have waited for something else. One of two
// measurements at a time may be lost.
func approach(known *atomic.Int64, measured int64) {
	old := known.Load()
	if old > 0 && measured > old {
		measured = old + (measured-old+7)/8
	}
	known.Store(measured)
}

// ran notes how long the handler took.
func (w *worth) ran(took time.Duration) {
	if w != nil {
		approach(&w.took, int64(took))
	}
}

// found notes whether what was stored was still true, or whether there was anything.
func (w *worth) found(held bool) {
	v := int64(0)
	if held {
		v = always
	}
	if w.asked.Add(1) > 1 {
		old := w.holds.Load()
		v = old + (v-old)/8
	}
	w.holds.Store(v)
}

// passes reports whether a request is to pass: it does not pay to serve what is stored,
// or has to be measured what the handler takes.
func (w *worth) passes(look time.Duration) bool {
	asked := w.asked.Load()
	if look == 0 || asked < worthAfter {
		return false
	}
	if pays(time.Duration(w.took.Load()), look, w.holds.Load()) {
		return measuredAfter(asked) && w.asked.CompareAndSwap(asked, asked+1)
	}
	return w.passed.Add(1)%worthAgain >= 2
}

// measuredAfter reports whether it is measured anew what the handler takes, after so many
// looks at what is stored: after 64, 256, 1024 and 4096, and then each 4096.
func measuredAfter(asked uint32) bool {
	return asked >= 64 && (asked%4096 == 0 || bits.OnesCount32(asked) == 1 && bits.TrailingZeros32(asked)%2 == 0)
}

// newWorth returns that of a place on the route, of which the handler took so long.
func (r *routeCounters) newWorth(took time.Duration) *worth {
	w := new(worth)
	w.took.Store(int64(took))
	w.holds.Store(r.worth.holds.Load())
	w.asked.Store(min(r.worth.asked.Load(), worthAfter))
	return w
}

// price returns what looking costs each of those who ask now: at the sources that do not
// answer at once and concern one of the entries, or anything that is stored if there
// are none. Half of those who ask arrive while a look is under way that is none of theirs.
func (c *engine) price(entries ...*Entry) time.Duration {
	var most int64
	for _, s := range c.sources.all() {
		if s.Source != nil && !s.prompt && (s.every || s.concernsAny(entries)) {
			most = max(most, s.costs.Load())
		}
	}
	return time.Duration(most / max(1, (c.sources.asking.Load()+1)/2))
}

// fell reports whether what was stored is not true any more.
func (m miss) fell() bool {
	switch m {
	case missExpired, missChanged, missInFlux, missFloor, missPattern:
		return true
	default:
		return false
	}
}
