// Package versioned is a small service whose answers show versions: something
// to point the checker at, with unstale as its cache or another in front of it.
package versioned

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/failpoint"
	"github.com/unstale/unstale/sqlite"
)

// Shelves is how many shelves the items stand on.
const Shelves = 4

// Options configure a Service.
type Options struct {
	Database string          // data source name
	Cache    unstale.Options // Identity is set
	Pause    time.Duration   // at most so long is a read delayed between the database and its answer
	Panics   float64         // share of the reads whose handler panics once it has read
	Pad      int             // bytes that each answer has more
}

// A Service keeps a version for each item, and shows it in many ways.
//
//	PUT /items/{key}?version=N   raises the version of an item and of its twin
//	GET /items/{key}             the item, by its primary key
//	GET /search?key=N            the item, by its name
//	GET /pairs/{key}             the item and its twin, read in one transaction
//	GET /both/{key}/{other}      the item and another one, read in one transaction
//	GET /shelves/{key}           the item and all others on its shelf, the newest first
//	GET /mine/{key}              the item, and the name of who asks
//	GET /cards/{key}             the same, each found by Load
//	GET /greeted/{key}           the item, and the name in the field From, by which it varies
//	GET /here                    the item whose key is in the field X-Region, though it does not say that it varies by that
//	GET /minute/{key}            the item, for a minute: by ExpireAt, ExpireAfter, max-age or Expires, depending on the key
//	GET /early/{key}             the item, in a transaction that began before the cache was asked
//	GET /unmarked/{key}          the item, read without any context
//	GET /lent/{key}              the item, from rows without a context that are open when the answer is made
//	GET /direct/{key}            the item, never from the cache
//
// Who asks is who says so: "Authorization: Bearer alice" is alice.
type Service struct {
	Cache   *unstale.Cache
	DB      *sql.DB
	options Options
	pad     string
	overdue atomic.Int64

	disguised atomic.Int64

	cached func(http.Handler) http.Handler
}

const tables = `
CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, shelf INTEGER NOT NULL, version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS twin (id INTEGER PRIMARY KEY REFERENCES item (id), version INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS item_shelf ON item (shelf, version);
CREATE TRIGGER IF NOT EXISTS item_new AFTER INSERT ON item BEGIN INSERT INTO twin VALUES (new.id, new.version); END;
CREATE TRIGGER IF NOT EXISTS item_changed AFTER UPDATE OF version ON item BEGIN UPDATE twin SET version = new.version WHERE id = new.id; END;`

// Open opens the service on a database, in which it makes its tables. The
// caller closes it.
func Open(ctx context.Context, o Options) (_ *Service, err error) {
	o.Cache.NeutralContextKeys = append(o.Cache.NeutralContextKeys, earlyKey{}, lentKey{})
	s := &Service{options: o, pad: strings.Repeat("x", o.Pad)}
	if s.Cache, err = unstale.New(o.Cache); err != nil {
		return nil, err
	}
	s.cached, err = s.Cache.Middleware(unstale.HandlerOptions{Policies: map[string]unstale.Policy{"": {Shared: true}}, Identity: func(r *http.Request) (string, error) {
		name, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		return name, nil
	}})
	if err != nil {
		return nil, errors.Join(err, s.Cache.Close())
	}
	if s.DB, err = sqlite.Open(o.Database, s.Cache); err != nil {
		return nil, errors.Join(err, s.Cache.Close())
	}
	s.DB.SetMaxIdleConns(64) // opening one costs more than most requests
	if _, err := s.DB.ExecContext(unstale.Outside(ctx), tables); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database and the cache. Requests must have ended.
func (s *Service) Close() error { return errors.Join(s.DB.Close(), s.Cache.Close()) }

// Handler returns the service behind its cache.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /items/{key}", s.put)
	byID := func(db querier, r *http.Request, a *answer) error {
		return db.QueryRowContext(r.Context(), versionByID, a.Key).Scan(&a.Version)
	}
	mux.HandleFunc("GET /items/{key}", s.get(byID))
	mux.HandleFunc("GET /early/{key}", s.get(byID))
	mux.HandleFunc("GET /search", s.get(func(db querier, r *http.Request, a *answer) error {
		return db.QueryRowContext(r.Context(), `SELECT version FROM item WHERE name = ?`, "n"+strconv.Itoa(a.Key)).Scan(&a.Version)
	}))
	mux.HandleFunc("GET /pairs/{key}", s.get(func(db querier, r *http.Request, a *answer) error {
		if err := byID(db, r, a); err != nil {
			return err
		}
		s.pause()
		return db.QueryRowContext(r.Context(), `SELECT version FROM twin WHERE id = ?`, a.Key).Scan(&a.Twin)
	}))
	mux.HandleFunc("GET /both/{key}/{other}", s.get(func(db querier, r *http.Request, a *answer) error {
		if err := byID(db, r, a); err != nil {
			return err
		}
		s.pause()
		return db.QueryRowContext(r.Context(), versionByID, r.PathValue("other")).Scan(&a.Other)
	}))
	mux.HandleFunc("GET /shelves/{key}", s.get(shelf))
	mux.HandleFunc("GET /mine/{key}", s.get(func(db querier, r *http.Request, a *answer) error {
		a.Owner = unstale.Identity(r.Context())
		return byID(db, r, a)
	}))
	mux.HandleFunc("GET /minute/{key}", inAMinute(s.get(byID)))
	mux.HandleFunc("GET /cards/{key}", s.get(s.card))
	greeted := s.get(func(db querier, r *http.Request, a *answer) error {
		a.Owner = r.Header.Get("From")
		return byID(db, r, a)
	})
	mux.HandleFunc("GET /greeted/{key}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "From")
		greeted(w, r)
	})
	here := s.get(byID)
	mux.HandleFunc("GET /here", func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("key", r.Header.Get("X-Region"))
		here(w, r)
	})
	mux.HandleFunc("GET /direct/{key}", s.get(func(db querier, r *http.Request, a *answer) error {
		unstale.NoStore(r.Context())
		return byID(db, r, a)
	}))
	mux.HandleFunc("GET /unmarked/{key}", s.unmarked)
	mux.HandleFunc("GET /lent/{key}", s.lent)
	return s.watch(s.outside(s.early(s.lend(s.cached(mux)))))
}

const versionByID = `SELECT version FROM item WHERE id = ?`

func (s *Service) pause() {
	if s.options.Pause > 0 {
		time.Sleep(rand.N(s.options.Pause))
	}
}

// errCommit is a commit that failed: it may have taken effect.
var errCommit = errors.New("commit failed")

// put raises a version. It answers 204 when that is committed, 409 when it
// certainly is not, and 500 when nobody knows.
func (s *Service) put(w http.ResponseWriter, r *http.Request) {
	key, err := strconv.Atoi(r.PathValue("key"))
	version, err2 := strconv.ParseInt(r.URL.Query().Get("version"), 10, 64)
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, "a key and a version are needed", http.StatusBadRequest)
		return
	}
	err = s.raise(r.Context(), key, version)
	failpoint.Pass(failpoint.BeforeAnswer)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errCommit):
		http.Error(w, "nobody knows", http.StatusInternalServerError)
	default:
		http.Error(w, "not written", http.StatusConflict)
	}
}

// raise writes even versions with a statement that commits by itself, odd ones
// in a transaction, which looks at what it wrote before it commits.
func (s *Service) raise(ctx context.Context, key int, version int64) error {
	const upsert = `INSERT INTO item VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET version = excluded.version WHERE version < excluded.version`
	args := []any{key, "n" + strconv.Itoa(key), key % Shelves, version}
	if version%2 == 0 {
		if _, err := s.DB.ExecContext(ctx, upsert, args...); err != nil {
			return fmt.Errorf("%w: %w", errCommit, err)
		}
		return nil
	}
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, upsert, args...); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if _, err := s.load(ctx, tx, key); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: %w", errCommit, err)
	}
	return nil
}
