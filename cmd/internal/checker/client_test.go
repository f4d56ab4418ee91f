package checker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func newClient(t *testing.T) *client {
	t.Helper()
	c := &client{timeout: 5 * time.Second}
	t.Cleanup(c.close)
	return c
}

// TestClient asks a real server for answers of all shapes over one connection,
// where the server lets it.
func TestClient(t *testing.T) {
	var connections atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/echo/{key}", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		w.Header().Set("Cache-Status", "origin; fwd=miss, edge; hit; ttl=3")
		fmt.Fprintf(w, "%s %s %s %s %s %s", r.Method, r.RequestURI, r.Host, r.Header.Get("X-A"), r.Header.Get("Authorization"), body)
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			fmt.Fprint(w, strings.Repeat("x", 1000))
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "after hints")
	})
	mux.HandleFunc("/close", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "bye")
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := newClient(t)
	get := func(path string) answer {
		t.Helper()
		a, err := c.send(t.Context(), Request{Method: http.MethodGet, URL: s.URL + path}, filling{key: "3"}, stays)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	put := Request{Method: http.MethodPut, URL: s.URL + "/echo/{key}?v={version}&who={user}", Body: `{"v":{version}}`, Fields: []string{"X-A: {key} {user}"}}
	a, err := c.send(t.Context(), put, filling{key: "3", version: 7, user: User{Name: "a b", Authorization: "Bearer x"}}, stays)
	want := "PUT /echo/3?v=7&who=a%20b " + strings.TrimPrefix(s.URL, "http://") + ` 3 a%20b Bearer x {"v":7}`
	if err != nil || a.status != http.StatusOK || !a.hit || string(a.body) != want {
		t.Errorf("%v %d %v\n%s, want\n%s", err, a.status, a.hit, a.body, want)
	}
	if a := get("/chunked"); len(a.body) != 3000 || a.hit {
		t.Errorf("%d bytes", len(a.body))
	}
	if a := get("/hints"); a.status != http.StatusOK || string(a.body) != "after hints" {
		t.Errorf("%d %q", a.status, a.body)
	}
	if a := get("/nowhere"); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if a := get("/close"); string(a.body) != "bye" {
		t.Errorf("%q", a.body)
	}
	if a := get("/hints"); string(a.body) != "after hints" || connections.Load() != 2 {
		t.Errorf("%q, %d connections", a.body, connections.Load())
	}
}

// TestClientRepeatsNoWrite has a server that closes connections instead of
// answering: a read is sent once more over a new one, a write never.
func TestClientRepeatsNoWrite(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, "ok")
	}))
	defer s.Close()
	for _, tt := range []struct {
		method string
		fails  bool
		asked  int64
	}{{http.MethodGet, false, 3}, {http.MethodPut, true, 2}} {
		asked.Store(0)
		c := newClient(t)
		r := Request{Method: tt.method, URL: s.URL}
		if _, err := c.send(t.Context(), r, filling{}, stays); err != nil {
			t.Fatal(err)
		}
		if _, err := c.send(t.Context(), r, filling{}, stays); (err != nil) != tt.fails || asked.Load() != tt.asked {
			t.Errorf("%s: %v after %d requests", tt.method, err, asked.Load())
		}
	}
}

// TestClientLeaves hangs up, and does not wait for a server that does not
// answer when its context ends.
func TestClientLeaves(t *testing.T) {
	left := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begin" {
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		left <- struct{}{}
	}))
	defer s.Close()
	c := newClient(t)
	for path, p := range map[string]patience{"/silent": sends, "/begin": peeks} {
		if _, err := c.send(t.Context(), Request{Method: http.MethodGet, URL: s.URL + path}, filling{}, p); !errors.Is(err, errLeft) {
			t.Errorf("%s: %v", path, err)
		}
		<-left
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	c.timeout = time.Minute
	if _, err := c.send(ctx, Request{Method: http.MethodGet, URL: s.URL + "/silent"}, filling{}, stays); err == nil {
		t.Error("an answer of a silent server")
	}
	<-left
}

func TestFromCache(t *testing.T) {
	for status, want := range map[string]bool{
		"unstale;hit;ttl=3": true, "a; fwd=miss, b; hit": true, "b;hit=?1": true, "a;fwd=stale": false, "hit": false, `a;detail=hit`: false, "": false,
	} {
		if got := fromCache([]string{status}); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
}
