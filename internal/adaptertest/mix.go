package adaptertest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

var (
	hostileReads = flag.Int("hostile.reads", 20_000, "reads of the hostile mix; 1000000 is the full run")
	hostileSeed  = flag.Uint64("hostile.seed", 0, "seed of the hostile mix; 0 picks one")
)

const (
	hotRows = 50
	users   = 8
)

// mix lets writers, cached readers and readers that query the database directly
// loose on a few hot rows, with every unpleasantness a service meets: fills
// delayed between read and store, transactions that roll back, statements that
// fail half-way, contexts cancelled inside COMMIT, clients that leave, reads
// without a context, and, if that is asked for, writers past the adapter. Versions
// only grow, so each answer can be checked against what was acknowledged, and what
// anybody had seen, before its request began.
func (a Adapter) mix(t *testing.T, strangers bool) {
	seed, reads := *hostileSeed, int64(*hostileReads)
	if seed == 0 {
		seed = rand.Uint64()
	}
	if strangers {
		reads /= 4 // everything falls each time
	}
	t.Logf("-hostile.seed=%d -hostile.reads=%d", seed, *hostileReads)
	c := newCache(t, 1<<20) // evicts now and then
	h := &hostile{env: &env{TB: t, Adapter: a, Database: a.Open(t, c), cache: c}}
	h.prepare()
	h.left.Store(reads)

	ctx, stop := context.WithCancel(t.Context())
	var writers, readers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { h.write(ctx, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	if strangers {
		writers.Go(func() { h.intrude(ctx, rand.New(rand.NewPCG(seed, 99))) })
	}
	for r := range 16 {
		readers.Go(func() { h.reader(rand.New(rand.NewPCG(seed, uint64(1000+r)))) })
	}
	readers.Wait()
	stop()
	writers.Wait()

	stats := c.Stats()
	hits, joined, misses := stats.Loads.Hits, stats.Loads.Joined, stats.Loads.Misses
	for _, r := range stats.Routes {
		hits += r.Hits
		joined += r.Joined
		misses += r.MissCount()
	}
	t.Logf("%d reads: %d hits, %d joined, %d fills; %d writes acknowledged, %d of unknown outcome, %d rolled back; invalidations: %v",
		reads, hits, joined, misses, h.acked.Load(), h.unknown.Load(), h.rolledBack.Load(), stats.Invalidations)
	if hits == 0 || h.acked.Load() == 0 || h.rolledBack.Load() == 0 || h.unknown.Load() == 0 {
		t.Error("the mix did not mix")
	}
	for _, q := range []string{"SELECT id, version FROM item", "SELECT item, version FROM audit", "SELECT id, version FROM mirror"} {
		h.warm(q) // nothing has stayed in flux
	}
}

// hostile is the service under attack and what is known about its state.
type hostile struct {
	*env
	handler http.Handler

	floor [hotRows]atomic.Int64 // acknowledged or seen by anybody: nobody may get less

	left, acked, unknown, rolledBack atomic.Int64
	failures                         atomic.Int64
}

// prepare makes the tables and the handler.
func (h *hostile) prepare() {
	for _, q := range h.Schema() {
		h.exec(q)
	}
	for id := range hotRows {
		h.exec(`INSERT INTO item VALUES (?, ?, 0, '')`, id, "n"+strconv.Itoa(id))
		h.exec(`INSERT INTO mirror VALUES (?, 0)`, id)
	}
	h.ready()
	mux := http.NewServeMux()
	for path, query := range map[string]string{
		"/id/":     `SELECT id, version FROM item WHERE id = ?`,
		"/audit/":  `SELECT min(item), max(version) FROM audit WHERE item = ?`,
		"/mirror/": `SELECT id, version FROM mirror WHERE id = ?`,
	} {
		mux.HandleFunc("GET "+path+"{id}", func(w http.ResponseWriter, r *http.Request) { h.one(w, r, query, atoi(r.PathValue("id"))) })
	}
	mux.HandleFunc("GET /name/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.one(w, r, `SELECT id, version FROM item WHERE name = ?`, "n"+r.PathValue("id"))
	})
	mux.HandleFunc("GET /loaded/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := atoi(r.PathValue("id"))
		v, err := h.loaded(r.Context(), id)
		h.reply(w, err, map[int]int64{id: v})
	})
	mux.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
		versions, err := h.all(r.Context(), h.DB)
		h.reply(w, err, versions)
	})
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, r *http.Request) {
		versions, err := h.snapshot(r.Context())
		h.reply(w, err, versions)
	})
	mux.HandleFunc("GET /mine/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Owner", unstale.Identity(r.Context()))
		h.one(w, r, `SELECT id, version FROM item WHERE id = ?`, atoi(r.PathValue("id")))
	})
	middleware, err := h.cache.Middleware(unstale.HandlerOptions{
		Identity: func(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil },
		Policies: map[string]unstale.Policy{"": {Shared: true}},
	})
	if err != nil {
		h.Fatal(err)
	}
	h.handler = middleware(mux)
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// pause delays a fill between its read and its end.
func pause() {
	if n := rand.IntN(4); n > 0 {
		time.Sleep(time.Duration(n) * 200 * time.Microsecond)
	}
}

// loaded reads a row through Load.
func (h *hostile) loaded(ctx context.Context, id int) (int64, error) {
	return unstale.Load(ctx, h.cache, "item:"+strconv.Itoa(id), func(ctx context.Context) (v int64, err error) {
		defer pause()
		if rand.IntN(3) == 0 {
			ctx = context.Background()
		}
		err = h.DB.QueryRowContext(ctx, h.rebind(`SELECT version FROM item WHERE id = ?`), id).Scan(&v)
		return v, err
	})
}

// all reads all rows.
func (h *hostile) all(ctx context.Context, db querier) (map[int]int64, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, version FROM item ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	versions := make(map[int]int64)
	for rows.Next() {
		var id int
		var v int64
		if err := rows.Scan(&id, &v); err != nil {
			return nil, err
		}
		versions[id] = v
	}
	return versions, rows.Err()
}

// snapshot reads some rows in one transaction, slowly.
func (h *hostile) snapshot(ctx context.Context) (map[int]int64, error) {
	tx, err := h.DB.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	versions := make(map[int]int64)
	for id := range 4 {
		var v int64
		if err := tx.QueryRowContext(ctx, h.rebind(`SELECT version FROM item WHERE id = ?`), id).Scan(&v); err != nil {
			return nil, err
		}
		versions[id] = v
		pause()
	}
	return versions, nil
}

func (h *hostile) one(w http.ResponseWriter, r *http.Request, query string, arg any) {
	ctx := r.Context()
	if rand.IntN(3) == 0 {
		ctx = context.Background()
	}
	var id, v sql.NullInt64
	err := h.DB.QueryRowContext(ctx, h.rebind(query), arg).Scan(&id, &v)
	if !id.Valid { // no audit yet
		h.reply(w, err, map[int]int64{})
		return
	}
	pause()
	h.reply(w, err, map[int]int64{int(id.Int64): v.Int64})
}

func (h *hostile) reply(w http.ResponseWriter, err error, versions map[int]int64) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(versions)
}

// reader makes its share of the reads.
func (h *hostile) reader(rng *rand.Rand) {
	zipf := rand.NewZipf(rng, 1.2, 1, hotRows-1)
	for h.left.Add(-1) >= 0 && h.failures.Load() == 0 {
		id := int(zipf.Uint64())
		ctx := context.Background()
		switch rng.IntN(20) {
		case 0:
			before := h.known()
			if rng.IntN(2) == 0 {
				ctx = outside()
			}
			versions, err := h.all(ctx, h.DB)
			h.check("the database", "", "", before, versions, err)
		case 1:
			before := h.known()
			v, err := h.loaded(ctx, id)
			h.check("Load", "", "", before, map[int]int64{id: v}, err)
		default:
			h.request(rng, strconv.Itoa(id))
		}
	}
}

// request asks the handler.
func (h *hostile) request(rng *rand.Rand, id string) {
	user := "user" + strconv.Itoa(rng.IntN(users))
	paths := [...]string{"/id/" + id, "/id/" + id, "/name/" + id, "/audit/" + id, "/mirror/" + id, "/loaded/" + id, "/mine/" + id, "/mine/" + id, "/all", "/snapshot"}
	path := paths[rng.IntN(len(paths))]
	r := &http.Request{Method: http.MethodGet, Host: "h", URL: &url.URL{Path: path}, Header: http.Header{"Authorization": {user}}}
	w := &response{header: make(http.Header)}
	ctx, cancel := context.WithCancel(context.Background())
	if rng.IntN(50) == 0 { // a client that leaves
		time.AfterFunc(time.Duration(rng.IntN(600))*time.Microsecond, cancel)
	}
	before := h.known()
	h.handler.ServeHTTP(w, r.WithContext(ctx))
	left := ctx.Err() != nil
	cancel()
	if w.status != http.StatusOK {
		if !left && !strings.Contains(w.body.String(), "interrupted") && !strings.Contains(w.body.String(), "cancel") {
			h.fail("%s: status %d: %s", path, w.status, w.body.String())
		}
		return
	}
	var versions map[int]int64
	err := json.Unmarshal([]byte(w.body.String()), &versions)
	if strings.HasPrefix(path, "/mine/") && w.header.Get("X-Owner") != user {
		h.fail("%s: asked as %s, got the answer of %s", path, user, w.header.Get("X-Owner"))
	}
	h.check(path, user, w.header.Get("Cache-Status"), before, versions, err)
}

// known returns what is acknowledged or was seen.
func (h *hostile) known() (floor [hotRows]int64) {
	for i := range floor {
		floor[i] = h.floor[i].Load()
	}
	return floor
}

func (h *hostile) check(path, user, status string, before [hotRows]int64, versions map[int]int64, err error) {
	if err != nil {
		h.fail("%s: %v", path, err)
		return
	}
	for id, v := range versions {
		if v < before[id] {
			h.fail("%s as %s: version %d of row %d, although %d was acknowledged or seen before the request began (%s)", path, user, v, id, before[id], status)
		}
		h.raise(id, v)
	}
}

func (h *hostile) raise(id int, v int64) {
	for {
		old := h.floor[id].Load()
		if v <= old || h.floor[id].CompareAndSwap(old, v) {
			return
		}
	}
}

func (h *hostile) fail(format string, args ...any) {
	if h.failures.Add(1) <= 10 {
		h.Errorf(format, args...)
	}
}

// errRollback makes a transaction roll back.
var errRollback = errors.New("roll back")

// write writes until ctx ends.
func (h *hostile) write(ctx context.Context, rng *rand.Rand) {
	zipf := rand.NewZipf(rng, 1.2, 1, hotRows-1)
	for ctx.Err() == nil {
		id := int(zipf.Uint64())
		if rng.IntN(3) == 0 {
			time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
		}
		switch rng.IntN(12) {
		case 0, 1:
			h.single(h.DB, id)
		case 2, 3: // two rows in a transaction
			h.transaction(outside(), func(tx *sql.Tx) ([]int, error) {
				other := (id + 1) % hotRows
				return []int{id, other}, errors.Join(h.bump(tx, min(id, other)), h.bump(tx, max(id, other)))
			})
		case 4: // rolled back
			h.transaction(outside(), func(tx *sql.Tx) ([]int, error) {
				if err := h.bump(tx, id); err != nil {
					return nil, err
				}
				return nil, errRollback
			})
		case 5: // a statement that fails half-way: the second row violates a constraint
			if _, err := h.DB.ExecContext(outside(), h.rebind(`INSERT INTO item VALUES (?, ?, 0, ''), (?, ?, 0, '')`), hotRows+1+id, "x"+strconv.Itoa(id), id, "taken"); err == nil {
				h.fail("a statement that must fail did not")
			}
		case 6: // one that changes a row, then fails at another one, and takes everything back
			if _, err := h.DB.ExecContext(outside(), fmt.Sprintf(`UPDATE item SET version = version + 1, id = CASE id WHEN %d THEN 0 ELSE id END WHERE id IN (%d, 0)`, hotRows-1, hotRows-1)); err == nil {
				h.fail("a statement that must fail did not")
			}
		case 7: // one Exec that commits, or not, then fails
			if !h.Several {
				continue
			}
			if _, err := h.DB.ExecContext(outside(), fmt.Sprintf(`UPDATE item SET version = version + 1 WHERE id = %d; INSERT INTO item VALUES (%d, 'taken', 0, '')`, id, id)); err == nil {
				h.fail("a text that must fail did not")
			}
			h.unknown.Add(1)
		case 8: // a context cancelled around COMMIT
			cancelled, cancel := context.WithCancel(outside())
			h.transaction(cancelled, func(tx *sql.Tx) ([]int, error) {
				err := h.bump(tx, id)
				time.AfterFunc(time.Duration(rng.IntN(300))*time.Microsecond, cancel)
				return []int{id}, err
			})
			cancel()
			before := h.known()
			versions, err := h.all(outside(), h.DB) // what became of it, everybody is to see
			h.check("the database", "", "", before, versions, err)
		case 9: // a savepoint that is undone inside a transaction that is not
			h.transaction(outside(), func(tx *sql.Tx) ([]int, error) {
				other := (id + 7) % hotRows
				for _, q := range []string{
					`SAVEPOINT s`, fmt.Sprintf(`UPDATE item SET version = version + 100 WHERE id = %d`, other), `ROLLBACK TO SAVEPOINT s`, `RELEASE SAVEPOINT s`,
				} {
					if _, err := tx.ExecContext(outside(), q); err != nil {
						return nil, err
					}
				}
				return []int{id}, h.bump(tx, id)
			})
		case 10: // rows of a write that are read, or not
			if h.Returning {
				h.returning(rng, id)
			}
		case 11: // many rows, of which one gets another version
			h.acknowledge([]int{id}, func() error {
				_, err := h.DB.ExecContext(outside(), h.rebind(`UPDATE item SET version = version + CASE id WHEN ? THEN 1 ELSE 0 END, note = ? WHERE id < 10 OR id = ?`), id, strconv.Itoa(rng.IntN(100)), id)
				return err
			})
		}
	}
}

// intrude writes past the adapter until ctx ends.
func (h *hostile) intrude(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		h.single(h.Other, rng.IntN(hotRows))
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
	}
}

// acknowledge runs a write that raises the versions of rows, and notes what came
// of it.
func (h *hostile) acknowledge(ids []int, write func() error) {
	before := h.known()
	if err := write(); err != nil {
		h.unknown.Add(1)
		return
	}
	h.acked.Add(1)
	for _, id := range ids {
		h.raise(id, before[id]+1)
	}
}

const bumped = `UPDATE item SET version = version + 1 WHERE id = ?`

func (h *hostile) single(db *sql.DB, id int) {
	h.acknowledge([]int{id}, func() error {
		_, err := db.ExecContext(outside(), h.rebind(bumped), id)
		return err
	})
}

func (h *hostile) returning(rng *rand.Rand, id int) {
	var v int64
	h.acknowledge([]int{id}, func() error {
		rows, err := h.DB.QueryContext(outside(), h.rebind(bumped+` RETURNING version`), id)
		if err != nil {
			return err
		}
		if rng.IntN(3) > 0 && rows.Next() {
			if err := rows.Scan(&v); err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		return rows.Close()
	})
	h.raise(id, v)
}

func (h *hostile) bump(tx *sql.Tx, id int) error {
	_, err := tx.ExecContext(outside(), h.rebind(bumped), id)
	return err
}

// transaction runs f, which returns the rows whose versions it raised.
func (h *hostile) transaction(ctx context.Context, f func(*sql.Tx) ([]int, error)) {
	before := h.known()
	tx, err := h.DB.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	ids, err := f(tx)
	if err != nil {
		_ = tx.Rollback()
		h.rolledBack.Add(1)
		return
	}
	if err := tx.Commit(); err != nil {
		h.unknown.Add(1)
		return
	}
	h.acked.Add(1)
	for _, id := range ids {
		h.raise(id, before[id]+1)
	}
}

// response is a ResponseWriter without a network.
type response struct {
	header http.Header
	status int
	body   strings.Builder
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.body.Write(p)
}
