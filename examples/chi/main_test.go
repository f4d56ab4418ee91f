package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/unstale/unstale/unstaletest"
)

func TestEachUserHasItsOwnAnswer(t *testing.T) {
	service, closeAll, err := open(t.Context(), filepath.Join(t.TempDir(), "chi.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	srv := httptest.NewServer(service)
	defer srv.Close()

	do := func(method, path, token, want string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(method, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != want {
			t.Errorf("%s %s as %q: %s %q, %v; want %q", method, path, token, res.Status, body, err, want)
		}
		return res
	}
	do(http.MethodPut, "/token/t1?user=ann", "", "")
	do(http.MethodPut, "/token/t2?user=bob", "", "")
	do(http.MethodPut, "/greeting?text=Hi+Ann", "t1", "")
	do(http.MethodPut, "/greeting?text=Hi+Bob", "t2", "")

	for range 2 { // cold, then warm
		do(http.MethodGet, "/greeting", "t1", "Hi Ann")
		do(http.MethodGet, "/greeting", "t2", "Hi Bob")
		do(http.MethodGet, "/greeting", "", "Hello, whoever you are.")
		do(http.MethodGet, "/greeting", "garbage", "Hello, whoever you are.")
	}
	unstaletest.WantHit(t, do(http.MethodGet, "/greeting", "t1", "Hi Ann"))

	do(http.MethodPut, "/greeting?text=Bye", "t1", "")
	do(http.MethodGet, "/greeting", "t1", "Bye")
	do(http.MethodGet, "/greeting", "t2", "Hi Bob") // the PUT was to this URI, whoever asks for it
	do(http.MethodDelete, "/token/t1", "", "")
	do(http.MethodGet, "/greeting", "t1", "Hello, whoever you are.")
	unstaletest.WantHit(t, do(http.MethodGet, "/greeting", "t2", "Hi Bob"))
}
