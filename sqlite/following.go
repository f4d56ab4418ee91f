package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
	lib "modernc.org/sqlite/lib"
)

// A following is a query that runs for a fill and whose dependencies follow from
// the rows that it returns, or that may look at the clock while it returns them.
// The methods of a nil following do nothing.
type following struct {
	session  *session
	prepared *prepared
	text     string
	run      *shape.Run // nil if no dependencies follow, or all are known
	clocked  bool       // it calls functions of date and time, and has not been seen to look at the clock
	caller   adapter.Caller
	asOf     uint64
	parents  uint64 // the proof of the foreign keys when the transaction began
	done     func(adapter.Dependencies)
}

// follow begins to follow a run, which depends on most at most.
func (s *session) follow(caller adapter.Caller, p *prepared, sql string, run *shape.Run, most adapter.Dependencies) {
	s.next = &following{session: s, prepared: p, text: sql, run: run, clocked: p.query.Clocked(), caller: caller, asOf: s.readSeq, parents: s.parents}
	if run != nil {
		s.next.done = caller.Later(most)
	}
}

// taken returns what is to follow the rows of the query that has just begun.
func (s *session) taken() *following {
	f := s.next
	s.next = nil
	return f
}

// row tells the run of the row that inner has just returned, as SQLite has it:
// the driver's own values are converted, and cut at NUL bytes.
func (f *following) row(inner driver.Rows) {
	f.look(inner)
	if f == nil || f.run == nil {
		return
	}
	stmt := statementOf(inner)
	n := f.session.native
	if stmt == 0 || !f.run.Fits(int(lib.Xsqlite3_column_count(n.tls, stmt))) {
		f.lose()
		return
	}
	f.run.Row(func(column int) shape.Value {
		return n.value(nil, lib.Xsqlite3_column_value(n.tls, stmt, int32(column)), false)
	})
}

// reasonClock is why what looked at the clock, or may go by the time zone, is
// not cached.
const reasonClock = "volatile function"

// look looks whether the last step of the query looked at the clock. It must be
// called between any two steps.
func (f *following) look(inner driver.Rows) {
	if f == nil || !f.clocked {
		return
	}
	if stmt := statementOf(inner); stmt == 0 || f.session.native.clocked(stmt) {
		f.clocked = false
		f.session.db.coarse(f.text, reasonClock)
		f.caller.Refuse(reasonClock)
	}
}

// unseen says that nobody sees the rows, only whether they fail.
func (f *following) unseen() {
	if f != nil && f.clocked {
		f.caller.Refuse(reasonClock)
	}
	f.lose()
}

// lose says that the rows decide in ways that nobody follows.
func (f *following) lose() {
	if f != nil && f.run != nil {
		f.run.Lose()
		f.end(false)
	}
}

// end says what the query depends on. all says that its rows were read to the
// end.
func (f *following) end(all bool) {
	if f == nil || f.run == nil {
		return
	}
	parents := f.session.db.parents.still(f.parents)
	if !parents && f.prepared.query.Requires() && f.session.db.parents.missing() {
		f.session.db.coarse(f.text, coarseParents)
	}
	var d shape.Dependencies
	f.run.End(&d, all, parents)
	f.done(f.prepared.read(f.asOf, d))
	f.run = nil
}

// probe runs a query of our own and returns its rows as SQLite has them, one more
// than limit if there are more, or false if it failed.
func (s *session) probe(ctx context.Context, sql string, args []driver.NamedValue, limit int) (all [][]shape.Value, ok bool) {
	rows, err := s.inner.QueryContext(ctx, sql, args)
	if err != nil {
		return nil, false
	}
	defer func() { ok = rows.Close() == nil && ok }()
	stmt, dest := statementOf(rows), make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(dest); {
		case errors.Is(err, io.EOF):
			return all, true
		case err != nil || stmt == 0:
			return nil, false
		case len(all) > limit:
			return all, true
		}
		row := make([]shape.Value, len(dest))
		for i := range row {
			row[i] = s.native.value(nil, lib.Xsqlite3_column_value(s.native.tls, stmt, int32(i)), false)
		}
		all = append(all, row)
	}
}

// coarseParents is why what needs every foreign key to have its parent depends
// on more.
const coarseParents = "foreign keys not proven"

// statementOf returns the SQLite statement behind rows of the driver, or 0.
func statementOf(r driver.Rows) uintptr {
	v := reflect.ValueOf(r)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return 0
	}
	stmt := v.Elem().FieldByName("pstmt")
	if !stmt.IsValid() || stmt.Kind() != reflect.Uintptr {
		return 0
	}
	return uintptr(stmt.Uint())
}
