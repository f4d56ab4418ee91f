package postgres_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

var (
	hammerFor  = flag.Duration("hammer", 4*time.Second, "how long TestHammer runs at least")
	hammerHits = flag.Int64("hammer.hits", 0, "how many answers from caches TestHammer wants at least")
	hammerSeed = flag.Uint64("hammer.seed", 1, "seed of the hammers")
	hammerEach = flag.Int("hammer.readers", 4, "how many readers a node of a hammer has")
	hammerRest = flag.Duration("hammer.rest", 2*time.Millisecond, "how long a writer of a hammer rests between two writes, about; one of many rows, fifty times as long")
)

const (
	hammerRows = 40
	hammerSums = 4 // of ten rows each
	hammerBulk = 100_000
)

// A hammer lets writers of every kind loose on a server, and nodes, which are processes
// of their own, that cache what it says and ask themselves.
type hammer struct {
	*testing.T
	*board
	path    string
	server  *testenv.Postgres
	dsn     string
	readers int // of each node
	nodes   []*nodeProcess

	writes, bulks atomic.Int64
	rough         atomic.Bool // the database may fail
	writers       sync.WaitGroup
	stop          context.CancelFunc
}

// newHammer makes what is written and read, and more rows beside, on a server.
func newHammer(t *testing.T, server *testenv.Postgres, more int) *hammer {
	t.Helper()
	h := &hammer{T: t, server: server, dsn: server.DSN("postgres", "postgres"), readers: *hammerEach}
	h.newBoard()
	server.Psql("postgres", fmt.Sprintf(`CREATE TABLE item (id int8 PRIMARY KEY, part int4, version int8, note text); CREATE INDEX ON item (part);
		INSERT INTO item SELECT i, i / 10, 0, '' FROM generate_series(0, %d) i; INSERT INTO item SELECT 1000 + i, -1 - i / 1100, 0, '' FROM generate_series(0, %d) i;
		CREATE TABLE bulk (id int8, n int8)`, hammerRows-1, more))
	if err := postgres.Setup(t.Context(), h.dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	return h
}

// A write runs one, and acknowledges what it did.
type write func(context.Context, *pgx.Conn, *rand.Rand) error

// begin lets writers loose, which go on until end is called.
func (h *hammer) begin(writes ...write) {
	ctx, stop := context.WithCancel(h.Context())
	h.stop = stop
	h.Cleanup(h.end)
	for i, w := range writes {
		h.writers.Go(func() { h.writer(ctx, i, w) })
	}
	h.writers.Go(func() { h.direct(ctx) })
}

// psql is a writer that is a program of its own.
func (h *hammer) psql(context.Context, *pgx.Conn, *rand.Rand) error {
	id := rand.IntN(hammerRows)
	text, err := h.server.TryPsql("postgres", fmt.Sprintf(`UPDATE item SET version = version + 1 WHERE id = %d RETURNING version`, id))
	if err != nil {
		return err
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	h.acknowledge(id, v)
	return nil
}

func (h *hammer) end() {
	h.stop()
	h.writers.Wait()
}

// counted returns the sum of what nodes have counted.
func (h *hammer) counted(of func(*tally) *atomic.Int64) (n int64) {
	for _, p := range h.nodes {
		n += of(p.tally).Load()
	}
	return n
}

func hitsOf(t *tally) *atomic.Int64   { return &t.hits }
func staleOf(t *tally) *atomic.Int64  { return &t.stale }
func backOf(t *tally) *atomic.Int64   { return &t.back }
func failedOf(t *tally) *atomic.Int64 { return &t.failed }
func readsOf(t *tally) *atomic.Int64  { return &t.reads }

// judge fails if an answer was wrong.
func (h *hammer) judge() {
	h.Helper()
	if s, b := h.counted(staleOf), h.counted(backOf); s != 0 || b != 0 {
		h.Errorf("%d answers are older than acknowledged, %d than seen", s, b)
	}
}

// TestHammer: no node answers with less than what was acknowledged, or seen by anybody,
// before the request began.
func TestHammer(t *testing.T) {
	h := newHammer(t, testenv.StartPostgres(t), hammerBulk)
	for range 3 {
		h.node(h.dsn)
	}
	h.begin(h.alone, h.alone, h.savepoints, h.prepared, h.bulk, h.psql)
	enough := func() bool {
		s := h.counted(staleOf) + h.counted(backOf)
		return s > 0 || h.counted(hitsOf) >= *hammerHits && h.counted(hitsOf) >= 100 && h.writes.Load() >= 20 && h.bulks.Load() >= 2
	}
	for begun := time.Now(); !enough() || time.Since(begun) < *hammerFor; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > *hammerFor+time.Minute && *hammerHits == 0 {
			t.Error("it did not hammer")
			break
		}
		if h.counted(staleOf)+h.counted(backOf) > 0 {
			break
		}
	}
	h.end()
	h.over.Store(true)
	t.Logf("%d reads, %d hits, %d writes (%d of many rows), seed %d", h.counted(readsOf), h.counted(hitsOf), h.writes.Load(), h.bulks.Load(), *hammerSeed)
	h.judge()
	if n := h.counted(failedOf); n != 0 {
		t.Errorf("%d requests failed", n)
	}
}

// acknowledge notes that a row has a version.
func (h *hammer) acknowledge(id int, v int64) {
	h.writes.Add(1)
	raise(&h.acknowledged[id], v)
	raise(&h.seen[id], v)
}

// writer runs a kind of write until ctx ends, past every cache. Every other commits
// asynchronously, unless the database may fail: such commits may be lost.
func (h *hammer) writer(ctx context.Context, i int, w write) {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}()
	for rng := rand.New(rand.NewPCG(*hammerSeed, uint64(i))); ctx.Err() == nil; {
		var err error
		if conn == nil || conn.IsClosed() {
			if conn, err = pgx.Connect(context.Background(), h.dsn); err == nil && i%2 == 1 && !h.rough.Load() {
				_, err = conn.Exec(context.Background(), `SET synchronous_commit = off`)
			}
		}
		if err == nil {
			err = w(context.Background(), conn, rng) // to its end
		}
		pg := new(pgconn.PgError)
		switch deadlock := errors.As(err, &pg) && pg.Code == "40P01"; {
		case err == nil:
			time.Sleep(rand.N(2 * *hammerRest))
		case !h.rough.Load() && !deadlock:
			h.Error(err)
			return
		default:
			if conn != nil {
				_, _ = conn.Exec(context.Background(), `ROLLBACK`)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

const bumpSQL = `UPDATE item SET version = version + 1 WHERE id = $1 RETURNING version`

func (h *hammer) alone(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	id := rng.IntN(hammerRows)
	var v int64
	if err := conn.QueryRow(ctx, bumpSQL, id).Scan(&v); err != nil {
		return err
	}
	h.acknowledge(id, v)
	return nil
}

func (h *hammer) savepoints(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	a := rng.IntN(hammerRows - 1)
	var va int64
	if err := steps(ctx, conn, `BEGIN`); err != nil {
		return err
	}
	if rng.IntN(2) == 0 { // before the transaction itself has written
		if err := steps(ctx, conn, `SAVEPOINT r`); err != nil {
			return err
		}
	}
	if err := conn.QueryRow(ctx, bumpSQL, a).Scan(&va); err != nil {
		return err
	}
	if err := steps(ctx, conn, `SAVEPOINT s`, fmt.Sprintf(`UPDATE item SET version = version + 1 WHERE id = %d`, a+1), `ROLLBACK TO SAVEPOINT s`,
		`SAVEPOINT t`, fmt.Sprintf(`UPDATE item SET note = note || 'x' WHERE id = %d`, a+1), `RELEASE SAVEPOINT t`); err != nil {
		return err
	}
	time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
	if rng.IntN(3) == 0 {
		return steps(ctx, conn, `ROLLBACK`)
	}
	if err := steps(ctx, conn, `COMMIT`); err != nil {
		return err
	}
	h.acknowledge(a, va)
	return nil
}

func steps(ctx context.Context, conn *pgx.Conn, list ...string) error {
	for _, sql := range list {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (h *hammer) prepared(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	id := rng.IntN(hammerRows)
	name := "h" + strconv.FormatUint(rng.Uint64(), 36)
	var v int64
	if err := steps(ctx, conn, `BEGIN`); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, bumpSQL, id).Scan(&v); err != nil {
		return err
	}
	if err := steps(ctx, conn, `PREPARE TRANSACTION '`+name+`'`); err != nil {
		return err
	}
	time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
	end := `COMMIT`
	if rng.IntN(4) == 0 {
		end = `ROLLBACK`
	}
	_, err := conn.Exec(ctx, end+` PREPARED '`+name+`'`)
	for err != nil && h.rough.Load() && h.Context().Err() == nil { // it holds a row's lock, whatever becomes of the server
		if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "42704" { // undefined_object: it has ended
			return nil
		}
		time.Sleep(20 * time.Millisecond)
		_, err = h.server.TryPsql("postgres", end+` PREPARED '`+name+`'`)
		if err != nil && strings.Contains(err.Error(), "does not exist") {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if end == `COMMIT` {
		h.acknowledge(id, v)
	}
	return nil
}

// bulk writes many rows, of which one is watched: in a statement that says what became
// of each, in one that says no more than the table, and in one transaction with a
// hundred thousand of another table.
func (h *hammer) bulk(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	id := rng.IntN(hammerRows)
	var v int64
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if rng.IntN(3) == 0 {
			if _, err := tx.Exec(ctx, `INSERT INTO bulk SELECT i, i FROM generate_series(1, $1) i`, hammerBulk); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `DELETE FROM bulk`); err != nil {
				return err
			}
			return tx.QueryRow(ctx, bumpSQL, id).Scan(&v)
		}
		rows, err := tx.Query(ctx, `UPDATE item SET version = version + 1 WHERE id = $1 OR part BETWEEN $2 AND -1 RETURNING id, version`, id, -1-rng.IntN(2))
		if err != nil {
			return err
		}
		var row, version int64
		_, err = pgx.ForEachRow(rows, []any{&row, &version}, func() error {
			if row == int64(id) {
				v = version
			}
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	h.acknowledge(id, v)
	h.bulks.Add(1)
	time.Sleep(50 * *hammerRest)
	return nil
}

// direct asks the database and raises the bar for everybody.
func (h *hammer) direct(ctx context.Context) {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.Background())
		}
	}()
	for rng := rand.New(rand.NewPCG(*hammerSeed, 77)); ctx.Err() == nil; time.Sleep(time.Millisecond) {
		var err error
		id := rng.IntN(hammerRows + hammerSums)
		sql := `SELECT version FROM item WHERE id = $1`
		if id >= hammerRows {
			sql = fmt.Sprintf(`SELECT sum(version)::int8 FROM item WHERE part = $1 - %d`, hammerRows)
		}
		var v int64
		if conn == nil || conn.IsClosed() {
			conn, err = pgx.Connect(context.Background(), h.dsn)
		}
		if err == nil {
			err = conn.QueryRow(context.Background(), sql, id).Scan(&v)
		}
		switch {
		case err == nil:
			raise(&h.seen[id], v)
		case !h.rough.Load():
			h.Error(err)
			return
		default:
			time.Sleep(20 * time.Millisecond)
		}
	}
}
