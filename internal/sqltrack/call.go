package sqltrack

import (
	"context"
	"database/sql/driver"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
)

// A Call is a statement that runs, from before it begins until nobody reads its
// rows any more.
type Call struct {
	Statement
	session *Session
	ctx     context.Context
	caller  adapter.Caller
	asOf    uint64
	proof   uint64 // of the foreign keys when the transaction began

	prepared *prepared
	run      *shape.Run                 // what its rows decide, or nil
	done     func(adapter.Dependencies) // of the run
	clocked  bool                       // it may look at the clock, and has not been seen to
	looked   bool                       // Looked was called
	shown    bool                       // a row was returned
	ended    bool                       // all rows were returned
}

// track says what a query is about to read.
func (c *Call) track(needs adapter.Needs) {
	s, db := c.session, c.session.db
	if reason := s.conn.Reason(); reason != "" {
		c.caller.Refuse(reason, "")
		return
	}
	if s.Uncommitted() {
		c.caller.Refuse(reasonOwn, "")
		return
	}
	generation := db.Generation()
	p, ok := db.known(c.SQL, generation)
	if !ok {
		if needs == adapter.Most {
			sql, asOf := c.SQL, c.asOf
			c.caller.WhenAsked(func() (adapter.Dependencies, string) { return db.whenAsked(sql, asOf) })
			return
		}
		p = db.prepare(c.SQL, generation)
	}
	p = p.under(db, c.SQL, c.Args)
	c.prepared = p
	if p.plan.Refused != "" {
		c.refuse(p.plan.Refused)
		return
	}
	if p.plan.Coarse != "" {
		db.coarse(c.SQL, p.plan.Coarse)
	}
	if p.query.Zoned(c.Args) {
		c.refuse(ReasonClock)
		return
	}
	if p.query.Ends() && needs != adapter.All {
		c.refuse(ReasonClock) // what it depends on at most says nothing of when it ends
		return
	}
	var most adapter.Dependencies
	if needs != adapter.All {
		most = p.most(c.asOf)
	}
	if needs == adapter.Most && !p.query.Clocked() {
		c.caller.DependOn(most)
		return
	}
	var d shape.Dependencies
	c.run = p.query.Begin(&d, c.asOf, c.Args, func(sql string, args []driver.NamedValue, limit, work int) ([][]shape.Value, int, bool) {
		return s.conn.Probe(c.ctx, sql, args, limit, work)
	})
	p.count(db, c.SQL, d)
	c.caller.DependOn(p.read(c.asOf, d))
	c.clocked = p.query.Clocked()
	if c.run != nil {
		c.done = c.caller.Later(most)
	}
}

// refuse says that what the statement reads is not stored, and counts that.
func (c *Call) refuse(reason string) {
	c.session.db.coarse(c.SQL, reason)
	c.caller.Refuse(reason, readable(c.SQL))
}

// Follows reports whether Row is to be told of rows.
func (c *Call) Follows() bool { return c.run != nil }

// Row follows each row that was returned; values are as the database has them.
func (c *Call) Row(columns int, value func(column int) shape.Value) {
	c.shown = true
	if c.run == nil {
		return
	}
	if !c.run.Fits(columns) {
		c.lose()
		return
	}
	c.run.Row(value)
}

// Weighed reports whether Took is to be told how much work the statement took, when
// nobody reads its rows any more.
func (c *Call) Weighed() bool {
	return c.prepared != nil && c.prepared.query != nil && c.prepared.query.Probes()
}

// Took says how much work the statement took.
func (c *Call) Took(work int) { c.prepared.query.Took(work) }

// Clocked reports whether Looked is to be told after each step of the statement,
// be it a row or the end.
func (c *Call) Clocked() bool { return c.clocked }

// Looked says whether the last step of the statement looked at the clock.
func (c *Call) Looked(at bool) {
	c.looked = true
	if at && c.clocked {
		c.clocked = false
		c.refuse(ReasonClock)
	}
}

// Shown reports whether a row was returned.
func (c *Call) Shown() bool { return c.shown }

// End follows the last row of a statement whose rows were all returned.
func (c *Call) End() {
	c.ended = true
	c.end(true)
}

// Fail says that the statement failed, or some row of it.
func (c *Call) Fail() { c.caller.Refuse(reasonFailed, "") }

// Leave follows whatever the statement does: nobody reads rows of it any more. If
// a context has ended while rows were left, whoever reads them believes there are
// no more, unless they ask for the error.
func (c *Call) Leave() {
	if c.Rows && !c.ended && (c.ctx.Err() != nil || c.session.cut()) {
		c.Fail()
	}
	if c.clocked && !c.looked {
		c.caller.Refuse(ReasonClock, "") // nobody has seen whether it did
	}
	if !c.shown && !c.ended {
		// The database may have computed rows all the same: that they did not fail
		// is known, and of what types values are, to whoever asked.
		c.lose()
	}
	c.end(false)
	c.caller.End()
}

// lose says that the rows decide in ways that nobody follows.
func (c *Call) lose() {
	if c.run != nil {
		c.run.Lose()
		c.end(false)
	}
}

// coarseParents is why what needs every foreign key to have its parent depends
// on more.
const coarseParents = "foreign keys not proven"

// end says what the query depends on. all says that its rows were read to the
// end.
func (c *Call) end(all bool) {
	if c.run == nil {
		return
	}
	db := c.session.db
	parents := db.Parents.Holds(c.proof)
	var d shape.Dependencies
	c.run.End(&d, all, parents)
	if !parents && c.prepared.query.Requires() && db.Parents.Missing() {
		c.prepared.require(&d)
	}
	if c.prepared.query.Ends() {
		c.until(&d)
	}
	c.prepared.count(db, c.SQL, d)
	c.done(c.prepared.read(c.asOf, d))
	c.run = nil
}

// until adds that the result ends.
func (c *Call) until(d *shape.Dependencies) {
	moment, ok := c.run.Until()
	if ok && moment == never {
		return
	}
	var dependency uint64
	if ok {
		dependency, ok = c.session.db.Ends.add(c.session.db.Shapes, moment)
	}
	if !ok {
		c.caller.Refuse(ReasonClock, "")
		return
	}
	d.Hashes, d.Ends = append(d.Hashes, dependency), true // others do not wait for the moment
}
