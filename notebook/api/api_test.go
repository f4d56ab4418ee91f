package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

// Every GET is cached, by code that nowhere says so: nothing reads without the
// request's context, writes in a GET, or looks at a value from outside.
func TestEveryGETIsCached(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	annID, ann := s.user("ann", notebook.RoleUser)
	_, mod := s.user("mod", notebook.RoleModerator)
	public, waiting := s.upload(ann, "public"), s.upload(ann, "waiting")
	if w := s.json("POST", "/api/review/persona/"+public+"/approve", mod, ""); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	known, unknown := s.base(ann, "known"), s.base(ann, "unknown")
	if w := s.json("POST", "/api/review/knowledge/"+known+"/approve", mod, ""); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	type files struct {
		Data struct {
			Files []struct {
				FileID string `json:"file_id"`
			}
		}
	}
	var detail, base files
	s.decode(s.get("/api/persona/"+public, ""), &detail)
	s.decode(s.get("/api/knowledge/"+known, ""), &base)
	for _, test := range []struct{ path, token string }{
		{"/api/users/me", ann},
		{"/api/users/stars", ann},
		{"/api/user/stars?include_details=true", ann},
		{"/api/persona/public?name=p&sort_by=star_count", ""},
		{"/api/persona/public?uploader_id=ann", ann},
		{"/api/persona/" + public, ""},
		{"/api/persona/" + waiting, ann},
		{"/api/persona/user/" + annID + "?status=pending", ann},
		{"/api/persona/" + public + "/starred", ann},
		{"/api/persona/" + public + "/file/" + detail.Data.Files[0].FileID, ann},
		{"/api/review/persona/pending", mod},
		{"/api/knowledge/public?name=k&sort_by=star_count", ""},
		{"/api/knowledge/public?uploader_id=ann", ann},
		{"/api/knowledge/" + known, ""},
		{"/api/knowledge/" + unknown, ann},
		{"/api/knowledge/user/" + annID + "?tag=a", ann},
		{"/api/knowledge/" + known + "/starred", ann},
		{"/api/knowledge/" + known + "/file/" + base.Data.Files[0].FileID, ann},
		{"/api/review/knowledge/pending", mod},
		{"/api/users/me/upload-history", ann},
		{"/api/users/me/upload-stats", ann},
		{"/api/users/me/dashboard-stats", ann},
		{"/api/users/me/dashboard-trends?days=7", ann},
	} {
		first, second := s.get(test.path, test.token), s.get(test.path, test.token)
		if first.Code != http.StatusOK || second.Code != http.StatusOK || !hit(second) {
			t.Errorf("%s: %d %q, then %d %q: %s", test.path, first.Code, first.Header().Get("Cache-Status"), second.Code, second.Header().Get("Cache-Status"), first.Body)
		}
		if first.Body.String() != second.Body.String() {
			t.Errorf("%s: a hit differs", test.path)
		}
	}
	// What everybody may see is shared, whoever asks and however badly.
	for _, token := range []string{ann, mod, "garbage"} {
		if w := s.get("/api/persona/"+public, token); !hit(w) {
			t.Errorf("a public card is not shared: %q", w.Header().Get("Cache-Status"))
		}
	}
	if w := s.get("/api/persona/"+public+"/download", ""); w.Code != http.StatusOK || hit(w) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("download: %d %v", w.Code, w.Header())
	}
	stats := s.cache.Stats()
	if len(stats.UntrackedReads) > 0 || len(stats.WritesInGET) > 0 || len(stats.ContextValues) > 0 {
		t.Errorf("untracked %v, writes in GET %v, context values %v", stats.UntrackedReads, stats.WritesInGET, stats.ContextValues)
	}
	// A login that fails touches the user's row, and nothing that others see. The
	// first reads after the start only taught the cache what is worth telling apart.
	for _, survives := range []bool{false, true} {
		if w := s.json("POST", "/api/auth/token", "", `{"username":"ann","password":"wrong"}`); w.Code != http.StatusUnauthorized {
			t.Fatal(w.Body)
		}
		for _, path := range []string{"/api/persona/" + public, "/api/persona/public?name=p&sort_by=star_count"} {
			if w := s.get(path, ""); survives && !hit(w) {
				t.Errorf("%s does not survive a failed login of an uploader: %s", path, w.Header().Get("Cache-Status"))
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var zh, en failed
	s.decode(s.get("/api/persona/x", ""), &zh)
	s.decode(s.get("/api/persona/x", "", "Accept-Language", "en"), &en)
	if want := notebook.ErrItemNotFound.Of(notebook.TargetPersona).Text; zh.Error.Message != want.ZH || en.Error.Message != want.EN {
		t.Errorf("%q, %q", zh.Error.Message, en.Error.Message)
	}
	// One variant per language, not one per browser.
	s.get("/api/persona/public", "", "Accept-Language", "en")
	if w := s.get("/api/persona/public", "", "Accept-Language", "EN"); !hit(w) || !strings.Contains(w.Body.String(), "Public persona cards") {
		t.Errorf("%q %s", w.Header().Get("Cache-Status"), w.Body)
	}
	if w := s.get("/api/persona/public", ""); hit(w) || !strings.Contains(w.Body.String(), "公开") {
		t.Errorf("%q %s", w.Header().Get("Cache-Status"), w.Body)
	}
	for _, browser := range []string{"en-US,en;q=0.9", "en-GB", "fr, en;q=0.5", "zh-CN,zh;q=0.9,en;q=0.8"} {
		if w := s.get("/api/persona/public", "", "Accept-Language", browser); !hit(w) || !strings.Contains(w.Body.String(), "公开") {
			t.Errorf("%s: %q %s", browser, w.Header().Get("Cache-Status"), w.Body)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	f := s.wantFailure(s.get("/api/persona/public?page=0", "", "X-Request-Id", "abc"), 422, "VALIDATION_ERROR", "INPUT_INVALID")
	if f.Error.RequestID != "abc" || f.Error.Path != "/api/persona/public" || len(f.Error.Details["errors"].([]any)) != 1 {
		t.Errorf("%+v", f)
	}
	if f := s.wantFailure(s.get("/nowhere", "", "X-Request-Id", "a b\n"), 404, "NOT_FOUND_ERROR", "NOT_FOUND"); f.Error.RequestID == "a b\n" {
		t.Error("a request id that breaks the log")
	}
	s.wantFailure(s.get("/api/nowhere", ""), 404, "NOT_FOUND_ERROR", "NOT_FOUND")
	s.wantFailure(s.get("/api/users/me", ""), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	s.wantFailure(s.get("/api/users/me", "x.y.z"), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	s.wantFailure(s.get("/api/admin/cache/stats", ann), 403, "AUTHORIZATION_ERROR", "PERMISSION_DENIED")
	for _, body := range []string{"", "{", "[]", `{"current_password":1}`} {
		s.wantFailure(s.json("PUT", "/api/users/me/password", ann, body), 422, "VALIDATION_ERROR", "INPUT_INVALID")
	}
	f = s.wantFailure(s.json("PUT", "/api/users/me/password", ann, `{"current_password":"hunter2"}`), 422, "VALIDATION_ERROR", "INPUT_INVALID")
	if strings.Contains(fmt.Sprint(f), "hunter2") {
		t.Error("a password is echoed")
	}
	// Who may not is told so before what is wrong with his input.
	s.wantFailure(s.json("PUT", "/api/users/me/password", "", "{"), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	for _, body := range []string{"", "{", `"x"`} {
		s.wantFailure(s.json("POST", "/api/auth/token", "", body), 422, "VALIDATION_ERROR", map[bool]string{true: "INPUT_INVALID", false: "BODY_INVALID"}[body == ""])
	}
	s.wantFailure(s.json("POST", "/api/auth/token", "", `{"username":"ann","password":1}`), 422, "VALIDATION_ERROR", "FIELDS_MISSING")
	f = s.wantFailure(s.form(ann, "/api/persona/upload", map[string]string{"name": "n", "description": "d"}, "x = "), 422, "VALIDATION_ERROR", "PERSONA_TOML_PARSE_ERROR")
	if f.Error.Details["code"] != "PERSONA_TOML_PARSE_ERROR" {
		t.Errorf("%+v", f)
	}
	s.wantFailure(s.form(ann, "/api/persona/upload", map[string]string{"name": "n", "description": "d", "is_public": "maybe"}, "version = 1"), 422, "VALIDATION_ERROR", "IS_PUBLIC_INVALID")
	large := "version = 1 # " + strings.Repeat("x", notebook.MaxBotConfigSize)
	s.wantFailure(s.form(ann, "/api/persona/upload", map[string]string{"name": "n", "description": "d"}, large), 422, "VALIDATION_ERROR", "PERSONA_FILE_SIZE_EXCEEDED")
	s.wantFailure(s.form(ann, "/api/persona/upload", map[string]string{"name": "n", "description": "d", "content": strings.Repeat("x", 1<<20+1)}, "version = 1"), 422, "VALIDATION_ERROR", "PERSONA_FILE_CONTENT_SIZE_EXCEEDED")
	s.wantFailure(s.send("POST", "/api/persona/upload", ann, strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nhalf"), "Content-Type", "multipart/form-data; boundary=b"), 422, "VALIDATION_ERROR", "UPLOAD_MALFORMED")
	s.wantFailure(s.json("POST", "/api/persona/upload", ann, "{}"), 422, "VALIDATION_ERROR", "UPLOAD_MALFORMED")
	s.wantFailure(s.json("POST", "/api/admin/users", admin, `{"username":"x","email":"x@example.com","password":"abcdefg1","role":"admin"}`), 403, "AUTHORIZATION_ERROR", "SUPER_ADMIN_REQUIRED")
}

// The cause of a failure of ours is in the log, under the id that the client
// has, and only there.
func TestCauseIsNotTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	s.exec("ALTER TABLE star_records RENAME TO stars")
	w := s.get("/api/users/stars", ann)
	f := s.wantFailure(w, 500, "DATABASE_ERROR", "INTERNAL_ERROR")
	if strings.Contains(w.Body.String(), "star_records") {
		t.Errorf("%s", w.Body)
	}
	if log := s.log.String(); !strings.Contains(log, "star_records") || !strings.Contains(log, "request_id="+f.Error.RequestID) {
		t.Errorf("%s", log)
	}
	// A user whose row cannot be read is not told that his token is bad.
	s.exec("ALTER TABLE users RENAME TO people")
	s.wantFailure(s.get("/api/users/me", ann), 500, "DATABASE_ERROR", "INTERNAL_ERROR")
}

func TestUploadThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	s.exec("CREATE TRIGGER refuse BEFORE INSERT ON upload_records BEGIN SELECT raise(ABORT, 'disk full'); END")
	s.wantFailure(s.form(ann, "/api/persona/upload", map[string]string{"name": "n", "description": "d"}, "version = 1"), 500, "DATABASE_ERROR", "INTERNAL_ERROR")
	var cards, kept int
	if err := s.store.DB().QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM persona_cards), (SELECT count(*) FROM persona_card_files)").Scan(&cards, &kept); err != nil || cards+kept != 0 {
		t.Errorf("%d cards, %d files: %v", cards, kept, err)
	}
}

func TestBansAndTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, ann := s.user("ann", notebook.RoleUser)
	me := func() int { return s.get("/api/users/me", ann).Code }
	for range 2 { // the second time from the cache
		if me() != 200 {
			t.Fatal("ann is not let in")
		}
	}
	s.exec("UPDATE users SET ban_reason = 'spam' WHERE id = ?", id)
	if me() != 401 {
		t.Error("a banned user is let in")
	}
	s.wantFailure(s.json("POST", "/api/auth/token", "", `{"username":"ann","password":"`+password+`"}`), 401, "AUTHENTICATION_ERROR", "ACCOUNT_BANNED")
	s.exec("UPDATE users SET locked_until = ? WHERE id = ?", time.Now().Add(-time.Hour).UnixMicro(), id)
	if me() != 200 {
		t.Error("the ban has ended")
	}
	// Failed logins lock the door, not those who are inside.
	s.exec("UPDATE users SET ban_reason = NULL, locked_until = ? WHERE id = ?", time.Now().Add(time.Hour).UnixMicro(), id)
	s.wantFailure(s.json("POST", "/api/auth/token", "", `{"username":"ann","password":"`+password+`"}`), 401, "AUTHENTICATION_ERROR", "ACCOUNT_LOCKED")
	if me() != 200 {
		t.Error("anybody could log ann out")
	}
	s.exec("DELETE FROM users WHERE id = ?", id)
	if me() != 401 {
		t.Error("a deleted user is let in")
	}
}

func TestGuessingTheCurrentPasswordLocks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, ann := s.user("ann", notebook.RoleUser)
	const guess = `{"current_password":"guess","new_password":"better1","confirm_password":"better1"}`
	for range notebook.MaxFailedLogins {
		s.wantFailure(s.json("PUT", "/api/users/me/password", ann, guess), 401, "AUTHENTICATION_ERROR", "CURRENT_PASSWORD_WRONG")
	}
	right := strings.Replace(guess, "guess", password, 1)
	s.wantFailure(s.json("PUT", "/api/users/me/password", ann, right), 401, "AUTHENTICATION_ERROR", "ACCOUNT_LOCKED")
	_, admin := s.user("admin", notebook.RoleAdmin)
	if w := s.json("POST", "/api/admin/users/"+id+"/unban", admin, "{}"); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	if w := s.json("PUT", "/api/users/me/password", ann, right); w.Code != http.StatusOK {
		t.Error(w.Body)
	}
	s.wantFailure(s.get("/api/users/me", ann), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
}

func TestCacheAdministration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	one, other := s.upload(ann, "one"), s.upload(ann, "other")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	paths := []string{"/api/persona/public", "/api/persona/" + one, "/api/persona/" + other, "/api/users/stars"}
	tokens := []string{"", "", "", ann}
	hits := func() (list []string) {
		for i, p := range paths {
			if hit(s.get(p, tokens[i])) {
				list = append(list, p)
			}
		}
		return list
	}
	hits()
	if got := hits(); len(got) != len(paths) {
		t.Fatalf("hits: %v", got)
	}
	for _, test := range []struct {
		body string
		want []string // what is left
	}{
		{`{"resource":"persona","id":"` + one + `"}`, []string{paths[2], paths[3]}},
		{`{"resource":"persona"}`, []string{paths[3]}},
		{`{"resource":"persona","id":"*"}`, []string{paths[1], paths[2], paths[3]}},
		{`{"resource":"knowledge"}`, paths},
		{`{"resource":"message","id":"1"}`, paths},
		{`{"resource":"comment"}`, paths},
		{`{"resource":"user"}`, paths[:3]},
		{`{"patterns":["maimnp:http:*persona/` + other + `*"]}`, []string{paths[0], paths[1], paths[3]}},
		{`{"tags":["dictionary"]}`, paths},
	} {
		if w := s.json("POST", "/api/admin/cache/invalidate", admin, test.body); w.Code != http.StatusOK {
			t.Errorf("%s: %s", test.body, w.Body)
		}
		if got := hits(); !slices.Equal(got, test.want) {
			t.Errorf("%s: left %v, want %v", test.body, got, test.want)
		}
	}
	s.wantFailure(s.json("POST", "/api/admin/cache/invalidate", admin, `{}`), 422, "VALIDATION_ERROR", "TARGET_MISSING")
	s.wantFailure(s.json("POST", "/api/admin/cache/invalidate", admin, `{"tags":[""]}`), 422, "VALIDATION_ERROR", "TARGET_INVALID")
	s.wantFailure(s.json("POST", "/api/admin/cache/invalidate", admin, `{"resource":"weather"}`), 422, "VALIDATION_ERROR", "INPUT_INVALID")

	var stats struct {
		Data struct {
			Hits, Misses uint64
			HitRate      float64 `json:"hit_rate_value"`
			CacheEnabled bool    `json:"cache_enabled"`
		}
	}
	s.decode(s.get("/api/admin/cache/stats", admin), &stats)
	if stats.Data.Hits == 0 || stats.Data.Misses == 0 || stats.Data.HitRate <= 0 || stats.Data.HitRate >= 100 || !stats.Data.CacheEnabled {
		t.Errorf("%+v", stats)
	}
	if w := s.json("POST", "/api/admin/cache/stats/reset", admin, ""); w.Code != http.StatusOK {
		t.Error(w.Body)
	}
	s.decode(s.get("/api/metrics/cache", ""), &stats)
	if stats.Data.Hits != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestSite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, test := range []struct {
		path, want string
		cached     bool
	}{
		{"/", `"notebook"`, true},
		{"/docs", "<html", true},
		{"/openapi.json", `"/api/persona/{id}"`, true},
		{"/openapi.yaml", "/api/persona/{id}", true},
		{"/openapi-3.0.json", `"/api/persona/{id}"`, true},
		{"/openapi-3.0.yaml", "/api/persona/{id}", true},
		{"/health", "healthy", false},
		{"/api/metrics/health", `"database":"healthy"`, false},
		{"/api/metrics/prometheus", "", false},
		{"/api/metrics/cache", "hit_rate", false},
	} {
		first, second := s.get(test.path, ""), s.get(test.path, "")
		for _, w := range []*httptest.ResponseRecorder{first, second} {
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), test.want) || w.Header().Get("Cache-Status") == "" {
				t.Errorf("%s: %d %q %.200s", test.path, w.Code, w.Header().Get("Cache-Status"), w.Body)
			}
		}
		if hit(first) || hit(second) != test.cached {
			t.Errorf("%s: %q, then %q", test.path, first.Header().Get("Cache-Status"), second.Header().Get("Cache-Status"))
		}
		if noStore := first.Header().Get("Cache-Control") == "no-store"; noStore == test.cached {
			t.Errorf("%s: Cache-Control %q", test.path, first.Header().Get("Cache-Control"))
		}
	}
	if w := s.get("/", "", "Accept-Language", "en"); hit(w) || !strings.Contains(w.Body.String(), "The notebook") {
		t.Errorf("in English: %q %s", w.Header().Get("Cache-Status"), w.Body)
	}
	w := s.get("/openapi.json", "")
	for _, want := range []string{"multipart/form-data", "application/x-www-form-urlencoded", "application/zip", `"bearer"`, `"error"`, `"/api/metrics/prometheus"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("openapi.json lacks %s", want)
		}
	}
	if !strings.Contains(s.log.String(), "path=/health status=200") {
		t.Error("requests are not logged")
	}
}
