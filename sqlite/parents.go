package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"time"
)

// parents knows whether every foreign key in the database has its parent. SQLite
// promises that only of what was written while the enforcement was on, so it is
// proven once, by PRAGMA foreign_key_check on a connection of its own, and then
// believed until somebody commits without enforcement, or nobody knows how.
//
// A transaction may rely on it if it was proven before the transaction began,
// and nothing has happened since, up to a moment after the last read: a commit
// without enforcement is noticed before it is visible.
type parents struct {
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

func newParents(check func(context.Context) (bool, error)) *parents {
	p := &parents{check: check}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Proof implements sqltrack.Parents.
func (p *parents) Proof() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proven == p.doubts+1 {
		return p.proven
	}
	return 0
}

// Holds implements sqltrack.Parents. If there is no proof, it is begun.
func (p *parents) Holds(proof uint64) bool {
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

// Missing implements sqltrack.Parents.
func (p *parents) Missing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// doubt ends every proof.
func (p *parents) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts++
}

func (p *parents) prove(proof uint64) {
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

func (p *parents) close() {
	p.mu.Lock()
	p.cancel() // no proof begins after this
	p.mu.Unlock()
	p.done.Wait()
}

// checkParents reports whether every foreign key has its parent.
func (c *Connector) checkParents(ctx context.Context) (_ bool, err error) {
	inner, err := c.open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, inner.Close()) }()
	rows, err := inner.QueryContext(ctx, "PRAGMA main.foreign_key_check", nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	err = rows.Next(make([]driver.Value, len(rows.Columns())))
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}
