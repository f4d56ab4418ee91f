package unstale

import (
	"slices"
	"sync"
	"sync/atomic"
)

// holdings are what somebody holds of databases, as adapters tell: connections out
// of their pools, and open transactions.
//
// Nobody waits for somebody else's flight while they hold any: the flight may wait
// for the connection. And what is stored is not what an open transaction sees that
// changed something, or that may see the past.
//
// Whose they are follows from the contexts with which a connection was taken, a
// transaction begun or changed, and Load called; most programs pass none. So a call
// of Load in the course of a request counts what that holds and what nobody known
// holds, and any other call counts what everybody holds.
type holdings struct {
	apart bool // of a function given to Load in nobody's course, for whom others wait that have nothing to do with it

	connections  atomic.Int32 // out of their pools
	transactions atomic.Int32 // open
	changed      atomic.Int32 // those of them that changed something

	mu    sync.Mutex
	since []uint64 // for each transaction the ledger's sequence number from before it began
}

func (h *holdings) begin(asOf uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = append(h.since, asOf)
	h.transactions.Add(1)
}

func (h *holdings) end(asOf uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.since, asOf)
	h.since = slices.Delete(h.since, i, i+1)
	h.transactions.Add(-1)
}

// see reports whether a stored result that is valid now is also what the open
// transactions see, which may be the past: as far as is known it is if it was
// made before they began, because nothing that it is made of has changed since.
func (h *holdings) see(e *Entry) bool {
	if h.transactions.Load() == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return !slices.ContainsFunc(h.since, func(asOf uint64) bool { return e.record.AsOf > asOf })
}

// holders are the holdings among which something counts, or which somebody counts:
// one's own, or nil, and others.
type holders [2]*holdings

// take says that so many connections more are out of their pools.
func (hs holders) take(n int32) {
	own, others := hs[0], hs[1]
	if own != nil {
		own.connections.Add(n)
	}
	if own == nil || !own.apart {
		others.connections.Add(n)
	}
}

// change says that so many transactions more have changed something.
func (hs holders) change(n int32) {
	for _, h := range hs {
		if h != nil {
			h.changed.Add(n)
		}
	}
}

// begin says that a transaction begins no earlier than asOf. end follows.
func (hs holders) begin(asOf uint64) {
	for _, h := range hs {
		if h != nil {
			h.begin(asOf)
		}
	}
}

func (hs holders) end(asOf uint64) {
	for _, h := range hs {
		if h != nil {
			h.end(asOf)
		}
	}
}

// hold reports whether there is a connection or a transaction.
func (hs holders) hold() bool {
	return hs.any(func(h *holdings) bool { return h.connections.Load() > 0 || h.transactions.Load() > 0 })
}

// changed reports whether there is a transaction that changed something.
func (hs holders) changed() bool {
	return hs.any(func(h *holdings) bool { return h.changed.Load() > 0 })
}

// see reports whether a stored result that is valid now is also what the
// transactions see.
func (hs holders) see(e *Entry) bool {
	return !hs.any(func(h *holdings) bool { return !h.see(e) })
}

func (hs holders) any(is func(*holdings) bool) bool {
	return hs[0] != nil && is(hs[0]) || is(hs[1])
}

// holdingsFor returns those of the request, or of the function given to Load, in
// whose course the scope's code runs, or nil where c knows of none. What runs with
// Outside in the course of a request is a part of it all the same.
func (s *scope) holdingsFor(c *engine) *holdings {
	for ; s != nil; s = s.outer {
		if s.engine == c {
			return s.holdings
		}
	}
	return nil
}

// countedBy returns the holdings that a call of Load in the scope s counts.
func (c *engine) countedBy(s *scope) holders {
	own := s.holdingsFor(c)
	if own == nil || own.apart {
		return holders{own, &c.everybody}
	}
	return holders{own, &c.nobody}
}
