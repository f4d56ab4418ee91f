package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

var hammerFor = flag.Duration("hammer", 4*time.Second, "how long TestHammer runs")

const (
	hammerRows = 40
	hammerSums = 4 // of ten rows each
)

// A hammer lets writers of every kind loose on a server, and readers on several nodes
// that cache what it says. Versions only grow, so that each answer can be compared with
// what was acknowledged, and with what anybody had seen, before its request began.
type hammer struct {
	*testing.T
	dsn   string
	nodes []http.Handler
	floor [hammerRows + hammerSums]atomic.Int64

	hits, reads, writes atomic.Int64
}

// TestHammer: no node answers with less than what was acknowledged, or seen by anybody,
// before the request began.
func TestHammer(t *testing.T) {
	server := testenv.StartPostgres(t)
	h := &hammer{T: t, dsn: server.DSN("postgres", "postgres")}
	server.Psql("postgres", fmt.Sprintf(`CREATE TABLE item (id int8 PRIMARY KEY, part int4, version int8, note text);
		INSERT INTO item SELECT i, i / 10, 0, '' FROM generate_series(0, %d) i; CREATE TABLE bulk (id int8, n int8)`, hammerRows-1))
	if err := postgres.Setup(t.Context(), h.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		h.node()
	}
	ctx, stop := context.WithTimeout(t.Context(), *hammerFor)
	defer stop()
	var all sync.WaitGroup
	for i, write := range []func(context.Context, *pgx.Conn, *rand.Rand){h.alone, h.alone, h.savepoints, h.prepared, h.bulk} {
		all.Go(func() { h.writer(ctx, i, write) })
	}
	all.Go(func() {
		for rng := rand.New(rand.NewPCG(9, 9)); ctx.Err() == nil; { // a program of its own
			id := rng.IntN(hammerRows)
			v := h.bump(id, func() string {
				return server.Psql("postgres", fmt.Sprintf(`UPDATE item SET version = version + 1 WHERE id = %d RETURNING version`, id))
			})
			h.acknowledged(id, v)
		}
	})
	all.Go(func() { h.direct(ctx) })
	for i := range 12 {
		all.Go(func() { h.reader(ctx, h.nodes[i%len(h.nodes)], rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	all.Wait()
	t.Logf("%d reads, %d hits, %d writes", h.reads.Load(), h.hits.Load(), h.writes.Load())
	if h.hits.Load() < 100 || h.writes.Load() < 20 {
		t.Error("it did not hammer")
	}
}

// node is one process, as far as the others can tell.
func (h *hammer) node() {
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16, LookWait: time.Second})
	if err != nil {
		h.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(h.dsn)
	if err != nil {
		h.Fatal(err)
	}
	config.MaxConns = 8
	pool, err := postgres.NewPoolWithConfig(h.Context(), config, cache)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		pool.Close()
		if err := cache.Close(); err != nil {
			h.Error(err)
		}
	})
	h.nodes = append(h.nodes, cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, text, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		id, _ := strconv.Atoi(text)
		sql := `SELECT version FROM item WHERE id = $1`
		if kind == "sum" {
			sql = `SELECT sum(version)::int8 FROM item WHERE part = $1`
		}
		var v int64
		if err := pool.QueryRow(r.Context(), sql, id).Scan(&v); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if id%3 == 0 {
			time.Sleep(time.Duration(rand.IntN(800)) * time.Microsecond) // between its read and its end
		}
		fmt.Fprint(w, v)
	})))
}

// acknowledged notes that a row has a version.
func (h *hammer) acknowledged(id int, v int64) {
	h.writes.Add(1)
	h.raise(id, v)
}

func (h *hammer) raise(id int, v int64) {
	for f := &h.floor[id]; ; {
		old := f.Load()
		if old >= v || f.CompareAndSwap(old, v) {
			return
		}
	}
}

func (h *hammer) bump(_ int, write func() string) int64 {
	v, err := strconv.ParseInt(strings.TrimSpace(write()), 10, 64)
	if err != nil {
		h.Error(err)
	}
	return v
}

// writer runs a kind of write until ctx ends, past every cache.
func (h *hammer) writer(ctx context.Context, i int, write func(context.Context, *pgx.Conn, *rand.Rand)) {
	conn, err := pgx.Connect(context.Background(), h.dsn)
	if err != nil {
		h.Error(err)
		return
	}
	defer conn.Close(context.Background())
	if i%2 == 1 {
		if _, err := conn.Exec(context.Background(), `SET synchronous_commit = off`); err != nil {
			h.Error(err)
		}
	}
	for rng := rand.New(rand.NewPCG(uint64(i), 2)); ctx.Err() == nil; {
		write(context.Background(), conn, rng) // to its end
		time.Sleep(time.Duration(rng.IntN(5)) * time.Millisecond)
	}
}

const bumpSQL = `UPDATE item SET version = version + 1 WHERE id = $1 RETURNING version`

func (h *hammer) alone(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) {
	id := rng.IntN(hammerRows)
	var v int64
	if err := conn.QueryRow(ctx, bumpSQL, id).Scan(&v); err != nil {
		h.Error(err)
		return
	}
	h.acknowledged(id, v)
}

func (h *hammer) savepoints(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) {
	a := rng.IntN(hammerRows - 1)
	var va int64
	steps := []func() error{
		func() error { _, err := conn.Exec(ctx, `BEGIN`); return err },
		func() error { return conn.QueryRow(ctx, bumpSQL, a).Scan(&va) },
		func() error { _, err := conn.Exec(ctx, `SAVEPOINT s`); return err },
		func() error { _, err := conn.Exec(ctx, bumpSQL, a+1); return err },
		func() error { _, err := conn.Exec(ctx, `ROLLBACK TO SAVEPOINT s`); return err },
		func() error { _, err := conn.Exec(ctx, `SAVEPOINT t`); return err },
		func() error { _, err := conn.Exec(ctx, `UPDATE item SET note = note WHERE id = $1`, a+1); return err },
		func() error { _, err := conn.Exec(ctx, `RELEASE SAVEPOINT t`); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			_, _ = conn.Exec(ctx, `ROLLBACK`) // a deadlock, perhaps
			return
		}
	}
	if rng.IntN(3) == 0 {
		_, _ = conn.Exec(ctx, `ROLLBACK`)
		return
	}
	if _, err := conn.Exec(ctx, `COMMIT`); err != nil {
		h.Error(err)
		return
	}
	h.acknowledged(a, va)
}

func (h *hammer) prepared(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) {
	id := rng.IntN(hammerRows)
	name := "h" + strconv.FormatUint(rng.Uint64(), 36)
	var v int64
	if _, err := conn.Exec(ctx, `BEGIN`); err != nil {
		h.Error(err)
		return
	}
	if err := conn.QueryRow(ctx, bumpSQL, id).Scan(&v); err != nil {
		_, _ = conn.Exec(ctx, `ROLLBACK`)
		return
	}
	if _, err := conn.Exec(ctx, `PREPARE TRANSACTION '`+name+`'`); err != nil {
		h.Error(err)
		return
	}
	time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
	end := `COMMIT`
	if rng.IntN(4) == 0 {
		end = `ROLLBACK`
	}
	if _, err := conn.Exec(ctx, end+` PREPARED '`+name+`'`); err != nil {
		h.Error(err)
		return
	}
	if end == `COMMIT` {
		h.acknowledged(id, v)
	}
}

func (h *hammer) bulk(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) {
	id := rng.IntN(hammerRows)
	var v int64
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO bulk SELECT i, i FROM generate_series(1, 3000) i`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM bulk`); err != nil {
			return err
		}
		return tx.QueryRow(ctx, bumpSQL, id).Scan(&v)
	})
	if err == nil {
		h.acknowledged(id, v)
	}
	time.Sleep(100 * time.Millisecond)
}

// direct asks the database and raises the bar for everybody.
func (h *hammer) direct(ctx context.Context) {
	conn, err := pgx.Connect(context.Background(), h.dsn)
	if err != nil {
		h.Error(err)
		return
	}
	defer conn.Close(context.Background())
	for rng := rand.New(rand.NewPCG(7, 7)); ctx.Err() == nil; time.Sleep(time.Millisecond) {
		id := rng.IntN(hammerRows + hammerSums)
		sql := `SELECT version FROM item WHERE id = $1`
		if id >= hammerRows {
			sql = fmt.Sprintf(`SELECT sum(version)::int8 FROM item WHERE part = $1 - %d`, hammerRows)
		}
		var v int64
		if err := conn.QueryRow(context.Background(), sql, id).Scan(&v); err != nil {
			h.Error(err)
			return
		}
		h.raise(id, v)
	}
}

// reader asks a node.
func (h *hammer) reader(ctx context.Context, node http.Handler, rng *rand.Rand) {
	zipf := rand.NewZipf(rng, 1.2, 1, hammerRows-1)
	for ctx.Err() == nil {
		id := int(zipf.Uint64())
		path := fmt.Sprint("/row/", id)
		if rng.IntN(4) == 0 {
			id = hammerRows + rng.IntN(hammerSums)
			path = fmt.Sprint("/sum/", id-hammerRows)
		}
		floor := h.floor[id].Load()
		w := httptest.NewRecorder()
		node.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
		v, err := strconv.ParseInt(w.Body.String(), 10, 64)
		if err != nil {
			h.Errorf("%s: %d %q", path, w.Code, w.Body)
			return
		}
		h.reads.Add(1)
		hit := strings.Contains(w.Header().Get("Cache-Status"), ";hit")
		if hit {
			h.hits.Add(1)
		}
		if v < floor {
			h.Errorf("%s: %d, when %d was known (%s)", path, v, floor, w.Header().Get("Cache-Status"))
		}
		h.raise(id, v)
	}
}
