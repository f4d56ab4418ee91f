package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestMixCountsStale has a notebook that never changes what it shows.
func TestMixCountsStale(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /api/persona/a", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{}}`) })
	mux.HandleFunc("POST /api/persona/a/star", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{"starred":true}}`) })
	const card = `{"id":"a","content":"0"}`
	mux.HandleFunc("GET /api/persona/a", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":`+card+`}`) })
	mux.HandleFunc("GET /api/persona/public", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[`+card+`]}`) })
	mux.HandleFunc("GET /api/persona/user/me", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[`+card+`]}`) })
	mux.HandleFunc("GET /api/user/stars", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[]}`) })
	mux.HandleFunc("GET /api/persona/a/starred", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{"starred":false}}`) })
	s := httptest.NewServer(mux)
	defer s.Close()

	server := &notebookServer{base: s.URL, http: s.Client()}
	g := &guest{notebookServer: server, id: "me"}
	m := &mix{server: server, cards: []*mixCard{{id: "a", owner: g}}, byID: map[string]int{"a": 0}}
	v := &mixVisitor{guest: g, rng: rand.New(rand.NewPCG(1, 1)), starred: map[int]bool{}}
	ctx := context.Background()
	kinds := []int{10, 60, 75, 85, 95} // detail, list, own cards, own stars, own star
	read := func() {
		t.Helper()
		for _, n := range kinds {
			if err := m.read(ctx, v, 0, n); err != nil {
				t.Fatal(n, err)
			}
		}
	}
	if read(); m.stale.Load() != 0 || m.checked.Load() != 5 {
		t.Fatalf("%d of %d stale", m.stale.Load(), m.checked.Load())
	}
	if err := m.change(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.star(ctx, v, 0); err != nil {
		t.Fatal(err)
	}
	if read(); m.stale.Load() != 5 || m.checked.Load() != 10 {
		t.Errorf("%d of %d stale", m.stale.Load(), m.checked.Load())
	}
}

func TestScrape(t *testing.T) {
	t.Parallel()
	s := scrape("# HELP a_total x\na_total{reason=\"r\",route=\"GET /{id}\"} 2\na_total{reason=\"q\",route=\"GET /{id}\"} 3\n" +
		"a_total{route=\"b \\\"c\\\"\\n\"} 4\nplain_total 0.5\na_total_more 7\n")
	if got := s.sum("a_total"); got != 9 {
		t.Error(got)
	}
	if got := s.sum("plain_total"); got != 0.5 {
		t.Error(got)
	}
	by := s.byRoute("a_total")
	if by["GET /{id}"] != 5 || by["b \"c\"\n"] != 4 || len(by) != 2 {
		t.Errorf("%v", by)
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	if got := shorten("SELECT  a\n FROM b", 40, 40); got != "SELECT a FROM b" {
		t.Error(got)
	}
	if got := shorten("abcdefghij", 2, 3); got != "ab … hij" {
		t.Error(got)
	}
}
