package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// marks are contexts, by how they came about, for code in the course of a request
// with the context ctx.
var marks = map[string]func(ctx context.Context) context.Context{
	"the request":         func(ctx context.Context) context.Context { return ctx },
	"none":                func(context.Context) context.Context { return context.Background() },
	"Outside":             func(context.Context) context.Context { return unstale.Outside(context.Background()) },
	"Outside the request": unstale.Outside,
}

const sumOf1 = "SELECT sum FROM orders WHERE id = 1"

// TestLoadInWritingTransactions: within a transaction that changed something, a call
// of Load gives what that sees, and stores nothing, with whatever contexts the
// transaction was begun and changed, and Load called.
func TestLoadInWritingTransactions(t *testing.T) {
	t.Parallel()
	for begun, begin := range marks {
		for changed, change := range marks {
			for called, call := range marks {
				if begun == "Outside" && (changed == "Outside" || changed == "none") && strings.HasSuffix(called, "the request") {
					continue // said to concern no request
				}
				t.Run(fmt.Sprint(begun, ", ", changed, ", ", called), func(t *testing.T) {
					t.Parallel()
					e := newEnv(t, shop)
					load := func(ctx context.Context, q querier) (v string) {
						v, err := unstale.Load(ctx, e.cache, "sum", func(ctx context.Context) (string, error) { return read(ctx, q, sumOf1) })
						if err != nil {
							t.Error(err)
						}
						return v
					}
					within := func(ctx context.Context) {
						for range 2 {
							load(call(ctx), e.db)
						}
						tx, err := e.db.BeginTx(begin(ctx), nil)
						if err != nil {
							t.Fatal(err)
						}
						if _, err := tx.ExecContext(change(ctx), "UPDATE orders SET sum = 99 WHERE id = 1"); err != nil {
							t.Error(err)
						}
						if v := load(call(ctx), tx); v != "99" {
							t.Errorf("in the transaction: %s", v)
						}
						if err := tx.Rollback(); err != nil {
							t.Error(err)
						}
						if v := load(call(ctx), e.db); v != "10" {
							t.Errorf("after it: %s", v)
						}
					}
					e.inRequest(within)
					within(context.Background()) // a job's
				})
			}
		}
	}
}

// TestLoadBesideJobs: a transaction that is said to concern no answer keeps no
// request from what is stored.
func TestLoadBesideJobs(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.warm(sumOf1)
	tx, err := e.db.BeginTx(outside(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(outside(t), "UPDATE orders SET sum = 99 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	e.hit(sumOf1)
}

// TestNobodyWaitsWithAConnection: whoever holds the last connection of a pool, and
// loads what somebody else is making who waits for one, makes it themselves.
func TestNobodyWaitsWithAConnection(t *testing.T) {
	t.Parallel()
	patience, cancel := context.WithTimeout(context.Background(), 20*time.Second) // with all of them
	t.Cleanup(cancel)
	ignore := func(f func() error) func() { return func() { _ = f() } }
	holds := map[string]func(ctx context.Context, db *sql.DB) (release func(), err error){
		"transaction": func(ctx context.Context, db *sql.DB) (func(), error) {
			tx, err := db.BeginTx(ctx, nil)
			return ignore(tx.Rollback), err
		},
		"connection": func(ctx context.Context, db *sql.DB) (func(), error) {
			c, err := db.Conn(ctx)
			return ignore(c.Close), err
		},
		"rows": func(ctx context.Context, db *sql.DB) (func(), error) {
			rows, err := db.QueryContext(ctx, "SELECT id FROM orders")
			return ignore(rows.Close), err
		},
	}
	for held, hold := range holds {
		for taken, take := range marks {
			for called, call := range marks {
				for size := range 4 { // 0: of one connection that has been used
					if taken == "Outside" && strings.HasSuffix(called, "the request") {
						continue // said to concern no request
					}
					t.Run(fmt.Sprintf("%s, %s, %s, %d", held, taken, called, size), func(t *testing.T) {
						t.Parallel()
						e := newEnv(t, shop)
						e.db.SetMaxOpenConns(max(size, 1))
						if size == 1 {
							e.db.SetMaxIdleConns(0) // the next one is made
						}
						begun := make(chan struct{})
						var all sync.WaitGroup
						e.inRequest(func(ctx context.Context) {
							for range max(size, 1) {
								release, err := hold(take(ctx), e.db)
								if err != nil {
									t.Fatal(err)
								}
								defer release()
							}
							all.Go(func() {
								if _, err := unstale.Load(context.Background(), e.cache, "k", func(ctx context.Context) (string, error) {
									close(begun)
									return read(ctx, e.db, sumOf1)
								}); err != nil {
									t.Error(err)
								}
							})
							<-begun
							ctx, cancel := context.WithCancel(call(ctx))
							defer cancel()
							defer context.AfterFunc(patience, cancel)()
							load := func(ctx context.Context) (string, error) {
								return unstale.Load(ctx, e.cache, "k", func(context.Context) (string, error) { return "own", nil })
							}
							var v string
							var err error
							if size < 3 {
								v, err = load(ctx)
							} else { // by a function
								v, err = unstale.Load(ctx, e.cache, "outer", load)
							}
							if v != "own" || err != nil {
								t.Errorf("%q, %v", v, err)
							}
						})
						all.Wait()
					})
				}
			}
		}
	}
}

// TestRequestsWithinRequestsDoNotWait: a request that a handler makes of its own while
// it holds a connection waits for nobody's fill, which may wait for that.
func TestRequestsWithinRequestsDoNotWait(t *testing.T) {
	t.Parallel()
	e := newEnv(t, shop)
	e.db.SetMaxOpenConns(1)
	begun := make(chan struct{})
	var first sync.Once
	page := e.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") == "within" {
			_, _ = w.Write([]byte("own"))
			return
		}
		first.Do(func() { close(begun) })
		sum, _ := read(r.Context(), e.db, sumOf1)
		_, _ = w.Write([]byte(sum))
	}))
	var all sync.WaitGroup
	e.inRequest(func(ctx context.Context) {
		tx, err := e.db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		all.Go(func() {
			page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		})
		<-begun
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		timer := time.AfterFunc(10*time.Second, cancel)
		defer timer.Stop()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
		r.Header.Set("User-Agent", "within") // selects nothing
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		if w.Body.String() != "own" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
	all.Wait()
}

// TestLoadsShareFunctions: that the function of one call holds a connection keeps
// nobody from waiting for it.
func TestLoadsShareFunctions(t *testing.T) {
	t.Parallel()
	for _, request := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			e := newEnv(t, shop)
			run := e.inRequest
			if !request {
				run = func(code func(context.Context)) { code(context.Background()) }
			}
			var runs atomic.Int64
			open := make(chan struct{})
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					run(func(ctx context.Context) {
						if _, err := unstale.Load(ctx, e.cache, "k", func(ctx context.Context) (string, error) {
							runs.Add(1)
							c, err := e.db.Conn(ctx)
							if err != nil {
								return "", err
							}
							defer func() { _ = c.Close() }()
							<-open
							return read(ctx, c, sumOf1)
						}); err != nil {
							t.Error(err)
						}
					})
				})
				synctest.Wait()
			}
			close(open)
			all.Wait()
			if n := runs.Load(); n != 1 {
				t.Errorf("request %t: %d runs", request, n)
			}
		})
	}
}
