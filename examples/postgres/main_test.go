package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
)

// TestFromEmptyToHits: an empty database, and every way of writing to it, psql
// included.
func TestFromEmptyToHits(t *testing.T) {
	server := testenv.StartPostgres(t)
	cache, err := unstale.New(unstale.Options{LookWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	mux, err := routes(t.Context(), server.DSN("postgres", "postgres"), cache)
	if err != nil {
		t.Fatal(err)
	}
	h := cache.Handler(mux)
	do := func(method, path string) (body, status string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		return strings.TrimSpace(w.Body.String()), w.Header().Get("Cache-Status")
	}
	hit := func(path, want string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			body, status := do(http.MethodGet, path)
			if body != want {
				t.Fatalf("%s: %s, want %s (%s)", path, body, want, status)
			}
			if strings.Contains(status, ";hit") {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %s", path, status)
			}
		}
	}
	do(http.MethodPut, "/cards/1?title=Ann")
	hit("/cards/1", `{"title":"Ann"}`)
	do(http.MethodPut, "/cards/1?title=Amy")
	hit("/cards/1", `{"title":"Amy"}`)
	server.Psql("postgres", `UPDATE cards SET title = 'Ada'`)
	hit("/cards/1", `{"title":"Ada"}`)

	hit("/authors", `[]`)
	do(http.MethodPost, "/authors?name=ann")
	hit("/authors", `[{"id":1,"name":"ann"}]`)
	server.Psql("postgres", `INSERT INTO authors (name) VALUES ('bob')`)
	hit("/authors", `[{"id":1,"name":"ann"},{"id":2,"name":"bob"}]`)
}
