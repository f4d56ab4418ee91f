package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/unstale/unstale"
)

// NewPool returns a pool of connections to a database of which cache follows what is
// read and written. It is pgx's own, and is used as such. Setup must have been run;
// where it was not, or the server cannot be followed, the pool works and nothing that is
// read from it is cached.
//
// What the cache does of itself ends when the cache is closed.
func NewPool(ctx context.Context, dsn string, cache *unstale.Cache) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("unstale/postgres: %w", err)
	}
	return NewPoolWithConfig(ctx, config, cache)
}

// NewPoolWithConfig is NewPool with a configuration. Its Tracer, AfterNetConnect,
// AfterConnect and PrepareConn run as ever; what AfterConnect sets is what connections
// begin with.
func NewPoolWithConfig(ctx context.Context, config *pgxpool.Config, cache *unstale.Cache) (*pgxpool.Pool, error) {
	_, pool, err := newPool(ctx, config, cache)
	return pool, err
}

// newPool returns a pool, and what its connections share, or nil if cache is off.
func newPool(ctx context.Context, config *pgxpool.Config, cache *unstale.Cache) (*database, *pgxpool.Pool, error) {
	config = config.Copy()
	if !cache.Enabled() {
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return nil, nil, fmt.Errorf("unstale/postgres: %w", err)
		}
		return nil, pool, nil
	}
	db := newDatabase(cache, config.ConnConfig, config.AfterConnect)
	db.watch(config.ConnConfig, false)
	after, prepare := config.AfterConnect, config.PrepareConn
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if after != nil {
			if err := after(ctx, conn); err != nil {
				return err
			}
		}
		prove(ctx, conn)
		return nil
	}
	config.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		prove(ctx, conn)
		if prepare != nil {
			return prepare(ctx, conn)
		}
		return true, nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		db.close()
		return nil, nil, fmt.Errorf("unstale/postgres: %w", err)
	}
	return db, pool, nil
}

// Open returns a database for database/sql, and so for whatever is built on that, of
// which cache follows what is read and written: see [NewPool]. It ends with Close.
func Open(dsn string, cache *unstale.Cache) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("unstale/postgres: %w", err)
	}
	if !cache.Enabled() {
		return sql.OpenDB(stdlib.GetConnector(*config)), nil
	}
	_, db := open(config, cache)
	return db, nil
}

func open(config *pgx.ConnConfig, cache *unstale.Cache) (*database, *sql.DB) {
	db := newDatabase(cache, config, nil)
	db.watch(config, true)
	inner := stdlib.GetConnector(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		prove(ctx, conn)
		return nil
	}), stdlib.OptionResetSession(func(ctx context.Context, conn *pgx.Conn) error {
		prove(ctx, conn)
		return nil
	}))
	return db, sql.OpenDB(&connector{Connector: inner, close: sync.OnceFunc(db.close)})
}

// A connector ends what the cache does of itself with the sql.DB.
type connector struct {
	driver.Connector
	close func()
}

// Close implements io.Closer.
func (c *connector) Close() error {
	c.close()
	return nil
}

// watch has every connection of a configuration watched.
func (db *database) watch(config *pgx.ConnConfig, retries bool) {
	after := config.AfterNetConnect
	config.AfterNetConnect = func(ctx context.Context, c *pgconn.Config, conn net.Conn) (net.Conn, error) {
		if after != nil {
			inner, err := after(ctx, c, conn)
			if err != nil {
				return nil, err
			}
			conn = inner
		}
		t := newTap(db, conn)
		t.released = !retries // pgxpool says so
		return t, nil
	}
	if config.Tracer == nil {
		config.Tracer = tracer{db, retries}
	} else {
		config.Tracer = multitracer.New(config.Tracer, tracer{db, retries})
	}
}

// tapOf returns the tap of a connection, or nil.
func tapOf(conn *pgx.Conn) *tap {
	t, _ := conn.PgConn().Conn().(*tap)
	return t
}

// prove asks a connection, where it has not been asked since looks see another one,
// to which database it leads: reads count only on those that lead to the one that looks
// see, and are told of its changes. Where it fails they do not count.
func prove(ctx context.Context, conn *pgx.Conn) {
	t := tapOf(conn)
	if t == nil || !t.begin() {
		return
	}
	select {
	case <-t.db.looked:
	case <-time.After(firstWithin):
	case <-ctx.Done():
	}
	var identity *string
	var settings string
	if err := conn.QueryRow(unstale.Outside(ctx), "SELECT unstale.identity(), "+settingsSQL, pgx.QueryExecModeExec).Scan(&identity, &settings); err != nil {
		identity = nil // there is no such function, the connection is gone, or ctx has ended
	}
	t.proven(identity, settings)
}

// begin reports whether the connection is to prove where it leads. Then a statement of
// ours follows, and proven.
func (t *tap) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.db.identity.Load()
	if t.ready && (seen == nil || t.identity == *seen || t.status != 'I') {
		return false
	}
	t.ours = true
	return true
}

func (t *tap) proven(identity *string, settings string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := !t.ready
	t.ours, t.ready, t.identity, t.settings = false, true, "", settings
	if identity != nil {
		t.identity = *identity
	}
	if a := t.db.analysis.settings.Load(); first && identity != nil && a != nil && *a != settings {
		t.db.resettle()
	}
}

// A tracer tells taps for whom the next messages are.
type tracer struct {
	db      *database
	retries bool // what failed before it was sent is tried on another connection, as database/sql does
}

func (tr tracer) start(ctx context.Context, conn *pgx.Conn) context.Context {
	if t := tapOf(conn); t != nil {
		t.mu.Lock()
		t.ctx = ctx
		t.mu.Unlock()
	}
	return ctx
}

// end says that the program has done with what it sent. Whoever takes no notice of an
// error, or of the end of ctx, answers without what they did not get to read.
func (tr tracer) end(ctx context.Context, conn *pgx.Conn, err error) {
	if t := tapOf(conn); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		again := tr.retries && ctx.Err() == nil && pgconn.SafeToRetry(err)
		if !t.ours && !again && (err != nil || ctx.Err() != nil) {
			t.Failed(ctx)
		}
		t.ctx = nil
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (tr tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return tr.start(ctx, conn)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (tr tracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	tr.end(ctx, conn, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (tr tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return tr.start(ctx, conn)
}

// TraceBatchQuery implements pgx.BatchTracer.
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (tr tracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	tr.end(ctx, conn, data.Err)
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (tr tracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return tr.start(ctx, conn)
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (tr tracer) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	tr.end(ctx, conn, data.Err)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (tr tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (tr tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil {
		tr.db.Failed(ctx)
	}
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if t := tapOf(data.Conn); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.GiveBack()
	}
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (tr tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return ctx
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (tr tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Err != nil {
		tr.db.Failed(ctx)
		return
	}
	if t := tapOf(data.Conn); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.Take(ctx)
	}
}
