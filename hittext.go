package unstale

import (
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/rfc9111"
)

// hitTexts are what Cache-Status says of hits, by the seconds that are left: made
// once, because allocations count on a hit.
type hitTexts [512]atomic.Pointer[string]

// statusText returns the member of Cache-Status.
func (c *Cache) statusText(s rfc9111.CacheStatus) string {
	left := s.TTL / time.Second
	if s != (rfc9111.CacheStatus{Hit: true, HasTTL: true, TTL: s.TTL}) || left < 0 || int(left) >= len(c.hitTexts) {
		return s.String()
	}
	if text := c.hitTexts[left].Load(); text != nil {
		return *text
	}
	text := s.String()
	c.hitTexts[left].Store(&text)
	return text
}
