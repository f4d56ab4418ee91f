package versioned

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/unstale/unstale"
)

type answer struct {
	Key     int           `json:"key"`
	Version int64         `json:"version"`
	Twin    int64         `json:"twin,omitempty"`
	Other   int64         `json:"other,omitempty"` // the other's version
	Owner   string        `json:"owner,omitempty"`
	Shelf   map[int]int64 `json:"shelf,omitempty"`
	Pad     string        `json:"pad,omitempty"`
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func shelf(db querier, r *http.Request, a *answer) error {
	rows, err := db.QueryContext(r.Context(), `SELECT id, version FROM item WHERE shelf = ? ORDER BY version DESC, id`, a.Key%Shelves)
	if err != nil {
		return err
	}
	defer rows.Close()
	a.Shelf = make(map[int]int64)
	for rows.Next() {
		var id int
		var v int64
		if err := rows.Scan(&id, &v); err != nil {
			return err
		}
		a.Shelf[id] = v
	}
	a.Version = a.Shelf[a.Key]
	return rows.Err()
}

// card finds by Load the item, and then the name of who asks, which is found
// already most of the time.
func (s *Service) card(db querier, r *http.Request, a *answer) (err error) {
	if a.Version, err = s.load(r.Context(), db, a.Key); err != nil {
		return err
	}
	s.pause()
	a.Owner, err = unstale.Load(r.Context(), s.Cache, "name", func(ctx context.Context) (string, error) {
		unstale.DependOn(ctx, "names") // without that nothing would be known of it
		return unstale.Identity(ctx), nil
	})
	return err
}

// load finds an item's version by Load.
func (s *Service) load(ctx context.Context, db querier, key int) (int64, error) {
	return unstale.Load(ctx, s.Cache, "item:"+strconv.Itoa(key), func(ctx context.Context) (version int64, err error) {
		err = db.QueryRowContext(ctx, versionByID, key).Scan(&version)
		return version, err
	})
}

// get answers with what read finds in one transaction.
func (s *Service) get(read func(querier, *http.Request, *answer) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, err := strconv.Atoi(r.PathValue("key") + r.URL.Query().Get("key"))
		if err != nil {
			http.Error(w, "no such key", http.StatusNotFound)
			return
		}
		a := answer{Key: key, Pad: s.pad}
		if err := s.inTransaction(r.Context(), func(tx *sql.Tx) error { return read(tx, r, &a) }); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				http.Error(w, "no such item", http.StatusNotFound)
				return
			}
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		s.pause()
		if s.options.Panics > 0 && rand.Float64() < s.options.Panics {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a)
	}
}

// inTransaction reads in the transaction that ctx holds, or in one of its own.
func (s *Service) inTransaction(ctx context.Context, read func(*sql.Tx) error) error {
	if tx, ok := ctx.Value(earlyKey{}).(*sql.Tx); ok {
		return read(tx)
	}
	tx, err := s.DB.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := read(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// earlyKey is where a context holds the transaction that was begun early.
type earlyKey struct{}

// early begins the transaction of some requests, and reads something in it, before
// next is asked.
func (s *Service) early(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/early/") {
			next.ServeHTTP(w, r)
			return
		}
		ctx := unstale.Outside(context.WithoutCancel(r.Context()))
		answered := false
		err := s.inTransaction(ctx, func(tx *sql.Tx) error {
			var some bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM item)`).Scan(&some); err != nil {
				return err
			}
			s.pause()
			answered = true
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), earlyKey{}, tx)))
			return nil
		})
		if err != nil && !answered {
			http.Error(w, "cannot read", http.StatusInternalServerError)
		}
	})
}
