package unstale

import (
	"time"

	"github.com/unstale/unstale/internal/rfc9111"
)

// hitTexts are what Cache-Status says of hits, by the seconds that are left: made
// beforehand, because allocations count on a hit.
type hitTexts [512]string

func newHitTexts() *hitTexts {
	t := new(hitTexts)
	for i := range t {
		t[i] = hitStatus(time.Duration(i) * time.Second).String()
	}
	return t
}

func hitStatus(left time.Duration) rfc9111.CacheStatus {
	return rfc9111.CacheStatus{Hit: true, TTL: left, HasTTL: true}
}

// of returns what is said of a hit with so much time left.
func (t *hitTexts) of(left time.Duration) string {
	if i := left / time.Second; left >= 0 && int(i) < len(t) {
		return t[i]
	}
	return hitStatus(left).String()
}
