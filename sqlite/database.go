package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/internal/sqltrack"
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
	*sqltrack.Database
	analysis *analysis
	parents  *sqltrack.ProvenParents
	watch    *watch // nil in memory, where there are no others
	memory   bool

	precision Precision

	key    fileKey // in files, if it is a file
	shares int     // Connectors that use it; files.mu guards it

	ready    atomic.Bool // the cache may look before it is; nothing has been read then
	closed   atomic.Bool
	replaced atomic.Bool            // another file has the name of the one that is watched
	schema   atomic.Pointer[schema] // the last one loaded
	texts    sqltrack.Memo[text]
}

// Why a statement is not analysed.
const (
	reasonSeveral  = "several statements"
	reasonExplain  = "explain"
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
	db := &database{analysis: a, memory: shared == 0, parents: sqltrack.NewProvenParents(c.checkParents), precision: config.Precision}
	if shared != 0 {
		db.watch = newWatch(shared, db.lost)
	}
	engine := cache.Database(config.Name, db)
	var key [16]byte // of its own, so that no other database on the cache has its hashes
	_, _ = rand.Read(key[:])
	shapes := shape.NewShapes(key, engine.Seq)
	shapes.Leave = sqltrack.Leaving(engine)
	db.Database = &sqltrack.Database{Engine: engine, Shapes: shapes, Analyse: db.analyse, Parents: db.parents}
	db.ready.Store(true)
	return db
}

// connect opens a connection and wraps it.
func (db *database) connect(ctx context.Context, c *Connector) (driver.Conn, error) {
	inner, err := c.openBare()
	if err != nil {
		return nil, err
	}
	s := &session{db: db, inner: inner, left: c.left, times: c.times}
	s.Session = db.NewSession(s)
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
	s.Take(ctx)
	return &conn{inner: inner, session: s}, nil
}

func (db *database) close() error {
	db.closed.Store(true)
	db.Engine.Close()
	db.parents.Close()
	if db.watch != nil {
		db.watch.close()
	}
	return db.analysis.close()
}

// CatchUp implements unstale.Source. It looks at the file's change counter.
func (db *database) CatchUp(context.Context) error {
	if db.watch != nil && db.ready.Load() {
		db.watch.poll()
	}
	return nil
}

// Prompt implements adapter.Prompt.
func (db *database) Prompt() {}

// Claim implements adapter.Claimer.
func (db *database) Claim() adapter.Claim {
	c := adapter.Claim{
		Tier: "S",
		Text: "Every write of this process shows in the very next read, nobody is served an older state once a newer one was seen, and a write of another program to the file invalidates everything",
	}
	if db.memory {
		c.Text = "Every write shows in the very next read, and nobody is served an older state once a newer one was seen"
	}
	if s := db.schema.Load(); s != nil {
		for name := range s.byName {
			c.Followed = append(c.Followed, name)
		}
		slices.Sort(c.Followed)
	}
	return c
}

// lost invalidates everything, because somebody else wrote to the file, who may
// have changed the schema, too.
func (db *database) lost(cause string) {
	db.parents.Doubt()
	db.Lost(cause)
}

// end ends what a commit put in flux.
func (db *database) end(f *sqltrack.Flux) {
	if f.All {
		db.schema.Store(nil)
		db.parents.Doubt()
	}
	f.Settle()
}

// text returns what an SQL text says.
func (db *database) text(sql string) text {
	t, ok := db.texts.Get(sql)
	if !ok {
		t = textOf(sql)
		db.texts.Put(strings.Clone(sql), t)
	}
	return t
}

// analyse makes the plan of a query.
func (db *database) analyse(sql string) (_ *shape.Plan, lasting bool) {
	sch, access, st, err := db.analysis.analyse(sql, db.schema.Load())
	if sch != nil {
		db.schema.Store(sch)
	}
	switch {
	case err != nil:
		return &shape.Plan{Refused: reasonAnalysis}, false
	case strings.IndexByte(sql, 0) >= 0 || dialect.Classify(st.tail)[0].Kind != dialect.Empty:
		return &shape.Plan{Refused: reasonSeveral}, true
	case st.explain:
		return &shape.Plan{Refused: reasonExplain}, true
	}
	plan := sqldep.Safely(db.Engine.Logger(), sql, func() *shape.Plan { return dialect.Analyze(sql, sch.deps, access, db.precision) })
	if plan.Refused == "" {
		sch.use(access)
	}
	return plan, true
}

// refresh sees to it that the schema in which the session will tell its changes
// is the present one. Where it cannot, the changes invalidate everything.
func (db *database) refresh(s *session) {
	generation := db.Generation()
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
