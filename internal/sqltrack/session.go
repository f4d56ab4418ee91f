package sqltrack

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
)

// A Conn answers what a Session asks of a connection.
type Conn interface {
	// Reading reports whether a transaction is open, be it explicit, or of a statement
	// that has not finished.
	Reading() bool
	// InTransaction reports whether an explicit transaction is open.
	InTransaction() bool
	// Changed reports whether the open transaction may have changed something,
	// statements that were entered as writing aside.
	Changed() bool
	// Reason returns why nothing that is read now may be stored, or "".
	Reason() string
	// Probe is a shape.Prober. It may run on another connection.
	Probe(ctx context.Context, sql string, args []driver.NamedValue, limit, work int) (rows [][]shape.Value, took int, ok bool)
}

// A Session is who reads and writes on one connection, and since when its
// transaction sees the database. Like the connection it is used by one goroutine
// at a time.
type Session struct {
	db   *Database
	conn Conn

	txContext context.Context // of the open transaction's Begin, or nil
	txCaller  adapter.Caller  // on whose behalf it was begun
	caller    adapter.Caller  // on whose behalf the last statement ran, or nil
	readSeq   uint64          // taken before the read transaction began that is open, or was last
	proof     uint64          // of the foreign keys at that time, or 0

	holder adapter.Caller // who took the connection from its pool, or nil
	wrote  bool           // a statement that writes ran in the open transaction
	writer adapter.Caller // on whose behalf the open transaction first changed something, or nil
	ended  []func()       // tell it, and others whose transaction that may be, that it has ended
}

// NewSession returns the Session of a connection.
func (db *Database) NewSession(c Conn) *Session { return &Session{db: db, conn: c} }

// Why what was read is not stored.
const (
	reasonFailed = "failed read"
	reasonOwn    = "reads its own writes"

	// ReasonClock is why what looked at the clock, or may go by the time zone, is not
	// stored.
	ReasonClock = "volatile function"
)

// Take precedes the first use of a connection that was taken from its pool with ctx,
// as far as there is a call that tells of it: a statement does, too. GiveBack
// follows the last one.
func (s *Session) Take(ctx context.Context) {
	if s.holder == nil {
		s.take(s.db.Engine.Caller(ctx, nil))
	}
}

func (s *Session) take(by adapter.Caller) {
	if s.holder == nil {
		s.holder = by
		by.Took()
	}
}

// GiveBack precedes the return of the connection to its pool, and follows its end.
func (s *Session) GiveBack() {
	if s.holder != nil {
		s.holder.GaveBack()
		s.holder = nil
	}
}

// A Statement is a text that is about to run.
type Statement struct {
	SQL     string
	Args    []driver.NamedValue
	Rows    bool // its rows are read
	Writes  bool // it writes, or may
	Control bool // it only begins or ends a transaction, or does nothing
}

// Enter precedes a statement, and says what it will read. [Call.Leave] must follow.
func (s *Session) Enter(ctx context.Context, st Statement) *Call {
	return s.EnterIn(ctx, new(Call), st)
}

// EnterIn is Enter with room for the Call that it returns.
func (s *Session) EnterIn(ctx context.Context, c *Call, st Statement) *Call {
	*c = Call{Statement: st, session: s, ctx: ctx, caller: s.reader(ctx), asOf: s.readSeq, proof: s.proof}
	s.take(c.caller)
	if st.Control {
		return c
	}
	s.caller, c.caller = c.caller, c.caller.Begin()
	if st.Writes {
		s.wrote = true
		c.caller.Wrote(st.Rows)
	} else if needs := c.caller.Needs(); needs != adapter.Nothing {
		c.track(needs)
	}
	return c
}

// Begin precedes a call that begins a transaction with a context of its own: to
// that belong statements with contexts that do not tell whose they are. end
// follows the call that ends the transaction, or did not begin it.
func (s *Session) Begin(ctx context.Context) (end func(error)) {
	caller := s.reader(ctx)
	s.take(caller)
	outerContext, outerCaller := s.txContext, s.txCaller
	s.txContext, s.txCaller = ctx, caller
	ended := caller.Began(s.readSeq)
	return func(err error) {
		if err != nil || s.cut() {
			caller.Refuse(reasonFailed, "")
		}
		s.txContext, s.txCaller = outerContext, outerCaller
		ended()
	}
}

// reader returns on whose behalf a call with ctx runs, and notes since when it
// sees the database.
func (s *Session) reader(ctx context.Context) adapter.Caller {
	// No transaction is open now, so the one that this call may open begins
	// after this number was taken.
	if !s.conn.Reading() {
		s.readSeq, s.proof = s.db.Engine.Seq(), s.db.Parents.Proof()
	}
	return s.callerOf(ctx)
}

// callerOf returns on whose behalf a statement with ctx runs.
func (s *Session) callerOf(ctx context.Context) adapter.Caller {
	var within adapter.Caller
	if s.conn.InTransaction() {
		within = s.txCaller
	}
	return s.db.Engine.Caller(ctx, within)
}

// Failed follows a call that ran nothing and failed: whoever takes no notice of
// the error answers without what they did not get to read.
func (s *Session) Failed(ctx context.Context) { s.callerOf(ctx).Refuse(reasonFailed, "") }

// cut reports whether the context of the open transaction has ended, which ends
// what is read in it, without a word to the driver but this.
func (s *Session) cut() bool { return s.txContext != nil && s.txContext.Err() != nil }

// Uncommitted reports whether the open transaction may have changed something.
func (s *Session) Uncommitted() bool { return s.wrote || s.conn.Changed() }

// Writer returns on whose behalf the open transaction changes what it does.
func (s *Session) Writer() adapter.Caller {
	switch {
	case s.writer != nil:
		return s.writer
	case s.caller != nil:
		return s.caller
	}
	return s.db.Engine.Caller(context.Background(), nil)
}

// After follows a call that may have changed something, or ended a transaction;
// open says that one is open, or that what it changed is not committed yet.
func (s *Session) After(open bool) {
	s.wrote = s.wrote && open
	switch uncommitted := s.Uncommitted(); {
	case uncommitted && s.writer == nil:
		s.writer = s.Writer()
		whose := []adapter.Caller{s.writer}
		for _, c := range []adapter.Caller{s.txCaller, s.holder} {
			if c != nil && !slices.Contains(whose, c) {
				whose = append(whose, c)
			}
		}
		for _, c := range whose {
			s.ended = append(s.ended, c.Changed())
		}
	case !uncommitted && s.writer != nil:
		for _, ended := range s.ended {
			ended()
		}
		s.writer, s.ended = nil, nil
	}
}
