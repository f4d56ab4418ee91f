package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/unstale/unstale/internal/adapter"
)

// A tx wraps a transaction of the driver.
type tx struct {
	inner   driver.Tx
	session *session
	caller  adapter.Caller
	ended   func() // tells the cache
}

func (t *tx) Commit() (err error) {
	defer func() { t.leave(err) }()
	return t.inner.Commit()
}

func (t *tx) Rollback() (err error) {
	defer func() { t.leave(err) }()
	return t.inner.Rollback()
}

func (t *tx) leave(err error) {
	if t.session.cut() {
		t.caller.Refuse(reasonFailed)
	}
	t.session.leave(t.caller, err)
	t.session.disown()
	t.ended()
}

// begun says on whose behalf, and in what context, the open transaction was
// begun, and returns what is to be called when it has ended.
func (s *session) begun(ctx context.Context, caller adapter.Caller) (ended func()) {
	s.txContext, s.txCaller = ctx, caller
	return caller.Began(s.readSeq)
}

// disown ends what begun said.
func (s *session) disown() {
	s.txContext, s.txCaller = nil, nil
}

// cut reports whether the context of the open transaction has ended, which ends
// what is read in it, without a word to the driver but this.
func (s *session) cut() bool { return s.txContext != nil && s.txContext.Err() != nil }
