package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// postOffice is a Mailer that keeps what it is given.
type postOffice struct {
	mu     sync.Mutex
	mails  []notebook.Mail
	posted int   // of them by Post
	fails  error // of Send
}

func (b *postOffice) Send(_ context.Context, m notebook.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, m)
	return b.fails
}

func (b *postOffice) Post(m notebook.Mail) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, m)
	b.posted++
}

func (b *postOffice) count() (all, posted int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mails), b.posted
}

// code returns the code in the last mail, which went to this address.
func (s *site) code(to string) string {
	s.Helper()
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	if len(s.post.mails) == 0 {
		s.Fatal("no mail was sent")
	}
	m := s.post.mails[len(s.post.mails)-1]
	code := regexp.MustCompile(`[0-9]{6}`).FindString(m.Text)
	if m.To != to || code == "" {
		s.Fatalf("the last mail: %+v", m)
	}
	return code
}

// wrong returns another code.
func wrong(code string) string {
	n, _ := strconv.Atoi(code)
	return fmt.Sprintf("%06d", (n+1)%1_000_000)
}

// fill sends a form; fields are pairs of name and value.
func (s *site) fill(path string, fields ...string) *httptest.ResponseRecorder {
	s.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return s.send("POST", path, "", strings.NewReader(form.Encode()), "Content-Type", server.FormType)
}

func (s *site) want200(w *httptest.ResponseRecorder) {
	s.Helper()
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		s.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

const (
	sendRegister = "/api/auth/send_verification_code"
	sendReset    = "/api/auth/send_reset_password_code"
	check        = "/api/auth/user/check_register"
	register     = "/api/auth/user/register"
	reset        = "/api/auth/reset_password"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("bob", notebook.RoleUser)
	s.want200(s.fill(check, "username", "ann", "email", "ann@example.com"))
	s.wantFailure(s.fill(check, "username", "bob", "email", "ann@example.com"), 422, "VALIDATION_ERROR", "USERNAME_TAKEN")
	s.wantFailure(s.fill(check, "username", "ann", "email", "BOB@example.com"), 422, "VALIDATION_ERROR", "EMAIL_TAKEN")
	s.wantFailure(s.fill(check, "username", "ann", "email", "nonsense"), 422, "VALIDATION_ERROR", "EMAIL_INVALID")
	s.want200(s.fill(sendRegister, "email", " Ann@Example.com "))
	code := s.code("ann@example.com")
	try := func(name, password, email, code string) *httptest.ResponseRecorder {
		return s.fill(register, "username", name, "password", password, "email", email, "verification_code", code)
	}
	s.wantFailure(try("ann", "short", "ann@example.com", code), 422, "VALIDATION_ERROR", "PASSWORD_LENGTH")
	s.wantFailure(try(strings.Repeat("a", 65), password, "ann@example.com", code), 422, "VALIDATION_ERROR", "USERNAME_INVALID")
	s.wantFailure(try("ann", password, "ann@example.com", wrong(code)), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.wantFailure(try("ann", password, "eve@example.com", code), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.wantFailure(try("bob", password, "ann@example.com", code), 422, "VALIDATION_ERROR", "USERNAME_TAKEN")
	s.want200(try("ann", password, "ANN@example.com", code))
	s.wantFailure(try("eve", password, "ann@example.com", code), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.want200(s.fill("/api/auth/token", "username", "ann", "password", password))
	for _, missing := range []string{"username", "password", "email", "verification_code"} {
		fields := []string{"username", "x", "password", password, "email", "x@example.com", "verification_code", code}
		for i, f := range fields {
			if f == missing {
				fields[i] = "other"
			}
		}
		f := s.wantFailure(s.fill(register, fields...), 422, "VALIDATION_ERROR", "FIELDS_MISSING")
		if f.Error.Details["field"] != missing {
			t.Errorf("without %s: %v", missing, f.Error.Details)
		}
	}
	if log := s.log.String(); strings.Contains(log, code) || strings.Contains(log, password) {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

func TestResetPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	for range 2 {
		if w := s.get("/api/users/me", ann); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	s.want200(s.fill(sendReset, "email", "ann@example.com"))
	code := s.code("ann@example.com")
	try := func(password, email, code string) *httptest.ResponseRecorder {
		return s.fill(reset, "email", email, "verification_code", code, "new_password", password)
	}
	s.wantFailure(try("short", "ann@example.com", code), 422, "VALIDATION_ERROR", "PASSWORD_LENGTH")
	s.wantFailure(try("better34", "ann@example.com", wrong(code)), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.wantFailure(try("better34", "zoe@example.com", code), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.wantFailure(s.fill(register, "username", "eve", "password", password, "email", "ann@example.com", "verification_code", code), 422, "VALIDATION_ERROR", "CODE_INVALID")
	if w := s.get("/api/users/me", ann); w.Code != http.StatusOK {
		t.Fatal("a wrong code revokes tokens")
	}
	s.want200(try("better34", "ann@example.com", code))
	s.wantFailure(s.get("/api/users/me", ann), 401, "AUTHENTICATION_ERROR", "TOKEN_INVALID")
	s.wantFailure(try("better35", "ann@example.com", code), 422, "VALIDATION_ERROR", "CODE_INVALID")
	s.wantFailure(s.fill("/api/auth/token", "username", "ann", "password", password), 401, "AUTHENTICATION_ERROR", "CREDENTIALS_INVALID")
	s.want200(s.fill("/api/auth/token", "username", "ann", "password", "better34"))
}

// A client may try five codes, also at once; what it tries voids nobody else's.
func TestGuessingACode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	s.want200(s.fill(sendReset, "email", "ann@example.com"))
	code := s.code("ann@example.com")
	var guesses sync.WaitGroup
	for range notebook.MaxFailedLogins {
		guesses.Go(func() {
			if w := s.fill(reset, "email", "ann@example.com", "verification_code", wrong(code), "new_password", "better34"); w.Code != 422 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	guesses.Wait()
	s.wantFailure(s.fill(reset, "email", "ann@example.com", "verification_code", code, "new_password", "better34"), 422, "VALIDATION_ERROR", "CODE_INVALID")
}

// Nobody learns from a reset who has an account: not from the answer, nor from
// its being refused, nor from a mail server that does not work.
func TestResetTellsNobodyWhoIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	s.post.fails = errors.New("no mail server")
	for _, path := range []string{sendReset, sendReset} { // accepted, then too often
		a, z := s.fill(path, "email", "ann@example.com"), s.fill(path, "email", "zoe@example.com")
		same := func(w *httptest.ResponseRecorder) string {
			text := w.Body.String()
			for _, own := range []string{`"request_id":"[^"]*"`, `"timestamp":"[^"]*"`} {
				text = regexp.MustCompile(own).ReplaceAllString(text, "")
			}
			return strconv.Itoa(w.Code) + w.Header().Get("Retry-After") + text
		}
		if same(a) != same(z) {
			t.Errorf("%s\n%s", same(a), same(z))
		}
	}
	if all, posted := s.post.count(); all != 1 || posted != 1 {
		t.Errorf("%d mails, %d of them posted: the one to ann must be, and be waited for by nobody", all, posted)
	}
	s.code("ann@example.com")
}

func TestCodesTooOften(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{sendRegister, sendReset} { // one purpose uses up nothing of the other
		s.want200(s.fill(path, "email", "ann@example.com"))
		w := s.fill(path, "email", "ANN+1@example.com")
		f := s.wantFailure(w, 429, "RATE_LIMIT_ERROR", "CODE_TOO_OFTEN")
		seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 60 || f.Error.Details["retry_after"] != float64(seconds) {
			t.Errorf("Retry-After %q, details %v", w.Header().Get("Retry-After"), f.Error.Details)
		}
	}
	s.want200(s.fill(sendRegister, "email", "bob@example.com"))
}

func TestMailThatFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.post.fails = errors.New("the cause of it")
	w := s.fill(sendRegister, "email", "ann@example.com")
	s.wantFailure(w, 503, "API_ERROR", "MAIL_FAILED")
	if log := s.log.String(); strings.Contains(w.Body.String(), "the cause") || !strings.Contains(log, "the cause of it") || strings.Contains(log, s.code("ann@example.com")) {
		t.Errorf("%s\n%s", w.Body, log)
	}
}

func TestWithoutMail(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *service.Config) { c.Mailer = nil })
	s.user("ann", notebook.RoleUser)
	for _, path := range []string{sendRegister, sendReset} {
		for _, email := range []string{"ann@example.com", "zoe@example.com"} {
			s.wantFailure(s.fill(path, "email", email), 503, "API_ERROR", "MAIL_NOT_CONFIGURED")
		}
	}
	var n int
	if err := s.store.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM email_verifications").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d codes are kept: %v", n, err)
	}
}

// Forms come in the two forms that browsers send, and as JSON.
func TestFormsOfForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("username", "ann")
	_ = m.WriteField("password", password)
	_ = m.Close()
	w := s.send("POST", "/api/auth/token", "", &body, "Content-Type", m.FormDataContentType())
	s.want200(w)
	var got struct {
		Data struct {
			RefreshToken string `json:"refresh_token"`
		}
	}
	s.decode(w, &got)
	s.want200(s.fill("/api/auth/refresh", "refresh_token", got.Data.RefreshToken))
	s.want200(s.json("POST", sendRegister, "", `{"email":"zoe@example.com"}`))
	for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=x", "application/json"} {
		s.wantFailure(s.send("POST", sendRegister, "", strings.NewReader("email=zoe@example.com"), "Content-Type", kind), 422, "VALIDATION_ERROR", "BODY_INVALID")
	}
	s.wantFailure(s.send("POST", sendRegister, "", strings.NewReader("email=%zz"), "Content-Type", server.FormType), 422, "VALIDATION_ERROR", "BODY_INVALID")
	for _, path := range []string{"/api/auth/token", "/api/auth/refresh", sendRegister, sendReset, check, register, reset} {
		s.wantFailure(s.fill(path, "other", "x"), 422, "VALIDATION_ERROR", "FIELDS_MISSING")
		s.wantFailure(s.json("POST", path, "", `{"other":"x"}`), 422, "VALIDATION_ERROR", "FIELDS_MISSING")
	}
}

// One client has so many tries, whatever he tries; others have theirs.
func TestTriesPerClient(t *testing.T) {
	t.Parallel()
	now := time.Now() // and it stays that
	s := newSite(t, func(c *service.Config) { c.Now = func() time.Time { return now } })
	from := func(client, path string, fields ...string) *httptest.ResponseRecorder {
		form := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", server.FormType)
		r.RemoteAddr = client
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w
	}
	paths := []string{reset, register, check}
	const maxAttempts, maxMailings = 30, 30
	for i := range maxAttempts {
		s.wantFailure(from("192.0.2.7:1", paths[i%len(paths)]), 422, "VALIDATION_ERROR", "INPUT_INVALID")
	}
	for _, path := range paths {
		w := from("192.0.2.7:2", path, "username", "x", "password", "y")
		s.wantFailure(w, 429, "RATE_LIMIT_ERROR", "TOO_MANY_REQUESTS")
		if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
	}
	if w := from("192.0.2.8:1", check, "username", "x", "email", "x@example.com"); w.Code != 200 {
		t.Errorf("another client: %d %s", w.Code, w.Body)
	}
	for i := range maxMailings {
		if w := from("192.0.2.7:3", sendReset, "email", "a"+strconv.Itoa(i)+"@example.com"); w.Code != 200 {
			t.Fatalf("mail %d: %d %s", i, w.Code, w.Body)
		}
	}
	for _, path := range []string{sendReset, sendRegister} {
		s.wantFailure(from("192.0.2.7:3", path, "email", "b@example.com"), 429, "RATE_LIMIT_ERROR", "TOO_MANY_REQUESTS")
	}
}

// Who guesses at a password is stopped; who shares an address with them, behind one
// proxy, logs in.
func TestLoginsPerClientAndAccount(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newSite(t, func(c *service.Config) { c.Now = func() time.Time { return now } })
	s.user("ann", notebook.RoleUser)
	const maxLogins = 30
	logIn := func(path, client, name, password string) *httptest.ResponseRecorder {
		form := url.Values{"username": {name}, "password": {password}}
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", server.FormType)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.RemoteAddr = client
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w
	}
	for i := range maxLogins {
		path := []string{"/api/auth/token", "/login"}[i%2]
		if w := logIn(path, "192.0.2.7:1", "nobody", "wrong-1"); w.Code != 401 {
			t.Fatalf("try %d: %d %s", i, w.Code, w.Body)
		}
	}
	w := logIn("/api/auth/token", "192.0.2.7:2", " nobody", "wrong-1")
	s.wantFailure(w, 429, "RATE_LIMIT_ERROR", "TOO_MANY_REQUESTS")
	if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	if w := logIn("/login", "192.0.2.7:2", "nobody", "wrong-1"); w.Code != 429 {
		t.Errorf("with the form: %d", w.Code)
	}
	if w := logIn("/api/auth/token", "192.0.2.7:3", "ann", password); w.Code != 200 {
		t.Errorf("another account: %d %s", w.Code, w.Body)
	}
	if w := logIn("/api/auth/token", "192.0.2.8:1", "nobody", "wrong-1"); w.Code != 401 {
		t.Errorf("another client: %d %s", w.Code, w.Body)
	}
}
