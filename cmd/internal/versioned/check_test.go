package versioned_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/cmd/internal/checker"
	"github.com/unstale/unstale/cmd/internal/versioned"
)

// open opens the service on a file of its own.
func open(t *testing.T, o versioned.Options) *versioned.Service {
	t.Helper()
	o.Database = filepath.Join(t.TempDir(), "items.db")
	o.Cache.Logger = slog.New(slog.DiscardHandler)
	s, err := versioned.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// uncached is the service without its cache, for others to be put in front.
func uncached(t *testing.T) http.Handler {
	return open(t, versioned.Options{Cache: unstale.Options{Off: true}, Pause: time.Millisecond}).Handler()
}

// everything is a check of all that the service shows.
func everything(t *testing.T, base string) checker.Config {
	t.Helper()
	c := checker.Config{
		Write:   checker.Request{Method: http.MethodPut, URL: base + "/items/{key}?version={version}"},
		Version: extractor(t, `re:"(?:version|twin)":(\d+)`),
		Other:   extractor(t, "json:other"),
		Key:     extractor(t, "json:key"),
		Owner:   extractor(t, "json:owner"),
		Users:   []checker.User{{Name: "alice", Authorization: "Bearer alice"}, {Name: "bob", Authorization: "Bearer bob"}},
		Keys:    4, Concurrency: 12, Writes: 0.1, Seed: 1, Timeout: 10 * time.Second,
	}
	for _, path := range []string{
		"/items/{key}", "/search?key={key}", "/pairs/{key}", "/both/{key}/{other}", "/shelves/{key}", "/mine/{key}", "/minute/{key}", "/direct/{key}",
	} {
		c.Reads = append(c.Reads, checker.Request{Method: http.MethodGet, URL: base + path})
	}
	return c
}

func extractor(t *testing.T, s string) checker.Extractor {
	t.Helper()
	e, err := checker.ParseExtractor(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// serve starts a server in front of h.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// TestNothingWrong checks the service behind the library.
func TestNothingWrong(t *testing.T) {
	for name, pause := range map[string]time.Duration{"at full speed": 0, "slow reads": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			s := open(t, versioned.Options{Pause: pause})
			c := everything(t, serve(t, s.Handler()))
			for _, path := range []string{"/cards/", "/greeted/", "/early/", "/unmarked/", "/lent/"} {
				url := strings.Replace(c.Reads[0].URL, "/items/", path, 1)
				c.Reads = append(c.Reads, checker.Request{Method: http.MethodGet, URL: url, Fields: []string{"From: {user}"}})
			}
			c.Reads = append(c.Reads, checker.Request{
				Method: http.MethodGet, URL: strings.Replace(c.Reads[0].URL, "/items/{key}", "/here", 1), Fields: []string{"X-Region: {key}"},
			})
			c.Duration = 2 * time.Second
			r, err := checker.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Print(t.Output()); err != nil {
				t.Error(err)
			}
			if r.Wrong() > 0 || r.Reads == 0 || r.Hits == 0 || r.Acknowledged == 0 || r.Together == 0 || r.Failed+r.Unknown+r.Refused > 0 {
				t.Errorf("%+v", r)
			}
			if n := s.Disguised(); n > 0 {
				t.Errorf("%d answers left without what was set outside", n)
			}
		})
	}
}
