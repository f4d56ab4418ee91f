package unstale

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// apart finds request fields that nobody knows and that keep all answers apart,
// such as the id of a device: so many values for one URI, and none that came
// twice. Requests that carry one pass there for a while, and the store is not
// filled with answers that nobody asks for again. It is what other caches call
// hit-for-miss.
type apart struct {
	seed maphash.Seed
	size atomic.Int64 // of m, so that nobody need lock to find it empty

	mu sync.Mutex
	m  map[apartKey]*apartness
}

type apartKey struct{ handler, uri, field string }

// apartness is what is known of a field on a URI.
type apartness struct {
	values []uint64  // hashes of those that were stored since the last hit
	until  time.Time // requests that carry the field pass till then
}

// Bounds of apart, which keep it below 2 MiB.
const (
	maxApart       = 64   // values without a hit
	maxApartFields = 2048 // URIs and fields that are watched
)

// passes reports whether requests for the URI that carry one of the fields pass.
func (a *apart) passes(handler, uri string, fields []string, now time.Time) bool {
	if a.size.Load() == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(fields, func(field string) bool {
		x := a.m[apartKey{handler, uri, field}]
		return x != nil && now.Before(x.until)
	})
}

// hit says that an answer was found for a request that carries the fields.
func (a *apart) hit(handler, uri string, fields []string) {
	if a.size.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, field := range fields {
		delete(a.m, apartKey{handler, uri, field})
	}
	a.size.Store(int64(len(a.m)))
}

// stored says that an answer was stored for the lines of a field. It reports
// whether that was the last one: from now on requests with the field pass.
func (a *apart) stored(handler, uri, field string, lines []string, now time.Time) (enough bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m, a.seed = make(map[apartKey]*apartness), maphash.MakeSeed()
	}
	key := apartKey{handler, uri, field}
	x := a.m[key]
	if x == nil {
		if len(a.m) >= maxApartFields {
			clear(a.m) // what matters comes again
		}
		x = new(apartness)
		a.m[key] = x
		a.size.Store(int64(len(a.m)))
	}
	value := maphash.Bytes(a.seed, appendLines(nil, lines))
	if slices.Contains(x.values, value) {
		return false // made again after a change
	}
	if x.values = append(x.values, value); len(x.values) < maxApart {
		return false
	}
	x.values, x.until = nil, now.Add(passFor)
	return true
}

// keptApart notes what kept the answer apart that was just stored, for a request
// that found none.
func (g *get) keptApart(why miss, vary []string, now time.Time) {
	if !why.cold() {
		return
	}
	c := g.cache
	for _, field := range g.unknown {
		if c.apart.stored(g.id, g.key, field, g.r.Header[field], now) {
			c.reportOnce(site{kindApart, field}, "unstale: a request field keeps answers apart: it had many values and none twice, so that requests with it are not cached where that is so; name it in Options.IgnoreFields if it never matters")
		}
	}
	for _, input := range vary {
		if name, ok := strings.CutPrefix(input, outsidePrefix); ok && c.apart.stored(g.id, g.key, input, g.w.Header()[name], now) {
			c.reportOnce(site{kindApart, name}, "unstale: answers repeat a field of the response that was set outside the cache and is another one each time; they are not cached")
		}
	}
}
