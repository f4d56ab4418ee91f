package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// The proxies that peers are, besides the kinds.
const (
	peerNginx   = "nginx proxy_cache"
	peerVarnish = "Varnish"
)

// A peer is a cache under measurement: a process of ours or a daemon before one.
type peer struct {
	name   string
	addr   string
	ours   *child  // answers, or is what stands behind the daemon
	daemon *daemon // nil for a Go program
	redis  *daemon // that ours reads through, or nil
}

// startPeer starts a peer. Answers to /race live that long.
func startPeer(ctx context.Context, name string, seed uint64, lifetime time.Duration) (_ *peer, err error) {
	p := &peer{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), p.stop())
		}
	}()
	settings := peerSettings{Kind: name, Seed: seed, Lifetime: lifetime}
	var start func(ctx context.Context, origin string) (*daemon, error)
	switch name {
	case peerNginx:
		settings.Kind, start = kindBare, startNginx
	case peerVarnish:
		settings.Kind, start = kindBare, startVarnish
	case kindRedis:
		if p.redis, err = startRedis(ctx); err != nil {
			return nil, err
		}
		settings.Redis = p.redis.addr
	}
	var ready peerReady
	if p.ours, err = startChild(ctx, "peer", settings, &ready); err != nil {
		return nil, err
	}
	p.addr = ready.Addr
	if start != nil {
		if p.daemon, err = start(ctx, ready.Addr); err != nil {
			return nil, err
		}
		p.addr = p.daemon.addr
	}
	return p, nil
}

func (p *peer) stop() error {
	var errs []error
	for _, d := range []*daemon{p.daemon, p.redis} {
		if d != nil {
			errs = append(errs, d.stop())
		}
	}
	if p.ours != nil {
		errs = append(errs, p.ours.stop())
	}
	return errors.Join(errs...)
}

// order has our process do something.
func (p *peer) order(o peerOrder) (reply peerReply, err error) {
	err = p.ours.call(o, &reply)
	return reply, err
}

// processor returns what the cache has used: the daemon, or our process.
func (p *peer) processor(do string) (time.Duration, error) {
	r, err := p.order(peerOrder{Do: do})
	if err == nil && p.daemon != nil {
		return p.daemon.processor()
	}
	return r.Processor, err
}

// A connection speaks to one peer, one request after the other.
type connection struct{ *load }

func (p *peer) connect(ctx context.Context, path string) (connection, error) {
	l, err := newLoad(ctx, p.addr, path, 1)
	return connection{l}, err
}

// send asks with a method, a path and fields, and returns the body.
func (c connection) send(method, path string, fields ...string) (string, error) {
	request := method + " " + path + " HTTP/1.1\r\nHost: " + benchHost + "\r\n"
	for _, f := range fields {
		request += f + "\r\n"
	}
	head, body, err := c.conns[0].exchange([]byte(request + "\r\n"))
	if err == nil && !strings.HasPrefix(string(head), "HTTP/1.1 200 ") {
		err = fmt.Errorf("%s %s: %.200q", method, path, head)
	}
	return string(body), err
}

// A program is what a peer needs from outside.
type program struct {
	peer, file string
	packages   []string
}

var programs = [...]program{
	{peerNginx, "nginx", []string{"nginx-light"}},
	{peerVarnish, "varnishd", []string{"varnish", "varnish-modules"}},
	{kindRedis, "redis-server", []string{"redis-server"}},
}

// install installs what is missing, if it may, and says what is missing still.
func install(ctx context.Context, may bool) (missing map[string]string) {
	absent := func() (list []program) {
		for _, p := range programs {
			if _, err := exec.LookPath(p.file); err != nil || p.peer == peerVarnish && !hasXkey() {
				list = append(list, p)
			}
		}
		return list
	}
	missing = make(map[string]string)
	why := "is not installed; -install as root has apt-get install it"
	if list := absent(); may && len(list) > 0 {
		for _, p := range list { // one by one, so that one that fails is missed alone
			cmd := exec.CommandContext(ctx, "apt-get", append([]string{"install", "--yes", "--no-install-recommends"}, p.packages...)...)
			cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1") // which starts no service
			if out, err := cmd.CombinedOutput(); err != nil {
				why = fmt.Sprintf("could not be installed (%v)", err)
				fmt.Fprintf(os.Stderr, "bench: apt-get install %s: %v: %.2000s\n", strings.Join(p.packages, " "), err, out)
			}
		}
	}
	for _, p := range absent() {
		if _, err := exec.LookPath(p.file); err != nil {
			missing[p.peer] = fmt.Sprintf("%s %s, and is left out.", p.peer, why)
		}
	}
	return missing
}

// peerTimes is how long the parts of the measurement may take.
type peerTimes struct {
	round    time.Duration // of hits
	lifetime time.Duration // of what may be stale; whole seconds
	fill     time.Duration // of one store, beyond which a larger one is left out
}

func measurePeers(ctx context.Context, s *settings) (*section, error) {
	missing := install(ctx, s.install)
	present := func(names ...string) []string {
		return slices.DeleteFunc(names, func(n string) bool { return missing[n] != "" })
	}
	times := peerTimes{s.roundTime, 3 * time.Second, 5 * time.Minute}
	sec := &section{name: "peers", title: "Beside other caches", plots: make(map[string]string)}
	if err := addPeerHits(ctx, s, sec, present(kindBare, peerNginx, peerVarnish, kindGin, kindFiber, kindUnstale), times); err != nil {
		return nil, err
	}
	if err := addPeerInvalidations(ctx, s, sec, present(peerVarnish, kindRedis, kindGin, kindFiber, peerNginx), times); err != nil {
		return nil, err
	}
	if err := addPeerRaces(ctx, s, sec, present(peerNginx, peerVarnish, kindRedis, kindGin, kindFiber, kindUnstale), times); err != nil {
		return nil, err
	}
	for _, p := range programs {
		if why := missing[p.peer]; why != "" {
			sec.notes = append(sec.notes, why)
		}
	}
	if missing[peerVarnish] == "" && !hasXkey() {
		sec.notes = append(sec.notes, "Varnish's module xkey (Debian's varnish-modules) is not installed, and is left out.")
	}
	sec.notes = append(sec.notes, versions(ctx, present))
	return sec, nil
}
