package blackbox_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/api"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
	pages "github.com/unstale/unstale/notebook/site"
	"github.com/unstale/unstale/notebook/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withServer{m}) }

const (
	password = "Correct-Horse-1"
	secret   = "the secret of all sites in these tests"
)

// everybody is who there is on every site.
var everybody = []struct{ name, role string }{
	{"root", "super_admin"}, {"admin", "admin"}, {"moderator", "moderator"}, {"alice", "user"}, {"bob", "user"},
}

// A site is a notebook that serves on a port of its own.
type site struct {
	testing.TB
	url     string
	handler *server.Server
	kind    string // of the items that a test is about
	cached  bool
	dir     string
	dsn     string // of the PostgreSQL database, "" for SQLite
	store   *store.Store
	cache   *unstale.Cache
	http    *http.Client
	ids     map[string]string // of the people
	tokens  map[string]string

	post  *postOffice
	ahead *atomic.Int64 // how far the clock is, in nanoseconds
}

// modes runs a test on a site with the cache and on one without: nobody may see
// a difference but in speed.
func modes(t *testing.T, test func(s *site)) {
	t.Helper()
	for _, mode := range []struct {
		name   string
		cached bool
	}{{"cached", true}, {"uncached", false}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			test(newSite(t, mode.cached))
		})
	}
}

// A template is what sites begin with: the files of one that was prepared once,
// and its people. Tokens are good on every site, because the secret is the same.
type template struct {
	once        sync.Once
	content     map[string][]byte // of the data directory, by path
	database    string            // of the server, if there is one
	ids, tokens map[string]string
}

// site starts a site from the template, which prepare makes on the first call.
func (m *template) site(t testing.TB, cached bool, prepare func(s *site)) *site {
	t.Helper()
	m.once.Do(func() {
		s := &site{TB: t, kind: "persona", dir: t.TempDir(), ids: make(map[string]string), tokens: make(map[string]string)}
		s.dsn = newDatabase("")
		s.serve(false)
		prepare(s)
		if *onPostgres {
			m.database = s.asTemplate()
		} else {
			s.exec("PRAGMA wal_checkpoint(TRUNCATE)") // everything is in the one file
		}
		m.keep(s)
	})
	s := &site{TB: t, kind: "persona", dir: t.TempDir(), ids: maps.Clone(m.ids), tokens: maps.Clone(m.tokens)}
	s.dsn = newDatabase(m.database)
	for path, content := range m.content {
		path = filepath.Join(s.dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for name := range s.ids { // those of the template may have ended by now
		s.tokens[name] = s.token(name, service.AccessToken, service.AccessLife)
	}
	s.serve(cached)
	return s
}

func (m *template) keep(s *site) {
	s.Helper()
	m.content, m.ids, m.tokens = make(map[string][]byte), s.ids, s.tokens
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-wal") || strings.HasSuffix(path, "-shm") {
			return err
		}
		name, err := filepath.Rel(s.dir, path)
		if err == nil {
			m.content[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

// peopled is the template of a site with its people and nothing else.
var peopled template

// newSite starts a site with its people, all of them logged in.
func newSite(t testing.TB, cached bool) *site {
	t.Helper()
	return peopled.site(t, cached, people)
}

// people creates everybody.
func people(s *site) {
	hash, err := notebook.HashPassword(password, bcrypt.MinCost)
	if err == nil {
		_, err = s.store.EnsureSuperAdmin(s.Context(), "root", hash)
	}
	if err != nil {
		s.Fatal(err)
	}
	s.logIn("root")
	for _, p := range everybody[1:] {
		s.as("root").post("/api/admin/users", map[string]string{
			"username": p.name, "email": p.name + "@example.com", "password": password, "role": p.role,
		}).want(http.StatusOK)
		s.logIn(p.name)
	}
}

// twin starts a second site, without a cache, on the data of the first: it
// says what the truth is.
func (s *site) twin() *site {
	s.Helper()
	return s.another(false)
}

// another starts another site on the data of the first.
func (s *site) another(cached bool) *site {
	s.Helper()
	other := &site{TB: s.TB, kind: s.kind, dir: s.dir, dsn: s.dsn, ids: s.ids, tokens: s.tokens}
	other.serve(cached)
	return other
}

func (s *site) serve(cached bool) {
	s.Helper()
	ctx := s.Context()
	s.cached = cached
	s.post, s.ahead = new(postOffice), new(atomic.Int64)
	must := func(err error) {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
	}
	logger := slog.New(slog.NewTextHandler(s.Output(), nil))
	var err error
	// The race detector takes long to clear more slots, and a busy machine to look.
	s.cache, err = unstale.New(unstale.Options{Prefix: server.Prefix, Off: !cached, Logger: logger, Slots: 1 << 16, LookWait: time.Minute, Sharing: sharing()})
	must(err)
	s.Cleanup(func() { must(s.cache.Close()) })
	if s.dsn == "" {
		s.store, err = store.Open(ctx, filepath.Join(s.dir, "notebook.db"), s.cache)
	} else {
		s.store, err = store.OpenPostgres(ctx, s.dsn, s.cache)
	}
	must(err)
	must(s.store.Followed())
	s.Cleanup(func() { must(s.store.Close()) })
	kept, err := files.Open(ctx, filepath.Join(s.dir, "files"), s.store.FileReferenced)
	must(err)
	quiet := slog.New(slog.DiscardHandler)
	now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	roomy := service.Rate{Burst: 1 << 20, Per: time.Hour} // tests are no people
	do, err := service.New(service.Config{
		Limits: &service.Limits{Uploads: roomy, Comments: roomy, Reactions: roomy, Letters: roomy, Changes: roomy, Items: 1 << 20, Bytes: 1 << 40},
		Store:  s.store, Files: kept, Cache: s.cache, Secret: []byte(secret), Dictionary: filepath.Join(s.dir, "dictionary.json"),
		Logger: quiet, PasswordCost: bcrypt.MinCost, Mailer: s.post, Now: now,
	})
	must(err)
	s.handler, err = server.New(server.Config{
		Service: do, Cache: s.cache, Logger: quiet, Now: now, Origins: []string{frontOrigin},
	}, api.Routes(nil, "dev"), pages.Routes)
	must(err)
	listener := httptest.NewServer(s.handler)
	s.Cleanup(listener.Close)
	s.Cleanup(s.handler.Close)
	s.url = listener.URL
	s.http = listener.Client()
	s.http.Timeout = time.Minute // a request that waits for what never comes fails its test
	s.http.Transport = honest{s.TB, s.http.Transport}
}

// honest fails the test that asks the cache to step aside.
type honest struct {
	testing.TB
	next http.RoundTripper
}

func (h honest) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, name := range []string{"Cache-Control", "Pragma"} {
		if v, ok := r.Header[name]; ok {
			h.Errorf("%s %s sends %s: %s", r.Method, r.URL.Path, name, v)
		}
	}
	return h.next.RoundTrip(r)
}

// logIn gets a token for somebody and remembers it.
func (s *site) logIn(name string) {
	s.Helper()
	var got struct {
		AccessToken string `json:"access_token"`
		User        struct{ ID string }
	}
	s.nobody().post("/api/auth/token", map[string]string{"username": name, "password": password}).want(http.StatusOK).data(&got)
	s.ids[name], s.tokens[name] = got.User.ID, got.AccessToken
}

// as returns somebody who has logged in.
func (s *site) as(name string) visitor {
	s.Helper()
	token, ok := s.tokens[name]
	if !ok {
		s.Fatalf("nobody is called %q", name)
	}
	return visitor{s, token}
}

// nobody returns a visitor without a token.
func (s *site) nobody() visitor { return visitor{s, ""} }

// text returns the one value that a query finds in the database.
func (s *site) text(query string, args ...any) string {
	s.Helper()
	var v string
	if err := s.store.DB().QueryRowContext(unstale.Outside(s.Context()), parametrized(query), args...).Scan(&v); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	return v
}

// count returns in how many rows of a table a column has a value.
func (s *site) count(table, column string, value any) int {
	s.Helper()
	var n int
	query := "SELECT count(*) FROM " + table + " WHERE " + column + " = ?"
	if err := s.store.DB().QueryRowContext(unstale.Outside(s.Context()), parametrized(query), value).Scan(&n); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	return n
}

// exec changes the database behind the API's back, but through the cache's
// driver.
func (s *site) exec(query string, args ...any) {
	s.Helper()
	if _, err := s.store.DB().ExecContext(unstale.Outside(s.Context()), parametrized(query), args...); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
}
