package server

import (
	"crypto/sha256"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale/notebook"
)

// How often one client address may try. What an account and a mail address allow
// is counted apart, in the database. Logins are counted for each account apart, so
// that nobody keeps out those who share an address with them.
const (
	maxLogins   = 30 // to one account
	maxAttempts = 30 // registrations and resets together
	attemptsPer = time.Minute
	maxMailings = 30 // codes asked for
	mailingsPer = time.Hour

	maxClients = 1 << 14 // whom a limiter remembers
)

// A Limiter allows each client so many tries at once, and as many again in the
// course of a period. It remembers a bounded number of clients, and forgets
// those first who have not tried for long. It may be used concurrently.
type Limiter struct {
	burst  int
	refill time.Duration // for one more try
	size   int
	now    func() time.Time

	mu sync.Mutex
	// When a client will have all their tries again. Once recent holds half of those
	// who may be remembered it becomes older, and what was older is forgotten.
	recent, older map[string]time.Time
}

func newLimiter(burst int, period time.Duration, now func() time.Time) *Limiter {
	return &Limiter{burst: burst, refill: period / time.Duration(burst), size: maxClients, now: now, recent: map[string]time.Time{}}
}

// take takes one of the client's tries and returns 0, or how long they have to wait
// for one.
func (l *Limiter) take(client string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	full, ok := l.recent[client]
	if !ok {
		full = l.older[client]
	}
	if full.Before(now) {
		full = now
	}
	wait := full.Add(l.refill).Sub(now) - time.Duration(l.burst)*l.refill
	if wait <= 0 {
		wait, full = 0, full.Add(l.refill)
	}
	if !ok && len(l.recent) >= l.size/2 {
		l.recent, l.older = map[string]time.Time{}, l.recent
	}
	l.recent[client] = full
	return wait
}

// Admit takes one of the tries of the request's client, or says why not.
func (s *Server) Admit(l *Limiter, r *http.Request) error {
	return l.admit(clientOf(r, s.proxies))
}

// AdmitLogin takes one of the tries to log in that the request's client has for
// the account, or says why not.
func (s *Server) AdmitLogin(r *http.Request, account string) error {
	sum := sha256.Sum256([]byte(account)) // what is remembered is short, whatever is sent
	return s.logins.admit(clientOf(r, s.proxies) + " " + string(sum[:]))
}

func (l *Limiter) admit(client string) error {
	if wait := l.take(client); wait > 0 {
		return notebook.ErrTooManyRequests.With(notebook.RetryAfter, int(math.Ceil(wait.Seconds())))
	}
	return nil
}

// clientOf returns what the client of a request is counted by: their address, or
// the network of 64 bits that an IPv6 customer has to themselves. Only a trusted
// proxy is believed when it says that it speaks for another.
func clientOf(r *http.Request, proxies []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "" // of a listener that has no addresses: all are one
	}
	client := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(client) }) {
			break
		}
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		client = before.Unmap()
	}
	return network(client)
}

// network returns what an address is counted by; see clientOf.
func network(a netip.Addr) string {
	if a.Is6() {
		whole, _ := a.WithZone("").Prefix(64) // never fails: there are 128
		return whole.String()
	}
	return a.String()
}
