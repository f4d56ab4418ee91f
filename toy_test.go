package unstale_test

import (
	"bytes"
	"context"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// A prompt is a source that answers at once.
type prompt func()

func (p prompt) CatchUp(context.Context) error { p(); return nil }
func (p prompt) Prompt()                       {}

// A toy is a database of named values behind an adapter of its own, so that the
// engine can be tested at every step of a read and a write.
type toy struct {
	adapter.Database
	seed maphash.Seed
	mu   sync.Mutex
	rows map[string]string

	settle func() // what a test put in flux
}

func newToy(c *unstale.Cache) *toy {
	return &toy{Database: c.Database("toy", nil), seed: maphash.MakeSeed(), rows: make(map[string]string)}
}

func (d *toy) hash(name string) []uint64 { return []uint64{maphash.String(d.seed, name)} }

// get reads a value as an adapter does.
func (d *toy) get(ctx context.Context, name string) string {
	caller := d.caller(ctx).Begin()
	defer caller.End()
	caller.DependOn(d.read(name))
	return d.peek(name)
}

// caller returns on whose behalf a statement with ctx runs.
func (d *toy) caller(ctx context.Context) adapter.Caller { return d.Caller(ctx, nil) }

// untracked is a read of which nothing is known.
func (d *toy) untracked() { d.caller(context.Background()).Refuse("past the adapter", "") }

// read returns what a value that is about to be read says.
func (d *toy) read(name string) adapter.Dependencies {
	return adapter.Dependencies{AsOf: d.Seq(), Hashes: d.hash(name)}
}

// commit returns a commit of a value.
func (d *toy) commit(name string) adapter.Commit { return adapter.Commit{Touched: d.hash(name)} }

// peek reads a value past the adapter.
func (d *toy) peek(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[name]
}

// set commits a value; it is acknowledged when set returns.
func (d *toy) set(name, value string) {
	f := d.Mark(d.commit(name))
	defer f.Settle()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows[name] = value
}

// A reply is what a handler answered.
type reply struct {
	code   int
	body   string
	status string // Cache-Status
	header http.Header
}

func (r reply) hit() bool { return strings.Contains(r.status, ";hit") }

// request makes a request; fields are "Name: value".
func request(method, target string, fields ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// serve has h answer a request.
func serve(h http.Handler, r *http.Request) reply {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return reply{w.Code, w.Body.String(), w.Header().Get("Cache-Status"), w.Header()}
}

// get has h answer a GET.
func get(h http.Handler, target string, fields ...string) reply {
	return serve(h, request(http.MethodGet, target, fields...))
}

// want fails unless the reply has the body, and came from an entry or not.
func (r reply) want(t *testing.T, body string, hit bool) reply {
	t.Helper()
	if r.body != body || r.hit() != hit {
		t.Errorf("answered %d %q (%s), want %q, hit %t", r.code, r.body, r.status, body, hit)
	}
	return r
}

// A logbook is a logger that keeps what it was told.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logbook) count(text string) int { return strings.Count(l.String(), text) }

// byToken takes who asks from Authorization.
func byToken(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil }

// write answers with a text.
func write(w http.ResponseWriter, text string) { _, _ = w.Write([]byte(text)) }
