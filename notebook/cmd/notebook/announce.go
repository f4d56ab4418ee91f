package main

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// What the capture tiers claim.
const (
	tierS  = "tier S, SQLite through this process, proved by a probe row: every write of this process shows in the very next read, nobody is served an older state once a newer one was seen, and a write of another program to the database file invalidates everything"
	tierP  = "tier P, PostgreSQL, whose triggers tell of every change: every write, whoever makes it, shows in the very next read, and nobody is served an older state once a newer one was seen"
	blind  = "none: the database does not tell of its changes, and every answer is computed anew"
	noTier = "off: every answer is computed anew"
)

// announce says where the notebook listens, what it promises, and who can log
// in to the demo, in one write: who reads the first line can have the rest.
func announce(out io.Writer, s *settings, addr net.Addr, apart net.Listener, data *dataDir, followed bool) {
	base := "http://" + reachable(addr)
	promise := tierS
	switch {
	case s.Cache == "off":
		promise = noTier
	case s.Database != "" && !followed:
		promise = blind
	case s.Database != "":
		promise = tierP
	}
	kept := data.path
	if s.Database != "" {
		kept += " and " + s.database
	}
	if data.temporary {
		kept += " (temporary, removed at the end)"
	}
	mails := s.mailsTo
	if mails == "" {
		mails = "none (--mail): nobody can register, or reset a password"
	}
	var text strings.Builder
	defer func() { _, _ = io.WriteString(out, text.String()) }() // it serves, whether or not anybody reads that
	fmt.Fprintf(&text, "The notebook is at %s\n  reference  %s/docs\n  data       %s\n  cache      %s\n  mail       %s\n", base, base, kept, promise, mails)
	if apart != nil {
		fmt.Fprintf(&text, "  admin      http://%s/api/admin and /api/metrics, nowhere else\n", reachable(apart.Addr()))
	}
	if !s.Demo {
		return
	}
	fmt.Fprintf(&text, "Log in to the demo with the password %s as\n  %-15s super_admin\n", demoPassword, demoAdmin)
	if tcp, ok := addr.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		fmt.Fprintf(&text, "  WARNING: whoever reaches %s can log in as super_admin, the password is public\n", addr)
	}
	for _, p := range demoPeople() {
		fmt.Fprintf(&text, "  %-15s %s\n", p.name, p.role)
	}
	fmt.Fprintf(&text, `for example, in English, and the last one twice to have it from the cache
  curl -s -H Accept-Language:en -d username=alice -d password=%s %s/api/auth/token
  curl -i -H Accept-Language:en %s/api/persona/public
`, demoPassword, base, base)
}

// reachable is an address that a browser on this machine can open.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return addr.String()
}
