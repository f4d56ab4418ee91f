package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

// maxConnections is how many connections a store has to a server at most: some nodes
// of the notebook have to do with the hundred that one accepts by default.
const maxConnections = 16

// prepareLock is the advisory lock of whoever changes the schema.
const prepareLock = 0x6e6f7465626f6f6b // "notebook"

var postgresKind = kind{
	name: "postgres", dialect: goose.DialectPostgres, isolation: sql.LevelSerializable, judgement: judgePostgres,
}

func judgePostgres(err error) judgement {
	e := new(pgconn.PgError)
	if !errors.As(err, &e) {
		return final
	}
	switch e.Code {
	case "40001", "40P01", "23505": // serialization_failure, deadlock_detected, unique_violation
		return again
	case "23503": // foreign_key_violation
		return nobodyActs
	}
	return final
}

// Address returns what people may read of the database that dsn names: where it is and
// as whom it is opened. It fails for what names no PostgreSQL database, and its error
// repeats nothing of it: there may be a password.
func Address(dsn string) (string, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil || !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return "", errors.New("it is not of the form postgres://USER@HOST:PORT/NAME")
	}
	u := url.URL{Scheme: "postgres", User: url.User(config.User), Host: net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), Path: config.Database}
	return u.String(), nil
}

// OpenPostgres opens the PostgreSQL database that dsn names, through the cache, which may
// be nil or off, and brings its schema up to date, which its role must be allowed to do if
// there is something to do. Several notebooks may open one database, and at the same time.
//
// Where the cache is on, and the database does not tell of its changes yet, it is set up
// for that. If the role may not do it the store works, nothing that is read from it is
// cached, and Followed says why. The caller closes the store. Errors show no password.
func OpenPostgres(ctx context.Context, dsn string, cache *unstale.Cache) (*Store, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{kind: &postgresKind}
	if err := s.prepare(ctx, dsn, config, cache.Enabled()); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if s.db, err = postgres.Open(dsn, cache); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s.db.SetMaxOpenConns(maxConnections)
	s.db.SetMaxIdleConns(maxConnections)
	if err := s.keyNames(ctx); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	watching, end := context.WithCancel(context.Background())
	var watched sync.WaitGroup
	watched.Go(func() { s.watch(watching) })
	s.unwatch = func() { end(); watched.Wait() }
	return s, nil
}

// ID tells the notebook in a PostgreSQL database from every other. On SQLite, where the
// data directory holds everything, it is "".
func (s *Store) ID(ctx context.Context) (id string, err error) {
	if s.kind != &postgresKind {
		return "", nil
	}
	err = s.db.QueryRowContext(ctx, `SELECT id FROM notebook`).Scan(&id)
	return id, err
}

// prepare brings the schema up to date, and the database to tell of its changes if
// somebody wants to know, one notebook at a time.
func (s *Store) prepare(ctx context.Context, dsn string, config *pgx.ConnConfig, follow bool) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // and with it the lock goes
	var schema *string
	if err := conn.QueryRow(ctx, `SELECT current_schema(), pg_advisory_lock($1)::text`, prepareLock).Scan(&schema, nil); err != nil {
		return err
	}
	if schema == nil {
		return errors.New("the role has no schema to keep tables in (search_path)")
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	if err := s.kind.migrate(ctx, db); err != nil {
		return err
	}
	if !follow {
		return nil
	}
	if s.followed = setUp(ctx, dsn, conn, *schema); s.followed != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// setUp has the tables of the schema followed, unless they are.
func setUp(ctx context.Context, dsn string, conn *pgx.Conn, schema string) error {
	rows, err := conn.Query(ctx, `SELECT format('%s.%s', schemaname, tablename) FROM pg_tables WHERE schemaname = $1`, schema)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	there, err := postgres.Status(ctx, dsn)
	missing := func(table string) bool {
		return !slices.Contains(there.Followed, table) || slices.Contains(there.Coarse, table)
	}
	if err == nil && there.Current && !slices.ContainsFunc(tables, missing) {
		return nil
	}
	return postgres.Setup(ctx, dsn, postgres.SetupOptions{Schemas: []string{schema}})
}
