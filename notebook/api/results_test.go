package api

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/unstale/unstale/notebook"
)

// base uploads a knowledge base and returns its id.
func (s *site) base(token, name string) string {
	s.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for field, value := range map[string]string{"name": name, "description": "about " + name, "is_public": "true"} {
		_ = m.WriteField(field, value)
	}
	part, err := m.CreateFormFile("files", "a.txt")
	if err != nil {
		s.Fatal(err)
	}
	_, _ = part.Write([]byte(name))
	_ = m.Close()
	w := s.send("POST", "/api/knowledge/upload", token, &body, "Content-Type", m.FormDataContentType())
	if w.Code != http.StatusOK {
		s.Fatal(w.Code, w.Body)
	}
	var got struct{ Data struct{ ID string } }
	s.decode(w, &got)
	return got.Data.ID
}

// Pages of knowledge bases are results under keys that people can name: answers
// in another language are made of the same one, and fall with it.
func TestPagesOfKnowledgeBasesAreResults(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	annID, ann := s.user("ann", notebook.RoleUser)
	bobID, bob := s.user("bob", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	s.base(ann, "one")
	s.exec("UPDATE knowledge_bases SET is_public = 1, is_pending = 0")
	list := func(path, token, language string) (cached bool, loads, kept uint64) {
		t.Helper()
		before := s.cache.Stats().Loads
		w := s.get(path, token, "Accept-Language", language)
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body)
		}
		after := s.cache.Stats().Loads
		return hit(w), after.Misses - before.Misses, after.Hits - before.Hits
	}
	public, own, bobs := "/api/knowledge/public?name=o", "/api/knowledge/user/"+annID, "/api/knowledge/user/"+bobID
	for _, language := range []string{"zh", "en"} { // whose accounts are loaded is not the question
		list("/api/users/me", ann, language)
		list("/api/users/me", bob, language)
	}
	for _, test := range []struct{ path, token string }{{public, ""}, {own, ann}} {
		if cached, loads, _ := list(test.path, test.token, "zh"); cached || loads != 1 {
			t.Errorf("%s at first: hit %v, %d runs", test.path, cached, loads)
		}
		if cached, loads, kept := list(test.path, test.token, "en"); cached || loads != 0 || kept == 0 {
			t.Errorf("%s in another language: hit %v, %d runs, %d results used", test.path, cached, loads, kept)
		}
		if cached, _, _ := list(test.path, test.token, "en"); !cached {
			t.Errorf("%s is not cached", test.path)
		}
	}
	list(bobs, bob, "en")
	for _, test := range []struct {
		pattern           string
		public, own, bobs bool // which of them fall
	}{
		{"maimnp:kb:public:*", true, false, false},
		{"maimnp:kb:user:" + annID + ":*", false, true, false},
		{"maimnp:kb:user:" + annID[:8] + ":*", false, false, false},
		{"maimnp:kb:user:*", false, true, true},
	} {
		if w := s.json("POST", "/api/admin/cache/invalidate", admin, fmt.Sprintf(`{"patterns":[%q]}`, test.pattern)); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		for _, page := range []struct {
			path, token string
			falls       bool
		}{{public, "", test.public}, {own, ann, test.own}, {bobs, bob, test.bobs}} {
			if cached, _, _ := list(page.path, page.token, "en"); cached == page.falls {
				t.Errorf("%s: is %s left? %v", test.pattern, page.path, cached)
			}
		}
	}
}
