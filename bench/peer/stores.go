package peer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/invalidation"
)

// A way is one way to invalidate, measured on a store that is full.
type way struct {
	name string
	each int // invalidations a round
	// do invalidates that many items from first on, having made sure that they
	// are stored, and returns what one took; processor counts what was left to do
	// in the background.
	do func(first int) (harness.Piece, error)
}

// A store is a peer full of small entries.
type store struct {
	name string
	ways []way
	stop func() error
}

var errTooSlow = errors.New("filling it takes too long")

// maxFiles is the largest store of a peer that keeps each entry in a file.
const maxFiles = 10_000

// startStore starts a peer with n entries.
func startStore(ctx context.Context, name string, s *harness.Settings, n int, database string, t times) (_ *store, err error) {
	if name == kindUnstale {
		return startUnstaleStore(ctx, n, database)
	}
	if name == peerNginx && n > maxFiles {
		return nil, errTooSlow
	}
	p, err := start(ctx, name, s.Seed, t.lifetime)
	if err != nil {
		return nil, err
	}
	st := &store{name: name, stop: p.stop}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.stop())
		}
	}()
	if err := fillItems(ctx, p.addr, n, t.fill); err != nil {
		return nil, err
	}
	c, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	st.stop = func() error { return errors.Join(c.Close(), p.stop()) }
	st.ways = p.ways(c)
	return st, nil
}

func itemPath(id int) string { return "/item/" + strconv.Itoa(id) }

// ways returns how a peer invalidates.
func (p *peer) ways(c *connection) []way {
	send := func(name string, each int, method, field string) way {
		return p.way(c, name, each, func(first, n int) (harness.Piece, error) {
			return harness.Timed(n, func(i int) error {
				id := invalidation.Item(first, i)
				_, err := c.send(method, itemPath(id), fmt.Sprintf(field, id))
				return err
			})
		})
	}
	tell := func(name string, each int, do string) way {
		return p.way(c, name, each, func(first, n int) (harness.Piece, error) {
			r, err := p.order(order{Do: do, N: n, First: first})
			return r.Took, err
		})
	}
	switch p.name {
	case peerVarnish:
		ways := []way{
			send("Varnish, ban by a pattern", invalidation.PatternsAtOnce, methodBan, "Match: ^/item/%d$"),
			send("Varnish, purge of a URL", 200, methodPurge, "X-Item: %d"),
		}
		if hasXkey() {
			ways = append(ways, send("Varnish, xkey.purge of a key", 200, methodXkey, "Match: item-%d"))
		}
		return ways
	case kindGin:
		return []way{
			tell("gin-cache, all keys that match", 2, orderMatch),
			tell("gin-cache, Delete of a key", 200, orderDelete),
		}
	case kindRedis:
		return []way{
			tell("Redis, SCAN MATCH and UNLINK", 2, orderMatch),
			tell("Redis, UNLINK of a key", 200, orderDelete),
		}
	default:
		return []way{send(p.name+", renewed by a request", 200, "GET", refreshField+": %d")}
	}
}

// way makes a way of what a peer does by request or order.
func (p *peer) way(c *connection, name string, each int, do func(first, n int) (harness.Piece, error)) way {
	return way{name, each, func(first int) (took harness.Piece, err error) {
		first = min(first%invalidation.HotItems, invalidation.HotItems-each) // so that they follow one another
		get := func() (runs int64, err error) {
			for i := range each {
				if _, err := c.send("GET", itemPath(first+i)); err != nil {
					return 0, err
				}
			}
			r, err := p.order(order{Do: orderCount})
			return r.Runs, err
		}
		before, err := get()
		if err != nil {
			return took, err
		}
		used, err := p.processor(true)
		if err != nil {
			return took, err
		}
		if took, err = do(first, each); err != nil {
			return took, err
		}
		end, err := p.settled()
		if err != nil {
			return took, err
		}
		took.Processor = float64(end-used) / float64(each)
		after, err := get()
		if want := before + int64(each); err == nil && after != want { // be it to renew, be it afterwards
			err = fmt.Errorf("%s: the handler ran %d times for %d invalidations", name, after-before, each)
		}
		return took, err
	}}
}

// settled waits until a daemon has no more to do in the background, for at most
// twenty seconds, and returns what it has used by then.
func (p *peer) settled() (used time.Duration, err error) {
	const pause, idle = 250 * time.Millisecond, 5 * time.Millisecond // timers go on
	for range 80 {
		before := used
		if used, err = p.processor(false); err != nil || p.daemon == nil || used-before < idle {
			return used, err
		}
		time.Sleep(pause)
	}
	return used, nil
}

// fillItems asks for every item once, some requests at a time.
func fillItems(ctx context.Context, addr string, n int, atMost time.Duration) error {
	const workers, batch = 4, 32
	start := time.Now()
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			c, err := harness.Dial(ctx, addr)
			if err != nil {
				errs[k] = err
				return
			}
			defer func() { errs[k] = errors.Join(errs[k], c.Close()) }()
			for from := k * batch; from < n; from += workers * batch {
				if time.Since(start) > atMost {
					errs[k] = errTooSlow
					return
				}
				if errs[k] = fetch(c, from, min(from+batch, n)); errs[k] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fetch asks for items at once and reads the answers.
func fetch(c *harness.Conn, from, to int) error {
	var b []byte
	for id := from; id < to; id++ {
		b = append(b, "GET "+itemPath(id)+" HTTP/1.1\r\nHost: "+harness.Host+"\r\n\r\n"...)
	}
	if _, err := c.Write(b); err != nil {
		return err
	}
	for id := from; id < to; id++ {
		if _, body, err := c.Receive(); err != nil {
			return err
		} else if string(body) != "value "+strconv.Itoa(id) {
			return fmt.Errorf("item %d: %w: %q", id, harness.ErrOtherAnswer, body)
		}
	}
	return nil
}

// startUnstaleStore is the process of the measurement of invalidation.
func startUnstaleStore(ctx context.Context, n int, database string) (*store, error) {
	var ready invalidation.Ready
	full, err := invalidation.Role.Start(ctx, invalidation.Settings{Database: database, Entries: n}, &ready)
	if err != nil {
		return nil, err
	}
	resident := func(name string, q invalidation.Round, took func(invalidation.Reply) harness.Piece) way {
		return way{name, q.Writes + q.Tags + q.Patterns, func(first int) (harness.Piece, error) {
			q.First = first
			var reply invalidation.Reply
			err := full.Order(q, &reply)
			return took(reply), err
		}}
	}
	return &store{name: kindUnstale, stop: full.Stop, ways: []way{
		resident("unstale, captured UPDATE of a row", invalidation.Round{Writes: 100}, func(r invalidation.Reply) harness.Piece { return r.Write }),
		resident("unstale, Invalidate(Tag)", invalidation.Round{Tags: 200}, func(r invalidation.Reply) harness.Piece { return r.Tag }),
		resident("unstale, Invalidate(Pattern)", invalidation.Round{Patterns: invalidation.PatternsAtOnce}, func(r invalidation.Reply) harness.Piece {
			return harness.Piece{Wall: r.Pattern.Wall, Processor: r.Sweep.Processor / invalidation.PatternsAtOnce}
		}),
	}}, nil
}
