package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	pages "github.com/unstale/unstale/notebook/site"
)

// from sends a form as a client of that address does.
func (s *site) from(client, path string, fields ...string) *httptest.ResponseRecorder {
	s.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequestWithContext(s.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = client + ":1234"
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s *site) granted(w *httptest.ResponseRecorder) (access, refresh string) {
	s.Helper()
	var got struct {
		Data struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
		}
	}
	s.want200(w)
	s.decode(w, &got)
	return got.Data.AccessToken, got.Data.RefreshToken
}

// Outsiders neither keep people out by guessing, nor learn from it who there is.
func TestGuessesKeepNobodyElseOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	banned, _ := s.user("bob", notebook.RoleUser)
	s.exec("UPDATE users SET ban_reason = 'spam' WHERE id = ?", banned)
	const eve = "198.51.100.7"
	guess := func(client, name string, code string) {
		t.Helper()
		s.wantFailure(s.from(client, "/api/auth/token", "username", name, "password", "guess"), 401, "AUTHENTICATION_ERROR", code)
	}
	for _, name := range []string{"ann", "bob", "nobody"} { // who is banned, and who is not there, is guessed no longer
		for range notebook.MaxFailedLogins {
			guess(eve, name, "CREDENTIALS_INVALID")
		}
		guess(eve, name, "ACCOUNT_LOCKED")
	}
	s.wantFailure(s.from(eve, "/api/auth/token", "username", "ann", "password", password), 401, "AUTHENTICATION_ERROR", "ACCOUNT_LOCKED")
	s.wantFailure(s.from(eve, "/api/auth/token", "username", "ANN", "password", password), 401, "AUTHENTICATION_ERROR", "ACCOUNT_LOCKED")
	s.granted(s.from("203.0.113.1", "/api/auth/token", "username", "ann", "password", password))
	// Many clients together lock a name for all but those whom it knows, and any name.
	for _, name := range []string{"ann", "nobody"} {
		for n := range notebook.MaxFailedLoginsOfAll / notebook.MaxFailedLogins {
			for range notebook.MaxFailedLogins {
				s.from("192.0.2."+string(rune('0'+n)), "/api/auth/token", "username", name, "password", "guess")
			}
		}
		guess("203.0.113.9", name, "ACCOUNT_LOCKED")
	}
	s.granted(s.from("203.0.113.1", "/api/auth/token", "username", "ann", "password", password))
}

// Wrong codes void nobody else's, and codes that others ask for replace none.
func TestCodesOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	const eve, ann = "198.51.100.7", "203.0.113.1"
	s.want200(s.from(ann, sendReset, "email", "ann@example.com"))
	code := s.code("ann@example.com")
	s.want200(s.from(eve, sendReset, "email", "ann@example.com"))
	for range notebook.MaxFailedLogins + 3 {
		s.wantFailure(s.from(eve, reset, "email", "ann@example.com", "verification_code", wrong(code), "new_password", "better34"), 422, "VALIDATION_ERROR", "CODE_INVALID")
	}
	s.wantFailure(s.from(eve, reset, "email", "ann@example.com", "verification_code", code, "new_password", "better34"), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.want200(s.from(ann, reset, "email", "ann@example.com", "verification_code", code, "new_password", "better34"))
	for n, email := range []string{"x+1@example.com", "x+2@example.com"} {
		w := s.from(eve, sendRegister, "email", email)
		if (w.Code == http.StatusOK) != (n == 0) {
			t.Errorf("%s: %d", email, w.Code)
		}
	}
	for _, email := range []string{"a@b", "x@[127.0.0.1]"} {
		s.wantFailure(s.from(eve, sendRegister, "email", email), 422, "VALIDATION_ERROR", "EMAIL_INVALID")
	}
}

// A logout ends what came of the login and nothing else; a refresh token is
// exchanged once, and who tries again ends what came of it.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	logIn := func() (access, refresh string) {
		return s.granted(s.fill("/api/auth/token", "username", "ann", "password", password))
	}
	in := func(token string) bool {
		a, b := s.get("/api/users/me", token).Code, s.get("/api/users/me", token).Code
		if a != b {
			t.Errorf("%d, then %d", a, b)
		}
		return b == http.StatusOK
	}
	other, _ := logIn()
	access, refresh := logIn()
	if !in(access) || !in(other) {
		t.Fatal("nobody is in")
	}
	s.want200(s.json("POST", "/api/auth/logout", access, ""))
	if in(access) || !in(other) {
		t.Error("a logout ends another session, or not its own")
	}
	for _, path := range []string{"/api/refresh", "/api/auth/refresh"} {
		s.wantFailure(s.fill(path, "refresh_token", refresh), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	}
	// Front ends that know of no new one use theirs as often as they like.
	access, refresh = logIn()
	for range 3 {
		again, none := s.granted(s.fill("/api/refresh", "refresh_token", refresh))
		if !in(again) || none != "" {
			t.Error("a front end is not let in")
		}
	}
	second, next := s.granted(s.fill("/api/auth/refresh", "refresh_token", refresh))
	if !in(second) || !in(access) {
		t.Error("an exchange ends what it came of")
	}
	third, last := s.granted(s.fill("/api/auth/refresh", "refresh_token", next))
	for _, path := range []string{"/api/refresh", "/api/auth/refresh"} {
		s.wantFailure(s.fill(path, "refresh_token", next), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
		for _, token := range []string{access, second, third} {
			if in(token) {
				t.Errorf("%s: what came of a token that two have is good", path)
			}
		}
		s.wantFailure(s.fill("/api/auth/refresh", "refresh_token", last), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
		access, refresh = logIn()
		second, next = s.granted(s.fill("/api/auth/refresh", "refresh_token", refresh))
		third, last = s.granted(s.fill("/api/auth/refresh", "refresh_token", next))
	}
}

// The cookie of a browser is of no use after its logout.
func TestLogoutEndsTheCookie(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	ours := []string{"Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded"}
	w := s.send("POST", "/login", "", strings.NewReader("username=ann&password="+password), ours...)
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	me := func() int { return s.get("/me", "", "Cookie", cookie, "Accept", "text/html").Code }
	if first, second := me(), me(); first != http.StatusOK || second != http.StatusOK {
		t.Fatal("ann is not in")
	}
	if w := s.send("POST", "/logout", "", nil, append(ours, "Cookie", cookie)...); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	if code := me(); code != http.StatusSeeOther {
		t.Errorf("after a logout: %d", code)
	}
}

// Tokens from before a ban are of no use after it.
func TestTokensDoNotOutliveABan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, ann := s.user("ann", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	for _, do := range []string{"ban", "unban"} {
		if w := s.json("POST", "/api/admin/users/"+id+"/"+do, admin, "{}"); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	s.wantFailure(s.get("/api/users/me", ann), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	s.granted(s.fill("/api/auth/token", "username", "ann", "password", password))
}

// Nobody hides another's list behind a name.
func TestNamesAreNoIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, ann := s.user("ann", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	s.upload(ann, "card")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	s.wantFailure(s.json("POST", "/api/admin/users", admin, `{"username":"`+id+`","email":"e@example.com","password":"abcdefg1"}`), 422, "VALIDATION_ERROR", "USERNAME_INVALID")
	eve, _ := s.user("eve", notebook.RoleUser)
	s.exec("UPDATE users SET username = ? WHERE id = ?", id, eve) // who was named so before
	if w := s.get("/api/persona/public?uploader_id="+id, ""); !strings.Contains(w.Body.String(), `"total":1`) {
		t.Errorf("%s", w.Body)
	}
}

// What is public may change, shows that it did, and whoever approved it is told,
// once; nobody approves what they have not seen.
func TestChangesAreShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, mod := s.user("mod", notebook.RoleModerator)
	id := s.upload(ann, "card")
	approve := "/api/review/persona/" + id + "/approve"
	var before struct {
		Data struct {
			UpdatedAt string `json:"updated_at"`
		}
	}
	s.decode(s.get("/api/persona/"+id, mod), &before)
	change := func(token, content string) {
		t.Helper()
		if w := s.json("PUT", "/api/persona/"+id, token, `{"content":"`+content+`"}`); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	change(ann, "another")
	s.wantFailure(s.json("POST", approve+"?updated_at="+url.QueryEscape(before.Data.UpdatedAt), mod, ""), 409, "CONFLICT_ERROR", "PERSONA_CHANGED_MEANWHILE")
	s.decode(s.get("/api/persona/"+id, mod), &before)
	if w := s.json("POST", approve+"?updated_at="+url.QueryEscape(before.Data.UpdatedAt), mod, ""); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	shows := func(want bool) {
		t.Helper()
		for _, path := range []string{"/api/persona/" + id, "/api/persona/public"} {
			if got := strings.Contains(s.get(path, "").Body.String(), `"changed_since_review":true`); got != want {
				t.Errorf("%s: %v", path, got)
			}
		}
		if got := strings.Contains(s.get("/persona/"+id, "", "Accept", "text/html").Body.String(), "审核后有改动"); got != want {
			t.Errorf("the page: %v", got)
		}
	}
	shows(false)
	change(ann, "anything")
	change(ann, "anything else")
	shows(true)
	if n := strings.Count(s.get("/api/messages", mod).Body.String(), `"title":"人设卡《card》在审核后有改动"`); n != 1 {
		t.Errorf("the moderator is told %d times", n)
	}
	change(mod, "anything else")
	shows(false)
	_, other := s.user("own", notebook.RoleModerator)
	own := s.upload(other, "own")
	s.wantFailure(s.json("POST", "/api/review/persona/"+own+"/approve", other, ""), 403, "AUTHORIZATION_ERROR", "PERSONA_OWN_REVIEW_DENIED")
	s.wantFailure(s.json("POST", "/api/review/persona/"+own+"/reject", other, `{"reason":"r"}`), 403, "AUTHORIZATION_ERROR", "PERSONA_OWN_REVIEW_DENIED")
}

// What administers and measures is served by one listener alone, if the operator
// says so, however its path is written.
func TestAdministrationApart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, admin := s.user("admin", notebook.RoleAdmin)
	apart, err := server.New(server.Config{Service: s.service, Cache: s.cache, AdminApart: true}, Routes(nil, "dev"), pages.Routes)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(h http.Handler, path string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+admin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, w.Header())
		}
		return w.Code
	}
	for _, path := range []string{"/api/admin/stats", "/api/metrics/prometheus", "/api/admin/users?page=1", "/api/%61dmin/stats"} {
		if public, private := ask(apart, path), ask(apart.Admin, path); public != http.StatusNotFound || private != http.StatusOK {
			t.Errorf("%s: %d, and %d apart", path, public, private)
		}
	}
	for _, path := range []string{"/health", "/api/persona/public", "/api/users/me", "/docs"} {
		if public, private := ask(apart, path), ask(apart.Admin, path); public != http.StatusOK || private != http.StatusOK {
			t.Errorf("%s: %d, and %d apart", path, public, private)
		}
	}
	docs := s.get("/docs", "")
	for _, name := range []string{"X-Frame-Options", "Referrer-Policy", "X-Content-Type-Options"} {
		if docs.Header().Get(name) == "" {
			t.Errorf("/docs has no %s", name)
		}
	}
	if policy := docs.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") || !strings.Contains(policy, "form-action 'none'") {
		t.Error(policy)
	}
	s.wantFailure(s.send("POST", "/api/auth/token", "", strings.NewReader("username="+strings.Repeat("x", 20<<10)+"&password=y"), "Content-Type", "application/x-www-form-urlencoded"), 422, "VALIDATION_ERROR", "INPUT_INVALID")
}
