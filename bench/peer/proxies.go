package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"github.com/unstale/unstale/bench/harness"
)

// startNginx starts nginx as a caching proxy. An answer is renewed by a request
// with the field refreshField; the open source version has no purge.
func startNginx(ctx context.Context, origin string) (*harness.Daemon, error) {
	return harness.StartDaemon(ctx, "nginx", func(dir, addr string) ([]string, error) {
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
func startVarnish(ctx context.Context, origin string) (*harness.Daemon, error) {
	return harness.StartDaemon(ctx, "varnishd", func(dir, addr string) ([]string, error) {
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
func startRedis(ctx context.Context) (*harness.Daemon, error) {
	return harness.StartDaemon(ctx, "redis-server", func(dir, addr string) ([]string, error) {
		_, port, err := net.SplitHostPort(addr)
		return []string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}, err
	})
}
