package main

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

// A daemon is a server of somebody else's, with a directory and a port of its
// own, that ends with us.
type daemon struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the program has
	dir   string
	addr  string
	log   *os.File
}

// startDaemon starts a program and waits until it accepts connections.
// configure writes what it needs into dir and returns its arguments.
func startDaemon(ctx context.Context, program string, configure func(dir, addr string) ([]string, error)) (_ *daemon, err error) {
	d := new(daemon)
	if d.dir, err = os.MkdirTemp("", "unstale-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stop())
		}
	}()
	if d.addr, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	args, err := configure(d.dir, d.addr)
	if err != nil {
		return nil, err
	}
	if d.log, err = os.Create(filepath.Join(d.dir, "log")); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
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
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.addr)
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

// freeAddress returns an address on which nobody listens at the moment.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// stop ends the program and removes its directory.
func (d *daemon) stop() error {
	var errs []error
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
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

// processor returns what the program and its children have used, where Linux
// says so.
func (d *daemon) processor() (used time.Duration, err error) {
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

// startNginx starts nginx as a caching proxy. An answer is renewed by a request
// with the field refreshField; the open source version has no purge.
func startNginx(ctx context.Context, origin string) (*daemon, error) {
	return startDaemon(ctx, "nginx", func(dir, addr string) ([]string, error) {
		user := ""
		if os.Getuid() == 0 {
			user = "user root;"
		}
		conf := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log; worker_processes %[2]d; %[3]s
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 1h;
	open_file_cache max=20000 inactive=1h;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	proxy_cache_path %[1]s/cache levels=1:2 keys_zone=z:64m max_size=4g inactive=24h use_temp_path=off;
	upstream origin { server %[4]s; keepalive 16; }
	server {
		listen %[5]s;
		location / {
			proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
			proxy_cache z; proxy_cache_key $uri; proxy_cache_bypass $http_x_refresh;
		}
	}
}
`, dir, runtime.NumCPU(), user, origin, addr)
		path := filepath.Join(dir, "nginx.conf")
		return []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", path}, os.WriteFile(path, []byte(conf), 0o600)
	})
}

// The methods by which our Varnish invalidates.
const (
	methodBan   = "BAN"   // the field Match: a regular expression for URLs
	methodPurge = "PURGE" // one URL
	methodXkey  = "XKEY"  // the field Match: a key from the answer's field Xkey
)

// xkeyFile is where Debian's varnish-modules put the module xkey.
const xkeyFile = "/usr/lib/*/varnish/vmods/libvmod_xkey.so"

func hasXkey() bool {
	found, err := filepath.Glob(xkeyFile)
	return err == nil && len(found) > 0
}

// startVarnish starts Varnish with the malloc storage.
func startVarnish(ctx context.Context, origin string) (*daemon, error) {
	return startDaemon(ctx, "varnishd", func(dir, addr string) ([]string, error) {
		host, port, err := net.SplitHostPort(origin)
		if err != nil {
			return nil, err
		}
		imports, purge := "", ""
		if hasXkey() {
			imports = "import xkey;"
			purge = fmt.Sprintf(`if (req.method == %q) { set req.http.n = xkey.purge(req.http.match); return (synth(200)); }`, methodXkey)
		}
		vcl := fmt.Sprintf(`vcl 4.1;
%s
backend default { .host = %q; .port = %q; }
sub vcl_recv {
	if (req.method == %q) { ban("obj.http.x-url ~ " + req.http.match); return (synth(200)); }
	if (req.method == %q) { return (purge); }
	%s
	return (hash);
}
sub vcl_backend_response { set beresp.http.x-url = bereq.url; set beresp.grace = 0s; }
sub vcl_deliver { unset resp.http.x-url; }
`, imports, host, port, methodBan, methodPurge, purge)
		path := filepath.Join(dir, "default.vcl")
		return []string{
			"-F", "-j", "none", "-n", filepath.Join(dir, "varnish"), "-f", path, "-a", addr, "-T", "none", "-s", "malloc,4g", "-l", "8m",
			"-p", "timeout_idle=3600", // others have their turn meanwhile
			// The default lets a ban rest for a minute before it is worked off.
			"-p", "ban_lurker_age=0.1", "-p", "ban_lurker_sleep=0.001",
		}, os.WriteFile(path, []byte(vcl), 0o600)
	})
}

// startRedis starts a Redis that keeps nothing on disk.
func startRedis(ctx context.Context) (*daemon, error) {
	return startDaemon(ctx, "redis-server", func(dir, addr string) ([]string, error) {
		_, port, err := net.SplitHostPort(addr)
		return []string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}, err
	})
}
