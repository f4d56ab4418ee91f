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
	"time"

	"github.com/unstale/unstale"
)

// An oldApp is a service that passes no context to its database, as most do.
type oldApp struct {
	*env
	byID *sql.Stmt
	h    http.Handler
}

const oldRows = 8

func newOldApp(t testing.TB) *oldApp {
	e := newEnv(t, `CREATE TABLE item (id INTEGER PRIMARY KEY, v INTEGER, owner INTEGER, text TEXT DEFAULT '')`,
		`CREATE TABLE owner (id INTEGER PRIMARY KEY, v INTEGER)`,
		`CREATE TABLE job (id INTEGER PRIMARY KEY, state TEXT)`,
		`INSERT INTO job VALUES (1, 'new')`)
	for id := range oldRows {
		e.exec(`INSERT INTO owner VALUES (?, 0)`, id)
		e.exec(`INSERT INTO item (id, v, owner) VALUES (?, 0, ?)`, id, id)
	}
	a := &oldApp{env: e}
	var err error
	if a.byID, err = e.db.Prepare(`SELECT v FROM item WHERE id = ?`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.byID.Close() })
	mux := http.NewServeMux()
	for path, read := range map[string]func(id string) (string, error){
		"/row/":      a.row,
		"/prepared/": a.prepared,
		"/lazy/":     a.lazy,
		"/joined/":   a.joined,
		"/tx/":       a.tx,
		"/list/":     a.list,
	} {
		mux.HandleFunc("GET "+path+"{id}", func(w http.ResponseWriter, r *http.Request) {
			s, err := read(r.PathValue("id"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = w.Write([]byte(s))
		})
	}
	mux.HandleFunc("POST /write/{id}/{v}", func(w http.ResponseWriter, r *http.Request) {
		if err := a.write(r.PathValue("id"), r.PathValue("v")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	a.h = e.cache.Handler(mux)
	return a
}

var oldPaths = []string{"/row/", "/prepared/", "/lazy/", "/joined/", "/tx/", "/list/"}

func (a *oldApp) row(id string) (s string, err error) {
	return s, a.db.QueryRow(`SELECT v FROM item WHERE id = ?`, id).Scan(&s)
}

func (a *oldApp) prepared(id string) (s string, err error) { return s, a.byID.QueryRow(id).Scan(&s) }

// lazy answers while rows are open in which it has read the first one.
func (a *oldApp) lazy(id string) (s string, err error) {
	rows, err := a.db.Query(`SELECT v FROM item WHERE id >= ? ORDER BY id`, id)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return "", sql.ErrNoRows
	}
	if err := rows.Scan(&s); err != nil {
		return "", err
	}
	return s, nil
}

func (a *oldApp) joined(id string) (s string, err error) {
	return s, a.db.QueryRow(`SELECT max(i.v, o.v) FROM item i JOIN owner o ON o.id = i.owner WHERE i.id = ?`, id).Scan(&s)
}

func (a *oldApp) tx(id string) (s string, err error) {
	tx, err := a.db.Begin()
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM owner`).Scan(&n); err != nil {
		return "", err
	}
	return s, tx.QueryRow(`SELECT v FROM item WHERE id = ?`, id).Scan(&s)
}

func (a *oldApp) list(id string) (s string, err error) {
	rows, err := a.db.Query(`SELECT id, v FROM item ORDER BY id LIMIT ` + fmt.Sprint(oldRows))
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var row, v string
		if err := rows.Scan(&row, &v); err != nil {
			return "", err
		}
		if row == id {
			s = v
		}
	}
	return s, rows.Err()
}

func (a *oldApp) write(id, v string) error {
	tx, err := a.db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`UPDATE item SET v = ? WHERE id = ?`, v, id); err != nil {
		return err
	}
	return tx.Commit()
}

func (a *oldApp) do(method, target string) (body string, hit bool) {
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return fmt.Sprint(w.Body), strings.Contains(w.Header().Get("Cache-Status"), ";hit")
}

// A service without a context in it is cached, and precisely.
func TestOldAppIsCached(t *testing.T) {
	t.Parallel()
	a := newOldApp(t)
	for _, path := range oldPaths {
		a.do("GET", path+"1")
		a.do("GET", path+"1") // the first may also have depended on whole tables
		if got, hit := a.do("GET", path+"1"); !hit || got != "0" {
			t.Errorf("%s: %q, hit: %t (%v)", path, got, hit, a.cache.Stats().Refused)
		}
	}
	a.do("POST", "/write/2/5")
	for _, path := range oldPaths {
		if _, hit := a.do("GET", path+"1"); hit != (path != "/list/" && path != "/lazy/") {
			t.Errorf("%s after a write of another row: hit: %t", path, hit)
		}
	}
	a.do("POST", "/write/1/6")
	for _, path := range oldPaths {
		if got, hit := a.do("GET", path+"1"); hit || got != "6" {
			t.Errorf("%s after a write of its row: %q, hit: %t", path, got, hit)
		}
	}
	if s := a.cache.Stats(); s.UnmarkedReads < 15 || s.TookOver != 0 {
		t.Errorf("%d unmarked, %d took over", s.UnmarkedReads, s.TookOver)
	}
}

// Nothing of it is stale while others write.
func TestOldAppIsNotStale(t *testing.T) {
	t.Parallel()
	a := newOldApp(t)
	var acked [oldRows]atomic.Int64
	var hits atomic.Int64
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for n := 1; running(stop); n++ {
				id := (n*2 + w) % oldRows
				v := acked[id].Load() + 1
				if _, err := a.db.ExecContext(outside(t), `UPDATE item SET v = ? WHERE id = ?`, v, id); err == nil {
					acked[id].Store(v)
				}
				time.Sleep(time.Duration(n%4) * time.Millisecond)
			}
		})
	}
	for r := range 4 {
		readers.Go(func() {
			for n := range 400 {
				id := (n*3 + r) % oldRows
				before := acked[id].Load()
				path := oldPaths[(n+r)%len(oldPaths)]
				got, hit := a.do("GET", fmt.Sprint(path, id))
				var v int64
				if _, err := fmt.Sscan(got, &v); err != nil || v < before {
					t.Errorf("%s%d: %q after %d was acknowledged (hit: %t)", path, id, got, before, hit)
				}
				if hit {
					hits.Add(1)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	t.Logf("%d hits; %v", hits.Load(), a.cache.Stats().Refused)
	if hits.Load() == 0 {
		t.Error("nothing was served from the cache")
	}
}

// A job without a context that reads something else leaves what is stored, and
// what is being made, alone.
func TestJobWithoutContext(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(db *sql.DB) error{
		"reads": func(db *sql.DB) (err error) {
			var s string
			return db.QueryRow(`SELECT state FROM job WHERE id = 1`).Scan(&s)
		},
		"writes": func(db *sql.DB) (err error) {
			_, err = db.Exec(`UPDATE job SET state = state || '.' WHERE id = 1`)
			return err
		},
		"reads and writes": func(db *sql.DB) (err error) {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			var s string
			if err := tx.QueryRow(`SELECT state FROM job WHERE id = 1`).Scan(&s); err != nil {
				return err
			}
			if _, err = tx.Exec(`UPDATE job SET state = ? WHERE id = 1`, s+"."); err != nil {
				return err
			}
			return tx.Commit()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pause := time.Millisecond
			if name == "reads and writes" {
				pause *= 40 // what it has read falls when it writes
			}
			testJobWithoutContext(t, pause, work)
		})
	}
}

func testJobWithoutContext(t *testing.T, pause time.Duration, work func(*sql.DB) error) {
	a := newOldApp(t)
	if err := work(a.db); err != nil {
		t.Fatal(err)
	}
	for id := range 4 { // by which is learnt that no GET writes
		a.do("GET", fmt.Sprint("/row/", id))
	}
	stop := make(chan struct{})
	var job sync.WaitGroup
	job.Go(func() {
		for running(stop) {
			if err := work(a.db); err != nil {
				t.Error(err)
			}
			time.Sleep(pause)
		}
	})
	h := a.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond)
		s, _ := a.row(r.URL.Query().Get("id"))
		time.Sleep(5 * time.Millisecond)
		_, _ = w.Write([]byte(s))
	}))
	a.h = h
	hits := 0
	for n := range 50 {
		target := fmt.Sprint("/?id=", n%oldRows)
		a.do("GET", target)
		if _, hit := a.do("GET", target); hit {
			hits++
		}
	}
	close(stop)
	job.Wait()
	t.Logf("%d hits of 50: %v; %d took over", hits, a.cache.Stats().Refused, a.cache.Stats().TookOver)
	if s := a.cache.Stats(); s.Refused["unmarked write"]+s.Refused["untracked read"] > 0 || hits < 20 {
		t.Errorf("%d hits of 50: %v", hits, s.Refused)
	}
}

// Rows that somebody has open from before a fill began until after it ended count
// by the tables of their statement, and with the age of their transaction.
func TestRowsThatOutlive(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		t.Run(fmt.Sprint("older: ", older), func(t *testing.T) {
			t.Parallel()
			a := newOldApp(t)
			rows, err := a.db.Query(`SELECT id, v FROM item WHERE id < 4 ORDER BY id`)
			if err != nil || !rows.Next() {
				t.Fatal(err)
			}
			next := func() (v string) {
				var id int
				if !rows.Next() {
					t.Error("no more rows")
				}
				if err := rows.Scan(&id, &v); err != nil {
					t.Error(err)
				}
				return v
			}
			if older {
				a.exec(`UPDATE item SET v = 9 WHERE id = 1`)
			}
			shared := func(ctx context.Context) error {
				next() // of what somebody else began to read
				_, err := read(ctx, a.db, `SELECT v FROM owner WHERE id = 0`)
				return err
			}
			ask := func() (ran bool) {
				if _, err := unstale.Load(t.Context(), a.cache, "shared", func(ctx context.Context) (int, error) {
					ran = true
					return 0, shared(ctx)
				}); err != nil {
					t.Fatal(err)
				}
				return ran
			}
			ask()
			if ran := ask(); ran != older {
				t.Errorf("ran again: %t (%v)", ran, a.cache.Stats().Refused)
			}
			a.exec(`UPDATE item SET v = 10 WHERE id = 7`)
			if !ask() {
				t.Error("rows that were open do not count")
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
			if s := a.cache.Stats(); s.Refused["untracked read"] > 0 {
				t.Errorf("refused: %v", s.Refused)
			}
		})
	}
}

// What cannot be stored refuses the fills that are open, and is named once.
func TestUnmarkedThatCannotBeStored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(e *env) error{
		"a clock": func(e *env) error {
			_, err := e.db.Query(`SELECT datetime('now')`)
			return err
		},
		"a write": func(e *env) error {
			_, err := e.db.Exec(`UPDATE orders SET sum = sum WHERE id = 1`)
			return err
		},
		"a write that returns rows": func(e *env) error {
			var sum int
			return e.db.QueryRow(`UPDATE orders SET sum = sum WHERE id = 1 RETURNING sum`).Scan(&sum)
		},
		"its own writes": func(e *env) error {
			tx, err := e.db.Begin()
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.ExecContext(outside(e), `UPDATE orders SET sum = 99 WHERE id = 1`); err != nil {
				return err
			}
			var sum int
			return tx.QueryRow(`SELECT sum FROM orders WHERE id = 1`).Scan(&sum)
		},
		"a failure": func(e *env) error {
			_, err := e.db.Exec(`SELECT * FROM nowhere`)
			if err == nil {
				return sql.ErrNoRows
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop)
			if e.fill("k", func(ctx context.Context) error {
				if err := test(e); err != nil {
					return err
				}
				_, err := read(ctx, e.db, `SELECT name FROM users WHERE id = 1`)
				return err
			}) {
				t.Error("stored")
			}
			s := e.cache.Stats()
			if s.Refused["untracked read"]+s.Refused["wrote"] == 0 || len(s.UntrackedReads)+len(s.WritesInGET) == 0 {
				t.Errorf("%v, %v, %v", s.Refused, s.UntrackedReads, s.WritesInGET)
			}
		})
	}
}

func running(stop chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
		return true
	}
}
