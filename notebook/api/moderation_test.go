package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/moderation"
	"github.com/unstale/unstale/notebook/service"
)

type verdict struct {
	Data struct {
		Decision       string
		Confidence     float64
		ViolationTypes []string `json:"violation_types"`
	}
}

func (s *site) judge(token, body string) verdict {
	s.Helper()
	var v verdict
	w := s.json("POST", "/api/moderation/check", token, body)
	if w.Code != http.StatusOK {
		s.Fatal(w.Code, w.Body)
	}
	s.decode(w, &v)
	return v
}

func TestModerationByWords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	if v := s.judge(ann, `{"text":"你好"}`); v.Data.Decision != "true" || v.Data.Confidence != 0 || v.Data.ViolationTypes == nil {
		t.Errorf("%+v", v)
	}
	if v := s.judge(ann, `{"text":"you asshole","text_type":"post"}`); v.Data.Decision != "false" || v.Data.Confidence != 1 || fmt.Sprint(v.Data.ViolationTypes) != "[abuse]" {
		t.Errorf("%+v", v)
	}
	for _, body := range []string{`{}`, `{"text":""}`, `{"text":"x","text_type":"poem"}`, `{"text":"` + strings.Repeat("x", 20_001) + `"}`} {
		s.wantFailure(s.json("POST", "/api/moderation/check", ann, body), 422, "VALIDATION_ERROR", "INPUT_INVALID")
	}
	s.wantFailure(s.json("POST", "/api/moderation/check", "", `{"text":"x"}`), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	s.wantFailure(s.get("/api/moderation/health", ""), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	for i := range 2 {
		if w := s.get("/api/moderation/health", ann); w.Code != http.StatusOK || hit(w) != (i == 1) || !strings.Contains(w.Body.String(), `"words"`) {
			t.Errorf("%d %q %s", w.Code, w.Header().Get("Cache-Status"), w.Body)
		}
	}
}

// moderated returns a site that asks a judge who is broken while broken is set, and
// that cannot invalidate while down is set.
func moderated(t *testing.T) (s *site, ann string, broken, down *atomic.Bool) {
	t.Helper()
	broken = new(atomic.Bool)
	judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			http.Error(w, `{"error":{"message":"the key sk-secret is wrong"}}`, http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"choices":[{"message":{"role":"assistant","content":"{\"decision\":\"false\",\"confidence\":0.9,\"violation_types\":[\"porn\"]}"}}]}`)
	}))
	t.Cleanup(judge.Close)
	chat, err := moderation.NewChat(moderation.ChatOptions{URL: judge.URL, Model: "judge-1", Key: "sk-secret"})
	if err != nil {
		t.Fatal(err)
	}
	s, down = unreachable(t, func(c *service.Config) { c.Moderator = chat })
	_, ann = s.user("ann", notebook.RoleUser)
	return s, ann, broken, down
}

// The health is cached, and shows the outcome of a check in the very next read.
func TestModerationHealthFollowsTheChecks(t *testing.T) {
	t.Parallel()
	s, ann, broken, _ := moderated(t)
	for _, down := range []bool{false, true, true, false} {
		broken.Store(down)
		want, status := "false", `"healthy"`
		if down {
			want, status = "unknown", `"unhealthy"`
		}
		if v := s.judge(ann, `{"text":"x"}`); v.Data.Decision != want || v.Data.ViolationTypes == nil {
			t.Errorf("broken: %v: %+v", down, v)
		}
		s.get("/api/moderation/health", ann)
		w := s.get("/api/moderation/health", ann)
		if !hit(w) || !strings.Contains(w.Body.String(), `"status":`+status) || !strings.Contains(w.Body.String(), `"judge-1"`) {
			t.Errorf("broken: %v: %q %s", down, w.Header().Get("Cache-Status"), w.Body)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "status 403") || strings.Contains(log, "sk-secret") {
		t.Errorf("the log lacks the cause, or has the key: %s", log)
	}
}

// A failed invalidation never fails the business operation: what it concerns
// is answered anew until it has succeeded.
func TestFailedInvalidationNeverFailsACheck(t *testing.T) {
	t.Parallel()
	s, ann, broken, down := moderated(t)
	for range 2 {
		s.get("/api/moderation/health", ann)
	}
	down.Store(true)
	broken.Store(true)
	if v := s.judge(ann, `{"text":"x"}`); v.Data.Decision != "unknown" {
		t.Errorf("%+v", v)
	}
	for i := range 5 {
		if i == 2 {
			down.Store(false) // who asks was found before the look, so that the first answer after it is not stored
		}
		w := s.get("/api/moderation/health", ann)
		if w.Code != http.StatusOK || i < 3 && hit(w) || i == 4 && !hit(w) || unvouched(w) != (i < 2) || !strings.Contains(w.Body.String(), "unhealthy") {
			t.Errorf("request %d: %d %q %s", i, w.Code, w.Header().Get("Cache-Status"), w.Body)
		}
	}
	s.wantSourceFailed("moderation")
}
