package sqlite

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	modernc "modernc.org/sqlite"
)

// A proof of the foreign keys that runs between the commit hook and the moment
// in which the commit is visible sees all parents, and says nothing of those
// that are gone an instant later.
func TestProofAmidCommit(t *testing.T) {
	t.Parallel()
	const query = `SELECT count(*) FROM cards c JOIN users u ON u.id = c.owner`
	e := newEnv(t, library...)
	p := e.inner.parents
	c := e.conn()
	s := c.session()
	s.inner.(modernc.HookRegisterer).RegisterCommitHook(func() int32 {
		rc := s.onCommit()
		p.Holds(0)
		awaitProof(p)
		if p.Proof() == 0 {
			t.Error("nothing was proven before the commit was visible")
		}
		return rc
	})
	c.exec(`PRAGMA foreign_keys = 0`)
	c.exec(`DELETE FROM users WHERE id = 2`)
	if p.Proof() != 0 {
		t.Error("the commit left a proof of what was before it")
	}
	// Whoever relied on that proof would not hear of a parent that comes back.
	e.warm(query)
	e.exec(`INSERT INTO users (id, name) VALUES (2, 'bert')`)
	e.miss("40", query)
}

// Close ends the proof that is under way, and waits for it; none begins
// afterwards.
func TestProofAmidClose(t *testing.T) {
	t.Parallel()
	e := newEnv(t, library...)
	p, check := e.inner.parents, e.inner.parents.check
	var under, proofs atomic.Int32
	began := make(chan struct{})
	p.check = func(ctx context.Context) (bool, error) {
		proofs.Add(1)
		under.Add(1)
		defer under.Add(-1)
		close(began)
		<-ctx.Done()
		return check(ctx)
	}
	// What decides whether a proof begins is decided under the lock. Close must
	// hold it, too, when it says that none does: or else one could have been
	// decided on before, and begin when Close has waited for the last one.
	cancel := p.cancel
	p.cancel = func() {
		if p.mu.TryLock() {
			p.mu.Unlock()
			t.Error("a proof may begin after Close has waited for the last one")
		}
		cancel()
	}
	p.Holds(0)
	<-began
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	if under.Load() != 0 {
		t.Error("a proof outlived the database")
	}
	p.mu.Lock()
	p.next = time.Time{} // nothing else keeps one from beginning
	p.mu.Unlock()
	if p.Holds(0) {
		t.Error("something is proven of a closed database")
	}
	awaitProof(p)
	if n := proofs.Load(); n != 1 {
		t.Errorf("%d proofs began", n)
	}
}
