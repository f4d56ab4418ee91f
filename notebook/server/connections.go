package server

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// How many connections there are at once.
const (
	maxConnections = 4096
	maxPerClient   = 256 // of one client; see Bounded
)

// Bounded returns a listener that accepts so many connections at once, and so many
// from one client, and closes the others at once: nobody waits for those who hold
// theirs. The proxies, which speak for many, and this machine itself may have as
// many as there are.
func Bounded(l net.Listener, proxies []netip.Prefix) net.Listener {
	return &boundedListener{Listener: l, proxies: proxies, most: maxConnections, perClient: maxPerClient, held: map[string]int{}}
}

type boundedListener struct {
	net.Listener
	proxies         []netip.Prefix
	most, perClient int

	mu    sync.Mutex
	total int
	held  map[string]int // by client
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := l.client(conn.RemoteAddr())
		if l.enter(client) {
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		_ = conn.Close()
	}
}

// client returns what the peer is counted by, "" for one who is not.
func (l *boundedListener) client(peer net.Addr) string {
	at, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return ""
	}
	address := at.Addr().Unmap()
	if address.IsLoopback() || slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(address) }) {
		return ""
	}
	return network(address)
}

func (l *boundedListener) enter(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.most || client != "" && l.held[client] >= l.perClient {
		return false
	}
	l.total++
	if client != "" {
		l.held[client]++
	}
	return true
}

func (l *boundedListener) leave(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if client == "" {
		return
	}
	if l.held[client]--; l.held[client] == 0 {
		delete(l.held, client)
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
