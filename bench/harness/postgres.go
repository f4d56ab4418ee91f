package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Postgres is a private PostgreSQL server, which counts statements. Its superuser is
// "postgres", without a password.
type Postgres struct {
	*Daemon

	control *pgx.Conn
}

// StartPostgres starts a server from the binaries that the system has, on a cluster of
// its own. What is committed is not flushed to the disk, which would be waited for with
// a cache as without.
func StartPostgres(ctx context.Context) (_ *Postgres, err error) {
	as := serverUser()
	initdb, err := postgresBinary("initdb")
	if err != nil {
		return nil, err
	}
	server, err := postgresBinary("postgres")
	if err != nil {
		return nil, err
	}
	p := new(Postgres)
	p.Daemon, err = startDaemon(ctx, server, as, syscall.SIGINT, func(dir, addr string) ([]string, error) {
		data := filepath.Join(dir, "data")
		init := exec.CommandContext(ctx, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
		init.Dir, init.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		if out, err := init.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initdb: %w\n%s", err, out)
		}
		_, port, err := net.SplitHostPort(addr)
		args := []string{"-D", data, "-p", port}
		for _, s := range []string{
			"listen_addresses=127.0.0.1", "unix_socket_directories=" + dir, "fsync=off", "synchronous_commit=off", "max_connections=200", "shared_buffers=256MB",
			"shared_preload_libraries=pg_stat_statements", "pg_stat_statements.max=10000",
		} {
			args = append(args, "-c", s)
		}
		return args, err
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if p.control, err = pgx.Connect(ctx, p.DSN("postgres")); err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	_, err = p.control.Exec(ctx, "CREATE EXTENSION pg_stat_statements")
	return p, err
}

// Stop ends the server and removes its directory.
func (p *Postgres) Stop() error {
	if p.control != nil {
		_ = p.control.Close(context.Background())
	}
	return p.Daemon.Stop()
}

// DSN returns the URL of a database of the server.
func (p *Postgres) DSN(database string) string {
	return "postgres://postgres@" + p.Addr + "/" + database + "?sslmode=disable"
}

// Create makes a database, a copy of another one to which nobody is connected.
func (p *Postgres) Create(ctx context.Context, name, of string) error {
	_, err := p.control.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE "+pgx.Identifier{of}.Sanitize())
	return err
}

// Statements returns how many statements were sent to a database so far, the ones that
// begin and end transactions among them.
func (p *Postgres) Statements(ctx context.Context, database string) (n int64, err error) {
	err = p.control.QueryRow(ctx, `SELECT coalesce(sum(calls), 0)::int8 FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
		WHERE datname = $1`, database).Scan(&n)
	return n, err
}

// postgresBinary finds a command of PostgreSQL's: where Debian hides it, or on the PATH.
func postgresBinary(name string) (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return found[0], nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w; tools/need.sh postgres says how to install it", err)
	}
	return path, nil
}

// serverUser returns the user as whom servers run that refuse to be root's, or nil if
// that is not who we are.
func serverUser() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	id := func(name, otherwise string) (uid, gid uint64) {
		u, err := user.Lookup(name)
		if err != nil {
			u = &user.User{Uid: otherwise, Gid: otherwise}
		}
		uid, _ = strconv.ParseUint(u.Uid, 10, 32)
		gid, _ = strconv.ParseUint(u.Gid, 10, 32)
		return uid, gid
	}
	uid, gid := id("postgres", "65534") // nobody
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
