package server

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook/service"
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

	maxDownloads = 300 // archives, which are made anew for each; they are counted less often
	downloadsPer = 10 * time.Minute
)

// Admit takes one of the tries of the request's client, or says why not.
func (s *Server) Admit(l *service.Limiter, r *http.Request) error {
	return l.Admit(clientOf(r, s.proxies), 1)
}

// ClientOf returns what the client of a request is counted by: their address, or
// the network that an IPv6 customer has to themselves.
func (s *Server) ClientOf(r *http.Request) string { return clientOf(r, s.proxies) }

// fromProxy reports whether a proxy in front has sent the request.
func (s *Server) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) })
}

// Held returns what connections and downloads of the request's client are counted by, "" where
// they are not: this machine and the proxies speak for many.
func (s *Server) Held(r *http.Request) string {
	client := s.ClientOf(r)
	address, err := netip.ParseAddr(client)
	if err != nil {
		return client // of a network
	}
	if address.IsLoopback() || slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(address) }) {
		return ""
	}
	return client
}

// AdmitLogin takes one of the tries to log in that the request's client has for
// the account, or says why not.
func (s *Server) AdmitLogin(r *http.Request, account string) error {
	sum := sha256.Sum256([]byte(account)) // what is remembered is short, whatever is sent
	return s.logins.Admit(clientOf(r, s.proxies)+" "+string(sum[:]), 1)
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
