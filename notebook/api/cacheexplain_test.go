package api

import (
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

const explainPath = "/api/admin/cache/explain"

// explained asks for an explanation.
func (s *site) explained(token, name, value string) explanations {
	s.Helper()
	w := s.get(explainPath+"?"+name+"="+unstale.Escape(value), token)
	var got struct{ Data explanations }
	s.decode(w, &got)
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || hit(w) || len(got.Data.Variants) == 0 {
		s.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	return got.Data
}

// An admin asks why a list was a miss, and is told the request, the table, the
// row and the column. Nobody else is told anything.
func TestExplainCache(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, mod := s.user("mod", notebook.RoleModerator)
	_, admin := s.user("admin", notebook.RoleAdmin)
	card := s.upload(ann, "one")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	const list = "/api/persona/public"
	for range 3 {
		s.get(list, "")
	}
	x := s.explained(admin, "url", list)
	if x.Key != "maimnp:http:GET example.com "+list || len(x.Variants) != 1 || x.More != 0 {
		t.Fatalf("%+v", x)
	}
	e := x.Variants[0]
	if !e.Stored || e.Reason != "" || e.Change != nil || !slices.Equal(e.Keys, []string{x.Key}) || e.Since == nil || time.Until(*e.Until) <= 0 || !slices.Equal(e.SelectedBy, []string{"accept-language"}) {
		t.Errorf("%+v", e)
	}
	named := slices.ContainsFunc(e.Dependencies, func(d dependency) bool {
		return strings.Contains(d.Statement, "persona_cards") && strings.HasPrefix(d.Source, "persona_cards") && d.Count > 0 && !d.Changed
	})
	if !named {
		t.Errorf("it depends on %+v", e.Dependencies)
	}

	before := time.Now().Add(-time.Second)
	if w := s.json("POST", "/api/persona/"+card+"/star", ann, ""); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	check := func(ch *change) {
		t.Helper()
		if ch == nil || ch.Cause != "write" || ch.Request != "POST /api/persona/{id}/star" || ch.Time.Before(before) || ch.Time.After(time.Now()) {
			t.Fatalf("%+v", ch)
		}
		row := slices.IndexFunc(ch.Rows, func(r rowChange) bool { return r.Table == "persona_cards" })
		if row < 0 || ch.Rows[row].Operation != "update" || ch.Rows[row].Key != card || !slices.Contains(ch.Rows[row].Columns, "star_count") {
			t.Errorf("%+v", ch)
		}
	}
	e = s.explained(admin, "url", "http://example.com"+list).Variants[0]
	if e.Reason != "changed" || !slices.ContainsFunc(e.Dependencies, func(d dependency) bool { return d.Changed }) {
		t.Errorf("%+v", e)
	}
	check(e.Change)

	s.get(list, "")
	e = s.explained(admin, "key", "http:GET example.com "+list).Variants[0]
	if e.LastMiss == nil || e.LastMiss.Reason != "changed" || e.Reason != "" {
		t.Fatalf("%+v", e)
	}
	check(e.LastMiss.Change)

	for token, want := range map[string]int{"": 401, "garbage": 401, ann: 403, mod: 403} {
		if w := s.get(explainPath+"?url="+list, token); w.Code != want || strings.Contains(w.Body.String(), card) {
			t.Errorf("%.5s: %d %s", token, w.Code, w.Body)
		}
	}
	if stats := s.cache.Stats(); len(stats.UntrackedReads) > 0 || len(stats.ContextValues) > 0 {
		t.Errorf("untracked %v, context values %v", stats.UntrackedReads, stats.ContextValues)
	}
}

// An admin is told what keeps hits away, nobody else is.
func TestCacheAdvice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	const own, path = "/api/users/me", "/api/admin/cache/advice"
	s.get(own, "") // whose answer is an error
	w := s.get(path, admin)
	var got struct{ Data []advice }
	s.decode(w, &got)
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || hit(w) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if !slices.ContainsFunc(got.Data, func(a advice) bool {
		return a.Route == "GET "+own && a.Reason == "status" && a.Count == 1 && a.Seconds > 0 && a.Remedy != ""
	}) {
		t.Errorf("%+v", got.Data)
	}
	for token, want := range map[string]int{"": 401, ann: 403} {
		if w := s.get(path, token); w.Code != want {
			t.Errorf("%.5s: %d %s", token, w.Code, w.Body)
		}
	}
}

// What is asked badly, and what nobody knows.
func TestExplainCacheRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, admin := s.user("admin", notebook.RoleAdmin)
	for _, query := range []string{"", "?key=", "?key=a&url=/b", "?url=api", "?url=mailto:a@b", "?url=%25zz", "?url=http:///a"} {
		s.wantFailure(s.get(explainPath+query, admin), 422, "VALIDATION_ERROR", "EXPLAIN_TARGET")
	}
	s.wantFailure(s.get(explainPath+"?key="+strings.Repeat("a", 4001), admin), 422, "VALIDATION_ERROR", "INPUT_INVALID")
	for _, query := range []string{"?url=/never", "?key=never"} {
		f := s.wantFailure(s.get(explainPath+query, admin, "Accept-Language", "en"), 404, "NOT_FOUND_ERROR", "CACHE_KEY_UNKNOWN")
		if f.Error.Message != errUnexplained.Text.EN {
			t.Errorf("%+v", f)
		}
	}
}

// Many variants are not all shown, and a purge is a cause like any other.
func TestExplainCacheVariants(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, admin := s.user("admin", notebook.RoleAdmin)
	other := s.cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), unstale.Tag("nothing"))
		w.Header().Set("Vary", "X-Many")
		fmt.Fprint(w, r.URL)
	}))
	for i := range maxExplained + 5 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/other", nil)
		r.Header.Set("X-Many", fmt.Sprint(i))
		other.ServeHTTP(httptest.NewRecorder(), r)
	}
	if x := s.explained(admin, "url", "/other"); len(x.Variants) != maxExplained || x.More != 5 || !slices.Contains(x.Variants[0].SelectedBy, "X-Many") {
		t.Errorf("%d variants and %d more: %+v", len(x.Variants), x.More, x.Variants[0])
	}
	if w := s.json("POST", "/api/admin/cache/invalidate", admin, `{"tags":["nothing"]}`); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	for _, e := range s.explained(admin, "url", "/other").Variants {
		if ch := e.Change; ch == nil || ch.Request != "POST /api/admin/cache/invalidate" || !slices.Equal(ch.Targets, []string{"tag nothing"}) {
			t.Errorf("%+v", e)
		}
	}
}
