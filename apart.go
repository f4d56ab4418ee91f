package unstale

import (
	"hash/maphash"
	"slices"
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
	m  map[uint64]*apartness // by the hash of handler, URI and field
}

// apartness is what is known of a field on a URI.
type apartness struct {
	values []uint64  // hashes of those that were stored since the last hit
	until  time.Time // requests that carry the field pass till then
}

// Bounds of apart, which keep it below 2 MiB, and a request's part of it small.
const (
	maxApart       = 64   // values without a hit
	maxApartFields = 2048 // URIs and fields that are watched
	maxWatched     = 8    // fields of one request
)

func newApart() *apart {
	return &apart{seed: maphash.MakeSeed(), m: make(map[uint64]*apartness)}
}

// keys calls f with the key of each field that is watched on a URI.
func (a *apart) keys(handler, uri string, fields []string, f func(field string, key uint64)) {
	var h maphash.Hash
	h.SetSeed(a.seed)
	_, _ = h.WriteString(handler)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(uri)
	place := h.Sum64()
	for _, field := range fields[:min(len(fields), maxWatched)] {
		f(field, place^maphash.String(a.seed, field))
	}
}

// passes reports whether requests for the URI that carry one of the fields pass.
func (a *apart) passes(handler, uri string, fields []string, now time.Time) (pass bool) {
	if a.size.Load() == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys(handler, uri, fields, func(_ string, key uint64) {
		x := a.m[key]
		pass = pass || x != nil && now.Before(x.until)
	})
	return pass
}

// hit says that an answer was found for a request that carries the fields.
func (a *apart) hit(handler, uri string, fields []string) {
	if a.size.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys(handler, uri, fields, func(_ string, key uint64) { delete(a.m, key) })
	a.size.Store(int64(len(a.m)))
}

// stored says that an answer was stored for the values that the fields have in h.
// It returns the fields of which it was the last one: from now on requests with
// them pass.
func (a *apart) stored(handler, uri string, fields []string, h map[string][]string, now time.Time) (enough []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys(handler, uri, fields, func(field string, key uint64) {
		x := a.m[key]
		if x == nil {
			for old := range a.m { // any of them makes room
				if len(a.m) < maxApartFields {
					break
				}
				delete(a.m, old)
			}
			x = new(apartness)
			a.m[key] = x
		}
		value := maphash.Bytes(a.seed, appendLines(nil, h[field]))
		if slices.Contains(x.values, value) {
			return // made again after a change
		}
		if x.values = append(x.values, value); len(x.values) == maxApart {
			x.values, x.until = nil, now.Add(passFor)
			enough = append(enough, field)
		}
	})
	a.size.Store(int64(len(a.m)))
	return enough
}

// keptApart notes what kept the answer apart that was just stored, for a request
// that found none.
func (g *get) keptApart(why miss, now time.Time) {
	if len(g.unknown) == 0 || !why.cold() {
		return
	}
	for _, field := range g.front.apart.stored(g.id, g.key, g.unknown, g.r.Header, now) {
		g.front.reportOnce(site{kindApart, cut(field)}, "unstale: a request field keeps answers apart: it had many values and none twice, so that requests with it are not cached where that is so; name it in HandlerOptions.IgnoreFields if it never matters")
	}
}
