package unstale

import (
	"hash/maphash"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/ledger"
	"github.com/unstale/unstale/internal/rfc9111"
)

// unstored remembers, for a little while, for what an answer was made that may
// not be stored by its own nature. Who asks for it next need not wait for
// somebody's fill, nor be recorded: it is what other caches call hit-for-miss.
//
// It lies outside of the store, so that it pushes no answer out.
type unstored struct {
	seed maphash.Seed
	size atomic.Int64 // of m, so that nobody need lock to find it empty

	mu sync.Mutex
	m  map[uint64]unstoredPlace // by the hash of a place, or of the key of a variant
}

// An unstoredPlace says under which choice variants of a place are remembered, or
// why one of them is.
type unstoredPlace struct {
	choice choice
	reason string
	record *ledger.Record // what the answer was made of, if that is not too much: when it changes, another one may be stored
	until  time.Time
}

// bypassUnstored is why a request passes for which nothing was stored lately; the
// reason of that follows.
const bypassUnstored = "lately not stored: "

// Bounds of unstored.
const (
	unstoredFor = 10 * time.Second
	maxUnstored = 4096
	maxRecorded = 256 // dependencies of one
)

func newUnstored() *unstored {
	return &unstored{seed: maphash.MakeSeed(), m: make(map[uint64]unstoredPlace)}
}

// add remembers that what s selects is not stored, because of reason.
func (u *unstored) add(c *engine, primary string, s selector, vary []string, f *fill, reason string, now time.Time) {
	a, record := audienceOf(s, f.hasAsked()), f.recorded(maxRecorded)
	asked := a == forIdentity
	key := c.variant(primary, choice{vary: vary, asked: asked}, a, s)
	u.mu.Lock()
	defer u.mu.Unlock()
	until := now.Add(unstoredFor)
	if key != primary {
		old := u.m[u.hash(primary)].choice
		u.put(primary, unstoredPlace{choice: choice{vary: union(old.vary, vary), asked: old.asked || asked}, until: until})
	}
	u.put(key, unstoredPlace{reason: bypassUnstored + reason, record: record, until: until})
}

// put makes room where there is none: any place is as good as another. The caller
// holds mu.
func (u *unstored) put(key string, p unstoredPlace) {
	for old := range u.m {
		if len(u.m) < maxUnstored {
			break
		}
		delete(u.m, old)
	}
	u.m[u.hash(key)] = p
	u.size.Store(int64(len(u.m)))
}

func (u *unstored) hash(key string) uint64 { return maphash.String(u.seed, key) }

// reason returns why what s selects is not stored, or "" if that is not known.
func (u *unstored) reason(c *engine, primary string, s selector, now time.Time) string {
	if u.size.Load() == 0 {
		return ""
	}
	p, ok := u.get(primary, now)
	if !ok {
		return ""
	}
	all, own := s.audiences()
	if len(p.choice.vary) == 0 && !p.choice.asked && own != forCredentials {
		return p.current(c)
	}
	// A variant for all may be remembered under this choice, or one of their own.
	for _, a := range [...]audience{forAll, own} {
		if a == forAll && !all || a == forIdentity && !p.choice.asked {
			continue
		}
		if v, ok := u.get(c.variant(primary, p.choice, a, s), now); ok && v.current(c) != "" {
			return v.reason
		}
	}
	return ""
}

// current returns why nothing is stored, unless what the answer was made of has
// changed since, as far as that has been told: it is no promise.
func (p *unstoredPlace) current(c *engine) string {
	if p.reason == "" || c.ledger.Check(p.record) != ledger.Valid {
		return ""
	}
	return p.reason
}

func (u *unstored) get(key string, now time.Time) (unstoredPlace, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := u.hash(key)
	p, ok := u.m[h]
	if ok && !now.Before(p.until) {
		delete(u.m, h)
		u.size.Store(int64(len(u.m)))
		return p, false
	}
	return p, ok
}

// byNature reports whether an answer was not stored for what it is, and not for
// what happened while it was made: the next one will hardly be another.
func byNature(reason string, status int) bool {
	return status < http.StatusInternalServerError && slices.Contains(naturalReasons, reason)
}

var naturalReasons = []string{
	rfc9111.ReasonStatus, rfc9111.ReasonFreshness, rfc9111.ReasonMalformed, rfc9111.ReasonNoStore, rfc9111.ReasonPrivate,
	rfc9111.ReasonNoCache, rfc9111.ReasonSetCookie, rfc9111.ReasonVary,
	refusedHidden, refusedRenewed, refusedNoStore, refusedUnknown, refusedContext, refusedExpired, refusedTooLarge, refusedTooMany, refusedOtherCache,
	"volatile function", // of an adapter's words
}
