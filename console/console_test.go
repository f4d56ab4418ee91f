package console_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/console"
	"github.com/unstale/unstale/sqlite"
)

// A service is cards in a database, behind a cache, and the page beside it.
type service struct {
	*testing.T
	cache *unstale.Cache
	db    *sql.DB
	url   string
	srv   *httptest.Server
}

func serve(t *testing.T, o console.Options, h unstale.HandlerOptions) *service {
	t.Helper()
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "cards.db"), cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ctx := unstale.Outside(t.Context())
	for _, text := range []string{
		"CREATE TABLE cards (id INTEGER PRIMARY KEY, owner TEXT, title TEXT, stars INTEGER) STRICT",
		"INSERT INTO cards VALUES (4711, 'geheim-owner', 'a title', 1), (4712, 'another', 'another title', 2)",
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	if h.Route == nil {
		h.Route = func(r *http.Request) string {
			if strings.HasPrefix(r.URL.Path, "/cards/") {
				return "GET /cards/{id}"
			}
			return "the rest"
		}
	}
	wrap, err := cache.Middleware(h)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/console/", console.Handler(cache, o))
	mux.Handle("/", wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.URL.Path, "/cards/")
		if r.Method == http.MethodPost {
			if _, err := db.ExecContext(r.Context(), "UPDATE cards SET stars = stars + 1 WHERE id = ?", id); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
			return
		}
		var title string
		err := db.QueryRowContext(r.Context(), "SELECT title || stars FROM cards WHERE id = ? AND owner <> 'geheim-literal'", id).Scan(&title)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, title)
	})))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return &service{t, cache, db, srv.URL, srv}
}

func (s *service) ask(method, path string, fields ...string) (status int, header http.Header, body string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(res.Body).WriteTo(&b); err != nil {
		s.Fatal(err)
	}
	return res.StatusCode, res.Header, b.String()
}

func (s *service) get(path string) string {
	s.Helper()
	status, _, body := s.ask(http.MethodGet, path)
	if status != http.StatusOK {
		s.Fatalf("%s: %d %s", path, status, body)
	}
	return body
}

// use has one answer stored, served, felled and made anew.
func (s *service) use() {
	s.Helper()
	s.get("/cards/4711")
	s.get("/cards/4711")
	s.ask(http.MethodPost, "/cards/4711")
	s.get("/cards/4711")
}

func everybody(*http.Request) bool { return true }

// Only whoever may see the page does, with any of its parts.
func TestMay(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{May: func(r *http.Request) bool { return r.Header.Get("Operator") == "yes" }}, unstale.HandlerOptions{})
	for _, path := range []string{"", "stream", "data.json", "answer?url=/cards/4711", "console.css", "nothing"} {
		method := http.MethodGet
		if path == "stream" {
			method = http.MethodHead // else it would last, if it were there
		}
		status, _, body := s.ask(method, "/console/"+path)
		if status != http.StatusForbidden || strings.Contains(body, "hits") {
			t.Errorf("%q: %d %s", path, status, body)
		}
	}
	if status, _, _ := s.ask(http.MethodGet, "/console/", "Operator: yes"); status != http.StatusOK {
		t.Error(status)
	}
	if status, _, _ := s.ask(http.MethodHead, "/console/stream", "Operator: yes", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"); status != http.StatusForbidden {
		t.Errorf("a page elsewhere: %d", status)
	}
	if status, _, _ := s.ask(http.MethodPost, "/console/", "Operator: yes"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
	if status, _, _ := s.ask(http.MethodGet, "/console/nothing", "Operator: yes"); status != http.StatusNotFound {
		t.Error(status)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from, host, field string
		want              bool
	}{
		{"127.0.0.1:5000", "localhost:8080", "", true},
		{"127.0.0.1:5000", "127.0.0.1:8080", "", true},
		{"[::1]:5000", "[::1]:8080", "", true},
		{"[::ffff:127.0.0.1]:5000", "app.localhost", "", true},
		{"192.0.2.1:5000", "localhost:8080", "", false},
		{"127.0.0.1:5000", "rebound.example.com:8080", "", false},
		{"127.0.0.1:5000", "localhost.example.com", "", false},
		{"127.0.0.1:5000", "localhost", "X-Forwarded-For", false},
		{"127.0.0.1:5000", "localhost", "X-Forwarded-Host", false},
		{"127.0.0.1:5000", "localhost", "Forwarded", false},
		{"127.0.0.1:5000", "localhost", "Via", false},
		{"127.0.0.1:5000", "localhost", "X-Real-IP", false},
		{"@", "localhost", "", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = test.from, test.host
		if test.field != "" {
			r.Header.Set(test.field, "x")
		}
		if got := console.Loopback(r); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

// Nothing that may be somebody's is shown, unless ExplainTo says so.
func TestValuesAreHidden(t *testing.T) {
	t.Parallel()
	secrets := []string{"geheim", "4711", "POST GET /cards/{id}", "POST GET"}
	paths := []string{"", "data.json", "answer?url=/cards/" + "4711"}
	for _, explain := range []bool{false, true} {
		s := serve(t, console.Options{ExplainTo: func(*http.Request) bool { return explain }}, unstale.HandlerOptions{})
		s.use()
		if err := s.cache.Invalidate(t.Context(), unstale.Tag("geheim")); err != nil {
			t.Fatal(err)
		}
		s.get("/cards/4711")
		s.ask(http.MethodPost, "/cards/4711")
		shown := make(map[string]bool)
		for _, path := range paths {
			body := strings.ReplaceAll(s.get("/console/"+path), "/cards/4711", "") // which was asked for
			for _, secret := range secrets {
				if strings.Contains(body, secret) {
					shown[secret] = true
					if !explain {
						t.Errorf("%s shows %q", path, secret)
					}
				}
			}
			if strings.Contains(body, "a title") {
				t.Errorf("%s shows a body", path)
			}
		}
		if explain && (!shown["geheim"] || !shown["4711"]) {
			t.Errorf("shown to whom it may be: %v", shown)
		}
	}
}

// One answer is explained: statements, rows, and the change that felled it.
func TestAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{ExplainTo: everybody}, unstale.HandlerOptions{})
	s.get("/cards/4711")
	if body := s.get("/console/answer?url=/cards/4711"); !strings.Contains(body, "Stored, and true") || !strings.Contains(body, "cards[id=?1]") {
		t.Error(body)
	}
	s.ask(http.MethodPost, "/cards/4711")
	body := s.get("/console/answer?url=" + s.url + "/cards/4711")
	for _, want := range []string{"Stored, and not served: changed", `class="change"`, "update cards 4711 (stars)", "SELECT title"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	for path, want := range map[string]string{"answer?url=/nothing": "Nothing is known", "answer?url=nothing": "Give the URL", "answer": "Give the URL"} {
		if body := s.get("/console/" + path); !strings.Contains(body, want) {
			t.Errorf("%s: no %q", path, want)
		}
	}
}

// What a service calls its routes is text, whatever it looks like.
func TestRouteNamesAreText(t *testing.T) {
	t.Parallel()
	const name = `<img src=x onerror=alert(1)>"'`
	s := serve(t, console.Options{}, unstale.HandlerOptions{Route: func(*http.Request) string { return name }})
	s.use()
	for _, path := range []string{"", "?route=%3Cimg", "answer?url=%3Cimg%20src=x%3E", "answer?url=/cards/4711%3Cimg%3E"} {
		if body := s.get("/console/" + path); strings.Contains(body, "<img src=x") || strings.Contains(body, "4711<img") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if body := s.get("/console/"); !strings.Contains(body, "&lt;img src=x onerror=alert(1)&gt;") {
		t.Error("the route is not there")
	}
}

// The page of a service with very many routes has room for the costly ones, and a
// filter finds the others.
func TestManyRoutes(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{}, unstale.HandlerOptions{Route: func(r *http.Request) string { return r.URL.Path }})
	h := s.srv.Config.Handler
	for i := range 10_000 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprint("/cards/", i), nil))
	}
	body := s.get("/console/")
	if n := strings.Count(body, `<tr><th scope="row"><code>/cards/`); n > 50 || n < 49 || len(body) > 200<<10 {
		t.Errorf("%d routes, %d bytes", n, len(body))
	}
	if !strings.Contains(body, "more routes are not shown") {
		t.Error("nothing is said of the others")
	}
	if body := s.get("/console/?route=/cards/77"); !strings.Contains(body, "<code>/cards/77</code>") {
		t.Error("the filter does not find it")
	}
}

// A cache that is off, and none at all, have a page that says so.
func TestOff(t *testing.T) {
	t.Parallel()
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*unstale.Cache{nil, off} {
		h := console.Handler(c, console.Options{May: everybody})
		for _, path := range []string{"/", "/data.json", "/answer?url=/x"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != http.StatusOK || path == "/" && !strings.Contains(w.Body.String(), "The cache is off") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	}
}

type broken struct{ down atomic.Bool }

func (b *broken) CatchUp(context.Context) error {
	if b.down.Load() {
		return errors.New("down")
	}
	return nil
}

// A source that is down shows, with since when.
func TestDegraded(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{}, unstale.HandlerOptions{})
	b := new(broken)
	defer s.cache.Follow(b, "x")()
	b.down.Store(true)
	var got struct {
		Degraded int
		Sources  []struct {
			Source, Tier string
			Degraded     *time.Time
			Followed     []string
		}
	}
	for deadline := time.Now().Add(20 * time.Second); got.Degraded == 0; time.Sleep(50 * time.Millisecond) {
		if err := json.Unmarshal([]byte(s.get("/console/data.json")), &got); err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if body := s.get("/console/"); !strings.Contains(body, `<span data-name="degraded">degraded</span></dt><dd><strong>1</strong>`) || !strings.Contains(body, "nobody vouches") {
		t.Error(body)
	}
	if len(got.Sources) != 2 || got.Sources[0].Tier != "S" || got.Sources[1].Degraded == nil {
		t.Errorf("%+v", got)
	}
}

// So many look on at a time, and no more. They end with the cache.
func TestStreams(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{}, unstale.HandlerOptions{})
	s.use()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := func(ctx context.Context) *http.Response {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/console/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	first := open(ctx)
	others := make([]*http.Response, 15)
	for i := range others {
		others[i] = open(t.Context())
		if others[i].StatusCode != http.StatusOK {
			t.Fatal(others[i].StatusCode)
		}
	}
	if res := open(t.Context()); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("the 17th: %d", res.StatusCode)
	}
	if first.Header.Get("Content-Type") != "text/event-stream" {
		t.Error(first.Header)
	}
	lines := bufio.NewScanner(first.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), `data: <section id="routes"`) {
		continue
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	cancel() // and there is room
	for deadline := time.Now().Add(20 * time.Second); open(t.Context()).StatusCode != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("there is no room for another one")
		}
	}
	if err := s.cache.Close(); err != nil {
		t.Fatal(err)
	}
	for _, res := range others {
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			continue // to its end
		}
	}
}

// A server that is shut down does not wait for those who look on.
func TestShutdown(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{}, unstale.HandlerOptions{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/console/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.srv.Config.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// The page may load what belongs to it, and nothing else.
func TestFields(t *testing.T) {
	t.Parallel()
	s := serve(t, console.Options{}, unstale.HandlerOptions{})
	_, header, body := s.ask(http.MethodGet, "/console/")
	policy := header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") || header.Get("Cache-Control") != "no-store" {
		t.Error(header)
	}
	for _, forbidden := range []string{" style=", "<style", "onclick", "http://", "https://"} {
		if strings.Contains(body, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	for _, name := range []string{"console.css", "console.js", "icon.svg"} {
		from := strings.Index(body, name+"?v=")
		if from < 0 {
			t.Fatalf("no %s", name)
		}
		url := body[from : from+len(name)+3+12]
		if _, header, _ := s.ask(http.MethodGet, "/console/"+url); !strings.Contains(header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %v", url, header)
		}
	}
}
