package sqlite

import (
	"testing"

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
		p.Wait()
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
