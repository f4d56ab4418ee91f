package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
	"github.com/unstale/unstale/unstaletest"
)

func TestORM(t *testing.T) {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "bun.db"), cache)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mux, err := routes(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	h := unstaletest.Verify(t, cache, unstale.HandlerOptions{})(mux)
	do := func(method, path, want string) *http.Response {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s %s: %d %q, want %q", method, path, w.Code, w.Body, want)
		}
		return w.Result()
	}
	do(http.MethodGet, "/authors", "[]\n")
	unstaletest.WantHit(t, do(http.MethodGet, "/authors", "[]\n"))
	do(http.MethodPost, "/authors?name=Le+Guin&title=The+Dispossessed", "")
	want := `[{"id":1,"name":"Le Guin","books":[{"id":1,"title":"The Dispossessed"}]}]` + "\n"
	unstaletest.WantMiss(t, do(http.MethodGet, "/authors", want))
	unstaletest.WantHit(t, do(http.MethodGet, "/authors", want))
}
