package unstale_test

import (
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

var (
	wireExchanges = flag.Int("wire.exchanges", 10_000, "exchanges of the test on the wire")
	wireSeed      = flag.Uint64("wire.seed", 1, "seed of the test on the wire's first service; 0 picks one")
	wireMinimise  = flag.Duration("wire.minimise", time.Minute, "how long the test on the wire tries to make a failing case smaller")
	wireFailures  = flag.Int("wire.failures", 1, "kinds of failures of the test on the wire after which it stops")
)

// wireMaxBody is Options.MaxBody here: small, so that exceeding it costs little.
const wireMaxBody = 16 << 10

// TestWire makes random services and asks each of them for the same, with the
// cache on and with it off, over real connections. Answers may differ in what
// docs/consistency.md says and wireMay lists, and in nothing else.
func TestWire(t *testing.T) {
	seed := *wireSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 40)
	}
	rig := newWireRig(t)
	tally := &wireTally{reasons: make(map[string]int)}
	kinds := make(map[string]int)
	for i := uint64(0); tally.exchanges < *wireExchanges && len(kinds) < *wireFailures; i++ {
		c := newWireCase(seed + i)
		failure := rig.play(c, tally)
		if failure == nil {
			continue
		}
		small, f := rig.minimise(c, failure)
		kind := small.kind(f)
		if kinds[kind]++; kinds[kind] == 1 {
			t.Errorf("-wire.seed=%d -wire.exchanges=1\n%s\nmade smaller: %s\n%s", seed+i, failure.text, f.text, small)
		}
	}
	t.Logf("-wire.seed=%d -wire.exchanges=%d: %d hits among %d that may be, %d joined, %d with a part or a condition answered by the cache",
		seed, tally.exchanges, tally.hits, tally.mayHit, tally.joined, tally.derived)
	for _, why := range slices.Sorted(maps.Keys(tally.reasons)) {
		t.Logf("%6d %s", tally.reasons[why], why)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%6d failures: %s", kinds[kind], kind)
	}
	if tally.exchanges > 1000 && tally.hits*5 < tally.mayHit {
		t.Error("less than a fifth were hits: this shows little")
	}
	if tally.exchanges > 3000 && tally.joined == 0 {
		t.Error("nobody joined anybody: this shows little")
	}
}

// A wireTally counts what happened, since a test of a cache in which nothing is
// cached shows nothing.
type wireTally struct {
	exchanges, mayHit, hits, joined, derived int
	reasons                                  map[string]int // what Cache-Status said
}

func (t *wireTally) count(a answer) {
	t.exchanges++
	lines := a.header["Cache-Status"]
	if len(lines) == 0 {
		t.reasons["cut off, or answered outside"]++
		return
	}
	why, _, _ := strings.Cut(lines[len(lines)-1], ";ttl=")
	t.reasons[why]++
	if isHit(a) {
		t.hits++
	}
	if isJoiner(a) {
		t.joined++
	}
	// What passes, and what no cache may store, shows nothing of hits.
	if !strings.Contains(why, "bypass") && !strings.Contains(why, "not stored") {
		t.mayHit++
	}
}

// A wireRig is the two worlds.
type wireRig struct {
	t           *testing.T
	moment      wireMoment
	plain, ours *wireWorld
	off         *unstale.Cache
}

func newWireRig(t *testing.T) *wireRig {
	rig := &wireRig{t: t}
	rig.moment.places = make(map[string]string)
	rig.plain, rig.ours = newWireWorld(t, rig.moment.places), newWireWorld(t, rig.moment.places)
	rig.off = newCache(t, unstale.Options{Off: true})
	return rig
}

// play runs a case in both worlds and returns the first difference, or nil.
func (rig *wireRig) play(c *wireCase, tally *wireTally) *wireFailure {
	cache, err := unstale.New(unstale.Options{
		MaxBody: wireMaxBody, Slots: 1 << 8, History: -1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		rig.t.Fatal(err)
	}
	defer cache.Close()
	m := &rig.moment
	m.state.Store(0)
	for world, cache := range map[*wireWorld]*unstale.Cache{rig.plain: rig.off, rig.ours: cache} {
		service := c.serve(m, cache.Handler)
		world.service.Store(&service)
	}
	tags := make(wireTags)
	seen := make(map[string]string)
	for i := range c.exchanges {
		x := &c.exchanges[i]
		m.number.Store(int64(x.number))
		m.handler.Store(int64(x.handler))
		if x.invalidate {
			m.state.Add(1)
			if err := cache.Invalidate(rig.t.Context(), unstale.Tag("x")); err != nil {
				rig.t.Fatal(err)
			}
		}
		requests := x.lanes(seen[x.place()])
		plain, ours := make([]answer, len(requests)), make([]answer, len(requests))
		for i, r := range requests {
			plain[i] = rig.plain.do(r)
		}
		rig.atOnce(requests, ours)
		for j, r := range requests {
			if f := rig.judge(c, r, plain[j], ours[j], tags, tally); f != nil {
				f.exchange = i
				return f
			}
			if tag := ours[j].header.Get("Etag"); tag != "" {
				seen[x.place()] = tag
			}
		}
	}
	return nil
}

// atOnce sends requests at the same time, to the service with the cache.
func (rig *wireRig) atOnce(requests []wireRequest, answers []answer) {
	m := &rig.moment
	m.arrived.Store(0)
	m.expected.Store(int64(len(requests)))
	defer m.expected.Store(0)
	if len(requests) == 1 {
		answers[0] = rig.ours.do(requests[0])
		return
	}
	var group sync.WaitGroup
	for i, r := range requests {
		group.Go(func() { answers[i] = rig.ours.do(r) })
	}
	group.Wait()
}

// judge returns what is wrong with an answer, or nil.
func (rig *wireRig) judge(c *wireCase, r wireRequest, plain, ours answer, tags wireTags, tally *wireTally) *wireFailure {
	tally.count(ours)
	f := c.difference(r, plain, ours)
	if whole, ok := r.whole(); ok {
		all := rig.plain.do(whole)
		if d, ok := tags.derived(r, all, ours); f != nil && ok {
			if of := c.difference(r, d, ours); of == nil || plain.code != ours.code {
				f = of
			}
			tally.derived++
		}
		plain = all
	}
	if f == nil {
		f = tags.learn(r, plain, ours)
	}
	if f == nil && r.carriesCredentials() && (isHit(ours) || isJoiner(ours) || isStored(ours)) {
		f = &wireFailure{kind: "credentials", text: "a request with credentials did not pass"}
	}
	if f != nil {
		f.text = fmt.Sprintf("in %s\nCache-Status: %q\n%s", r, ours.header["Cache-Status"], f.text)
	}
	return f
}

// kind names a failure by what is left of its case, for the count of kinds.
func (c *wireCase) kind(f *wireFailure) string {
	parts := []string{f.kind + ":"}
	for _, f := range c.frames {
		parts = append(parts, "outside "+f.do)
	}
	for _, h := range c.handlers {
		parts = append(parts, "handler")
		for _, s := range h {
			if parts = append(parts, s.do); s.input != "" {
				parts = append(parts, fmt.Sprintf("%q", s.input))
			}
		}
	}
	return strings.Join(parts, " ")
}

// minimise leaves out of a case what its failure does not need.
func (rig *wireRig) minimise(c *wireCase, f *wireFailure) (*wireCase, *wireFailure) {
	m := &wireMinimiser{rig: rig, best: c, failure: f, deadline: time.Now().Add(*wireMinimise)}
	m.run()
	return m.best, m.failure
}
