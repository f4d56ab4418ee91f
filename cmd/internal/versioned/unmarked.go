package versioned

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/unstale/unstale"
)

// unmarked answers with the item, read without any context: in a transaction, by
// itself, or row by row.
func (s *Service) unmarked(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(a *answer) error {
		switch a.Key % 3 {
		case 0:
			return s.DB.QueryRow(versionByID, a.Key).Scan(&a.Version) //nolint:noctx // that is what it is for
		case 1:
			tx, err := s.DB.Begin() //nolint:noctx // likewise
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			var some bool
			if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM twin)`).Scan(&some); err != nil { //nolint:noctx // likewise
				return err
			}
			s.pause()
			return tx.QueryRow(versionByID, a.Key).Scan(&a.Version) //nolint:noctx // likewise
		default:
			rows, err := s.query(a.Key)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			return first(rows, a)
		}
	})
}

// query begins to read an item and the next one, without a context.
func (s *Service) query(key int) (*sql.Rows, error) {
	return s.DB.Query(`SELECT id, version FROM item WHERE id >= ? ORDER BY id LIMIT 2`, key) //nolint:noctx // likewise
}

// first reads an item from the first of the rows.
func first(rows *sql.Rows, a *answer) error {
	var id int
	if !rows.Next() {
		return errors.Join(rows.Err(), sql.ErrNoRows)
	}
	if err := rows.Scan(&id, &a.Version); err != nil {
		return err
	}
	if id != a.Key {
		return sql.ErrNoRows
	}
	return nil
}

// lentKey is where a context holds the rows that outlive what is inside.
type lentKey struct{}

// lend opens rows of some requests before next is asked, or lets next open them,
// and closes them when it has answered.
func (s *Service) lend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/lent/"))
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		rows := new(*sql.Rows)
		defer func() {
			if *rows != nil {
				_ = (*rows).Close()
			}
		}()
		if key%2 == 0 {
			if *rows, err = s.query(key); err != nil { //nolint:rowserrcheck,sqlclosecheck // next reads them, and they are closed above
				http.Error(w, "cannot read", http.StatusInternalServerError)
				return
			}
			s.pause()
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), lentKey{}, rows)))
	})
}

// lent answers with the item from rows that are closed later.
func (s *Service) lent(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(a *answer) (err error) {
		unstale.DependOn(r.Context(), "names") // what others began to read says nothing of this
		rows, ok := r.Context().Value(lentKey{}).(**sql.Rows)
		if !ok {
			return errors.New("nothing lent")
		}
		if *rows == nil {
			if *rows, err = s.query(a.Key); err != nil { //nolint:sqlclosecheck // lend closes them
				return err
			}
		}
		return first(*rows, a)
	})
}

// answer answers with what read finds.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, read func(*answer) error) {
	key, err := strconv.Atoi(r.PathValue("key"))
	if err != nil {
		http.Error(w, "no such key", http.StatusNotFound)
		return
	}
	a := answer{Key: key, Pad: s.pad}
	switch err := read(&a); {
	case errors.Is(err, sql.ErrNoRows):
		http.Error(w, "no such item", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, "cannot read", http.StatusInternalServerError)
		return
	}
	s.pause()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a)
}
