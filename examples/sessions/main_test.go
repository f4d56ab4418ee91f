package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
	"github.com/unstale/unstale/unstaletest"
)

func TestSessions(t *testing.T) {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "sessions.db"), cache)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	site, err := newSite(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	h := unstaletest.Verify(t, cache, options())(site)

	do := func(method, path, session string, form url.Values) (*http.Response, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		if method == http.MethodGet {
			r = httptest.NewRequest(method, path, nil)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if session != "" {
			r.AddCookie(&http.Cookie{Name: "session", Value: session})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result(), w.Body.String()
	}
	logIn := func(name string) string {
		t.Helper()
		res, _ := do("POST", "/login", "", url.Values{"user": {name}})
		for _, c := range res.Cookies() {
			return c.Value
		}
		t.Fatalf("%s has no session", name)
		return ""
	}
	// shows asks twice for the page, and whether the second answer comes from the cache.
	shows := func(session string, want ...string) {
		t.Helper()
		do("GET", "/", session, nil)
		res, body := do("GET", "/", session, nil)
		unstaletest.WantHit(t, res)
		if len(res.Cookies()) > 0 {
			t.Errorf("a stored answer sets %v", res.Cookies())
		}
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("no %q in %s", text, body)
			}
		}
	}
	ann, bob := logIn("ann"), logIn("bob")
	do("POST", "/notes", ann, url.Values{"text": {"buy tea"}})
	shows(ann, "Hello ann", "<li>buy tea")
	shows(bob, "Hello bob", "<ul></ul>")
	shows("", "Log in", "<ul></ul>")
	shows("forged", "Log in", "<ul></ul>")

	do("POST", "/notes", ann, url.Values{"text": {"drink it"}})
	res, body := do("GET", "/", bob, nil)
	if !strings.Contains(body, "Hello bob") {
		t.Errorf("bob sees %s", body)
	}
	unstaletest.WantMiss(t, res) // an unsafe request may change what its answer names, which is "/"
	shows(ann, "Hello ann", "<li>buy tea", "<li>drink it")

	do("POST", "/logout", ann, nil)
	if _, body := do("GET", "/", ann, nil); strings.Contains(body, "ann") || strings.Contains(body, "tea") {
		t.Errorf("after she has left: %s", body)
	}
	shows(bob, "Hello bob")
}
