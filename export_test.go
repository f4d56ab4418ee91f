package unstale

import (
	"runtime/debug"
	"time"
)

// InFlux returns the sum of all marks in the ledger that were not released.
func InFlux(c *Cache) int64 { return c.ledger.InFlux() }

// Waiting returns how many requests and loads want the result of a fill that is
// under way, leaders included.
func Waiting(c *Cache) (n int) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	for _, here := range c.flights.m {
		if here.latest != nil {
			n += here.latest.waiting
		}
	}
	return n
}

// FlightUsers lets n flights wait for one, each of them twice and one after the other,
// and returns how many that remembers at most.
func FlightUsers(n int) (most int) {
	f := &flight{done: make(chan struct{})}
	for range n {
		g := &flight{done: make(chan struct{})}
		f.usedBy(g)
		f.usedBy(g)
		most = max(most, len(f.users))
		close(g.done)
	}
	return most
}

// MatchPattern reports whether a pattern matches a key, both without prefix.
func MatchPattern(pattern string, ids []string, key string) (bool, error) {
	g, err := compilePattern(pattern, ids)
	if err != nil {
		return false, err
	}
	return g.Match(key), nil
}

// SetTimes changes when everything stored was made and when it expires. Nobody
// may use the cache meanwhile.
func SetTimes(c *Cache, set func(time.Time) time.Time) {
	c.store.Range(func(_ string, e *Entry) bool {
		e.created, e.expires = set(e.created), set(e.expires)
		return true
	})
}

// AppendField appends a request field as it enters a digest.
func AppendField(b []byte, name string, lines []string) []byte {
	return appendLines(appendText(b, name), lines)
}

// ForgetRequests makes a cache take net/http for one that keeps the values of a
// path elsewhere.
func ForgetRequests(c *Cache) { c.layout = requestLayout{} }

// Remembered returns how many digests, field names of Handler, and fields that
// keep answers apart a cache remembers.
func Remembered(c *Cache) (digests, names, apart int) {
	c.digests.mu.Lock()
	defer c.digests.mu.Unlock()
	digests = len(c.digests.newer)
	if m := c.digests.recent.Load(); m != nil {
		digests += len(*m)
	}
	c.plain.fields.mu.RLock()
	defer c.plain.fields.mu.RUnlock()
	c.apart.mu.Lock()
	defer c.apart.mu.Unlock()
	return digests, len(c.plain.fields.computed), len(c.apart.m)
}

// Unstored returns how many places a cache remembers of which nothing is stored.
func Unstored(c *Cache) int {
	c.unstored.mu.Lock()
	defer c.unstored.mu.Unlock()
	return len(c.unstored.m)
}

// Owner is whose a function is.
type Owner = owner

// The owners.
const (
	Ours         = ours
	Others       = others
	Applications = applications
)

// Whose returns whose a function is that stands in a file, in a binary with this
// build information; nil: there is none.
func Whose(info *debug.BuildInfo, function, file string) Owner {
	var p program
	if info != nil {
		p = programOf(info)
	}
	return p.whose(function, file)
}

// KnowsRemedy reports whether somebody has thought about what would change that
// answers are kept out of the cache for a reason.
func KnowsRemedy(reason string) bool {
	_, passes := bypassRemedies[reason]
	_, refused := remedies[reason]
	return passes || refused
}

// Watched returns of how many changes it is kept what they made fall.
func Watched(c *Cache) int {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	return len(c.watch.falls)
}

// FallFromElsewhere has it counted that a change made an answer fall which another
// process has made.
func FallFromElsewhere(c *Cache, ch *Change) { c.watch.fell(&Entry{kind: kindResponse}, ch) }
