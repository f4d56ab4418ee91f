// Package store keeps the notebook's data in SQL. It knows nothing of a cache:
// reads and writes go through the *sql.DB it is opened with, with the context of
// whoever wants them.
//
// Every list has a total order, every method reads with the caller's context,
// and what reads before it writes does so in one write transaction.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the notebook's data. All methods may be called concurrently.
type Store struct {
	db      *sql.DB
	changed signal // by write
}

// Open opens the SQLite database in the file at path, which it creates if there
// is none, through the cache, which may be nil or off, and brings its schema up
// to date. The caller closes the store.
func Open(ctx context.Context, path string, cache *unstale.Cache) (*Store, error) {
	db, err := sqlite.Open(dsn(path), cache)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := New(ctx, db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), db.Close())
	}
	return s, nil
}

// New returns a store on an open database and brings its schema up to date. Its
// transactions must take the write lock when they begin. Closing the store closes
// the database.
func New(ctx context.Context, db *sql.DB) (*Store, error) {
	if err := migrate(ctx, db); err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// dsn names the database at path. Its transactions take the write lock when they
// begin: what they read stays true until they write.
func dsn(path string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate"
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// DB returns the database, for probes.
func (s *Store) DB() *sql.DB { return s.db }

// Changed returns a channel that is closed after the next change of the data
// through this store. Whoever wants to miss none asks for the channel first, and
// reads the data then. It may be closed although nothing has changed.
func (s *Store) Changed() <-chan struct{} { return s.changed.wait() }

// write runs f in a write transaction, which commits if f returns nil. Every
// change of the data goes through it.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	defer s.changed.raise() // last of all: whoever is woken finds the change
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect after a commit
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// collect returns what scan makes of every row.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	list := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

func newID() string { return uuid.NewString() }

// direction returns the SQL word for an order.
func direction(ascending bool) string {
	if ascending {
		return "ASC"
	}
	return "DESC"
}
