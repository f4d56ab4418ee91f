package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is a private server of Redis or Valkey that listens on 127.0.0.1. It keeps
// nothing beyond its end.
type Redis struct {
	Port int

	tb       testing.TB
	dir      string
	settings []string
	cmd      *exec.Cmd
	exited   chan struct{} // closed when it has
}

// StartRedis starts a server, which ends with the test. Settings are as on its command
// line: "--maxmemory 10mb".
func StartRedis(tb testing.TB, settings ...string) *Redis {
	tb.Helper()
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &Redis{tb: tb, dir: dir, settings: settings, Port: freePort(tb)}
	r.Start()
	tb.Cleanup(r.Kill)
	return r
}

// Start starts the server again after [Redis.Kill], empty, on the port that it had, and
// returns when it answers.
func (r *Redis) Start() {
	r.tb.Helper()
	for attempt := 0; ; attempt++ {
		err := r.start()
		if err == nil {
			return
		}
		if attempt == 20 {
			r.tb.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // somebody else may have the port for a moment
	}
}

func (r *Redis) start() error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if path, err = exec.LookPath("valkey-server"); err != nil {
			r.tb.Fatal("redis-server is not here: tools/need.sh redis says how to install it")
		}
	}
	args := []string{"--port", strconv.Itoa(r.Port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir}
	for _, s := range r.settings {
		args = append(args, strings.Fields(s)...)
	}
	log, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	r.cmd = exec.CommandContext(context.Background(), path, args...)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	r.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(r.cmd)
	for end := time.Now().Add(startWithin); time.Now().Before(end); {
		if out, err := r.Try("PING"); err == nil && strings.HasPrefix(out, "+PONG") {
			return nil
		}
		select {
		case <-exited:
			r.cmd = nil
			text, _ := os.ReadFile(filepath.Join(r.dir, "log"))
			return fmt.Errorf("the server ended\n%s", text[max(0, len(text)-2000):])
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("the server does not answer")
}

// Kill ends the server by SIGKILL. What it had is lost.
func (r *Redis) Kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.exited
	r.cmd = nil
}

// Pause stops the server by SIGSTOP until Resume: it has its connections, and does not
// answer.
func (r *Redis) Pause() { _ = r.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (r *Redis) Resume() { _ = r.cmd.Process.Signal(syscall.SIGCONT) }

// URL returns the server's.
func (r *Redis) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d", r.Port) }

// Try has the server run a command of words without spaces, on a connection of its own,
// and returns the first of what it answers.
func (r *Redis) Try(command string) (string, error) {
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", r.Port))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(startWithin))
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	return string(b[:n]), err
}

// Do is [Redis.Try] of what must not fail.
func (r *Redis) Do(command string) {
	r.tb.Helper()
	if out, err := r.Try(command); err != nil || strings.HasPrefix(out, "-") {
		r.tb.Fatalf("%s: %q, %v", command, out, err)
	}
}
