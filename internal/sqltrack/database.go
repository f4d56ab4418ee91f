// Package sqltrack is what the adapters of SQL databases share around the calls
// of a connection: on whose behalf a statement runs, since when its transaction
// sees the database, and what it depends on, by its text, its arguments and the
// rows that it returns.
//
// An adapter has a [Database] for each database and a [Session] for each
// connection. It may stand between database/sql and a driver, or watch what goes
// over a wire: it says when a statement begins and what it returns, and a Session
// asks it, as a [Conn], what it cannot see. Nothing here knows SQL: what a text
// depends on, as a plan, is the adapter's to find out.
package sqltrack

import (
	"context"
	"database/sql/driver"
	"strings"
	"sync/atomic"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
)

// A Database is what the connections to a database share.
type Database struct {
	Engine adapter.Database
	Shapes *shape.Shapes

	// Analyse makes the plan of a query in the present schema. lasting is false if it
	// may be another one next time, though the schema has not changed.
	Analyse func(sql string) (plan *shape.Plan, lasting bool)
	Parents Parents
	Ends    Ends // of what ends by the database's clock

	// generation counts what may have changed the schema. It is raised after the
	// change became visible, and before everything that was read from the database
	// is bumped. A reader loads it after its asOf: if it loads an old one, its asOf
	// precedes that bump, so that what it learnt of the old schema is never used for
	// an answer.
	generation atomic.Uint64
	inFlux     atomic.Int64

	plans Memo[*prepared]
}

// Parents know whether every foreign key of a database has its parent.
type Parents interface {
	// Proof returns what proves it now, or 0.
	Proof() uint64
	// Holds reports whether a proof, taken before a transaction began, has held up to
	// now, for whatever was read in it.
	Holds(proof uint64) bool
	// Missing reports whether some key was found that has no parent.
	Missing() bool
}

// Generation returns how often the schema may have changed.
func (db *Database) Generation() uint64 { return db.generation.Load() }

// InFlux returns how many commits are in flux.
func (db *Database) InFlux() int64 { return db.inFlux.Load() }

// A Flux is what one commit has put in flux.
type Flux struct {
	All bool // everything

	db   *Database
	flux adapter.Flux
	view *shape.View // nil if All
}

// Mark puts in flux what a commit changes, and more. It belongs to by.
func (db *Database) Mark(c *shape.Changes, by adapter.Caller, more ...uint64) *Flux {
	db.inFlux.Add(1)
	f := &Flux{db: db, view: db.Shapes.View()}
	touched := append(c.Dependencies(nil, f.view), more...)
	f.flux = db.Engine.Mark(adapter.Commit{Touched: touched, Rows: c.Rows(), By: by, Coarse: c.Coarse(), Describe: c.Summary})
	return f
}

// MarkAll puts everything in flux, for a commit that may change the schema or
// anything else.
func (db *Database) MarkAll(cause string) *Flux {
	db.inFlux.Add(1)
	return &Flux{All: true, db: db, flux: db.Engine.MarkAll(cause)}
}

// MarkEverything is MarkAll for what may concern other databases, too.
func (db *Database) MarkEverything(cause string) *Flux {
	db.inFlux.Add(1)
	return &Flux{All: true, db: db, flux: db.Engine.MarkEverything(cause)}
}

// Leaving is shape.Shapes.Leave for the shapes of an engine's database.
func Leaving(engine adapter.Database) func(table string, dependency uint64) (settle func()) {
	return func(table string, dependency uint64) func() {
		return engine.Mark(adapter.Commit{
			Cause: causeShapes, Touched: []uint64{dependency}, Coarse: []string{causeShapes},
			Describe: func(_ int, row func(table, operation, key string, columns []string, coarse string)) int {
				row(table, "", "", nil, causeShapes)
				return 0
			},
		}).Settle
	}
}

// causeShapes is why what was read from a table falls, because commits are not to
// describe it any more for queries that nobody makes.
const causeShapes = "too many kinds of statements on a table"

// Settle ends what a commit put in flux. The commit is visible, or has failed.
func (f *Flux) Settle() {
	defer f.db.inFlux.Add(-1)
	if f.All {
		f.db.generation.Add(1)
		f.flux.Settle()
		return
	}
	f.flux.Settle()
	f.view.Release()
}

// Lost invalidates everything, because changes may have been missed, perhaps of
// the schema.
func (db *Database) Lost(cause string) {
	db.generation.Add(1)
	db.Engine.Lost(cause)
}

// Failed follows an attempt to connect that failed: see [Session.Failed].
func (db *Database) Failed(ctx context.Context) { db.Engine.Caller(ctx, nil).Refuse(reasonFailed, "") }

// PastAdapter reports a read of which nobody knows for whom it is, nor of what.
func (db *Database) PastAdapter() {
	db.Engine.Caller(context.Background(), nil).Refuse("past the adapter", "")
}

// maxCounted bounds the length of a statement that is counted: an Origin takes it
// whole.
const maxCounted = 1900

// coarse counts a run of a statement that was handled coarser than it might be.
func (db *Database) coarse(sql, reason string) { db.Engine.Coarse(readable(sql), reason) }

// readable returns a statement as it is shown. Who shows it may take only valid
// UTF-8.
func readable(sql string) string {
	return adapter.Cut(strings.ToValidUTF8(adapter.Cut(sql, maxCounted), "\uFFFD"), maxCounted)
}

// A prepared is what is known of a query under one generation of the schema.
type prepared struct {
	generation uint64
	plan       *shape.Plan
	query      *shape.Query      // nil if the plan is refused
	sources    []*adapter.Origin // of the query

	others []atomic.Pointer[prepared] // by the guards that arguments fail, one bit for each; made when first used
}

// known returns what is known of a query under a generation of the schema.
func (db *Database) known(sql string, generation uint64) (p *prepared, ok bool) {
	p, ok = db.plans.Get(sql)
	return p, ok && p.generation == generation
}

// reasonTooLong is why statements that nobody remembers are not cached.
const reasonTooLong = "statement too long"

// prepare makes the plan of a query.
func (db *Database) prepare(sql string, generation uint64) *prepared {
	p := &prepared{generation: generation}
	if len(sql) > MaxText {
		p.plan = &shape.Plan{Refused: reasonTooLong}
		return p
	}
	sql = strings.Clone(sql) // of which the plan may keep parts
	plan, lasting := db.Analyse(sql)
	p.use(db, sql, plan)
	if lasting {
		db.plans.Put(sql, p)
	}
	return p
}

// use makes the plan ready for use.
func (p *prepared) use(db *Database, sql string, plan *shape.Plan) {
	p.plan = plan
	if plan.Refused != "" {
		return
	}
	p.query = db.Shapes.Use(plan)
	statement := readable(sql)
	for i, source := range p.query.Sources() {
		o := adapter.NewOrigin(statement, source)
		o.SetCoarse(plan.Sources[i].Reason)
		p.sources = append(p.sources, o)
	}
	if len(plan.Guards) > 0 && plan.Under != nil {
		p.others = make([]atomic.Pointer[prepared], 1<<len(plan.Guards))
	}
}

// under returns what is known of the query with these arguments, which may fail some
// of its guards.
func (p *prepared) under(db *Database, sql string, args []driver.NamedValue) *prepared {
	if p.others == nil {
		return p
	}
	failing := p.plan.Failing(args)
	if failing == 0 {
		return p
	}
	if other := p.others[failing].Load(); other != nil {
		return other
	}
	other := &prepared{generation: p.generation}
	plan := p.plan.Under(p.plan.Fail(failing))
	plan.Under = nil // nothing is left to be decided
	other.use(db, sql, plan)
	if !p.others[failing].CompareAndSwap(nil, other) {
		return p.others[failing].Load()
	}
	return other
}

// read returns what was read no earlier than asOf.
func (p *prepared) read(asOf uint64, d shape.Dependencies) adapter.Dependencies {
	from := make([]adapter.From, len(d.Counts))
	for i, c := range d.Counts {
		from[i] = adapter.From{Origin: p.sources[c.Source], Count: c.N}
	}
	return adapter.Dependencies{AsOf: asOf, Hashes: d.Hashes, From: from, Kinds: d.Kinds, Alone: d.Ends}
}

// require says that what only needs to be there if some foreign key has no parent
// does.
func (p *prepared) require(d *shape.Dependencies) {
	for i := range d.Counts {
		if c := &d.Counts[i]; p.plan.Sources[c.Source].Unless {
			c.Coarse = coarseParents
		}
	}
}

// count counts a run that was coarser than planned, once, and notes of which
// sources that is so.
func (p *prepared) count(db *Database, sql string, d shape.Dependencies) {
	reason := ""
	for _, c := range d.Counts {
		if c.Coarse != "" {
			reason = c.Coarse
			p.sources[c.Source].SetCoarse(reason)
		}
	}
	if reason != "" {
		db.coarse(sql, reason)
	}
}

// most returns what the query depends on at most.
func (p *prepared) most(asOf uint64) adapter.Dependencies {
	var d shape.Dependencies
	p.query.Tables(&d)
	return p.read(asOf, d)
}

// whenAsked returns what a query of a transaction that began after asOf depends on
// at most. If the schema is another one now than it was then, the floor is, or
// will be, above asOf and above whatever is found to be as good.
func (db *Database) whenAsked(sql string, asOf uint64) (_ adapter.Dependencies, reason string) {
	p := db.prepare(sql, db.Generation())
	if p.plan.Refused != "" {
		return adapter.Dependencies{}, p.plan.Refused
	}
	if p.query.Clocked() || p.query.Ends() { // nobody has seen whether it looked at the clock
		return adapter.Dependencies{}, ReasonClock
	}
	return p.most(asOf), ""
}
