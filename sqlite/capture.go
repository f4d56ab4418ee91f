package sqlite

import (
	"slices"

	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqltrack"
	modernc "modernc.org/sqlite"
)

// Why a commit invalidates everything.
const (
	causeSchema   = "schema change"
	causeStale    = "schema unknown"
	causeTable    = "table unknown"
	causeAttached = "attached database written"
	causeUnseen   = "write without row images"
	causePanic    = "panic in a hook"
)

// capture registers the session's hooks on its connection, in place of whatever
// hooks there are.
func (s *session) capture() {
	s.inner.RegisterPreUpdateHook(s.onChange)
	s.inner.RegisterCommitHook(s.onCommit)
	s.inner.RegisterRollbackHook(s.onRollback)
}

// onChange is the pre-update hook: a row is about to change.
func (s *session) onChange(d modernc.SQLitePreUpdateData) {
	defer s.survive()
	s.touched = true
	s.loose = s.loose || !s.native.foreignKeys()
	switch {
	case s.cause != "":
		return // VACUUM's copies, in a schema of their own, end here too
	case d.DatabaseName == "temp":
		return
	case d.DatabaseName != "main":
		s.cause = causeAttached
		return
	}
	s.captured = true
	if s.schema == nil {
		// Whether it is the one that the transaction sees, the commit hook asks.
		if s.schema = s.db.schema.Load(); s.schema == nil {
			s.cause = causeStale
			return
		}
	}
	t := s.schema.byName[d.TableName]
	if t == nil {
		s.cause = causeTable
		return
	}
	if n := s.native.columns(); n == len(t.Columns) && t.used.Load() {
		if room := s.changes.Room(t.Table, s.db.Shapes); room != nil {
			s.changes.Add(s.rowOf(t, room, d))
			return
		}
	}
	s.changes.AddUnknown(t.Table)
}

// rowOf decodes the images of the row that is about to change.
func (s *session) rowOf(t *table, room *shape.Room, d modernc.SQLitePreUpdateData) (c shape.Change) {
	c.Table = t.Table
	c.Moved = d.Op == opUpdate && t.moves && d.OldRowID != d.NewRowID
	c.Old, c.New, c.Differs = s.native.row(room, t.Table, d.Op)
	return c
}

// onCommit is the commit hook: the open transaction is about to be committed,
// and nobody else sees it yet. It never prevents the commit.
func (s *session) onCommit() int32 {
	defer s.surviveCommit()
	s.touched = true
	main := s.native.writing(0)
	dirty := main && s.native.dirty()
	if main && !s.keepsParents() {
		s.db.parents.Doubt()
		s.doubtful = true
	}
	if dirty && s.db.watch != nil {
		s.db.watch.committing(s)
	}
	switch {
	case s.native.writingAttached():
		s.cause = causeAttached
	case !main:
		return 0 // only temporary tables changed
	case s.native.schemaChanging():
		s.cause = causeSchema
	case s.cause != "":
	case dirty && !s.captured:
		s.cause = causeUnseen
	case s.schema != nil && s.schema.cookie != s.native.cookie():
		s.cause = causeStale
	}
	if s.cause != "" {
		s.markAll(s.cause)
		return 0
	}
	if s.changes.Empty() {
		return 0
	}
	failpoint.Pass(failpoint.BeforeMark)
	var more []uint64
	if !s.keepsParents() {
		more = append(more, s.db.Shapes.Parents())
	}
	flux := s.db.Mark(&s.changes, s.Writer(), more...)
	failpoint.Pass(failpoint.AfterMark)
	s.marked = append(s.marked, flux)
	failpoint.Pass(failpoint.BeforeCommit)
	// The changes are kept until the transaction is known to be over.
	return 0
}

// onRollback is the rollback hook.
func (s *session) onRollback() {
	s.touched = true
	s.forget()
}

// markAll puts everything in flux until the call of the driver has returned: of
// other databases, too, where they may have been written.
func (s *session) markAll(cause string) {
	switch {
	case cause == causeAttached || cause == causeDriver:
		s.marked = append(s.marked, s.db.MarkEverything(cause))
	case !s.markedAll():
		s.marked = append(s.marked, s.db.MarkAll(cause))
	}
}

func (s *session) markedAll() bool {
	return slices.ContainsFunc(s.marked, func(f *sqltrack.Flux) bool { return f.All })
}

// survive keeps a panic from unwinding SQLite's frames, which would leave its
// mutexes locked. What the hook did not capture then is everything.
func (s *session) survive() {
	if recover() != nil {
		s.cause = causePanic
	}
}

func (s *session) surviveCommit() {
	if recover() != nil {
		s.markAll(causePanic)
	}
}
