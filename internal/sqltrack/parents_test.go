package sqltrack

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// Close ends the proof that is under way, and waits for it; none begins
// afterwards.
func TestProofAmidClose(t *testing.T) {
	t.Parallel()
	var under, proofs atomic.Int32
	began := make(chan struct{})
	p := NewProvenParents(func(ctx context.Context) (bool, error) {
		proofs.Add(1)
		under.Add(1)
		defer under.Add(-1)
		close(began)
		<-ctx.Done()
		return false, ctx.Err()
	})
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
	p.Close()
	if under.Load() != 0 {
		t.Error("a proof outlived Close")
	}
	p.mu.Lock()
	p.next = time.Time{} // nothing else keeps one from beginning
	p.mu.Unlock()
	if p.Holds(0) {
		t.Error("something is proven of a closed database")
	}
	p.Wait()
	if n := proofs.Load(); n != 1 {
		t.Errorf("%d proofs began", n)
	}
}
