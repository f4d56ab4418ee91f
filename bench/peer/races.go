package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
)

// A race is a way to invalidate what is being made: a slow GET has read, then
// somebody writes and invalidates, then the GET stores.
type race struct {
	peer, way string
	fall      func(c *connection, p *peer, id int) error // of /race/id; returns when the invalidation is acknowledged
}

func races() []race {
	tell := func(_ *connection, p *peer, id int) error {
		_, err := p.order(order{Do: orderFall, N: id})
		return err
	}
	// send asks by a method; field, if not empty, is one with the path in it.
	send := func(method, field string) func(*connection, *peer, int) error {
		return func(c *connection, _ *peer, id int) error {
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
		{kindRedis, "DEL", tell},
		{kindGin, "Delete", tell},
		{kindFiber, "renewed by CacheInvalidator", send("GET", refreshField+": %s")},
		{kindUnstale, "nothing but the UPDATE", tell},
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
	lasted        report.Series
}

func addRaces(ctx context.Context, s *harness.Settings, sec *report.Section, names []string, t times) error {
	rounds := s.Rounds(5)
	table := report.Table{
		Title: fmt.Sprintf("A GET reads, a write is acknowledged and invalidates, the GET stores: who serves the old value to requests that begin later? Lifetime %s", t.lifetime),
		Head:  []string{"", "invalidated by", "rounds", "served stale", "stale for s, longest"},
	}
	for _, r := range races() {
		for _, name := range names {
			if name != r.peer {
				continue
			}
			res, err := runRace(ctx, s, r, rounds, t)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.peer, r.way, err)
			}
			lasted := "-"
			if res.stale > 0 {
				lasted = report.Digits(res.lasted.Quantile(1) / 1e3)
			}
			table.Add(r.peer, r.way, strconv.Itoa(res.rounds), strconv.Itoa(res.stale), lasted)
		}
	}
	sec.Tables = append(sec.Tables, table)
	return nil
}

// runRace runs the rounds of one race, and lets what is stale go on until it is
// not, or has outlived its lifetime twice.
func runRace(ctx context.Context, s *harness.Settings, r race, rounds int, t times) (res raceResult, err error) {
	p, err := start(ctx, r.peer, s.Seed, t.lifetime)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	c, err := p.connect(ctx)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for round := range rounds {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		lasted, err := raceOnce(ctx, c, p, r, 2*round+1, 2*t.lifetime)
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
func raceOnce(ctx context.Context, c *connection, p *peer, r race, v int, atMost time.Duration) (lasted time.Duration, err error) {
	slow, err := p.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, slow.Close()) }()
	path := racePath(v) // where nothing is stored
	if _, err := p.order(order{Do: orderWrite, N: v}); err != nil {
		return 0, err
	}
	if _, err := p.order(order{Do: orderHold}); err != nil {
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
	if _, err := p.order(order{Do: orderAwait}); err != nil {
		return 0, err
	}
	if _, err := p.order(order{Do: orderWrite, N: v + 1}); err != nil {
		return 0, err
	}
	if err := r.fall(c, p, v); err != nil {
		return 0, err
	}
	acknowledged := time.Now()
	if _, err := p.order(order{Do: orderRelease}); err != nil {
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
