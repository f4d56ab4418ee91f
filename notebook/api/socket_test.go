package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
)

// listen lets clients connect until the test ends.
func (s *site) listen() *httptest.Server {
	s.Helper()
	listener := httptest.NewServer(s.handler)
	s.Cleanup(listener.Close)
	if a, ok := s.handler.(*server.Server); ok {
		s.Cleanup(a.Close)
	}
	return listener
}

func (s *site) dial(server *httptest.Server, path string) (*websocket.Conn, *http.Response) {
	s.Helper()
	conn, w, err := websocket.Dial(s.Context(), server.URL+path, nil)
	switch {
	case err == nil:
		s.Cleanup(func() { _ = conn.CloseNow() })
	case w == nil:
		s.Fatal(err)
	}
	return conn, w
}

// A token in a URL is a secret, whatever becomes of the request: it is neither
// in the log nor in an answer.
func TestTokensStayOutOfLogs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	server := s.listen()
	conn, _ := s.dial(server, "/api/ws/"+ann)
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.exec("ALTER TABLE message_changes RENAME TO changes")                    // so that there is something to log
	s.json("POST", "/api/auth/token", "", `{"username":"ann","password":"x"}`) // wakes whoever waits for a write
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusInternalError {
		t.Errorf("what to tell cannot be found out: %v", err)
	}
	for _, path := range []string{"/api/ws/", "/api/ws//", "/api//ws/", "/api/ws%2F", "/nowhere/ws/", "/api/ws/x/../"} {
		if w := s.get(path+ann, ""); strings.Contains(w.Body.String(), ann) && w.Code/100 != 3 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, want := range []string{"path=/api/ws/… status=101", "telling a user of their messages failed"} {
		for deadline := time.Now().Add(time.Minute); !strings.Contains(s.log.String(), want); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the log lacks %q: %s", want, s.log.String())
			}
		}
	}
	if log := s.log.String(); strings.Contains(log, ann) || strings.Contains(log, ann[strings.LastIndex(ann, "."):]) {
		t.Errorf("a token in the log: %s", log)
	}
}

func TestSocketIsForWebSocketsAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	for range 2 {
		w := s.get("/api/ws/"+ann, "")
		s.wantFailure(w, http.StatusUpgradeRequired, "API_ERROR", "UPGRADE_REQUIRED")
		if hit(w) || w.Header().Get("Upgrade") != "websocket" {
			t.Errorf("%v", w.Header())
		}
	}
	if keys := s.cache.Stats().Store; keys.Entries != 0 {
		t.Errorf("%d entries are stored", keys.Entries)
	}
}

// One user has so many connections and not one more, until one of them ends.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, bob := s.user("bob", notebook.RoleUser)
	server := s.listen()
	var last *websocket.Conn
	for range 10 {
		last, _ = s.dial(server, "/api/ws/"+ann)
	}
	if _, w := s.dial(server, "/api/ws/"+ann); w.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %s", w.Status)
	}
	if conn, w := s.dial(server, "/api/ws/"+bob); conn == nil {
		t.Errorf("bob is kept out by ann: %s", w.Status)
	}
	_ = last.Close(websocket.StatusNormalClosure, "")
	for { // the other end needs a moment
		if conn, w := s.dial(server, "/api/ws/"+ann); conn != nil {
			break
		} else if w.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(w.Status)
		}
	}
}
