package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

// A door is a way in which a program may ask the server for the name of item 1.
type door struct {
	name   string
	stored bool // what is read through it can be
	ask    func(ctx context.Context, pool *pgxpool.Pool) (string, error)
}

const nameSQL = `SELECT name FROM item WHERE id = $1`

// doors are those of pgx.
func doors() []door {
	scanned := func(row pgx.Row) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	}
	within := func(o pgx.TxOptions, ask func(ctx context.Context, tx pgx.Tx) (string, error)) func(context.Context, *pgxpool.Pool) (string, error) {
		return func(ctx context.Context, pool *pgxpool.Pool) (name string, err error) {
			err = pgx.BeginTxFunc(ctx, pool, o, func(tx pgx.Tx) (err error) {
				name, err = ask(ctx, tx)
				return err
			})
			return name, err
		}
	}
	held := func(ask func(ctx context.Context, conn *pgx.Conn) (string, error)) func(context.Context, *pgxpool.Pool) (string, error) {
		return func(ctx context.Context, pool *pgxpool.Pool) (name string, err error) {
			err = pool.AcquireFunc(ctx, func(c *pgxpool.Conn) (err error) {
				name, err = ask(ctx, c.Conn())
				return err
			})
			return name, err
		}
	}
	list := []door{
		{"a query row", true, func(ctx context.Context, pool *pgxpool.Pool) (string, error) {
			return scanned(pool.QueryRow(ctx, nameSQL, 1))
		}},
		{"a batch", true, func(ctx context.Context, pool *pgxpool.Pool) (string, error) {
			var b pgx.Batch
			b.Queue(`SELECT count(*) FROM item`)
			b.Queue(nameSQL, 1)
			results := pool.SendBatch(ctx, &b)
			var n int
			if err := results.QueryRow().Scan(&n); err != nil {
				return "", err
			}
			name, err := scanned(results.QueryRow())
			return name, errors.Join(err, results.Close())
		}},
		{"a batch with an error amid it", false, func(ctx context.Context, pool *pgxpool.Pool) (string, error) {
			var b pgx.Batch
			b.Queue(nameSQL, 1)
			b.Queue(`SELECT 1 / (id - id) FROM item WHERE id = $1`, 1)
			b.Queue(nameSQL, 2)
			results := pool.SendBatch(ctx, &b)
			name, err := scanned(results.QueryRow())
			if err := results.Close(); err == nil {
				return "", errors.New("nothing failed")
			}
			return name, err
		}},
		{"a statement that is prepared", true, held(func(ctx context.Context, conn *pgx.Conn) (string, error) {
			if _, err := conn.Prepare(ctx, "by id", nameSQL); err != nil {
				return "", err
			}
			return scanned(conn.QueryRow(ctx, "by id", 1))
		})},
		{"PREPARE and EXECUTE", false, held(func(ctx context.Context, conn *pgx.Conn) (string, error) {
			if _, err := conn.Exec(ctx, `PREPARE p AS `+nameSQL); err != nil {
				return "", err
			}
			defer func() { _, _ = conn.Exec(ctx, `DEALLOCATE p`) }()
			return scanned(conn.QueryRow(ctx, `EXECUTE p (1)`, pgx.QueryExecModeSimpleProtocol))
		})},
		{"a transaction", true, within(pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) (string, error) { return scanned(tx.QueryRow(ctx, nameSQL, 1)) })},
		{"a transaction that only reads, of one snapshot", true, within(pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
			func(ctx context.Context, tx pgx.Tx) (string, error) { return scanned(tx.QueryRow(ctx, nameSQL, 1)) })},
		{"a savepoint", true, within(pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) (name string, err error) {
			err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) (err error) {
				name, err = scanned(tx.QueryRow(ctx, nameSQL, 1))
				return err
			})
			return name, err
		})},
		{"a cursor", false, within(pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) (string, error) {
			if _, err := tx.Exec(ctx, `DECLARE c CURSOR FOR `+strings.Replace(nameSQL, "$1", "1", 1)); err != nil {
				return "", err
			}
			return scanned(tx.QueryRow(ctx, `FETCH 1 FROM c`, pgx.QueryExecModeSimpleProtocol))
		})},
		{"what a DO block notices", false, held(func(ctx context.Context, conn *pgx.Conn) (string, error) {
			if _, err := conn.Exec(ctx, `DO $$ BEGIN PERFORM set_config('door.name', (SELECT name FROM item WHERE id = 1), false); END $$`); err != nil {
				return "", err
			}
			return scanned(conn.QueryRow(ctx, `SELECT current_setting('door.name')`))
		})},
		{"several statements in a text", false, held(func(ctx context.Context, conn *pgx.Conn) (string, error) {
			results, err := conn.PgConn().Exec(ctx, `SELECT 1; SELECT name FROM item WHERE id = 1`).ReadAll()
			if err != nil {
				return "", err
			}
			return string(results[1].Rows[0][0]), nil
		})},
		{"the connection below pgx", true, held(func(ctx context.Context, conn *pgx.Conn) (string, error) {
			result := conn.PgConn().ExecParams(ctx, nameSQL, [][]byte{[]byte("1")}, nil, nil, nil).Read()
			if result.Err != nil {
				return "", result.Err
			}
			return string(result.Rows[0][0]), nil
		})},
		{"a pipeline below pgx", true, held(func(ctx context.Context, conn *pgx.Conn) (name string, err error) {
			p := conn.PgConn().StartPipeline(ctx)
			p.SendQueryParams(nameSQL, [][]byte{[]byte("2")}, nil, nil, nil)
			p.SendQueryParams(nameSQL, [][]byte{[]byte("1")}, nil, nil, nil)
			if err := p.Sync(); err != nil {
				return "", err
			}
			for range 2 {
				r, err := p.GetResults()
				if err != nil {
					return "", err
				}
				rows, ok := r.(*pgconn.ResultReader)
				if !ok {
					return "", fmt.Errorf("%T", r)
				}
				for rows.NextRow() {
					name = string(rows.Values()[0])
				}
				if _, err := rows.Close(); err != nil {
					return "", err
				}
			}
			return name, p.Close()
		})},
		{"COPY TO", false, held(func(ctx context.Context, conn *pgx.Conn) (string, error) {
			var b bytes.Buffer
			_, err := conn.PgConn().CopyTo(ctx, &b, `COPY (SELECT name FROM item WHERE id = 1) TO STDOUT`)
			return strings.TrimSpace(b.String()), err
		})},
		{"rows that are not read to their end", true, func(ctx context.Context, pool *pgxpool.Pool) (name string, err error) {
			rows, err := pool.Query(ctx, `SELECT name FROM item ORDER BY id`)
			if err != nil {
				return "", err
			}
			defer rows.Close()
			rows.Next()
			err = rows.Scan(&name)
			return name, err
		}},
	}
	for name, mode := range map[string]pgx.QueryExecMode{
		"cached statements": pgx.QueryExecModeCacheStatement, "cached descriptions": pgx.QueryExecModeCacheDescribe,
		"described": pgx.QueryExecModeDescribeExec, "executed": pgx.QueryExecModeExec, "the simple protocol": pgx.QueryExecModeSimpleProtocol,
	} {
		list = append(list, door{name, true, func(ctx context.Context, pool *pgxpool.Pool) (string, error) {
			return scanned(pool.QueryRow(ctx, nameSQL, mode, 1))
		}})
	}
	return list
}

// TestDoors: whatever way a program asks, what it is answered is not older than what was
// written, and what can be stored is.
func TestDoors(t *testing.T) {
	t.Parallel()
	all := make(map[string]door)
	for _, d := range doors() {
		all[d.name] = d
	}
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, name text NOT NULL); INSERT INTO item VALUES (1, 'v0'), (2, 'two')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			name, err := all[strings.TrimPrefix(r.URL.Path, "/")].ask(r.Context(), s.pool)
			fmt.Fprint(w, name)
			return err
		})
	for name, d := range all {
		path := "/" + strings.ReplaceAll(name, " ", "%20")
		s.pool.Reset() // what one door has left of a session is not the next one's
		version := "v0"
		for i := range 4 {
			if d.stored {
				s.settle(path)
			}
			for range 3 {
				body, status := s.get(path)
				if body != version {
					t.Fatalf("%s: %q (%s), want %q", name, body, status, version)
				}
				if !d.stored && strings.Contains(status, ";hit") {
					t.Errorf("%s: stored: %s", name, status)
				}
			}
			version = fmt.Sprintf("%s v%d", name, i)
			s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = '%s' WHERE id = 1`, version))
			if body, status := s.get(path); body != version {
				t.Fatalf("%s: %q (%s), want %q", name, body, status, version)
			}
		}
		s.server.Psql("postgres", `UPDATE item SET name = 'v0' WHERE id = 1`)
	}
}

// TestDoorsOfOthers: what a program itself has pgx call, and its settings, are as without
// the cache.
func TestDoorsOfOthers(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	config, err := pgxpool.ParseConfig(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	traced := new(tracer)
	var connected atomic.Int64
	config.ConnConfig.Tracer = traced
	config.ConnConfig.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, c net.Conn) (net.Conn, error) {
		connected.Add(1)
		return c, nil
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SET search_path = own, public; SET application_name = 'mine'`)
		return err
	}
	s.server.Psql("postgres", `CREATE SCHEMA own; CREATE TABLE own.item (id int8 PRIMARY KEY, name text); INSERT INTO own.item VALUES (1, 'of mine')`)
	if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16, LookWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.NewPoolWithConfig(t.Context(), config, cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close(); _ = cache.Close() })
	s.h = cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var name string
		if err := pool.QueryRow(r.Context(), `SELECT name FROM item WHERE id = 1`).Scan(&name); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		fmt.Fprint(w, name)
	}))
	s.settle("/")
	s.fresh("of mine")
	s.server.Psql("postgres", `UPDATE own.item SET name = 'of mine, too'`)
	s.fresh("of mine, too")
	s.settle("/")
	s.server.Psql("postgres", `UPDATE public.item SET name = 'of all'`)
	s.want("/", "of mine, too", true)
	if traced.queries.Load() == 0 || connected.Load() == 0 {
		t.Errorf("%d queries traced, %d connections made", traced.queries.Load(), connected.Load())
	}
	var app string
	if err := pool.QueryRow(unstale.Outside(t.Context()), `SELECT current_setting('application_name')`).Scan(&app); err != nil || app != "mine" {
		t.Errorf("%q, %v", app, err)
	}
}

// A tracer counts queries.
type tracer struct{ queries atomic.Int64 }

func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { t.queries.Add(1) }

// TestStalledPeer: pgx reads in the background while it sends much that the server does
// not take yet, and gives up amid it.
func TestStalledPeer(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	holder := s.connect()
	s.exec(holder, `BEGIN`)
	s.exec(holder, `LOCK TABLE item IN SHARE MODE`)
	rows := func(n int) pgx.CopyFromSource {
		return pgx.CopyFromSlice(n, func(i int) ([]any, error) { return []any{int64(10 + i), strings.Repeat("x", 100)}, nil })
	}
	ctx := unstale.Outside(t.Context())
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if n, err := s.pool.CopyFrom(short, pgx.Identifier{"item"}, []string{"id", "name"}, rows(200_000)); err == nil {
		t.Errorf("%d rows went by the lock", n)
	}
	s.exec(holder, `COMMIT`)
	s.settle("/")
	if n, err := s.pool.CopyFrom(ctx, pgx.Identifier{"item"}, []string{"id", "name"}, rows(20_000)); n != 20_000 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if _, err := s.pool.CopyFrom(ctx, pgx.Identifier{"item"}, []string{"id", "name"}, rows(200_000)); err == nil { // fails at its first row
		t.Error("keys twice")
	}
	if _, err := s.pool.Exec(ctx, `UPDATE item SET name = 'after' WHERE id = 1`); err != nil {
		t.Error(err)
	}
	s.fresh("after")
}
