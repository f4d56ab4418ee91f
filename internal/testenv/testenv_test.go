package testenv_test

import (
	"syscall"
	"testing"

	"github.com/unstale/unstale/internal/testenv"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	p := testenv.StartPostgres(t)
	p.Psql("postgres", `CREATE TABLE t (n int); INSERT INTO t VALUES (7)`)
	for _, stop := range []func(){p.Kill, func() { p.Stop(syscall.SIGINT) }, func() { p.Stop(syscall.SIGQUIT) }} {
		port := p.Port
		stop()
		p.Start()
		if got := p.Psql("postgres", `SELECT n FROM t`); got != "7" || p.Port != port {
			t.Errorf("%q on port %d, was on %d", got, p.Port, port)
		}
	}
}
