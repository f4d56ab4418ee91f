package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// An outboxRow is a change as a trigger wrote it.
type outboxRow struct {
	xid       uint64
	relation  uint32
	layout    string
	operation string
	old, now  []*string
	differs   []int16
}

// operationReplica is that of a row that says nothing but that rows were changed as a
// replica does, for which foreign keys are not enforced.
const operationReplica = "r"

// A snapshot is what pg_current_snapshot returned: which transactions are over.
type snapshot struct {
	xmin, xmax uint64
	running    []uint64 // those between that are not
}

func parseSnapshot(text string) (s snapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("%q is no snapshot", text)
	}
	if s.xmin, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return s, err
	}
	if s.xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, err
	}
	for xid := range strings.SplitSeq(parts[2], ",") {
		if xid == "" {
			continue
		}
		n, err := strconv.ParseUint(xid, 10, 64)
		if err != nil {
			return s, err
		}
		s.running = append(s.running, n)
	}
	return s, nil
}

// shows reports whether a transaction that is over now was so then.
func (s *snapshot) shows(xid uint64) bool { return xid < s.xmax && !slices.Contains(s.running, xid) }

// within reports whether p shows everything that s shows. That its end is not later does
// not say so: what was running when p was taken may have been over before.
func (s *snapshot) within(p *snapshot) bool {
	return s.xmax <= p.xmax && !slices.ContainsFunc(p.running, s.shows)
}

// String returns the snapshot as parseSnapshot reads it.
func (s *snapshot) String() string {
	return fmt.Sprintf("%d:%d:%s", s.xmin, s.xmax, strings.Join(texts(s.running), ","))
}

// before reports whether s cannot have been taken after p.
func (s *snapshot) before(p *snapshot) bool { return s.xmin < p.xmin || s.xmax < p.xmax }

// A follower is what one node has seen of the outbox. The protocol is pure: answer is
// what a look returned, and what follows from it is decided here.
//
// Let a change be visible when a look was sent. It is visible in the look's snapshot,
// so its rows are in the answer unless the snapshot of the look before showed it,
// too; and then that look's answer had them. A transaction's rows are visible exactly
// when it is: asynchronous commits, prepared transactions and savepoints are the
// database's affair. And a row is told only when it is visible, so that a fill which
// lacks the change took its asOf before the bump.
type follower struct {
	identity string // of the database, at the look before; "" if there was none
	last     snapshot
	clock    int64     // of the database, at the look before
	answered time.Time // when that had been answered
}

// An answer is what a look returned.
type answer struct {
	identity string // "" if nobody has begun the generation
	snapshot snapshot
	horizon  uint64 // below it rows may be gone
	clock    int64  // of the database, in microseconds since 2000, between the next two
	asked    time.Time
	answered time.Time
	rows     []outboxRow
	tables   []uint32 // instead of more rows
	more     bool     // there were
}

// Why everything that was read from the database is lost.
const (
	lostFirst    = "database followed"
	lostIdentity = "database restarted, failed over, or its outbox replaced"
	lostBack     = "database went back"
	lostHorizon  = "outbox swept before it was read"
	lostClock    = "the database's clock was set back"
)

var errBegin = errors.New("nobody has begun the generation")

// take judges an answer. lost is why everything is lost, or "": then the answer's rows
// that the last snapshot did not show are news. It is an error if the answer vouches for
// nothing.
func (f *follower) take(a *answer) (lost string, err error) {
	if a.identity == "" {
		f.identity = ""
		return "", errBegin
	}
	switch {
	case f.identity == "":
		lost = lostFirst
	case f.identity != a.identity:
		lost = lostIdentity
	case a.snapshot.before(&f.last):
		lost = lostBack
	case f.last.xmin < a.horizon:
		lost = lostHorizon
	case f.setBack(a):
		lost = lostClock // what had ended has not, and is not shown by what was made since
	}
	if lost == "" {
		a.rows = slices.DeleteFunc(a.rows, func(r outboxRow) bool { return f.last.shows(r.xid) || !a.snapshot.shows(r.xid) })
	}
	f.identity, f.last, f.clock, f.answered = a.identity, a.snapshot, a.clock, a.answered
	return lost, nil
}

// setBack reports whether less time has passed on the database's clock since the look
// before than has here, by a clock that nobody sets. Clocks may differ by a thousandth.
func (f *follower) setBack(a *answer) bool {
	here := a.asked.Sub(f.answered)
	return time.Duration(a.clock-f.clock)*time.Microsecond < here-here/1000-time.Millisecond
}

// maxLook bounds the rows of a look. Beyond it there are tables only.
const maxLook = 10_000

// look asks the database. It is one statement, so that all it returns is of one
// snapshot.
func (f *follower) look(ctx context.Context, conn *pgx.Conn) (*answer, error) {
	asked := time.Now()
	rows, err := conn.Query(ctx, "SELECT xid, relation, layout, operation, old, new, differs FROM unstale.look($1, $2, $3)",
		strconv.FormatUint(f.last.xmax, 10), texts(f.last.running), maxLook)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	a := &answer{asked: asked}
	head := false
	for rows.Next() {
		var xid, layout *string
		var relation *uint32
		var r outboxRow
		if err := rows.Scan(&xid, &relation, &layout, &r.operation, &r.old, &r.now, &r.differs); err != nil {
			return nil, err
		}
		if r.operation == "h" {
			if head, err = true, a.readHead(r.old); err != nil {
				return nil, err
			}
			continue
		}
		if relation == nil {
			return nil, errors.New("a row without a table")
		}
		if xid == nil {
			a.tables, a.more = append(a.tables, *relation), true
			continue
		}
		if r.xid, err = strconv.ParseUint(*xid, 10, 64); err != nil {
			return nil, err
		}
		r.relation = *relation
		if layout != nil {
			r.layout = *layout
		}
		a.rows = append(a.rows, r)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if !head {
		return nil, errors.New("the look returned nothing: run setup")
	}
	a.answered = time.Now()
	return a, nil
}

func (a *answer) readHead(head []*string) (err error) {
	if len(head) != 4 || head[0] == nil || head[2] == nil || head[3] == nil {
		return errors.New("the look returned something else: run setup")
	}
	if head[1] != nil {
		a.identity = *head[1]
	}
	if a.snapshot, err = parseSnapshot(*head[0]); err != nil {
		return err
	}
	if a.horizon, err = strconv.ParseUint(*head[2], 10, 64); err != nil {
		return err
	}
	a.clock, err = strconv.ParseInt(*head[3], 10, 64)
	return err
}

func texts(xids []uint64) []string {
	list := make([]string, len(xids))
	for i, x := range xids {
		list[i] = strconv.FormatUint(x, 10)
	}
	return list
}
