package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/sqlite/internal/dialect"
	lib "modernc.org/sqlite/lib"
)

const (
	opInsert = lib.SQLITE_INSERT
	opUpdate = lib.SQLITE_UPDATE
	opDelete = lib.SQLITE_DELETE
)

// A database is what the connections of a Connector share, and those of others
// to the same file.
type database struct {
	engine   adapter.Database
	shapes   *shape.Shapes
	analysis *analysis
	parents  *parents
	watch    *watch // nil in memory, where there are no others
	memory   bool

	precision Precision

	key    fileKey // in files, if it is a file
	shares int     // Connectors that use it; files.mu guards it

	closed   atomic.Bool
	replaced atomic.Bool  // another file has the name of the one that is watched
	inFlux   atomic.Int64 // what was marked and is not settled

	// generation counts what may have changed the schema. It is raised after
	// the change became visible, and before the floor is. A reader loads it
	// after its asOf: if it loads an old one, its asOf lies below that floor, so
	// that what it learnt of the old schema is never used for an answer.
	generation atomic.Uint64
	schema     atomic.Pointer[schema] // the last one loaded

	texts memo[text]
	plans memo[*prepared]
}

// A prepared is what is known of a query under one generation of the schema.
type prepared struct {
	generation uint64
	query      *shape.Query
	sources    []*adapter.Origin // of the query
	coarse     string            // why dependencies are coarser than they might be, or ""
	refused    string            // why what it reads is not cached; then there is no query
}

// read returns what was read no earlier than asOf.
func (p *prepared) read(asOf uint64, d shape.Dependencies) adapter.Dependencies {
	from := make([]adapter.From, len(d.Counts))
	for i, c := range d.Counts {
		from[i] = adapter.From{Origin: p.sources[c.Source], Count: c.N}
	}
	return adapter.Dependencies{AsOf: asOf, Hashes: d.Hashes, From: from}
}

// Why a statement is not analysed.
const (
	reasonSeveral  = "several statements"
	reasonExplain  = "explain"
	reasonTooLong  = "statement too long"
	reasonAnalysis = "cannot be analysed"
)

func openDatabase(c *Connector, cache *unstale.Cache, config Config, memory bool) (*database, error) {
	a, err := openAnalysis(c, memory, config.DeterministicFunctions)
	if err != nil {
		return nil, err
	}
	if memory {
		return newDatabase(c, cache, config, a, 0), nil
	}
	shared, err := a.native.sharedChange()
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	db, made := files.share(keyOf(c, cache, config, shared), func() *database { return newDatabase(c, cache, config, a, shared) })
	if made {
		return db, nil
	}
	if err := a.close(); err != nil {
		return nil, errors.Join(fail("close", err), db.release())
	}
	return db, nil
}

// newDatabase returns a database that a analyses. shared is where its file's
// change counter is, or 0 if it is in memory.
func newDatabase(c *Connector, cache *unstale.Cache, config Config, a *analysis, shared uintptr) *database {
	db := &database{analysis: a, memory: shared == 0, parents: newParents(c.checkParents), precision: config.Precision}
	if shared != 0 {
		db.watch = newWatch(shared, db.lost)
	}
	// The cache may poll before Database has returned. Nothing has been read
	// then that a poll could miss.
	var ready atomic.Bool
	db.engine = cache.Database(config.Name, func() {
		if ready.Load() {
			db.poll()
		}
	})
	var key [16]byte // of its own, so that no other database on the cache has its hashes
	_, _ = rand.Read(key[:])
	db.shapes = shape.NewShapes(key, db.engine.Seq)
	ready.Store(true)
	return db
}

// connect opens a connection and wraps it.
func (db *database) connect(c *Connector) (driver.Conn, error) {
	inner, err := c.openBare()
	if err != nil {
		return nil, err
	}
	s := &session{db: db, inner: inner, left: c.left}
	if s.native, err = nativeOf(inner); err == nil {
		s.capture() // OnConnect may write
		err = c.prepare(inner)
		s.capture() // and may have set hooks of its own
		s.afterCall()
		if err == nil && db.watch != nil {
			err = db.recognise(s)
		}
	}
	if err != nil {
		_ = inner.Close()
		return nil, err
	}
	return &conn{inner: inner, session: s}, nil
}

func (db *database) close() error {
	db.closed.Store(true)
	db.engine.Close()
	db.parents.close()
	if db.watch != nil {
		db.watch.close()
	}
	return db.analysis.close()
}

func (db *database) poll() {
	if db.watch != nil {
		db.watch.poll()
	}
}

// lost invalidates everything, because somebody else wrote to the file; he may
// have changed the schema, too.
func (db *database) lost(cause string) {
	db.generation.Add(1)
	db.parents.doubt()
	db.engine.Lost(cause)
}

// end ends what a commit put in flux. The commit is visible, or has failed.
func (db *database) end(m marked) {
	defer db.inFlux.Add(-1)
	if !m.all {
		m.flux.Settle()
		m.view.Release()
		return
	}
	db.schema.Store(nil)
	db.parents.doubt()
	db.generation.Add(1)
	m.flux.Settle()
}

// text returns what an SQL text says.
func (db *database) text(sql string) text {
	t, ok := db.texts.get(sql)
	if !ok {
		t = textOf(sql)
		db.texts.put(sql, t)
	}
	return t
}

// maxCounted bounds the length of a statement that is counted.
const maxCounted = 2000

// coarse counts a run of a statement that was handled coarser than it might be.
// Who shows the counts may take only valid UTF-8.
func (db *database) coarse(sql, reason string) {
	if len(sql) > maxCounted {
		sql = sql[:maxCounted] + "…"
	}
	db.engine.Coarse(strings.ToValidUTF8(sql, "\uFFFD"), reason)
}

// track tells the fill what a query is about to read.
func (db *database) track(ctx context.Context, s *session, caller adapter.Caller, sql string, args []driver.NamedValue) {
	generation, needs := db.generation.Load(), caller.Needs()
	p, ok := db.plans.get(sql)
	if !ok || p.generation != generation {
		if needs == adapter.Most {
			asOf := s.readSeq
			caller.WhenAsked(func() (adapter.Dependencies, string) { return db.whenAsked(sql, asOf) })
			return
		}
		p = db.analyse(sql, generation)
	}
	if p.refused != "" {
		db.coarse(sql, p.refused)
		caller.Refuse(p.refused)
		return
	}
	if p.coarse != "" {
		db.coarse(sql, p.coarse)
	}
	if p.query.Zoned(args) {
		db.coarse(sql, reasonClock)
		caller.Refuse(reasonClock)
		return
	}
	var most shape.Dependencies
	if needs != adapter.All {
		p.query.Tables(&most)
	}
	if needs == adapter.Most && !p.query.Clocked() {
		caller.DependOn(p.read(s.readSeq, most))
		return
	}
	var d shape.Dependencies
	run := p.query.Begin(&d, s.readSeq, args, func(sql string, args []driver.NamedValue, limit int) ([][]shape.Value, bool) {
		return s.probe(ctx, sql, args, limit)
	})
	caller.DependOn(p.read(s.readSeq, d))
	if run != nil || p.query.Clocked() {
		s.follow(caller, p, sql, run, p.read(s.readSeq, most))
	}
}

// whenAsked returns what a query of a transaction that began after asOf depends on
// at most. If the schema is another one now than it was then, the floor is, or
// will be, above asOf and above whatever is found to be as good.
func (db *database) whenAsked(sql string, asOf uint64) (_ adapter.Dependencies, refused string) {
	p := db.analyse(sql, db.generation.Load())
	if p.refused != "" {
		return adapter.Dependencies{}, p.refused
	}
	if p.query.Clocked() { // nobody has seen whether it looked at the clock
		return adapter.Dependencies{}, reasonClock
	}
	var most shape.Dependencies
	p.query.Tables(&most)
	return p.read(asOf, most), ""
}

// analyse makes the plan of a query.
func (db *database) analyse(sql string, generation uint64) *prepared {
	p := &prepared{generation: generation}
	if len(sql) > maxTextLength {
		p.refused = reasonTooLong
		return p
	}
	sch, access, st, err := db.analysis.analyse(sql, db.schema.Load())
	if sch != nil {
		db.schema.Store(sch)
	}
	switch {
	case err != nil:
		p.refused = reasonAnalysis
	case strings.IndexByte(sql, 0) >= 0 || dialect.Classify(st.tail)[0].Kind != dialect.Empty:
		p.refused = reasonSeveral
	case st.explain:
		p.refused = reasonExplain
	default:
		q := dialect.Analyze(sql, sch.deps, access, db.precision)
		if p.refused = q.Refused; p.refused == "" {
			sch.use(access)
			p.query = db.shapes.Use(q)
			p.coarse = q.Coarse
			for _, source := range p.query.Sources() {
				p.sources = append(p.sources, adapter.NewOrigin(sql, source))
			}
		}
	}
	if err == nil {
		db.plans.put(sql, p) // a failure may pass
	}
	return p
}

// refresh sees to it that the schema in which the session will tell its changes
// is the present one. Where it cannot, the changes invalidate everything.
func (db *database) refresh(s *session) {
	generation := db.generation.Load()
	old := db.schema.Load()
	if old != nil && old.generation.Load() == generation {
		return
	}
	if db.memory && s.native.reading() {
		return // the analysis would wait for this connection
	}
	sch, err := db.analysis.schema(old)
	if err != nil {
		return
	}
	sch.generation.Store(generation)
	db.schema.Store(sch)
}

// fail reports an error of opening.
func fail(what string, err error) error { return fmt.Errorf("unstale/sqlite: %s: %w", what, err) }
