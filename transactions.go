package unstale

import (
	"context"
	"sync"
	"sync/atomic"
)

// transactions are those that a request has open, as adapters tell.
type transactions struct {
	uncommitted atomic.Int32 // those that changed something

	mu    sync.Mutex
	open  int
	since uint64 // the ledger's sequence number from before any of them began
}

// begin says that a transaction begins no earlier than asOf. end is called once,
// when it has ended.
func (t *transactions) begin(asOf uint64) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == 0 || asOf < t.since {
		t.since = asOf
	}
	t.open++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open--
	}
}

// any reports whether a transaction is open.
func (t *transactions) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open > 0
}

// see reports whether a stored result that is valid now is also what the open
// transactions see, which may be the past: as far as is known it is if it was
// made before they began, because nothing that it is made of has changed since.
func (t *transactions) see(e *Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open == 0 || e.record.AsOf <= t.since
}

// transactionsOf returns what a scope inside outer shares with it.
func transactionsOf(outer *scope) *transactions {
	if outer != nil {
		return outer.transactions
	}
	return new(transactions)
}

// uncommittedWrites reports whether ctx belongs to a request that has a
// transaction open that changed something: what is stored is not what it sees.
func uncommittedWrites(ctx context.Context, c *engine) bool {
	s := scopeFor(ctx, c)
	return s != nil && s.transactions.uncommitted.Load() > 0
}
