package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
	"github.com/unstale/unstale/unstaletest"
)

// A service is the example on a database of its own.
type service struct {
	*testing.T
	handler http.Handler
	log     *bytes.Buffer
}

func newService(t *testing.T) *service {
	s := &service{T: t, log: new(bytes.Buffer)}
	cache, err := unstale.New(unstale.Options{Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	conn, err := sqlite.Open(filepath.Join(t.TempDir(), "gorm.db"), cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	db, err := gorm.Open(dialectOn(conn), &gorm.Config{TranslateError: true})
	if err != nil {
		t.Fatal(err)
	}
	mux, err := routes(db)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = unstaletest.Verify(t, cache, unstale.HandlerOptions{})(mux)
	return s
}

func (s *service) do(method, target string, status int, body string) *http.Response {
	s.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	if w.Code != status || w.Body.String() != body {
		s.Errorf("%s %s: %d %q, want %d %q", method, target, w.Code, w.Body, status, body)
	}
	return w.Result()
}

// With contexts or without, what gorm reads is stored until gorm writes it.
func TestContexts(t *testing.T) {
	for name, path := range map[string]string{"with": "/authors", "without": "/contextless/authors"} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.do("GET", path, 200, "[]\n")
			unstaletest.WantHit(t, s.do("GET", path, 200, "[]\n"))
			s.do("POST", "/authors?name=Le+Guin&title=The+Word", 200, "")
			want := `[{"id":1,"name":"Le Guin","books":[{"id":1,"title":"The Word"}]}]` + "\n"
			unstaletest.WantMiss(t, s.do("GET", path, 200, want))
			unstaletest.WantHit(t, s.do("GET", path, 200, want))
			s.do("PATCH", "/books/1?title=The+Dispossessed", 200, "")
			want = strings.Replace(want, "The Word", "The Dispossessed", 1)
			unstaletest.WantMiss(t, s.do("GET", path, 200, want))
			unstaletest.WantHit(t, s.do("GET", path, 200, want))
			if s.log.Len() > 0 {
				t.Errorf("logged\n%s", s.log)
			}
		})
	}
}

// gorm's own errors are those of its documentation.
func TestDuplicates(t *testing.T) {
	s := newService(t)
	s.do("POST", "/authors?name=Le+Guin&title=a", 200, "")
	s.do("POST", "/authors?name=Le+Guin&title=b", 409, "there is one of this name\n")
}

// What keeps an answer out of the cache is reported at the line of the program that
// read it, not at one of gorm's.
func TestCallSites(t *testing.T) {
	s := newService(t)
	s.do("GET", "/authors/today", 200, "")
	if log := s.log.String(); !strings.Contains(log, "gorm/main.go:") || strings.Contains(log, "callbacks") || !strings.Contains(log, "date('now')") {
		t.Errorf("logged\n%s", log)
	}
}
