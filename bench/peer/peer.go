// Package peer measures other caches beside this one: hits, invalidations, and
// who serves what was written over.
package peer

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
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
	ours   *harness.Process // answers, or is what stands behind a proxy
	daemon *harness.Daemon  // the cache, a proxy or a Redis; nil for a Go program
}

// start starts a peer. Answers to /race live that long.
func start(ctx context.Context, name string, seed uint64, lifetime time.Duration) (_ *peer, err error) {
	p := &peer{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), p.stop())
		}
	}()
	set := settings{Kind: name, Seed: seed, Lifetime: lifetime}
	var before func(ctx context.Context, origin string) (*harness.Daemon, error)
	switch name {
	case peerNginx:
		set.Kind, before = kindBare, startNginx
	case peerVarnish:
		set.Kind, before = kindBare, startVarnish
	case kindRedis:
		if p.daemon, err = startRedis(ctx); err != nil {
			return nil, err
		}
		set.Redis = p.daemon.Addr
	}
	var at ready
	if p.ours, err = Role.Start(ctx, set, &at); err != nil {
		return nil, err
	}
	p.addr = at.Addr
	if before != nil {
		if p.daemon, err = before(ctx, at.Addr); err != nil {
			return nil, err
		}
		p.addr = p.daemon.Addr
	}
	return p, nil
}

func (p *peer) stop() error {
	var errs []error
	if p.daemon != nil {
		errs = append(errs, p.daemon.Stop())
	}
	if p.ours != nil {
		errs = append(errs, p.ours.Stop())
	}
	return errors.Join(errs...)
}

// order has our process do something.
func (p *peer) order(o order) (r reply, err error) {
	err = p.ours.Order(o, &r)
	return r, err
}

// processor returns what the cache has used: the daemon, or our process, which
// collects garbage before if it is to.
func (p *peer) processor(collect bool) (time.Duration, error) {
	used, err := p.ours.Processor(collect)
	if err == nil && p.daemon != nil {
		return p.daemon.Processor()
	}
	return used, err
}

// A connection speaks to one peer, one request after the other.
type connection struct{ *harness.Conn }

func (p *peer) connect(ctx context.Context) (*connection, error) {
	c, err := harness.Dial(ctx, p.addr)
	return &connection{c}, err
}

// send asks with a method, a path and fields, and returns the body.
func (c *connection) send(method, path string, fields ...string) (string, error) {
	request := method + " " + path + " HTTP/1.1\r\nHost: " + harness.Host + "\r\n"
	for _, f := range fields {
		request += f + "\r\n"
	}
	head, body, err := c.Exchange([]byte(request + "\r\n"))
	if err == nil && !strings.HasPrefix(string(head), "HTTP/1.1 200 ") {
		err = fmt.Errorf("%s %s: %.200q", method, path, head)
	}
	return string(body), err
}

// A program is what a peer needs from outside.
type program struct{ peer, file, packages string }

var programs = [...]program{
	{peerNginx, "nginx", "nginx-light"},
	{peerVarnish, "varnishd", "varnish and varnish-modules"},
	{kindRedis, "redis-server", "redis-server"},
}

// missing says of each program that is not installed that it is left out.
func missing() map[string]string {
	left := make(map[string]string)
	for _, p := range programs {
		if _, err := exec.LookPath(p.file); err != nil {
			left[p.peer] = fmt.Sprintf("%s (Debian's %s) is not installed, and is left out.", p.peer, p.packages)
		}
	}
	return left
}

// times is how long the parts of the measurement may take.
type times struct {
	lifetime time.Duration // of what may be stale; whole seconds
	fill     time.Duration // of one store, beyond which a larger one is left out
}

// Measure measures the caches that are installed.
func Measure(ctx context.Context, s *harness.Settings) (*report.Section, error) {
	missing := missing()
	present := func(names ...string) []string {
		return slices.DeleteFunc(names, func(n string) bool { return missing[n] != "" })
	}
	t := times{3 * time.Second, 5 * time.Minute}
	sec := &report.Section{Name: "peers", Title: "Beside other caches", Plots: make(map[string]string)}
	if err := addHits(ctx, s, sec, present(kindBare, peerNginx, peerVarnish, kindGin, kindFiber, kindUnstale), t); err != nil {
		return nil, err
	}
	if err := addInvalidations(ctx, s, sec, present(peerVarnish, kindRedis, kindGin, kindFiber, peerNginx), t); err != nil {
		return nil, err
	}
	if err := addRaces(ctx, s, sec, present(peerNginx, peerVarnish, kindRedis, kindGin, kindFiber, kindUnstale), t); err != nil {
		return nil, err
	}
	for _, p := range programs {
		if why := missing[p.peer]; why != "" {
			sec.Notes = append(sec.Notes, why)
		}
	}
	if missing[peerVarnish] == "" && !hasXkey() {
		sec.Notes = append(sec.Notes, "Varnish's module xkey (Debian's varnish-modules) is not installed, and is left out.")
	}
	sec.Notes = append(sec.Notes, versions(ctx, present))
	return sec, nil
}
