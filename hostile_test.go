package unstale_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

var (
	hostileReads = flag.Int("hostile.reads", 20_000, "reads of the hostile mix; 1000000 is the full run")
	hostileSeed  = flag.Uint64("hostile.seed", 0, "seed of the hostile mix; 0 picks one")
)

const (
	hotRows = 50
	users   = 8
)

// TestHostileMix lets writers, cached readers and readers that query the database
// directly loose on a few hot rows, with every unpleasantness a service meets:
// fills delayed between read and store, transactions that roll back, statements
// that fail half-way, contexts cancelled inside COMMIT. Versions only grow, so
// each answer can be checked against what was acknowledged, and what anybody had
// seen, before its request began.
func TestHostileMix(t *testing.T) {
	seed := *hostileSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed: -hostile.seed=%d -hostile.reads=%d", seed, *hostileReads)

	c, handler := newService(t, unstale.Options{
		Logger:   slog.New(slog.DiscardHandler),
		MaxBytes: 1 << 20, // evicts now and then
	}, unstale.HandlerOptions{Identity: byToken})
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "hostile.db"), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := newHostile(t, c, handler, db, seed)

	ctx, stop := context.WithCancel(t.Context())
	var writers, readers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { h.write(ctx, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	for r := range 16 {
		readers.Go(func() { h.read(rand.New(rand.NewPCG(seed, uint64(1000+r)))) })
	}
	readers.Wait()
	stop()
	writers.Wait()

	stats := c.Stats()
	var hits, joined, misses uint64
	for _, r := range stats.Routes {
		hits += r.Hits
		joined += r.Joined
		misses += r.MissCount()
	}
	t.Logf("%d reads: %d hits, %d joined, %d fills; %d writes acknowledged, %d of unknown outcome, %d rolled back; floor raised: %v",
		h.reads.Load(), hits, joined, misses, h.acked.Load(), h.unknown.Load(), h.rolledBack.Load(), stats.Invalidations)
	if hits == 0 || h.acked.Load() == 0 || h.rolledBack.Load() == 0 || h.unknown.Load() == 0 {
		t.Error("the mix did not mix")
	}
	if n := unstale.InFlux(c); n != 0 {
		t.Errorf("%d marks left in flux", n)
	}
	if stats.OpenFills != 0 {
		t.Errorf("%d fills left open", stats.OpenFills)
	}
}

// hostile is the service under attack and what is known about its state.
type hostile struct {
	t       *testing.T
	db      *sql.DB
	handler http.Handler
	seed    uint64

	floor [hotRows]atomic.Int64 // acknowledged or seen by anybody: nobody may get less

	reads, acked, unknown, rolledBack atomic.Int64
	failures                          atomic.Int64
}

func newHostile(t *testing.T, c *unstale.Cache, handler func(http.Handler) http.Handler, db *sql.DB, seed uint64) *hostile {
	ctx := unstale.Outside(t.Context())
	for _, q := range []string{
		`CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, note TEXT)`,
		`CREATE TABLE audit (id INTEGER PRIMARY KEY, item INTEGER NOT NULL, version INTEGER NOT NULL CHECK (version < 1000000000))`,
		`CREATE TRIGGER item_audit AFTER UPDATE OF version ON item BEGIN
			DELETE FROM audit WHERE item = new.id; INSERT INTO audit (item, version) VALUES (new.id, new.version); END`,
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	for id := range hotRows {
		if _, err := db.ExecContext(ctx, `INSERT INTO item VALUES (?, ?, 0, '')`, id, "n"+strconv.Itoa(id)); err != nil {
			t.Fatal(err)
		}
	}
	h := &hostile{t: t, db: db, seed: seed}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /id/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.one(w, r, `SELECT id, version FROM item WHERE id = ?`, atoi(r.PathValue("id")))
	})
	mux.HandleFunc("GET /name/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.one(w, r, `SELECT id, version FROM item WHERE name = ?`, "n"+r.PathValue("id"))
	})
	mux.HandleFunc("GET /audit/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.one(w, r, `SELECT item, max(version) FROM audit WHERE item = ?`, atoi(r.PathValue("id")))
	})
	mux.HandleFunc("GET /loaded/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := atoi(r.PathValue("id"))
		v, err := unstale.Load(r.Context(), c, "item:"+strconv.Itoa(id), func(ctx context.Context) (int64, error) {
			defer pause()
			var v int64
			return v, db.QueryRowContext(ctx, `SELECT version FROM item WHERE id = ?`, id).Scan(&v)
		})
		h.reply(w, err, map[int]int64{id: v})
	})
	mux.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
		versions, err := all(r.Context(), db)
		h.reply(w, err, versions)
	})
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, r *http.Request) {
		tx, err := db.BeginTx(r.Context(), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			h.reply(w, err, nil)
			return
		}
		defer tx.Rollback()
		versions := make(map[int]int64)
		for id := range 4 {
			var v int64
			if err = tx.QueryRowContext(r.Context(), `SELECT version FROM item WHERE id = ?`, id).Scan(&v); err != nil {
				break
			}
			versions[id] = v
			pause()
		}
		h.reply(w, err, versions)
	})
	mux.HandleFunc("GET /mine/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Owner", unstale.Identity(r.Context()))
		h.one(w, r, `SELECT id, version FROM item WHERE id = ?`, atoi(r.PathValue("id")))
	})
	h.handler = handler(mux)
	return h
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

func all(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}) (map[int]int64, error) {
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

func (h *hostile) one(w http.ResponseWriter, r *http.Request, query string, arg any) {
	var id sql.NullInt64
	var v sql.NullInt64
	ctx := r.Context()
	if rand.IntN(3) == 0 {
		ctx = context.Background()
	}
	err := h.db.QueryRowContext(ctx, query, arg).Scan(&id, &v)
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

// read makes its share of the reads.
func (h *hostile) read(rng *rand.Rand) {
	zipf := rand.NewZipf(rng, 1.2, 1, hotRows-1)
	for h.reads.Add(1) <= int64(*hostileReads) {
		if rng.IntN(20) == 0 {
			before := h.snapshot()
			ctx := context.Background()
			if rng.IntN(2) == 0 {
				ctx = unstale.Outside(ctx)
			}
			versions, err := all(ctx, h.db)
			h.check("the database", "", "", before, versions, err)
			continue
		}
		id := strconv.Itoa(int(zipf.Uint64()))
		user := "user" + strconv.Itoa(rng.IntN(users))
		path := [...]string{"/id/" + id, "/id/" + id, "/name/" + id, "/audit/" + id, "/loaded/" + id, "/mine/" + id, "/mine/" + id, "/all", "/snapshot"}[rng.IntN(9)]
		r := &http.Request{Method: http.MethodGet, Host: "h", URL: &url.URL{Path: path}, Header: http.Header{"Authorization": {user}}}
		w := &response{header: make(http.Header)}
		ctx, cancel := context.WithCancel(context.Background())
		if rng.IntN(50) == 0 { // a client that leaves
			time.AfterFunc(time.Duration(rng.IntN(600))*time.Microsecond, cancel)
		}
		before := h.snapshot()
		h.handler.ServeHTTP(w, r.WithContext(ctx))
		left := ctx.Err() != nil
		cancel()
		if w.status != http.StatusOK {
			if !left && !strings.Contains(w.body.String(), "interrupted") {
				h.fail("%s: status %d: %s", path, w.status, w.body.String())
			}
			continue
		}
		var versions map[int]int64
		err := json.Unmarshal([]byte(w.body.String()), &versions)
		if strings.HasPrefix(path, "/mine/") && w.header.Get("X-Owner") != user {
			h.fail("%s: asked as %s, got the answer of %s", path, user, w.header.Get("X-Owner"))
		}
		h.check(path, user, w.header.Get("Cache-Status"), before, versions, err)
	}
}

func (h *hostile) snapshot() (floor [hotRows]int64) {
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
		h.t.Errorf(format, args...)
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
		switch rng.IntN(9) {
		case 0, 1:
			var v int64
			err := h.db.QueryRowContext(background(), `UPDATE item SET version = version + 1 WHERE id = ? RETURNING version`, id).Scan(&v)
			h.outcome(err, id, v)
		case 2, 3: // two rows in a transaction
			h.transaction(background(), func(tx *sql.Tx) (map[int]int64, error) {
				a, err := bump(tx, id)
				if err != nil {
					return nil, err
				}
				other := (id + 1) % hotRows
				b, err := bump(tx, other)
				return map[int]int64{id: a, other: b}, err
			})
		case 4: // rolled back
			h.transaction(background(), func(tx *sql.Tx) (map[int]int64, error) {
				if _, err := bump(tx, id); err != nil {
					return nil, err
				}
				return nil, errRollback
			})
		case 5: // a statement that fails half-way: the second row violates a constraint
			_, err := h.db.ExecContext(background(), `INSERT INTO item VALUES (?, ?, 0, ''), (?, ?, 0, '')`, hotRows+1+id, "x"+strconv.Itoa(id), id, "taken")
			if err == nil {
				h.fail("a statement that must fail did not")
			}
		case 6: // one Exec that commits, then fails
			_, err := h.db.ExecContext(background(), fmt.Sprintf(`UPDATE item SET version = version + 1 WHERE id = %d; INSERT INTO item VALUES (%d, 'taken', 0, '')`, id, id))
			if err == nil {
				h.fail("a text that must fail did not")
			}
			h.unknown.Add(1)
		case 7: // a context cancelled around COMMIT
			cancelled, cancel := context.WithCancel(background())
			h.transaction(cancelled, func(tx *sql.Tx) (map[int]int64, error) {
				v, err := bump(tx, id)
				time.AfterFunc(time.Duration(rng.IntN(300))*time.Microsecond, cancel)
				return map[int]int64{id: v}, err
			})
			cancel()
		case 8: // a savepoint that is undone inside a transaction that is not
			h.transaction(background(), func(tx *sql.Tx) (map[int]int64, error) {
				other := (id + 7) % hotRows
				for _, q := range []string{
					`SAVEPOINT s`, fmt.Sprintf(`UPDATE item SET version = version + 100 WHERE id = %d`, other), `ROLLBACK TO s`, `RELEASE s`,
				} {
					if _, err := tx.ExecContext(background(), q); err != nil {
						return nil, err
					}
				}
				v, err := bump(tx, id)
				return map[int]int64{id: v}, err
			})
		}
	}
}

func background() context.Context { return unstale.Outside(context.Background()) }

func bump(tx *sql.Tx, id int) (v int64, err error) {
	err = tx.QueryRowContext(background(), `UPDATE item SET version = version + 1 WHERE id = ? RETURNING version`, id).Scan(&v)
	return v, err
}

func (h *hostile) transaction(ctx context.Context, f func(*sql.Tx) (map[int]int64, error)) {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	versions, err := f(tx)
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
	for id, v := range versions {
		h.raise(id, v)
	}
}

// outcome notes what came of a statement that committed by itself.
func (h *hostile) outcome(err error, id int, v int64) {
	if err != nil {
		h.unknown.Add(1)
		return
	}
	h.acked.Add(1)
	h.raise(id, v)
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
