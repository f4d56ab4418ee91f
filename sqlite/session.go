package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/shape"
)

// A session is what is known of one connection: who reads on it, since when its
// transaction sees the database, what it has changed and not yet committed, and
// what it has committed and not yet settled.
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
	db     *database
	inner  innerConn
	native native
	left   func() // tells the Connector that the connection has ended

	txContext context.Context // with which BeginTx was called, or nil
	txCaller  adapter.Caller  // on whose behalf BeginTx was called
	caller    adapter.Caller  // on whose behalf the last statement ran
	readSeq   uint64          // taken before the read transaction began that is open, or was last
	parents   uint64          // the proof of the foreign keys at that time, or 0
	next      *following      // of the query that is about to begin
	reason    string          // why nothing read on this connection may be cached, or ""

	lent     bool          // somebody may have replaced the hooks
	touched  bool          // a hook has run since the last afterCall
	wrote    bool          // a statement that writes ran in the open transaction
	failed   bool          // a statement that writes failed in the open transaction
	loose    bool          // the open transaction changed rows while foreign keys were not enforced
	doubtful bool          // a commit that is not settled may have taken a foreign key's parent
	captured bool          // the open transaction changed rows of main
	changes  shape.Changes // those rows
	room     imageRoom     // where their images lie
	schema   *schema       // that the changes are told in
	cause    string        // why the open transaction's commit invalidates everything, or ""
	marked   []marked

	writer adapter.Caller // on whose behalf the open transaction first changed something, or nil
	ends   func()         // tells it that the transaction has ended
}

// marked is what one commit put in flux.
type marked struct {
	flux adapter.Flux
	view *shape.View // nil when all
	all  bool
}

// Why an answer that was read on a connection is not cached.
const (
	reasonFailed    = "failed read"
	reasonAttached  = "connection with attached database"
	reasonTemporary = "connection with temporary objects"
	reasonOwn       = "reads its own writes"
	reasonClosed    = "database closed"
	reasonReplaced  = "file replaced"
)

// enter precedes each call of the driver that runs a text; query says that its
// rows are read. It returns on whose
// behalf the statement runs; End is to be called when that has no more rows.
func (s *session) enter(ctx context.Context, sql string, args []driver.NamedValue, query bool) adapter.Caller {
	s.afterCall()
	t := s.text(sql)
	caller := s.reader(ctx)
	if t.control {
		return caller
	}
	s.caller = caller
	caller = caller.Begin()
	if t.writes {
		s.wrote = true
		caller.Wrote(query)
		s.db.refresh(s)
	} else if caller.Needs() != adapter.Nothing {
		s.track(ctx, caller, sql, args)
	}
	s.heed(t)
	return caller
}

// begin is enter for a call of the driver that begins a transaction.
func (s *session) begin(ctx context.Context) adapter.Caller {
	s.afterCall()
	return s.reader(ctx)
}

// reader returns on whose behalf a call of the driver with ctx runs, and notes
// since when it sees the database.
func (s *session) reader(ctx context.Context) adapter.Caller {
	// No transaction is open now, so the one that this call may open begins
	// after this number was taken.
	if !s.native.reading() {
		s.readSeq, s.parents = s.db.engine.Seq(), s.db.parents.begin()
	}
	return s.callerOf(ctx)
}

// callerOf returns on whose behalf a statement with ctx runs.
func (s *session) callerOf(ctx context.Context) adapter.Caller {
	var within adapter.Caller
	if !s.native.autocommit() {
		within = s.txCaller
	}
	return s.db.engine.Caller(ctx, within)
}

// refuse follows each call of the driver that ran nothing and failed: whoever
// takes no notice of the error answers without what he did not get to read.
func (s *session) refuse(ctx context.Context) {
	s.callerOf(ctx).Refuse(reasonFailed)
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

// track tells the fill what a query is about to read.
func (s *session) track(ctx context.Context, caller adapter.Caller, sql string, args []driver.NamedValue) {
	switch {
	case s.db.closed.Load():
		caller.Refuse(reasonClosed)
	case s.db.replaced.Load():
		caller.Refuse(reasonReplaced)
	case s.reason != "":
		caller.Refuse("connection with " + s.reason)
	case s.native.attached():
		caller.Refuse(reasonAttached)
	case s.native.temporary():
		caller.Refuse(reasonTemporary)
	case s.uncommitted():
		caller.Refuse(reasonOwn)
	default:
		s.db.track(ctx, s, caller, sql, args)
	}
}

// leave follows each call of the driver that ran a text on behalf of caller. err
// is what the call returned.
func (s *session) leave(caller adapter.Caller, err error) {
	if err != nil {
		caller.Refuse(reasonFailed)
		s.stumbled()
	}
	s.taken().unseen()
	s.afterCall()
}

// stumbled notes that a statement failed. One that writes may have done a part
// of its work, below a cascade for one, which the transaction may still commit.
func (s *session) stumbled() {
	if s.wrote {
		s.failed = true
	}
}

// keepsParents reports whether what the open transaction does leaves every
// foreign key its parent.
func (s *session) keepsParents() bool { return s.native.foreignKeys() && !s.loose && !s.failed }

// uncommitted reports whether the open transaction may have changed something.
// Row images do not tell all of it: a virtual table may keep in memory what it
// writes to its tables when the transaction commits.
func (s *session) uncommitted() bool { return s.cause != "" || s.wrote || !s.changes.Empty() }

// afterCall bumps and releases what was marked. It follows each call of the driver
// that may have run a hook.
func (s *session) afterCall() {
	if !s.touched && !s.wrote && len(s.marked) == 0 && s.cause == "" {
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
	if s.native.autocommit() && !s.native.writing(0) && !s.native.writingAttached() {
		s.forget()
		s.wrote = false
	}
	s.count()
}

// release settles what was marked.
func (s *session) release() {
	if s.doubtful {
		s.doubtful = false
		s.db.parents.doubt() // of a proof, too, that began when the commit was not visible yet
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
	s.room = imageRoom{}
	s.captured, s.failed, s.loose, s.cause, s.schema = false, false, false, "", nil
}

// by returns on whose behalf the open transaction changes what it does.
func (s *session) by() adapter.Caller {
	switch {
	case s.writer != nil:
		return s.writer
	case s.caller != nil:
		return s.caller
	}
	return s.db.engine.Caller(context.Background(), nil)
}

// count keeps the writer's number of uncommitted transactions.
func (s *session) count() {
	switch uncommitted := s.uncommitted(); {
	case uncommitted && s.writer == nil:
		s.writer = s.by()
		s.ends = s.writer.Changed()
	case !uncommitted && s.writer != nil:
		s.ends()
		s.writer, s.ends = nil, nil
	}
}

// causeDriver is why whatever is done with the driver's own connection
// invalidates everything.
const causeDriver = "driver access"

// unwrap is called when somebody gets hold of the driver's own connection:
// whatever he does there concerns everything, and nobody knows for whom.
func (s *session) unwrap() {
	s.untracked()
	s.db.parents.doubt()
	s.reason, s.lent = causeDriver, true
	s.markAll(causeDriver)
}

// ended follows the connection's end. What it did not commit is gone.
func (s *session) ended() {
	s.release()
	s.forget()
	s.wrote = false
	s.count()
	if s.left != nil {
		s.left()
		s.left = nil
	}
}
