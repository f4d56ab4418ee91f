package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/unstale/unstale"
)

// TestLoadSeesTheTransaction has a handler read one row in a transaction, and
// another one through Load, which meanwhile holds a newer result: what it answers
// must have been there at some time, with whatever context the transaction was begun.
func TestLoadSeesTheTransaction(t *testing.T) {
	t.Parallel()
	for begun, begin := range marks {
		if begun != "Outside" { // said to concern no request
			t.Run(begun, func(t *testing.T) {
				t.Parallel()
				loadSeesTheTransaction(t, begin)
			})
		}
	}
}

func loadSeesTheTransaction(t *testing.T, begin func(context.Context) context.Context) {
	t.Helper()
	e := newEnv(t, "CREATE TABLE item (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO item VALUES (1, 1), (2, 1)")
	type querier interface {
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}
	version := func(ctx context.Context, q querier, id int) (v int) {
		t.Helper()
		if err := q.QueryRowContext(ctx, "SELECT v FROM item WHERE id = ?", id).Scan(&v); err != nil {
			t.Error(err)
		}
		return v
	}
	first := func(ctx context.Context, q querier) int {
		t.Helper()
		v, err := unstale.Load(ctx, e.cache, "first", func(ctx context.Context) (int, error) { return version(ctx, q, 1), nil })
		if err != nil {
			t.Error(err)
		}
		return v
	}
	amid := func() {}
	h := e.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tx, err := e.db.BeginTx(begin(r.Context()), &sql.TxOptions{ReadOnly: true})
		if err != nil {
			t.Error(err)
			return
		}
		second := version(r.Context(), tx, 2)
		amid()
		fmt.Fprintf(w, "%d %d", first(r.Context(), tx), second)
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		if v := first(r.Context(), e.db); v != version(outside(t), e.db, 1) {
			t.Errorf("after the transaction: %d", v)
		}
	}))
	get := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := w.Body.String(); got != want {
			t.Errorf("answered %q (%s), want %q", got, w.Header().Get("Cache-Status"), want)
		}
	}
	amid = func() {
		e.exec("UPDATE item SET v = 2 WHERE id = 2")
		e.exec("UPDATE item SET v = 2 WHERE id = 1")
		first(outside(t), e.db)
	}
	get("1 1")
	amid = func() {}
	before := e.cache.Stats().Loads.Hits
	get("2 2")
	if e.cache.Stats().Loads.Hits == before {
		t.Error("what was made before the transaction is not served in it")
	}
}
