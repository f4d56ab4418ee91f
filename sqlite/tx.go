package sqlite

import "database/sql/driver"

// A tx wraps a transaction of the driver.
type tx struct {
	inner   driver.Tx
	session *session
	end     func(error) // tells the session
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
	t.session.stumble(err)
	t.session.afterCall()
	t.end(err)
}
