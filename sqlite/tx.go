package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/unstale/unstale"
)

// A tx wraps a transaction of the driver.
type tx struct {
	inner   driver.Tx
	session *session
	caller  unstale.Caller
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
		t.caller.Refuse(refusedFailed)
	}
	t.session.leave(t.caller, err)
	t.session.disown()
}

// owner says on whose behalf, and in what context, the open transaction was
// begun.
func (s *session) owner(ctx context.Context, caller unstale.Caller) {
	if s != nil {
		s.txContext, s.txCaller = ctx, caller
	}
}

// disown ends what owner said.
func (s *session) disown() {
	if s != nil {
		s.txContext, s.txCaller = nil, unstale.Caller{}
	}
}

// cut reports whether the context of the open transaction has ended, which ends
// what is read in it, without a word to the driver but this.
func (s *session) cut() bool { return s != nil && s.txContext != nil && s.txContext.Err() != nil }
