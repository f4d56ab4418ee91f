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
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/sqlite"
)

//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// Store is the notebook's data. All methods may be called concurrently.
type Store struct {
	db       *sql.DB
	kind     *kind
	followed error
	changed  signal // by write, and by watch
	unwatch  func() // ends watch and waits for it; nil where there is none
}

// A kind is what databases differ in. Everything else of a store is the same for all
// of them: the texts of its statements, too, in what SQLite and PostgreSQL have in
// common.
type kind struct {
	name      string // of the directory of its migrations
	dialect   goose.Dialect
	isolation sql.IsolationLevel    // in which what a transaction has read stays true until it has written
	judgement func(error) judgement // of what a transaction failed with
}

// A judgement is what the error of a transaction that writes means.
type judgement int

const (
	final      judgement = iota
	again                // another transaction was in the way: what was read is true no more
	nobodyActs           // a row refers to what is not there
)

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

// New returns a store on an open SQLite database and brings its schema up to date.
// Its transactions must take the write lock when they begin. Closing the store closes
// the database.
func New(ctx context.Context, db *sql.DB) (*Store, error) {
	if err := sqliteKind.migrate(ctx, db); err != nil {
		return nil, err
	}
	s := &Store{db: db, kind: &sqliteKind}
	return s, s.keyNames(ctx)
}

// dsn names the database at path. Its transactions take the write lock when they
// begin: what they read stays true until they write.
func dsn(path string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate"
}

var sqliteKind = kind{name: "sqlite", dialect: goose.DialectSQLite3, judgement: judgeSQLite}

func judgeSQLite(err error) judgement {
	const foreignKey = 787 // SQLITE_CONSTRAINT_FOREIGNKEY
	if e := interface{ Code() int }(nil); errors.As(err, &e) && e.Code() == foreignKey {
		return nobodyActs
	}
	return final
}

func (k *kind) migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations/"+k.name)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(k.dialect, db, dir)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the database.
func (s *Store) Close() error {
	if s.unwatch != nil {
		s.unwatch()
	}
	return s.db.Close()
}

// DB returns the database, for probes.
func (s *Store) DB() *sql.DB { return s.db }

// Followed returns nil if the cache learns of every change of the data, and why it
// does not otherwise, as it was when the store was opened.
func (s *Store) Followed() error { return s.followed }

// Changed returns a channel that is closed after the next change of the data
// through this store, and on PostgreSQL within a second after messages have changed by
// whomever. Whoever wants to miss none asks for the channel first, and
// reads the data then. It may be closed although nothing has changed.
func (s *Store) Changed() <-chan struct{} { return s.changed.wait() }

// How often a transaction is tried that others are in the way of, and how long it waits
// before the next time: so long at most, and less at first.
const (
	maxAttempts = 100
	maxPause    = 50 * time.Millisecond
)

// write runs f in a write transaction, which commits if f returns nil. Every
// change of the data goes through it.
//
// What f has read is still true when it commits: transactions have the same outcome as
// one after the other. SQLite has one at a time. PostgreSQL lets them run together and
// refuses one that another has come in the way of; then f runs again, and must set
// whatever it sets anew. So a unique index that is hit tells f to look again.
//
// A foreign key that leads nowhere is the user's who acts, since f has read whatever else
// rows refer to: who was removed has no valid token, and write fails with
// notebook.ErrInvalidToken.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	defer s.changed.raise() // last of all: whoever is woken finds the change
	pause := time.Millisecond
	for attempt := 1; ; attempt++ {
		err := s.attempt(ctx, f)
		if err == nil {
			return nil
		}
		switch verdict := s.kind.judgement(err); {
		case verdict == nobodyActs:
			return fmt.Errorf("%w: %w", notebook.ErrInvalidToken, err)
		case verdict == final || attempt == maxAttempts:
			return err
		}
		select {
		case <-time.After(rand.N(pause)):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) attempt(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.kind.isolation})
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
