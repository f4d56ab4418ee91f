package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/service"
)

// limited fails the test unless the answer says when to come again.
func (s *site) limited(what string, w *httptest.ResponseRecorder) {
	s.Helper()
	s.wantFailure(w, 429, "RATE_LIMIT_ERROR", "TOO_MANY_REQUESTS")
	if n, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || n < 1 || n > 3600 {
		s.Errorf("%s: Retry-After %q", what, w.Header().Get("Retry-After"))
	}
}

// What a user writes has a pace, each kind its own, and others theirs.
func TestUsersHaveAPace(t *testing.T) {
	t.Parallel()
	few := service.Rate{Burst: 2, Per: time.Hour}
	s := newSite(t, func(c *service.Config) {
		l := service.DefaultLimits()
		l.Uploads, l.Comments, l.Reactions, l.Letters, l.Changes = few, few, few, few, few
		c.Limits = &l
	})
	bob, _ := s.user("bob", notebook.RoleUser)
	_, ann := s.user("ann", notebook.RoleUser)
	_, mod := s.user("mod", notebook.RoleModerator)
	id := s.upload(mod, "card")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	comment := `{"target_type":"persona","target_id":"` + id + `","content":"c"}`
	for what, do := range map[string]func(token string) *httptest.ResponseRecorder{
		"uploads": func(token string) *httptest.ResponseRecorder {
			return s.form(token, "/api/persona/upload", map[string]string{"name": "n", "description": "d"}, "version = 1")
		},
		"comments": func(token string) *httptest.ResponseRecorder { return s.json("POST", "/api/comments", token, comment) },
		"reactions": func(token string) *httptest.ResponseRecorder {
			return s.json("POST", "/api/persona/"+id+"/star", token, "")
		},
		"letters": func(token string) *httptest.ResponseRecorder {
			return s.json("POST", "/api/messages/send", token, `{"title":"t","content":"c","recipient_id":"`+bob+`"}`)
		},
	} {
		for range few.Burst {
			if w := do(ann); w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		}
		s.limited(what, do(ann))
	}
	if w := s.json("POST", "/api/comments", mod, comment); w.Code != http.StatusOK {
		t.Errorf("others wait with ann: %s", w.Body)
	}
	for n := range 3 {
		w := s.json("DELETE", "/api/messages/x", ann, "")
		if n < few.Burst && w.Code != http.StatusNotFound {
			t.Errorf("%d %s", w.Code, w.Body)
		} else if n == few.Burst {
			s.limited("changes", w)
		}
	}
}

// A user has so many items, and so many bytes, and no more; what is too much leaves
// nothing behind.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *service.Config) {
		l := service.DefaultLimits()
		l.Items, l.Bytes = 2, 400
		c.Limits = &l
	})
	_, ann := s.user("ann", notebook.RoleUser)
	_, bob := s.user("bob", notebook.RoleUser)
	up := func(by, name string, bytes int) *httptest.ResponseRecorder {
		return s.form(by, "/api/persona/upload", map[string]string{"name": name, "description": "d"}, "version = 1 #"+strings.Repeat("x", bytes-13))
	}
	want := func(what string, w *httptest.ResponseRecorder, over bool) {
		t.Helper()
		if over {
			s.wantFailure(w, 409, "CONFLICT_ERROR", "QUOTA_EXCEEDED")
		} else if w.Code != http.StatusOK {
			t.Errorf("%s: %s", what, w.Body)
		}
	}
	want("within", up(ann, "a", 300), false)
	want("too many bytes", up(ann, "b", 200), true)
	want("just within", up(ann, "c", 100), false)
	want("one of another user", up(bob, "a", 13), false)
	want("a second", up(bob, "b", 13), false)
	want("too many items", up(bob, "c", 13), true)
	var cards, files int
	if err := s.store.DB().QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM persona_cards), (SELECT count(*) FROM persona_card_files)").Scan(&cards, &files); err != nil || cards != 4 || files != 4 {
		t.Errorf("%d cards, %d files: %v", cards, files, err)
	}
}

// Reactions are told once, downloads counted once an hour for a client.
func TestRepetitionsCountOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, bob := s.user("bob", notebook.RoleUser)
	id := s.upload(ann, "card")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	var made struct{ Data struct{ ID string } }
	s.decode(s.json("POST", "/api/comments", ann, `{"target_type":"persona","target_id":"`+id+`","content":"c"}`), &made)
	for range 10 {
		if w := s.json("POST", "/api/comments/"+made.Data.ID+"/react", bob, `{"action":"like"}`); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	if n := strings.Count(s.get("/api/messages/by-type/reaction", ann).Body.String(), `"message_type":"reaction"`); n != 1 {
		t.Errorf("ann is told %d times", n)
	}
	download := func(client string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/persona/"+id+"/download", nil)
		r.RemoteAddr = client + ":1"
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body)
		}
	}
	for range 5 {
		download("192.0.2.1")
		download("192.0.2.2")
	}
	if w := s.get("/api/persona/"+id, ""); !strings.Contains(w.Body.String(), `"downloads":2`) {
		t.Errorf("%s", w.Body)
	}
	var rows int
	if err := s.store.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM download_records WHERE client IS NOT NULL AND client NOT LIKE '%192%'").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows: %v", rows, err)
	}
}

// Answers go so deep, and there are so many comments.
func TestCommentsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *service.Config) {
		l := service.DefaultLimits()
		l.Comments.Burst = 1000
		c.Limits = &l
	})
	_, ann := s.user("ann", notebook.RoleUser)
	id := s.upload(ann, "card")
	parent := "null"
	say := func() *httptest.ResponseRecorder {
		return s.json("POST", "/api/comments", ann, `{"target_type":"persona","target_id":"`+id+`","content":"c","parent_id":`+parent+`}`)
	}
	for range notebook.MaxCommentDepth {
		var made struct{ Data struct{ ID string } }
		w := say()
		if w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		s.decode(w, &made)
		parent = `"` + made.Data.ID + `"`
	}
	s.wantFailure(say(), 422, "VALIDATION_ERROR", "COMMENT_TOO_DEEP")
	parent = "null"
	s.exec(fmt.Sprintf(`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO comments (id, user_id, target_id, target_type, content, created_at, updated_at)
		SELECT 'c' || i, (SELECT user_id FROM comments LIMIT 1), '%s', 'persona', 'c', i, i FROM n`, notebook.MaxCommentsOfUser-notebook.MaxCommentDepth, id))
	s.wantFailure(say(), 409, "CONFLICT_ERROR", "COMMENTS_FULL")
}

// A page has bounded texts, however many and long those of its items are.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	annID, ann := s.user("ann", notebook.RoleUser)
	id := s.upload(ann, "card")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0, content = ?", strings.Repeat("好", 20000))
	s.exec(`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)
		INSERT INTO persona_cards (id, name, description, uploader_id, content, tags, base_path, is_public, version, created_at, updated_at)
		SELECT 'c' || i, name, description, uploader_id, content, tags, base_path, is_public, version, i, i FROM persona_cards, n`)
	for _, path := range []string{"/api/persona/public?page_size=100", "/api/persona/user/" + annID + "?page_size=100"} {
		w := s.get(path, ann)
		if n := w.Body.Len(); w.Code != http.StatusOK || n > 5<<20 || n < 3<<20 || !strings.Contains(w.Body.String(), `"content":null`) {
			t.Errorf("%s: %d, %d bytes", path, w.Code, n)
		}
	}
	if w := s.get("/api/persona/"+id, ""); strings.Contains(w.Body.String(), `"content":null`) {
		t.Error("a card alone lacks its content")
	}
}
