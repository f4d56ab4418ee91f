// Package adaptertest is the contract of an adapter for a SQL database, as a test
// that each of them passes: [Exercise]. It speaks SQL that databases have in
// common; where they differ, an [Adapter] says how.
package adaptertest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// An Adapter is what is tested: how to open a database, and what differs between
// databases.
type Adapter struct {
	// Open opens a new, empty database on a cache. It is closed by the end of the
	// test, by whoever opened it, unless it is closed before.
	Open func(t testing.TB, c *unstale.Cache) Database

	Placeholder func(n int) string // of the n-th argument; nil: "?"
	Identity    string             // the type and constraint of a key that the database chooses
	Triggers    []string           // see Schema

	Concurrent bool // readers and writers do not wait for one another
	Returning  bool // there is UPDATE … RETURNING
	Several    bool // one Exec without arguments may have several statements
	Rows       bool // a change of one row concerns only what was made of it
}

// A Database is a database that is open on a cache.
type Database struct {
	DB *sql.DB // through the adapter

	// Other is the same database past the adapter, as another process has it; nil if
	// there can be none.
	Other *sql.DB
	// Ready follows the making of tables: it does what there is to do for the adapter to
	// follow them, and waits until it knows all that it finds out beside, such as whether
	// foreign keys hold; nil: it does so at once.
	Ready func()
	// Lose has the adapter lose sight of the database for a moment; nil if it cannot.
	Lose func()
}

// Schema are the tables of the mix. After each update of item.version, Triggers
// replace the rows of audit that have the item by one with its new version, and
// set the version of mirror's row.
func (a Adapter) Schema() []string {
	return append([]string{
		`CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, note TEXT)`,
		`CREATE TABLE mirror (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)`,
		`CREATE TABLE audit (id ` + a.Identity + `, item INTEGER NOT NULL, version INTEGER NOT NULL CHECK (version < 1000000000))`,
	}, a.Triggers...)
}

// Exercise tests an adapter. What the adapter says that it cannot do is no part of
// its contract.
func Exercise(t *testing.T, a Adapter) {
	t.Run("WhatInvalidates", a.whatInvalidates)
	t.Run("Writes", a.writes)
	t.Run("Transactions", a.transactions)
	t.Run("Reads", a.reads)
	t.Run("Closing", a.closing)
	can := a.Open(t, newCache(t, 1<<20))
	if can.Other != nil {
		t.Run("Strangers", a.strangers)
	}
	if can.Lose != nil {
		t.Run("Loss", a.loss)
	}
	if a.Concurrent {
		t.Run("HostileMix/alone", func(t *testing.T) { a.mix(t, false) })
	}
	if a.Concurrent && can.Other != nil {
		t.Run("HostileMix/with strangers", func(t *testing.T) { a.mix(t, true) })
	}
}

// rebind puts the database's placeholders in the place of question marks.
func (a Adapter) rebind(query string) string {
	if a.Placeholder == nil {
		return query
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString(a.Placeholder(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

// An env is a cache with a database, and a way to read through both.
type env struct {
	testing.TB
	Adapter
	Database
	cache *unstale.Cache
}

// open opens a database and runs the statements.
func (a Adapter) open(t testing.TB, statements ...string) *env {
	t.Helper()
	c := newCache(t, 1<<26)
	e := &env{TB: t, Adapter: a, Database: a.Open(t, c), cache: c}
	for _, s := range statements {
		e.exec(s)
	}
	e.ready()
	return e
}

func (e *env) ready() {
	if e.Ready != nil {
		e.Ready()
	}
}

func newCache(t testing.TB, bytes int64) *unstale.Cache {
	t.Helper()
	c, err := unstale.New(unstale.Options{Slots: 1 << 20, MaxBytes: bytes, LookWait: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := c.Stats().OpenFills; n != 0 {
			t.Errorf("%d fills are still open", n)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// outside is a context that is known to belong to no fill.
func outside() context.Context { return unstale.Outside(context.Background()) }

// exec executes on behalf of nobody's request.
func (e *env) exec(query string, args ...any) {
	e.Helper()
	if _, err := e.DB.ExecContext(outside(), e.rebind(query), args...); err != nil {
		e.Fatalf("%s: %v", query, err)
	}
}

// A querier is a *sql.DB, a *sql.Tx or a *sql.Conn.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// read returns the rows of a query as text.
func (e *env) read(ctx context.Context, q querier, query string) (string, error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		values, parts := make([]any, len(columns)), make([]string, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		for i, v := range values {
			parts[i] = fmt.Sprint(*v.(*any))
			if b, ok := (*v.(*any)).([]byte); ok {
				parts[i] = string(b)
			}
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	return strings.Join(lines, ";"), rows.Err()
}

// inRequest runs code in the course of a request that nothing is filled for: what it
// loads has nothing to do with the transactions of the test.
func (e *env) inRequest(code func(ctx context.Context)) {
	e.Helper()
	h := e.cache.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { code(r.Context()) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodOptions, "/", http.NoBody))
}

// fill computes something that reads, under a key, and reports whether it ran.
func (e *env) fill(key string, f func(ctx context.Context) (string, error)) (result string, ran bool) {
	e.Helper()
	var err error
	e.inRequest(func(ctx context.Context) {
		result, err = unstale.Load(ctx, e.cache, unstale.Escape(key), func(ctx context.Context) (string, error) {
			ran = true
			return f(ctx)
		})
	})
	if err != nil {
		e.Fatalf("%s: %v", key, err)
	}
	return result, ran
}

// load reads through the cache. ran says whether the query ran.
func (e *env) load(query string) (result string, ran bool) {
	e.Helper()
	return e.fill(query, func(ctx context.Context) (string, error) { return e.read(ctx, e.DB, query) })
}

// warm reads until the answer comes from the cache.
func (e *env) warm(query string) {
	e.Helper()
	e.load(query)
	e.load(query) // the first may also have depended on the whole table
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, ran := e.load(query); !ran {
			return
		}
		// What was written before may be told after the load began, and make it fall.
		if time.Now().After(end) {
			e.Fatalf("%s is not cached: %v", query, e.cache.Stats().Refused)
		}
	}
}

// hit demands that the answer is served from the cache.
func (e *env) hit(query string) {
	e.Helper()
	if _, ran := e.load(query); ran {
		e.Errorf("%s: a miss, want a hit", query)
	}
}

// fresh demands that the answer is want.
func (e *env) fresh(want, query string) {
	e.Helper()
	if got, _ := e.load(query); got != want {
		e.Errorf("%s: %q, want %q", query, got, want)
	}
}

// miss demands that the answer is computed anew, and is want.
func (e *env) miss(want, query string) {
	e.Helper()
	got, ran := e.load(query)
	if got != want || !ran {
		e.Errorf("%s: %q, want %q; a miss: %t", query, got, want, ran)
	}
}

// stored reports whether what f computes can be stored.
func (e *env) stored(key string, f func(ctx context.Context) (string, error)) bool {
	e.Helper()
	for range 3 {
		if _, ran := e.fill(key, f); !ran {
			return true
		}
	}
	return false
}
