package api

import (
	"bytes"
	"crypto/tls"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
)

// html is what a browser accepts.
const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// session logs in with the form and returns the field with the cookie.
func (s *site) session(name string) string {
	s.Helper()
	w := s.submit("/login", "", url.Values{"username": {name}, "password": {password}, "next": {"/me"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/me" {
		s.Fatal(w.Code, w.Header(), w.Body)
	}
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Secure {
		s.Errorf("the cookie: %v", cookie)
	}
	return cookie.Name + "=" + cookie.Value
}

// submit sends a form from a page of ours.
func (s *site) submit(path, cookie string, form url.Values, fields ...string) *httptest.ResponseRecorder {
	s.Helper()
	fields = append([]string{"Content-Type", server.FormType, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"}, fields...)
	return s.send("POST", path, "", strings.NewReader(form.Encode()), fields...)
}

// page gets a page as a browser does.
func (s *site) page(path, cookie string) *httptest.ResponseRecorder {
	s.Helper()
	return s.get(path, "", "Accept", html, "Cookie", cookie)
}

// approved returns a public card of ann's.
func (s *site) approved(name string) string {
	s.Helper()
	_, ann := s.user("ann", notebook.RoleUser)
	_, mod := s.user("mod", notebook.RoleModerator)
	id := s.upload(ann, name)
	if w := s.json("POST", "/api/review/persona/"+id+"/approve", mod, ""); w.Code != http.StatusOK {
		s.Fatal(w.Body)
	}
	return id
}

// Pages that everybody sees alike are stored once, whoever asks; what is
// somebody's own reaches nobody else.
func TestPagesAreSharedAndPartsAreNot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.approved("a <card>")
	s.user("bob", notebook.RoleUser)
	ann, bob := s.session("ann"), s.session("bob")
	for _, path := range []string{"/", "/persona", "/knowledge", "/persona/" + id, "/login", "/register"} {
		s.page(path, "")
		for _, cookie := range []string{ann, bob, "", server.SessionCookie + "=garbage"} {
			if w := s.page(path, cookie); w.Code != http.StatusOK || !hit(w) || strings.Contains(w.Body.String(), "bob") {
				t.Errorf("%s is not shared: %d %q", path, w.Code, w.Header().Get("Cache-Status"))
			}
		}
	}
	if body := s.page("/persona/"+id, "").Body.String(); !strings.Contains(body, "a &lt;card&gt;") || strings.Contains(body, "<card>") {
		t.Error("a name is not escaped")
	}
	if w := s.submit("/persona/"+id+"/comments", ann, url.Values{"content": {"what ann says"}}); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code, w.Body)
	}
	for range 2 {
		for _, path := range []string{"/me", "/me/bar", "/messages", "/persona/" + id + "/talk", "/persona/" + id + "/talk?part=1"} {
			mine, his, nobodys := s.page(path, ann), s.page(path, bob), s.page(path, "")
			if mine.Code != http.StatusOK || his.Code != http.StatusOK || mine.Header().Get("Cache-Control") != "private, no-cache" {
				t.Errorf("%s: %d %d %v", path, mine.Code, his.Code, mine.Header())
			}
			if (path == "/me" || path == "/me/bar") && (!strings.Contains(mine.Body.String(), ">ann<") || strings.Contains(his.Body.String(), ">ann<")) {
				t.Errorf("%s shows whom it should not: %s", path, his.Body)
			}
			if strings.Contains(nobodys.Body.String(), "what ann says") || strings.Contains(nobodys.Body.String(), ">ann<") {
				t.Errorf("%s shows nobody what is for users", path)
			}
		}
	}
	if w := s.page("/me", ann); !hit(w) || !strings.Contains(w.Header().Get("Server-Timing"), `cache;desc="hit", age;desc=`) {
		t.Errorf("%v", w.Header())
	}
}

// At / browsers get a page, and whoever asks for JSON, or for anything, what he
// always got.
func TestHomeIsNegotiated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for accept, page := range map[string]bool{
		html: true, "text/html": true, "application/json": false, "*/*": false, "": false,
		"text/html;q=0.5, application/json": false, "application/json;q=0.5, text/html": true, "text/html;q=0": false,
	} {
		for range 2 {
			w := s.get("/", "", "Accept", accept)
			if got := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"); w.Code != http.StatusOK || got != page {
				t.Errorf("Accept %q: %d %s", accept, w.Code, w.Header().Get("Content-Type"))
			}
			if vary := strings.Join(w.Header().Values("Vary"), ", "); vary != "Accept, Accept-Language" {
				t.Errorf("Accept %q: Vary %s", accept, vary)
			}
		}
	}
	if w := s.get("/", "", "Accept", html, "Accept-Language", "en"); !strings.Contains(w.Body.String(), `lang="en"`) || strings.Contains(w.Body.String(), "人设卡") {
		t.Errorf("in English: %s", w.Body)
	}
}

// The cookie counts for reading, and for anything else only from our own pages:
// in the forms of the front and in the API.
func TestForeignPagesCannotAct(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.approved("card")
	cookie := s.session("ann")
	if w := s.get("/api/users/me", "", "Cookie", cookie); w.Code != http.StatusOK {
		t.Errorf("the cookie does not say who reads: %s", w.Body)
	}
	foreign := [][]string{
		{}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site", "Origin", "http://example.com"},
	}
	own := [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://example.com"}}
	for path, refused := range map[string]int{"/persona/" + id + "/star": http.StatusForbidden, "/api/persona/" + id + "/star": http.StatusUnauthorized} {
		for _, fields := range foreign {
			if w := s.send("POST", path, "", nil, append(fields, "Cookie", cookie, "Content-Type", server.FormType)...); w.Code != refused {
				t.Errorf("POST %s with %v: %d", path, fields, w.Code)
			}
		}
		for _, fields := range own {
			if w := s.send("POST", path, "", nil, append(fields, "Cookie", cookie, "Content-Type", server.FormType)...); w.Code >= 400 {
				t.Errorf("POST %s with %v: %d %s", path, fields, w.Code, w.Body)
			}
		}
	}
	for _, path := range []string{"/login", "/logout", "/register", "/register/code", "/upload/persona"} {
		if w := s.send("POST", path, "", nil, "Sec-Fetch-Site", "cross-site", "Content-Type", server.FormType); w.Code != http.StatusForbidden || len(w.Result().Cookies()) > 0 {
			t.Errorf("POST %s from a foreign page: %d", path, w.Code)
		}
	}
	// Each token is good for one thing.
	_, token, _ := strings.Cut(cookie, "=")
	s.wantFailure(s.get("/api/users/me", token), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	var live struct{ Token string }
	w := s.get("/live", "", "Cookie", cookie)
	s.decode(w, &live)
	if w.Header().Get("Cache-Control") != "no-store" || live.Token == "" {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	s.wantFailure(s.get("/api/users/me", live.Token), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	s.wantFailure(s.get("/api/users/me", "", "Cookie", server.SessionCookie+"="+live.Token), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	s.wantFailure(s.get("/live", ""), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	// A new password ends the session at once.
	if w := s.send("PUT", "/api/users/me/password", "", strings.NewReader(`{"current_password":"secret12","new_password":"secret123","confirm_password":"secret123"}`),
		"Cookie", cookie, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json"); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	if w := s.page("/me", cookie); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?next=%2Fme" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestPagesAreConfined(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/", "/persona", "/login", "/nowhere"} {
		for range 2 {
			w := s.page(path, "")
			csp := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'; script-src 'self'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") ||
				w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %v", path, w.Header())
			}
			if body := w.Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, "<style") || strings.Contains(body, " style=") {
				t.Errorf("%s has something inline", path)
			}
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/login", strings.NewReader(url.Values{"username": {"ann"}, "password": {password}}.Encode()))
	s.user("ann", notebook.RoleUser)
	r.Header.Set("Content-Type", server.FormType)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.TLS = new(tls.ConnectionState)
	if cookies := s.serve(r).Result().Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("over TLS: %v", cookies)
	}
}

// What is wrong is said on a page, and what somebody wrote is not lost.
func TestFrontRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.approved("card")
	ann := s.session("ann")
	if w := s.page("/nowhere", ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), server.TextUnknown.ZH) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.page("/review", ann); w.Code != http.StatusForbidden {
		t.Errorf("a user reviews: %d", w.Code)
	}
	if w := s.submit("/review/persona/"+id+"/approve", ann, nil); w.Code != http.StatusForbidden {
		t.Errorf("a user approves: %d", w.Code)
	}
	long := strings.Repeat("长", 501)
	if w := s.submit("/persona/"+id+"/comments", ann, url.Values{"content": {long}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), long) {
		t.Errorf("%d: a long comment is lost", w.Code)
	}
	if w := s.submit("/persona/"+id+"/comments", "", url.Values{"content": {"written for nothing"}}); w.Code != http.StatusUnauthorized && w.Code != http.StatusSeeOther {
		t.Errorf("nobody comments: %d", w.Code)
	}
	if w := s.submit("/login", "", url.Values{"username": {"ann"}, "password": {"wrong"}, "next": {"//evil.example"}}); w.Code != http.StatusUnauthorized ||
		!strings.Contains(w.Body.String(), `value="ann"`) || strings.Contains(w.Body.String(), "evil") || strings.Contains(w.Body.String(), "wrong") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("name", "kept name")
	_ = m.WriteField("description", "kept description")
	part, err := m.CreateFormFile("files", "bot_config.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("x = "))
	_ = m.Close()
	w := s.send("POST", "/upload/persona", "", &body, "Content-Type", m.FormDataContentType(), "Cookie", ann, "Sec-Fetch-Site", "same-origin")
	if page := w.Body.String(); w.Code != http.StatusUnprocessableEntity || !strings.Contains(page, "kept name") || !strings.Contains(page, "kept description") ||
		!strings.Contains(page, notebook.ErrConfigSyntax.Text.ZH) {
		t.Errorf("%d %s", w.Code, page)
	}
	s.exec("ALTER TABLE persona_cards RENAME TO cards")
	if w := s.page("/persona?name=x", ""); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "persona_cards") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
