package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/internal/sqltrack"
)

// A database is what the connections of a pool share. It is the unstale.Source that
// follows the outbox.
type database struct {
	*sqltrack.Database
	cache    *unstale.Cache
	analysis *analysis
	prober   *prober
	parents  *sqltrack.ProvenParents
	config   *pgx.ConnConfig // of looks

	catalogue atomic.Pointer[catalogue] // nil: nobody has read it since something changed it
	identity  atomic.Pointer[string]    // that the last look saw; nil: none vouched
	introduce sync.Once
	resettled atomic.Int64          // when, in nanoseconds
	looked    chan struct{}         // closed when the first look has ended
	first     func()                // closes it
	texts     sqltrack.Memo[*known] // by text and types of parameters
	losses    losses
	positions *positions // nil: no entry is shared

	looking sync.Mutex // guards what follows
	conn    *pgx.Conn
	follower
	checked time.Time // when the fingerprint was looked at
	swept   time.Time
	closed  bool
}

// A known is what is known of a text under one generation of the catalogue.
type known struct {
	generation uint64
	failed     bool     // of this nothing is known: the server would not parse it
	reads      bool     // it is a query that writes nothing
	alters     bool     // it may change the session
	parameters []uint32 // types
	results    []uint32 // likewise, of columns
	plan       *shape.Plan
}

// firstWithin bounds how long a new connection waits for the first look, with which
// what is read there counts from the first statement on.
const firstWithin = 100 * time.Millisecond

// How often a node looks whether the catalogue has changed, and deletes what nobody
// needs.
const (
	checkEvery = time.Second
	sweepEvery = time.Minute
	retention  = 10 * time.Minute
	callWithin = 10 * time.Second
)

// newDatabase begins to follow a database: the first look is sent at once, and waited
// for by connections alone. after is the program's own AfterConnect, or nil.
func newDatabase(cache *unstale.Cache, config *pgx.ConnConfig, after func(context.Context, *pgx.Conn) error) *database {
	db := &database{cache: cache, analysis: newAnalysis(config, after), prober: newProber(config, after), looked: make(chan struct{})}
	db.first = sync.OnceFunc(func() { close(db.looked) })
	db.config = ownConfig(config, "look", map[string]string{
		"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "datestyle": "ISO", "timezone": "UTC",
	})
	db.looking.Lock() // it may be asked before it is made
	defer db.looking.Unlock()
	engine := cache.Database("postgres", db)
	key, shares := engine.SharedKey()
	if !shares {
		sum := sha256.Sum256([]byte(config.Host + "\x00" + strconv.Itoa(int(config.Port)) + "\x00" + config.Database))
		key = [16]byte(sum[:16])
	}
	shapes := shape.NewShapes(key, engine.Seq)
	if shapes.Share = shares; shares {
		db.positions = new(positions)
	}
	shapes.Leave = sqltrack.Leaving(engine)
	db.parents = sqltrack.NewProvenParents(db.checkParents)
	db.Database = &sqltrack.Database{Engine: engine, Shapes: shapes, Analyse: db.analyse, Parents: db.parents}
	return db
}

// CatchUp implements unstale.Source. It is one look, and now and then one at the
// catalogue.
func (db *database) CatchUp(ctx context.Context) error {
	db.looking.Lock()
	defer db.looking.Unlock()
	defer db.first()
	if err := db.connect(ctx); err != nil {
		return err
	}
	sent := db.Engine.Seq()
	a, err := db.look(ctx, db.conn)
	if err == nil && a.identity == "" {
		// Nobody has begun the generation: whoever does vouches from the next look on.
		db.follower = follower{}
		db.identity.Store(nil)
		if _, err = db.conn.Exec(ctx, "SELECT unstale.begin()"); err == nil {
			a, err = db.look(ctx, db.conn)
		}
	}
	if err != nil {
		db.identity.Store(nil)
		return fmt.Errorf("unstale/postgres: look: %w", explain(err))
	}
	lost, err := db.take(a)
	if err != nil {
		db.identity.Store(nil)
		return fmt.Errorf("unstale/postgres: look: %w", explain(err))
	}
	if lost != "" {
		db.lose(lost)
	} else if err := db.tell(ctx, a); err != nil {
		db.follower = follower{} // these were not told: the next look loses everything
		db.identity.Store(nil)
		return fmt.Errorf("unstale/postgres: look: %w", explain(err))
	}
	db.Pass(a.clock)
	if db.positions != nil { // everything that the look told has fallen by now
		db.positions.note(a.identity, a.snapshot, sent, db.Engine.Tick(), lost != "")
	}
	db.identity.Store(&a.identity)
	return db.keepHouse(ctx)
}

// connect makes the connection of looks, where there is none. A look that was cut off
// loses nothing: the next one has the snapshot of the last that was answered.
func (db *database) connect(ctx context.Context) error {
	if db.closed {
		return errClosed
	}
	if db.conn != nil && !db.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, db.config)
	if err != nil {
		db.identity.Store(nil)
		return fmt.Errorf("unstale/postgres: connect for looks: %w", explain(err))
	}
	db.conn = conn
	return nil
}

// lose invalidates everything, because changes may have been missed, perhaps of the
// schema, and says so.
func (db *database) lose(cause string) {
	db.catalogue.Store(nil)
	db.analysis.forget()
	db.parents.Doubt()
	db.Lost(cause)
	if cause != lostFirst && db.losses.again(cause, time.Now()) {
		db.Engine.Logger().LogAttrs(context.Background(), slog.LevelInfo, "unstale/postgres: everything that was read from the database is invalidated", slog.String("cause", cause))
	}
}

// sayAgain is how long a log that has named a cause need not name it again.
const sayAgain = 10 * time.Second

// losses are what was said of why everything was lost.
type losses struct {
	mu   sync.Mutex
	said map[string]time.Time // by cause, of which there are few
}

// again reports whether a cause is to be named, and notes that it is.
func (l *losses) again(cause string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.said[cause]; ok && now.Sub(at) < sayAgain {
		return false
	}
	if l.said == nil {
		l.said = make(map[string]time.Time)
	}
	l.said[cause] = now
	return true
}

// tell invalidates what changes touch, which are visible.
func (db *database) tell(ctx context.Context, a *answer) error {
	if len(a.rows) == 0 && !a.more {
		return nil
	}
	c, err := db.schema(ctx)
	if err != nil {
		return err
	}
	changes := telling{catalogue: c}
	ok, unenforced := true, a.more
	for i := range a.rows {
		switch r := &a.rows[i]; r.operation {
		case "s":
			db.lose("schema changed")
			return nil
		case "n":
			ok = ok && db.named(ctx, r.now)
		default:
			ok = ok && changes.add(r)
		}
		unenforced = unenforced || a.rows[i].operation == operationReplica
	}
	for _, oid := range a.tables {
		ok = ok && changes.add(&outboxRow{relation: oid, operation: "t"})
	}
	if !ok {
		db.lose("change that is not understood")
		return nil
	}
	var more []uint64
	if unenforced {
		db.parents.Doubt() // of a proof, too, that is under way
		more = append(more, db.Shapes.Parents())
	}
	db.Mark(&changes.Changes, nil, more...).Settle()
	return nil
}

// ID implements adapter.Shared: others invalidate by name, and what they name need not be
// made from the database.
func (db *database) ID() string {
	if id := db.identity.Load(); id != nil {
		return *id
	}
	return ""
}

// named invalidates what a row of unstale.invalidate names.
func (db *database) named(ctx context.Context, now []*string) (ok bool) {
	if len(now) != 1 || now[0] == nil {
		return false
	}
	targets, err := unstale.UnmarshalTargets([]byte(*now[0]))
	return err == nil && db.cache.Invalidate(ctx, targets...) == nil
}

// keepHouse looks now and then whether somebody has changed the catalogue, and deletes
// what nobody needs.
func (db *database) keepHouse(ctx context.Context) error {
	now := time.Now()
	if c := db.catalogue.Load(); c != nil && c.generation == db.Generation() && now.Sub(db.checked) >= checkEvery {
		db.checked = now
		var text string
		if err := db.conn.QueryRow(ctx, fingerprintSQL).Scan(&text); err != nil {
			return fmt.Errorf("unstale/postgres: fingerprint: %w", err)
		}
		if text != c.fingerprint {
			db.lose("schema changed")
		}
	}
	if now.Sub(db.swept) >= sweepEvery {
		db.swept = now
		// That it failed makes nothing stale, and the connection's next look tells whether it
		// is gone.
		_, _ = db.conn.Exec(ctx, "SELECT unstale.sweep($1)", retention)
	}
	return nil
}

// schema returns the catalogue, as it was at a time of the present generation.
func (db *database) schema(ctx context.Context) (*catalogue, error) {
	generation := db.Generation()
	if c := db.catalogue.Load(); c != nil && c.generation == generation {
		return c, nil
	}
	c, err := db.analysis.load(ctx)
	if err != nil {
		return nil, err
	}
	c.generation = generation
	db.introduce.Do(func() { db.say(c) })
	for {
		old := db.catalogue.Load()
		if old != nil && old.generation == generation {
			return old, nil // somebody else was faster: all that is learnt under a generation is of one catalogue
		}
		if db.catalogue.CompareAndSwap(old, c) { // one of an older generation is read again
			return c, nil
		}
	}
}

// resettleEvery bounds how often texts are learnt anew because new connections have
// other settings than the one on which they were learnt. Where a program gives its
// connections different ones, most of them store nothing.
const resettleEvery = time.Minute

// resettle follows a new connection that has other settings.
func (db *database) resettle() {
	now := time.Now().UnixNano()
	last := db.resettled.Load()
	if last != 0 && now-last < int64(resettleEvery) || !db.resettled.CompareAndSwap(last, now) {
		return
	}
	go func() { // whoever holds the connection for analysis may wait for this one
		db.analysis.renew()
		db.lose("settings of new connections changed")
	}()
}

// maxNamed bounds the relations that are named in one line of a log.
const maxNamed = 20

// say says once what is followed, and what is not.
func (db *database) say(c *catalogue) {
	r := c.report()
	blind := make([]string, 0, len(r.Blind))
	for _, b := range r.Blind {
		blind = append(blind, b.Name+" ("+b.Why+")")
	}
	level, advice := slog.LevelInfo, ""
	if len(r.Blind) > 0 || len(r.Coarse) > 0 {
		level, advice = slog.LevelWarn, "what is made of a table that is not followed is not stored, and of one that has changed since setup any change concerns all: run unstale postgres setup"
	}
	db.Engine.Logger().LogAttrs(context.Background(), level,
		"unstale/postgres: answers are cached strictly, whoever writes; what others do to the schema or to triggers is noticed "+r.noticed(),
		slog.Int("followed", len(r.Followed)), slog.Any("changed", r.Coarse[:min(len(r.Coarse), maxNamed)]),
		slog.Any("not_followed", blind[:min(len(blind), maxNamed)]), slog.String("remedy", advice))
}

// explain says in a sentence what is the matter, where that is known.
func explain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case "08P01": // protocol violation
		if strings.HasPrefix(pg.Message, "unsupported startup parameter") {
			return fmt.Errorf("a pooler stands before the server, such as PgBouncer, which keeps no settings of sessions: name the server itself: %w", err)
		}
	case "3F000", "42P01", "42883": // no such schema, table, function
		return fmt.Errorf("the database is not set up, or by another version: run unstale postgres setup: %w", err)
	case "42501": // insufficient privilege
		return fmt.Errorf("the role has no right to it: run unstale postgres setup with -grant: %w", err)
	case "55000": // object not in prerequisite state: recovery is in progress
		return fmt.Errorf("the server is a standby, which cannot be followed: %w", err)
	}
	return err
}

// know returns what is known of a text, with the types of parameters that a client
// names.
func (db *database) know(text string) *known {
	generation := db.Generation()
	if k, ok := db.texts.Get(text); ok && k.generation == generation {
		return k
	}
	k := &known{generation: generation, failed: true, alters: true, plan: &shape.Plan{Refused: refusedTree}}
	ctx, cancel := context.WithTimeout(unstale.Outside(context.Background()), callWithin)
	defer cancel()
	c, err := db.schema(ctx)
	if err != nil {
		return k
	}
	sql, types := cutTypes(text)
	s, err := db.analysis.parse(ctx, sql, types)
	if several(err) {
		k.failed, k.plan = false, &shape.Plan{Refused: refusedSeveral}
		db.texts.Put(text, k)
		return k
	}
	if err != nil {
		return k
	}
	r := readingOf(c, s.trees)
	if r.clocked && now.MatchString(sql) {
		r.refuse(refusedVolatile)
	}
	functions, err := db.analysis.called(ctx, r.functions)
	if err != nil {
		return k
	}
	k.failed, k.parameters, k.results = false, s.parameters, s.results
	k.alters = r.judge(functions) || r.refused == refusedUtility
	k.reads = !r.writes
	k.plan = &shape.Plan{Refused: "no query"}
	if k.reads {
		k.plan = sqldep.Safely(db.Engine.Logger(), text, func() *shape.Plan { return r.analyze(s.trees) })
	}
	db.texts.Put(text, k)
	return k
}

// several reports whether the server said that a text is more than one statement.
func several(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42601" && strings.HasPrefix(pg.Message, "cannot insert multiple commands")
}

// analyse makes the plan of a query.
func (db *database) analyse(text string) (_ *shape.Plan, lasting bool) {
	k := db.know(text)
	return k.plan, !k.failed
}

// close ends what the database does of itself.
func (db *database) close() {
	db.Engine.Close()
	db.end()
}

// Release implements adapter.Holder.
func (db *database) Release() error {
	db.end()
	return nil
}

func (db *database) end() {
	db.looking.Lock()
	defer db.looking.Unlock()
	db.closed = true
	db.parents.Close()
	if db.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), callWithin)
		defer cancel()
		_ = db.conn.Close(ctx)
	}
	db.analysis.close()
	db.prober.close()
}

// typesMark stands between a text and the types that a client names for its
// parameters, by which the server may take it for another statement.
const typesMark = "\n-- types of parameters:"

// withTypes returns the name of a text with types.
func withTypes(sql string, types []uint32) string {
	named := false
	var b strings.Builder
	b.WriteString(sql)
	b.WriteString(typesMark)
	for _, t := range types {
		named = named || t != 0
		b.WriteString(" " + strconv.FormatUint(uint64(t), 10))
	}
	if !named {
		return sql
	}
	return b.String()
}

// cutTypes is the reverse of withTypes.
func cutTypes(text string) (sql string, types []uint32) {
	i := strings.LastIndex(text, typesMark)
	if i < 0 {
		return text, nil
	}
	for t := range strings.FieldsSeq(text[i+len(typesMark):]) {
		n, err := strconv.ParseUint(t, 10, 32)
		if err != nil {
			return text, nil
		}
		types = append(types, uint32(n))
	}
	return text[:i], types
}
