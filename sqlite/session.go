package sqlite

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqltrack"
)

// A session is what is known of one connection: who reads on it, and since when
// its transaction sees the database, which is the Session's business; what it has
// changed and not yet committed, and what it has committed and not yet settled.
//
// database/sql uses a connection from one goroutine at a time. The hooks run
// within the driver's calls, so they need no lock either.
//
// The way of a commit:
//
//  1. Before each call of the driver, enter says on whose behalf the statement
//     runs and what it will read.
//  2. During the call the pre-update hook collects row images in changes.
//  3. The commit hook runs before the commit is visible to anybody else. It puts
//     what the changes touch in flux and adds that to marked.
//  4. After the call, whatever it returned, afterCall bumps and releases every
//     member of marked, once. The outcome of each commit is known by then: a
//     commit hook, and the commit or rollback that follows it, run within one
//     call of the driver.
//
// A rolled back transaction forgets its changes, never what is marked. Changes
// that a savepoint or a failed statement took back are not forgotten, which
// invalidates too much. A commit that failed and left its transaction open keeps
// its changes for the next attempt.
type session struct {
	*sqltrack.Session
	db     *database
	inner  innerConn
	native native
	left   func()                 // tells the Connector that the connection has ended
	times  func(time.Time) string // what the driver makes of a time, or nil

	reason string // why nothing read on this connection may be cached, or ""

	lent     bool          // somebody may have replaced the hooks
	touched  bool          // a hook has run since the last afterCall
	failed   bool          // a statement that writes failed in the open transaction
	loose    bool          // the open transaction changed rows while foreign keys were not enforced
	doubtful bool          // a commit that is not settled may have taken a foreign key's parent
	captured bool          // the open transaction changed rows of main
	changes  shape.Changes // those rows
	schema   *schema       // that the changes are told in
	cause    string        // why the open transaction's commit invalidates everything, or ""
	marked   []*sqltrack.Flux
}

// Why an answer that was read on a connection is not cached.
const (
	reasonAttached  = "connection with attached database"
	reasonTemporary = "connection with temporary objects"
	reasonClosed    = "database closed"
	reasonReplaced  = "file replaced"
)

// enter precedes each call of the driver that runs a text; query says that its
// rows are read. leave must follow, when they are. It returns room, filled in.
func (s *session) enter(ctx context.Context, room *sqltrack.Call, sql string, args []driver.NamedValue, query bool) *sqltrack.Call {
	s.afterCall()
	t := s.text(sql)
	call := s.EnterIn(ctx, room, sqltrack.Statement{SQL: sql, Args: s.bound(args), Rows: query, Writes: t.writes, Control: t.control})
	if t.writes {
		s.db.refresh(s)
	}
	s.heed(t)
	return call
}

// leave follows whatever a statement does. err is what the last call of the driver
// returned.
func (s *session) leave(call *sqltrack.Call, err error) {
	if err != nil {
		call.Fail()
		s.stumble(err)
	}
	s.afterCall()
	call.Leave()
}

// prepare precedes each call of the driver that only compiles a text. Some
// PRAGMAs take effect already then.
func (s *session) prepare(sql string) {
	s.afterCall()
	s.heed(s.text(sql))
}

// heed does what the words of a text demand.
func (s *session) heed(t text) {
	if t.reason != "" {
		s.reason = t.reason
	}
	if t.cause == "" {
		return
	}
	s.cause = t.cause
	if !t.ddl || s.native.autocommit() {
		s.markAll(t.cause)
	}
}

// Reason implements sqltrack.Conn.
func (s *session) Reason() string {
	switch {
	case s.db.closed.Load():
		return reasonClosed
	case s.db.replaced.Load():
		return reasonReplaced
	case s.reason != "":
		return "connection with " + s.reason
	case s.native.attached():
		return reasonAttached
	case s.native.temporary():
		return reasonTemporary
	}
	return ""
}

// Reading implements sqltrack.Conn.
func (s *session) Reading() bool { return s.native.reading() }

// InTransaction implements sqltrack.Conn.
func (s *session) InTransaction() bool { return !s.native.autocommit() }

// Changed implements sqltrack.Conn. Row images do not tell all of it: a virtual
// table may keep in memory what it writes to its tables when the transaction
// commits.
func (s *session) Changed() bool { return s.cause != "" || !s.changes.Empty() }

// stumble notes that a statement failed, if err is not nil. One that writes may
// have done a part of its work, below a cascade for one, which the transaction
// may still commit.
func (s *session) stumble(err error) { s.failed = s.failed || err != nil && s.Uncommitted() }

// keepsParents reports whether what the open transaction does leaves every
// foreign key its parent.
func (s *session) keepsParents() bool { return s.native.foreignKeys() && !s.loose && !s.failed }

// afterCall bumps and releases what was marked. It follows each call of the driver
// that may have run a hook.
func (s *session) afterCall() {
	if !s.touched && len(s.marked) == 0 && !s.Uncommitted() {
		return
	}
	s.touched = false
	if s.lent {
		s.lent = false
		s.capture()
		if !s.native.autocommit() || s.native.writing(0) {
			s.cause = causeDriver // of the commit: no hook may have seen what was written
		}
	}
	if w := s.db.watch; w != nil {
		if s.markedAll() {
			w.adopt() // VACUUM, for one, commits without a hook
		}
		w.account(s)
	}
	s.release()
	open := !s.native.autocommit() || s.native.writing(0) || s.native.writingAttached()
	if !open {
		s.forget()
	}
	s.After(open)
}

// release settles what was marked.
func (s *session) release() {
	if s.doubtful {
		s.doubtful = false
		s.db.parents.Doubt() // of a proof, too, that began when the commit was not visible yet
	}
	for _, m := range s.marked {
		failpoint.Pass(failpoint.AfterCommit)
		s.db.end(m)
	}
	s.marked = s.marked[:0]
}

// forget forgets the changes of a transaction that has ended.
func (s *session) forget() {
	s.changes.Reset()
	s.captured, s.failed, s.loose, s.cause, s.schema = false, false, false, "", nil
}

// causeDriver is why whatever is done with the driver's own connection
// invalidates everything.
const causeDriver = "driver access"

// unwrap is called when somebody gets hold of the driver's own connection:
// whatever they do there concerns everything, and nobody knows for whom.
func (s *session) unwrap() {
	s.db.PastAdapter()
	s.db.parents.Doubt()
	s.reason, s.lent = causeDriver, true
	s.markAll(causeDriver)
}

// ended follows the connection's end. What it did not commit is gone.
func (s *session) ended() {
	s.release()
	s.forget()
	s.After(false)
	s.GiveBack()
	if s.left != nil {
		s.left()
		s.left = nil
	}
}
