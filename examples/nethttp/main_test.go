package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
	"github.com/unstale/unstale/unstaletest"
)

func TestEveryGETIsCachedAndFresh(t *testing.T) {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "notes.db"), cache)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mux, err := routes(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(unstaletest.Verify(t, cache, unstale.HandlerOptions{})(mux))
	defer srv.Close()

	post(t, srv, "first")
	unstaletest.WantMiss(t, get(t, srv, "/notes", `[{"id":1,"text":"first"}]`))
	unstaletest.WantHit(t, get(t, srv, "/notes", `[{"id":1,"text":"first"}]`))
	get(t, srv, "/notes/1", `{"id":1,"text":"first"}`)
	post(t, srv, "second")
	unstaletest.WantMiss(t, get(t, srv, "/notes", `[{"id":1,"text":"first"},{"id":2,"text":"second"}]`))
	unstaletest.WantHit(t, get(t, srv, "/notes/1", `{"id":1,"text":"first"}`)) // another row, not concerned
}

func post(t *testing.T, srv *httptest.Server, text string) {
	t.Helper()
	res, err := http.PostForm(srv.URL+"/notes", url.Values{"text": {text}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}

func get(t *testing.T, srv *httptest.Server, path, want string) *http.Response {
	t.Helper()
	res, err := http.Get(srv.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != want+"\n" {
		t.Errorf("GET %s: %q, %v; want %q", path, body, err, want)
	}
	return res
}
