package sqlite

import (
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
	t.session.leave(t.caller, err)
	t.session.owner(unstale.Caller{})
}

// owner says on whose behalf the open transaction was begun.
func (s *session) owner(caller unstale.Caller) {
	if s != nil {
		s.txCaller = caller
	}
}
