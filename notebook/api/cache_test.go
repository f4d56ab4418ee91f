package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// Every resource with an id clears what belongs to that id as a whole: not what
// belongs to an id that begins, ends or goes on like it, and "*" is an id like
// any other.
func TestInvalidateResourceByID(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, admin := s.user("admin", notebook.RoleAdmin)
	// What a site with every resource would answer, on the cache of this one.
	other := s.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), unstale.Tag("nothing"))
		fmt.Fprint(w, r.URL)
	}))
	asked := func(path string) (kept bool) {
		if key, ok := strings.CutPrefix(path, "load "); ok {
			kept = true
			if _, err := unstale.Load(t.Context(), s.cache, key, func(ctx context.Context) (int, error) {
				kept = false
				unstale.DependOn(ctx, unstale.Tag("nothing"))
				return 0, nil
			}); err != nil {
				t.Fatal(err)
			}
			return kept
		}
		w := httptest.NewRecorder()
		other.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return hit(w)
	}
	ids := []string{"1", "12", "21", "*", "a/b", "3e8e7bb6-0000-4000-8000-000000000001"}
	for _, test := range []struct {
		resource string
		own      []string // %s: the id
		every    []string // cleared with whatever id
		never    []string // cleared with no id
	}{
		{"persona", []string{"/api/persona/%s", "/api/persona/%s/starred", "/api/persona/%s?page=1"},
			[]string{"/api/persona/public", "/api/persona/public?page=1"}, []string{"/api/users/stars", "/api/knowledge/1"}},
		{"knowledge", []string{"/api/knowledge/%s", "/api/knowledge/%s/starred", "load kb:user:%s:pages"},
			[]string{"/api/knowledge/public", "load kb:public:1"}, []string{"/api/persona/1", "/api/persona/public"}},
		{"user", []string{"/api/users/%s/avatar", "/api/users/%s/avatar?size=200", "load user:%s"},
			nil, []string{"/api/users/me", "/api/users/stars", "/api/persona/1"}},
		{"message", []string{"/api/messages/%s", "/api/messages?user_id=%s", "/api/messages?page=2&user_id=%s"},
			nil, []string{"/api/messages", "/api/comments/1"}},
		{"comment", []string{"/api/comments/%s", "/api/comments?target_id=%s&target_type=persona"},
			nil, []string{"/api/comments", "/api/messages/1"}},
	} {
		var paths []string
		belongs := map[string][]string{}
		for _, id := range ids {
			for _, path := range test.own {
				path = fmt.Sprintf(path, unstale.Escape(id))
				belongs[id] = append(belongs[id], path)
				paths = append(paths, path)
			}
		}
		paths = slices.Concat(paths, test.every, test.never)
		for _, path := range paths {
			asked(path)
		}
		for _, id := range ids {
			body := fmt.Sprintf(`{"resource":%q,"id":%q}`, test.resource, id)
			if w := s.json("POST", "/api/admin/cache/invalidate", admin, body); w.Code != http.StatusOK {
				t.Errorf("%s: %s", body, w.Body)
			}
			for s.cache.Stats().Patterns > 0 { // what works them off may drop what was made since
				time.Sleep(time.Millisecond)
			}
			for _, path := range paths {
				cleared := slices.Contains(belongs[id], path) || slices.Contains(test.every, path)
				if kept := asked(path); kept == cleared {
					t.Errorf("%s: is %s left? %v", body, path, kept)
				}
			}
		}
	}
}

// The user's resource is what decides whether his token is good, nobody else's.
func TestInvalidateOneUser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	annID, ann := s.user("ann", notebook.RoleUser)
	bobID, bob := s.user("bob", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	loads := func(token string) uint64 {
		before := s.cache.Stats().Loads.Misses
		if w := s.get("/api/users/stars", token); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		return s.cache.Stats().Loads.Misses - before
	}
	for range 2 {
		loads(ann)
		loads(bob)
	}
	for _, test := range []struct {
		id       string
		ann, bob uint64
	}{
		{annID, 2, 0}, {bobID, 0, 2}, // the account, and the session that is made of it
		{annID[:8], 0, 0}, {annID + "1", 0, 0}, {"*", 0, 0},
	} {
		body := fmt.Sprintf(`{"resource":"user","id":%q}`, test.id)
		if w := s.json("POST", "/api/admin/cache/invalidate", admin, body); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		if a, b := loads(ann), loads(bob); a != test.ann || b != test.bob {
			t.Errorf("%s: ann's account is loaded %d times, want %d, bob's %d, want %d", body, a, test.ann, b, test.bob)
		}
	}
}

// Tags, keys, patterns and a resource are one batch: all of them, or none if one
// is malformed.
func TestInvalidateIsOneBatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	one, two := s.upload(ann, "one"), s.upload(ann, "two")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	paths := []string{dictionaryPath, "/api/persona/public", "/api/persona/" + one, "/api/persona/" + two, "/api/users/stars"}
	left := func() (list []string) {
		for _, p := range paths {
			if hit(s.get(p, ann)) {
				list = append(list, p)
			}
		}
		return list
	}
	invalidate := func(body string) *httptest.ResponseRecorder {
		return s.json("POST", "/api/admin/cache/invalidate", admin, body)
	}
	left()
	for body, code := range map[string]string{
		`{"tags":["dictionary"],"keys":[""]}`:                          "TARGET_INVALID",
		`{"tags":["dictionary"],"patterns":["http:*persona/{id}*"]}`:   "TARGET_INVALID",
		`{"tags":["dictionary"],"patterns":["http:*x{id}*"],"id":"1"}`: "TARGET_INVALID",
		`{"tags":["dictionary"],"id":"1"}`:                             "TARGET_ID_UNUSED",
		`{"tags":["dictionary"],"resource":"none"}`:                    "INPUT_INVALID",
		`{"patterns":[` + strings.Repeat(`"*",`, maxTargets) + `"*"]}`: "INPUT_INVALID",
	} {
		s.wantFailure(invalidate(body), 422, "VALIDATION_ERROR", code)
		if got := left(); len(got) != len(paths) {
			t.Errorf("%.80s: left %v", body, got)
		}
	}
	for _, test := range []struct {
		body    string
		targets int
		left    []string
	}{
		{`{"tags":["dictionary"],"keys":["http:GET example.com /api/persona/` + one + `"],"patterns":["maimnp:http:*users/stars*"]}`, 3, []string{paths[1], paths[3]}},
		{`{"patterns":["http:*persona/{pc_id}*","http:*{a}/{b}*"],"id":"` + two + `"}`, 2, []string{paths[0], paths[1], paths[2], paths[4]}},
		{`{"resource":"persona","id":"` + one + `","tags":["dictionary"]}`, 3, []string{paths[3], paths[4]}},
	} {
		var got struct{ Data struct{ Targets int } }
		w := invalidate(test.body)
		s.decode(w, &got)
		if l := left(); w.Code != http.StatusOK || got.Data.Targets != test.targets || !slices.Equal(l, test.left) {
			t.Errorf("%s: %d %s, left %v, want %v", test.body, w.Code, w.Body, l, test.left)
		}
	}
}

// What the counters say of what was just done.
func TestCacheStatsCount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, admin := s.user("admin", notebook.RoleAdmin)
	read := func() cacheCounters {
		var stats struct{ Data cacheCounters }
		s.decode(s.get("/api/admin/cache/stats", admin), &stats)
		return stats.Data
	}
	s.get(dictionaryPath, "") // who finds something stored has the file looked at
	if w := s.json("POST", "/api/admin/cache/stats/reset", admin, ""); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	for range 4 {
		s.get("/api/persona/public", "")
	}
	s.writeDictionary("{", time.Now().Add(-time.Hour))
	s.get(dictionaryPath, "") // answers with an error
	s.get("/health", "")      // passes
	c := read()
	if c.Hits != 3 || c.Misses != 2 || c.HitRate != "60.00%" || c.HitRateValue != 60 || c.Total != 5 || c.Errors != 1 || c.Degraded != 1 || c.DegradationReasons["status"] != 1 || c.Bypassed < 2 || !c.CacheEnabled {
		t.Errorf("%+v", c)
	}
	s.json("POST", "/api/admin/cache/stats/reset", admin, "")
	if c := read(); c.Hits+c.Misses+c.Errors+c.Degraded != 0 || c.HitRate != "0.00%" || c.HitRateValue != 0 || len(c.DegradationReasons) != 0 {
		t.Errorf("after a reset: %+v", c)
	}
	s.exec("ALTER TABLE users RENAME TO people")
	s.get("/api/users/me", admin) // nobody can say who asks
	s.exec("ALTER TABLE people RENAME TO users")
	if c := read(); c.Errors != 1 {
		t.Errorf("after a failure: %+v", c)
	}
}
