package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Daemon is a server that is a program of its own, with a directory and a port of its
// own, that ends with us.
type Daemon struct {
	Addr string

	cmd   *exec.Cmd
	ended chan struct{} // closed when the program has
	end   syscall.Signal
	dir   string
	log   *os.File
}

// StartDaemon starts a program and waits until it accepts connections.
// configure writes what it needs into dir and returns its arguments.
func StartDaemon(ctx context.Context, program string, configure func(dir, addr string) ([]string, error)) (*Daemon, error) {
	return startDaemon(ctx, program, nil, syscall.SIGTERM, configure)
}

// startDaemon starts a program as a user, nil for ours, that ends by a signal.
func startDaemon(ctx context.Context, program string, as *syscall.Credential, end syscall.Signal,
	configure func(dir, addr string) ([]string, error),
) (_ *Daemon, err error) {
	d := &Daemon{end: end}
	if d.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(d.dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(d.dir))
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Stop())
		}
	}()
	l, err := Listen()
	if err != nil {
		return nil, err
	}
	d.Addr = l.Addr().String() // at which nobody listens once it is closed
	if err := l.Close(); err != nil {
		return nil, err
	}
	args, err := configure(d.dir, d.Addr)
	if err != nil {
		return nil, err
	}
	if d.log, err = os.Create(filepath.Join(d.dir, "log")); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.Cancel = func() error { return cmd.Process.Signal(end) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: end, Credential: as}
	cmd.Dir = d.dir
	runtime.LockOSThread() // or Pdeathsig would mean the end of a thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d.cmd, d.ended = cmd, make(chan struct{})
	go func() {
		defer close(d.ended)
		_ = cmd.Wait() // that it has ended says enough
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.Addr)
		if err == nil {
			return d, conn.Close()
		}
		select {
		case <-d.ended:
			err = fmt.Errorf("it has ended: %w", err)
		default:
			if time.Now().Before(deadline) && ctx.Err() == nil {
				continue
			}
		}
		said, readErr := os.ReadFile(d.log.Name())
		return nil, errors.Join(fmt.Errorf("%s does not answer: %w: %.2000s", program, err, said), readErr)
	}
}

// Stop ends the program and removes its directory.
func (d *Daemon) Stop() error {
	var errs []error
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(d.end) // it may have ended
		select {
		case <-d.ended:
		case <-time.After(10 * time.Second):
			_ = d.cmd.Process.Kill()
			<-d.ended
		}
	}
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

// Processor returns what processor time the program and its children have used,
// where Linux says so.
func (d *Daemon) Processor() (used time.Duration, err error) {
	parent, err := parents()
	if err != nil {
		return 0, err
	}
	for pid := range parent {
		for p := pid; p > 1; p = parent[p] {
			if p != d.cmd.Process.Pid {
				continue
			}
			t, err := taskTime(pid)
			if err != nil {
				return 0, err
			}
			used += t
		}
	}
	return used, nil
}

// parents returns the parent of every process.
func parents() (map[int]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return nil, errors.Join(err, errors.ErrUnsupported)
	}
	parent := make(map[int]int)
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if f := strings.Fields(rest); err == nil && len(f) > 1 {
			parent[pid], err = strconv.Atoi(f[1])
		}
		if err != nil {
			return nil, err
		}
	}
	return parent, nil
}

// taskTime returns what the threads of a process have used, to the nanosecond.
func taskTime(pid int) (used time.Duration, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		used += time.Duration(n)
	}
	return used, nil
}
