package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A race is a way to invalidate what is being made: a slow GET has read, then
// somebody writes and invalidates, then the GET stores.
type race struct {
	peer, way string
	fall      func(c connection, p *peer, id int) error // of /race/id; returns when the invalidation is acknowledged
}

func races() []race {
	order := func(_ connection, p *peer, id int) error {
		_, err := p.order(peerOrder{Do: orderFall, N: id})
		return err
	}
	// send asks by a method; field, if not empty, is one with the path in it.
	send := func(method, field string) func(connection, *peer, int) error {
		return func(c connection, _ *peer, id int) error {
			var fields []string
			if field != "" {
				fields = append(fields, fmt.Sprintf(field, racePath(id)))
			}
			_, err := c.send(method, racePath(id), fields...)
			return err
		}
	}
	all := []race{
		{peerNginx, "renewed past proxy_cache_bypass", send("GET", refreshField+": %s")},
		{peerVarnish, "ban", send(methodBan, "Match: ^%s$")},
		{peerVarnish, "purge", send(methodPurge, "")},
		{kindRedis, "DEL", order},
		{kindGin, "Delete", order},
		{kindFiber, "renewed by CacheInvalidator", send("GET", refreshField+": %s")},
		{kindUnstale, "nothing but the UPDATE", order},
	}
	if hasXkey() {
		all = slices.Insert(all, 3, race{peerVarnish, "xkey.purge", send(methodXkey, "Match: %s")})
	}
	return all
}

// A raceResult is how many rounds served what was written over, and for how
// long they went on, in milliseconds.
type raceResult struct {
	rounds, stale int
	lasted        series
}

func addPeerRaces(ctx context.Context, s *settings, sec *section, names []string, times peerTimes) error {
	rounds := s.rounds(5)
	t := table{
		title: fmt.Sprintf("A GET reads, a write is acknowledged and invalidates, the GET stores: who serves the old value to requests that begin later? Lifetime %s", times.lifetime),
		head:  []string{"", "invalidated by", "rounds", "served stale", "stale for s, longest"},
	}
	for _, r := range races() {
		for _, name := range names {
			if name != r.peer {
				continue
			}
			res, err := runRace(ctx, s, r, rounds, times)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.peer, r.way, err)
			}
			lasted := "-"
			if res.stale > 0 {
				lasted = digits(res.lasted.quantile(1) / 1e3)
			}
			t.add(r.peer, r.way, strconv.Itoa(res.rounds), strconv.Itoa(res.stale), lasted)
		}
	}
	sec.tables = append(sec.tables, t)
	return nil
}

// runRace runs the rounds of one race, and lets what is stale go on until it is
// not, or has outlived its lifetime twice.
func runRace(ctx context.Context, s *settings, r race, rounds int, times peerTimes) (res raceResult, err error) {
	p, err := startPeer(ctx, r.peer, s.seed, times.lifetime)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	c, err := p.connect(ctx, "/page")
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for round := range rounds {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		lasted, err := raceOnce(ctx, c, p, r, 2*round+1, 2*times.lifetime)
		if err != nil {
			return res, err
		}
		res.rounds++
		if lasted > 0 {
			res.stale++
			res.lasted = append(res.lasted, float64(lasted)/1e6)
		}
	}
	return res, nil
}

// raceOnce writes v, lets a GET read it, overwrites it with v+1, invalidates, and
// returns for how long v is served after that; 0 if it never is.
func raceOnce(ctx context.Context, c connection, p *peer, r race, v int, atMost time.Duration) (lasted time.Duration, err error) {
	slow, err := p.connect(ctx, "/page")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, slow.close()) }()
	path := racePath(v) // where nothing is stored
	if _, err := p.order(peerOrder{Do: orderWrite, N: v}); err != nil {
		return 0, err
	}
	if _, err := p.order(peerOrder{Do: orderHold}); err != nil {
		return 0, err
	}
	type answer struct {
		body string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		body, err := slow.send("GET", path)
		answered <- answer{body, err}
	}()
	if _, err := p.order(peerOrder{Do: orderAwait}); err != nil {
		return 0, err
	}
	if _, err := p.order(peerOrder{Do: orderWrite, N: v + 1}); err != nil {
		return 0, err
	}
	if err := r.fall(c, p, v); err != nil {
		return 0, err
	}
	acknowledged := time.Now()
	if _, err := p.order(peerOrder{Do: orderRelease}); err != nil {
		return 0, err
	}
	if a := <-answered; a.err != nil || a.body != strconv.Itoa(v) {
		return 0, errors.Join(fmt.Errorf("the slow GET was answered %q, not %d", a.body, v), a.err)
	}
	for time.Since(acknowledged) < atMost {
		body, err := c.send("GET", path)
		switch {
		case err != nil:
			return 0, err
		case body == strconv.Itoa(v+1):
			return lasted, nil
		case body != strconv.Itoa(v):
			return 0, fmt.Errorf("answered %q after %d was written", body, v+1)
		}
		lasted = time.Since(acknowledged)
		time.Sleep(10 * time.Millisecond)
	}
	return lasted, nil
}
