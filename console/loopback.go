package console

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Loopback reports whether a request comes from the same machine and was meant for it:
// from a loopback address, for a host that is one or is called localhost, and without a
// field that a proxy has put there. A page elsewhere that gives its own name the address
// of this machine is refused by the host.
func Loopback(r *http.Request) bool {
	for name := range r.Header {
		switch {
		case strings.HasPrefix(name, "X-Forwarded"), strings.HasPrefix(name, "X-Original-"):
			return false
		case name == "Forwarded", name == "Via", name == "X-Real-Ip", name == "X-Client-Ip", name == "X-Cluster-Client-Ip",
			name == "True-Client-Ip", name == "Cf-Connecting-Ip", name == "Fastly-Client-Ip", name == "Fly-Client-Ip", name == "X-Envoy-External-Address":
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
