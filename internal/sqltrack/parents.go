package sqltrack

import (
	"context"
	"sync"
	"time"
)

// ProvenParents are [Parents] that are proven once, by a check in the background, and then
// believed until there is a doubt: a database promises parents only of what was
// written while it enforced foreign keys.
//
// A transaction may rely on a proof that was there before the transaction began, if
// nothing has happened since, up to a moment after the last read: a commit without
// enforcement is noticed before it is visible, or else before whatever is stored
// meanwhile is served.
type ProvenParents struct {
	check func(context.Context) (bool, error)

	mu      sync.Mutex
	doubts  uint64    // how often something happened
	proven  uint64    // doubts+1 at the beginning of the last proof that succeeded
	running bool      // a proof is under way
	failed  bool      // the last one found that some key has no parent
	next    time.Time // no proof before
	ctx     context.Context
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// NewProvenParents returns parents that check proves, which reports whether every foreign
// key has its parent.
func NewProvenParents(check func(context.Context) (bool, error)) *ProvenParents {
	p := &ProvenParents{check: check}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Proof implements Parents.
func (p *ProvenParents) Proof() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proven == p.doubts+1 {
		return p.proven
	}
	return 0
}

// Holds implements Parents. If there is no proof, it is begun.
func (p *ProvenParents) Holds(proof uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proven == p.doubts+1 {
		return proof == p.proven
	}
	if !p.running && p.ctx.Err() == nil && time.Now().After(p.next) {
		p.running = true
		p.done.Add(1)
		go p.prove(p.doubts + 1)
	}
	return false
}

// Missing implements Parents.
func (p *ProvenParents) Missing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// Doubt ends every proof.
func (p *ProvenParents) Doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts++
}

func (p *ProvenParents) prove(proof uint64) {
	defer p.done.Done()
	began := time.Now()
	ok, err := p.check(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
	if err == nil {
		p.failed = !ok
	}
	if ok && err == nil {
		p.proven = proof // which is of no use if there was a doubt meanwhile
	}
	p.next = time.Now().Add(20*time.Since(began) + time.Second)
}

// Close ends a check that is under way, and begins no other.
func (p *ProvenParents) Close() {
	p.mu.Lock()
	p.cancel() // no proof begins after this
	p.mu.Unlock()
	p.done.Wait()
}

// Wait returns when no check is under way.
func (p *ProvenParents) Wait() { p.done.Wait() }
