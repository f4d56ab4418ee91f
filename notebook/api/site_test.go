package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
	pages "github.com/unstale/unstale/notebook/site"
	"github.com/unstale/unstale/notebook/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "secret12"
	secret   = "0123456789abcdef0123456789abcdef"
)

// lockedBuffer is a log that requests write to while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// site is the API with a cache on a new database.
type site struct {
	*testing.T
	handler http.Handler
	users   *service.Accounts
	service *service.Service
	cache   *unstale.Cache
	store   *store.Store
	dir     string
	log     lockedBuffer
	post    postOffice
}

func newSite(t *testing.T, adjust ...func(*service.Config)) *site {
	t.Helper()
	s := &site{T: t}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	dir := t.TempDir()
	s.dir = dir
	var err error
	// The race detector takes long to clear more slots, and a busy machine to look.
	if s.cache, err = unstale.New(unstale.Options{Prefix: server.Prefix, Logger: logger, Slots: 1 << 16, LookWait: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if s.store, err = store.Open(t.Context(), filepath.Join(dir, "n.db"), s.cache); err != nil {
		t.Fatal(err)
	}
	kept, err := files.Open(t.Context(), filepath.Join(dir, "files"), s.store.FileReferenced)
	if err != nil {
		t.Fatal(err)
	}
	config := service.Config{
		Store: s.store, Files: kept, Cache: s.cache, Secret: []byte(secret), Logger: logger, PasswordCost: bcrypt.MinCost, Mailer: &s.post,
		Dictionary: filepath.Join(dir, "dictionary.json"),
	}
	for _, f := range adjust {
		f(&config)
	}
	do, err := service.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.users, s.service = do.Accounts, do
	handler, err := server.New(server.Config{Service: do, Cache: s.cache, Logger: logger, Now: config.Now}, Routes(nil, "dev"), pages.Routes)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = handler
	t.Cleanup(func() {
		_ = s.store.Close()
		_ = s.cache.Close()
	})
	return s
}

// user adds a user and returns his id and a token of his.
func (s *site) user(name string, role notebook.Role) (id, token string) {
	s.Helper()
	hash, err := notebook.HashPassword(password, bcrypt.MinCost)
	if err != nil {
		s.Fatal(err)
	}
	ctx := unstale.Outside(s.Context())
	u, err := s.store.CreateUser(ctx, notebook.NewUser{Username: name, Email: name + "@example.com", PasswordHash: hash, Role: role}, time.Now())
	if err != nil {
		s.Fatal(err)
	}
	begun, err := s.users.Begin(ctx, u, "a test")
	if err != nil {
		s.Fatal(err)
	}
	token, err = s.users.Token(u, begun, service.AccessToken)
	if err != nil {
		s.Fatal(err)
	}
	return u.ID, token
}

// exec changes the database through the cache's driver.
func (s *site) exec(query string, args ...any) {
	s.Helper()
	if _, err := s.store.DB().ExecContext(unstale.Outside(s.Context()), query, args...); err != nil {
		s.Fatal(err)
	}
}

// send sends a request; fields are pairs of name and value.
func (s *site) send(method, path, token string, body io.Reader, fields ...string) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), method, path, body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	return s.serve(r)
}

func (s *site) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func (s *site) get(path, token string, fields ...string) *httptest.ResponseRecorder {
	s.Helper()
	return s.send("GET", path, token, nil, fields...)
}

func (s *site) json(method, path, token, body string) *httptest.ResponseRecorder {
	s.Helper()
	return s.send(method, path, token, strings.NewReader(body), "Content-Type", "application/json")
}

// upload uploads a card and returns its id.
func (s *site) upload(token, name string) string {
	s.Helper()
	w := s.form(token, "/api/persona/upload", map[string]string{"name": name, "description": "about " + name, "is_public": "true"}, `version = "1.0"`)
	if w.Code != http.StatusOK {
		s.Fatal(w.Code, w.Body)
	}
	var got struct{ Data struct{ ID string } }
	s.decode(w, &got)
	return got.Data.ID
}

func (s *site) form(token, path string, fields map[string]string, file string) *httptest.ResponseRecorder {
	s.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for k, v := range fields {
		_ = m.WriteField(k, v)
	}
	part, err := m.CreateFormFile("files", "bot_config.toml")
	if err != nil {
		s.Fatal(err)
	}
	_, _ = part.Write([]byte(file))
	_ = m.Close()
	return s.send("POST", path, token, &body, "Content-Type", m.FormDataContentType())
}

func (s *site) decode(w *httptest.ResponseRecorder, into any) {
	s.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		s.Fatalf("%v: %s", err, w.Body)
	}
}

// failed is an error answer.
type failed struct {
	Success bool
	Error   struct {
		Code, Type, Message, Path string
		RequestID                 string `json:"request_id"`
		Details                   map[string]any
		Timestamp                 time.Time
	}
}

func (s *site) wantFailure(w *httptest.ResponseRecorder, status int, kind, code string) failed {
	s.Helper()
	var f failed
	s.decode(w, &f)
	if w.Code != status || f.Success || f.Error.Type != kind || f.Error.Details["code"] != code || f.Error.Code != server.Number(status, code) {
		s.Errorf("%d %s, want %d %s %s", w.Code, w.Body, status, kind, code)
	}
	if f.Error.RequestID == "" || f.Error.RequestID != w.Header().Get("X-Request-Id") || f.Error.Timestamp.IsZero() || f.Error.Details == nil {
		s.Errorf("incomplete: %s", w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Vary") != "Accept-Language" || w.Header().Get("Content-Type") != "application/json" {
		s.Errorf("fields: %v", w.Header())
	}
	return f
}

func hit(w *httptest.ResponseRecorder) bool {
	return strings.Contains(w.Header().Get("Cache-Status"), "hit")
}
