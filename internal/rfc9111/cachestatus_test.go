package rfc9111

import (
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
)

func TestCacheStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   CacheStatus
		want string
	}{
		{CacheStatus{}, `unstale`},
		{CacheStatus{Hit: true, HasTTL: true, TTL: 376 * time.Second}, `unstale;hit;ttl=376`}, // RFC 9211 §3
		{CacheStatus{Hit: true, HasTTL: true, TTL: 999 * time.Millisecond}, `unstale;hit;ttl=0`},
		{CacheStatus{Hit: true, HasTTL: true, TTL: -412 * time.Second}, `unstale;hit;ttl=-412`},
		{CacheStatus{Hit: true, Forward: ForwardMiss}, `unstale;hit`}, // never both, RFC 9211 §2.2
		{CacheStatus{Forward: ForwardURIMiss, Stored: true}, `unstale;fwd=uri-miss;stored`},
		{CacheStatus{Forward: ForwardStale, Status: 304, Collapsed: true}, `unstale;fwd=stale;fwd-status=304;collapsed`},
		{CacheStatus{Forward: ForwardMiss, Status: -1}, `unstale;fwd=miss`},
		{CacheStatus{Forward: ForwardBypass, Detail: "no-store"}, `unstale;fwd=bypass;detail="no-store"`},
		{CacheStatus{Hit: true, Key: `p:http:GET h /a?q="b\c"`}, `unstale;hit;key="p:http:GET h /a?q=\"b\\c\""`},
		{CacheStatus{Hit: true, Key: "a\x00\r\né~"}, `unstale;hit;key="a%00%0D%0A%C3%A9~"`},
	}
	for _, tt := range tests {
		got := tt.in.String()
		if got != tt.want {
			t.Errorf("%+v:\n got %s\nwant %s", tt.in, got, tt.want)
		}
		checkCanonical(t, got)
	}
}

// checkCanonical parses a member as RFC 9651 does and expects it to be
// serialised into the same bytes.
func checkCanonical(t *testing.T, member string) httpsfv.Item {
	t.Helper()
	list, err := httpsfv.UnmarshalList([]string{member})
	if err != nil || len(list) != 1 {
		t.Fatalf("%q is no list of one member: %v", member, err)
	}
	item, ok := list[0].(httpsfv.Item)
	if !ok || item.Value != httpsfv.Token(CacheName) {
		t.Fatalf("%q does not name the cache", member)
	}
	again, err := httpsfv.Marshal(list)
	if err != nil || again != member {
		t.Fatalf("%q is not canonical: %q %v", member, again, err)
	}
	return item
}
