package server

import (
	"net"
	"net/netip"
	"testing"
)

// from is a connection from an address.
type from struct {
	net.Conn
	address net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.address }

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	inner := make(pipes)
	l := Bounded(inner, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}).(*boundedListener)
	l.most, l.perClient = 8, 2
	accepted := make(chan net.Conn)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- conn
		}
	}()
	// connect returns the server's end, nil if it was closed at once.
	connect := func(address string) net.Conn {
		t.Helper()
		here, there := net.Pipe()
		closed := make(chan struct{})
		go func() {
			_, _ = here.Read(make([]byte, 1))
			close(closed)
		}()
		inner <- from{there, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}
		select {
		case conn := <-accepted:
			return conn
		case <-closed:
			return nil
		}
	}
	var held []net.Conn
	for _, test := range []struct {
		address string
		want    bool
	}{
		{"192.0.2.1:1", true},
		{"192.0.2.1:2", true},
		{"192.0.2.1:3", false},
		{"192.0.2.2:1", true}, // somebody else comes in
		{"[2001:db8::1]:1", true},
		{"[2001:db8::2]:1", true},
		{"[2001:db8::3]:1", false}, // of the same network
		{"10.0.0.1:1", true},
		{"10.0.0.1:2", true},
		{"10.0.0.1:3", true}, // a proxy has no bound of its own
		{"127.0.0.1:1", false},
	} {
		conn := connect(test.address)
		if (conn != nil) != test.want {
			t.Errorf("%s: accepted %v", test.address, conn != nil)
		}
		if conn != nil {
			held = append(held, conn)
		}
	}
	for range 2 { // what is closed twice leaves once
		_ = held[0].Close()
	}
	if conn := connect("192.0.2.1:4"); conn == nil {
		t.Error("nobody gets the place of who has left")
	} else if connect("127.0.0.1:2") != nil {
		t.Error("one place was given twice")
	} else {
		held = append(held, conn)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	if l.total != 0 || len(l.held) != 0 {
		t.Errorf("%d are held, by %v", l.total, l.held)
	}
	close(inner)
	<-accepted
}
