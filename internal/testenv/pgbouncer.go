package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// StartPgBouncer starts a PgBouncer before a server, which ends with the test, and
// returns the URL of a database by that way. Settings are as in pgbouncer.ini:
// "name = value".
func StartPgBouncer(tb testing.TB, p *Postgres, user, database string, settings ...string) string {
	tb.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			tb.Fatal("pgbouncer is not here: tools/need.sh pgbouncer says how to install it")
		}
	}
	port := freePort(tb)
	config := filepath.Join(filepath.Dir(p.Dir), fmt.Sprintf("pgbouncer-%d.ini", port))
	text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nauth_type = any\nunix_socket_dir =\nmax_client_conn = 100\n%s\n",
		p.Port, port, strings.Join(settings, "\n"))
	// With auth_type any the one user is that of the database's entry.
	text = strings.Replace(text, fmt.Sprintf("port=%d\n", p.Port), fmt.Sprintf("port=%d user=%s\n", p.Port, user), 1)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	cmd := p.command("psql")
	cmd.Path, cmd.Args = path, []string{path, "-q", config}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		_ = cmd.Wait()
	})
	for end := time.Now().Add(startWithin); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = conn.Close()
			break
		} else if time.Now().After(end) {
			tb.Fatalf("pgbouncer does not listen: %v", err)
		}
	}
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", user, port, database)
}
