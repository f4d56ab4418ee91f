package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 12, 0, 0, 0, time.UTC)
	l := newLimiter(3, time.Minute, func() time.Time { return now })
	take := func(client string, want ...time.Duration) {
		t.Helper()
		for i, w := range want {
			if got := l.take(client); got != w {
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
	l := newLimiter(1, time.Hour, func() time.Time { return now })
	l.size = 100
	l.take("thief")
	for i := range 1000 {
		if l.take(fmt.Sprint(i)) != 0 {
			t.Fatal("somebody new is refused")
		}
		if i%20 == 0 && l.take("thief") == 0 {
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
	l := newLimiter(10, time.Hour, func() time.Time { return now })
	var tries sync.WaitGroup
	let := make(chan bool, 100)
	for range cap(let) {
		tries.Go(func() { let <- l.take("a") == 0 })
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

func TestClientOf(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:80", nil, "192.0.2.1"},
		{"192.0.2.1:80", []string{"198.51.100.1"}, "192.0.2.1"}, // who is he to say so
		{"10.0.0.1:80", nil, "10.0.0.1"},
		{"10.0.0.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:80", []string{"6.6.6.6, 198.51.100.1"}, "198.51.100.1"}, // the client invented the first
		{"10.0.0.1:80", []string{"6.6.6.6", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:80", []string{"198.51.100.1, nonsense"}, "10.0.0.1"},
		{"[::1]:80", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		{"[2001:db8:1:2:ffff::1]:80", nil, "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:80", nil, "fe80::/64"},
		{"[::ffff:192.0.2.1]:80", nil, "192.0.2.1"},
		{"", []string{"198.51.100.1"}, ""},
		{"@", nil, ""},
	} {
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := clientOf(r, proxies); got != test.want {
			t.Errorf("%q, forwarded for %q: %q, want %q", test.peer, test.forwarded, got, test.want)
		}
	}
}
