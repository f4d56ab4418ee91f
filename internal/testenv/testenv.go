// Package testenv starts private servers for tests, which kill them: on free
// ports, in directories of their own, from the binaries that the system has.
package testenv

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
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Postgres is a private PostgreSQL server that listens on 127.0.0.1. Its superuser is
// "postgres", without a password.
type Postgres struct {
	Dir  string // of its data
	Port int

	tb       testing.TB
	settings []string
	clock    string // the file that says what is added to its clock, or ""
	cmd      *exec.Cmd
	exited   chan struct{} // closed when it has

	databases atomic.Int64 // made by NewDatabase
}

// startWithin is how long a server may take to answer.
const startWithin = time.Minute

// StartPostgres makes a new cluster and starts a server for it, which ends with the
// test. Settings are as in postgresql.conf: "name=value". Commits are not flushed to
// the disk, unless a setting says so.
func StartPostgres(tb testing.TB, settings ...string) *Postgres {
	tb.Helper()
	// Not tb.TempDir(): a socket's path may have 107 bytes, and the server's user must
	// get there.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Postgres{Dir: filepath.Join(dir, "data"), tb: tb, settings: settings}
	if who := serverUser(); who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	init := p.command("initdb", "-D", p.Dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if out, err := init.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	p.Start()
	tb.Cleanup(p.Kill)
	return p
}

// Clone starts another server on a copy of this one's files, which has ended.
func (p *Postgres) Clone() *Postgres {
	p.tb.Helper()
	return p.beside(exec.CommandContext(p.tb.Context(), "cp", "-a", p.Dir+"/.", "."))
}

// Standby starts a standby of the server, which follows it as it runs.
func (p *Postgres) Standby() *Postgres {
	p.tb.Helper()
	return p.beside(p.command("pg_basebackup", "-D", ".", "-R", "-c", "fast", "--no-sync", "-X", "stream", "-d", p.DSN("postgres", "postgres")))
}

// beside starts a server in a directory that a command fills, which runs there.
func (p *Postgres) beside(fill *exec.Cmd) *Postgres {
	p.tb.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	other := &Postgres{Dir: filepath.Join(dir, "data"), tb: p.tb, settings: p.settings}
	if err := os.Mkdir(other.Dir, 0o700); err != nil {
		p.tb.Fatal(err)
	}
	if who := serverUser(); who != nil {
		if err := errors.Join(os.Chown(dir, int(who.Uid), int(who.Gid)), os.Chown(other.Dir, int(who.Uid), int(who.Gid))); err != nil {
			p.tb.Fatal(err)
		}
	}
	fill.Dir = other.Dir
	if out, err := fill.CombinedOutput(); err != nil {
		p.tb.Fatalf("%v: %v\n%s", fill.Args, err, out)
	}
	other.Start()
	p.tb.Cleanup(other.Kill)
	return other
}

// Start starts the server again after [Postgres.Stop] or [Postgres.Kill], on the port
// that it had, and returns when it answers.
func (p *Postgres) Start() {
	p.tb.Helper()
	for attempt := 0; ; attempt++ {
		if p.Port == 0 || attempt > 0 && p.cmd == nil {
			p.Port = freePort(p.tb)
		}
		err := p.start()
		if err == nil {
			return
		}
		if attempt == 5 || !strings.Contains(err.Error(), "Address already in use") {
			p.tb.Fatal(err)
		}
		p.Port = 0 // somebody else was faster
	}
}

func (p *Postgres) start() error {
	args := []string{
		"-D", p.Dir, "-p", strconv.Itoa(p.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + filepath.Dir(p.Dir),
		"-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=32MB", "-c", "max_prepared_transactions=10",
	}
	for _, s := range p.settings {
		args = append(args, "-c", s)
	}
	log, err := os.OpenFile(p.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p.cmd = p.command("postgres", args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if p.clock != "" {
		found, _ := filepath.Glob(libfaketime)
		if len(found) == 0 {
			return errors.New("there is no " + libfaketime + ": tools/need.sh faketime")
		}
		p.cmd.Env = append(p.cmd.Env, "LD_PRELOAD="+found[0], "FAKETIME_TIMESTAMP_FILE="+p.clock, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1")
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.exited = exited
	var ended error
	go func(cmd *exec.Cmd) {
		ended = cmd.Wait()
		close(exited)
	}(p.cmd)
	ctx, cancel := context.WithTimeout(p.tb.Context(), startWithin)
	defer cancel()
	for {
		if p.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.Port)).Run() == nil {
			return nil
		}
		select {
		case <-exited:
			p.cmd = nil
			text, _ := os.ReadFile(p.Log())
			return fmt.Errorf("the server ended: %w\n%s", ended, text[max(0, len(text)-2000):])
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Log returns the file to which the server writes.
func (p *Postgres) Log() string { return filepath.Join(filepath.Dir(p.Dir), "log") }

// Stop ends the server with a signal: SIGTERM is a smart shutdown, SIGINT a fast one,
// SIGQUIT an immediate one. It returns when the server has ended.
func (p *Postgres) Stop(signal syscall.Signal) {
	p.tb.Helper()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.exited:
	case <-time.After(startWithin):
		p.tb.Errorf("the server does not end on %v", signal)
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	p.cmd = nil
}

// libfaketime is where Debian has it.
const libfaketime = "/usr/lib/*/faketime/libfaketime.so.1"

// SetClock sets the clock that the server sees, by so much from the machine's. The first
// call restarts the server.
func (p *Postgres) SetClock(by time.Duration) {
	p.tb.Helper()
	first := p.clock == ""
	p.clock = filepath.Join(filepath.Dir(p.Dir), "clock")
	text := fmt.Sprintf("%+d", int64(by/time.Second))
	// Whoever reads it meanwhile is to see the one or the other.
	if err := os.WriteFile(p.clock+".new", []byte(text+"\n"), 0o644); err != nil { //nolint:gosec // the server's user reads it
		p.tb.Fatal(err)
	}
	if err := os.Rename(p.clock+".new", p.clock); err != nil {
		p.tb.Fatal(err)
	}
	if first {
		p.Stop(syscall.SIGINT)
		p.Start()
	}
}

// Signal gives the server a signal, and waits for nothing.
func (p *Postgres) Signal(signal syscall.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.tb.Error(err)
	}
}

// Kill ends the server by SIGKILL, and all its backends, as a crash of the machine
// would.
func (p *Postgres) Kill() {
	if p.cmd == nil {
		return
	}
	backends := children(p.cmd.Process.Pid)
	_ = p.cmd.Process.Kill()
	for _, pid := range backends {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, pid := range backends { // as long as one is there, another server takes them for its own
		for end := time.Now().Add(startWithin); alive(pid) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	<-p.exited
	p.cmd = nil
	_ = os.Remove(filepath.Join(p.Dir, "postmaster.pid"))
}

// alive reports whether a process is there that has not ended.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

// children returns the processes that a process has started.
func children(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// "pid (name) state ppid …", where the name may be anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// DSN returns the URL of a database of the server, for a user.
func (p *Postgres) DSN(user, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", user, p.Port, database)
}

// Psql has psql run SQL as the superuser, and returns what it prints, unaligned.
func (p *Postgres) Psql(database, sql string) string {
	p.tb.Helper()
	out, err := p.TryPsql(database, sql)
	if err != nil {
		p.tb.Fatal(err)
	}
	return out
}

// TryPsql is [Postgres.Psql] where it may fail.
func (p *Postgres) TryPsql(database, sql string) (string, error) {
	p.tb.Helper()
	cmd := p.command("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", p.DSN("postgres", database), "-f", "-")
	cmd.Stdin = strings.NewReader(sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w\n%s\n%s", err, sql, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Dump returns what pg_dump prints of a database, for [Postgres.Psql]: with INSERT, since
// psql takes no COPY from its own standard input while it is restricted.
func (p *Postgres) Dump(database string, args ...string) string {
	p.tb.Helper()
	var failed strings.Builder
	cmd := p.command("pg_dump", append(args, "--inserts", "-d", p.DSN("postgres", database))...)
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		p.tb.Fatalf("pg_dump: %v\n%s", err, failed.String())
	}
	return string(out)
}

// NewDatabase makes a database of the server, a copy of another one to which nobody is
// connected, or of none if that is "", and returns the URL by which the superuser gets
// there. It goes with the server.
func (p *Postgres) NewDatabase(template string) (dsn string) {
	p.tb.Helper()
	if template == "" {
		template = "template0"
	}
	name := "test" + strconv.FormatInt(p.databases.Add(1), 10)
	p.Psql("postgres", "CREATE DATABASE "+name+" TEMPLATE "+template)
	return p.DSN("postgres", name)
}

// command returns a command of PostgreSQL's, as a user whom its server accepts.
func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	p.tb.Helper()
	cmd := exec.CommandContext(context.Background(), binary(p.tb, name), args...)
	cmd.Dir = filepath.Dir(p.Dir)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if who := serverUser(); who != nil {
		cmd.SysProcAttr.Credential = who
	}
	return cmd
}

// binariesVariable names a directory with commands of PostgreSQL's, so that tests run on
// another version than the newest that is installed.
const binariesVariable = "UNSTALE_POSTGRES"

// binary finds a command of PostgreSQL's: where binariesVariable says, where Debian hides
// it, or on the PATH, where Debian has wrappers in Perl.
func binary(tb testing.TB, name string) string {
	tb.Helper()
	if dir := os.Getenv(binariesVariable); dir != "" {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.SortFunc(found, func(a, b string) int { return versionOf(b) - versionOf(a) })
	if len(found) > 0 {
		return found[0]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Fatalf("%s is not here: tools/need.sh postgres says how to install it", name)
	}
	return path
}

func versionOf(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// serverUser returns the user as whom servers run that refuse to be root's, or nil
// if that is not who we are.
func serverUser() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u = &user.User{Uid: "65534", Gid: "65534"} // nobody
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if errors.Join(err1, err2) != nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// freePort returns a port that nobody listens on now.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatal("no TCP address")
	}
	return addr.Port
}
