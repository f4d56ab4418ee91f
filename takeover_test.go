package unstale

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale/internal/adapter"
)

// A quietSource is a database that nobody writes to, which everybody follows.
type quietSource struct {
	db   atomic.Pointer[adapter.Database]
	take time.Duration // a look
}

func (s *quietSource) CatchUp(context.Context) error {
	time.Sleep(s.take)
	return nil
}
func (s *quietSource) ID() string                          { return "quiet" }
func (s *quietSource) Position(_, _ uint64) ([]byte, bool) { return []byte("now"), true }
func (s *quietSource) Place([]byte, []string) (adapter.Placed, bool) {
	db := s.db.Load()
	if db == nil {
		return adapter.Placed{}, false
	}
	return adapter.Placed{AsOf: (*db).Tick(), Made: (*db).Seq()}, true
}

// A testStore is a shared store that does what it is told.
type testStore struct {
	mu         sync.Mutex
	m          map[string][]byte
	gets, sets int
	do         func(ctx context.Context, set bool) error // before each call
}

func (s *testStore) called(ctx context.Context, set bool) error {
	s.mu.Lock()
	do := s.do
	if set {
		s.sets++
	} else {
		s.gets++
	}
	s.mu.Unlock()
	if do != nil {
		return do(ctx, set)
	}
	return nil
}

func (s *testStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.called(ctx, false); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key], nil
}

func (s *testStore) Set(ctx context.Context, key string, value []byte, _ time.Duration) error {
	if err := s.called(ctx, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[string][]byte)
	}
	s.m[key] = bytes.Clone(value)
	return nil
}

func (s *testStore) does(f func(ctx context.Context, set bool) error) (gets, sets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gets, sets = s.gets, s.sets
	s.gets, s.sets, s.do = 0, 0, f
	return gets, sets
}

// A sharingNode is a cache that shares, with a handler that says how often it ran.
type sharingNode struct {
	*Cache
	h    http.Handler
	runs int
	log  lockedLog
}

// A lockedLog is what was logged.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newSharingNode(t *testing.T, store SharedStore, take time.Duration) *sharingNode {
	t.Helper()
	n := new(sharingNode)
	var err error
	n.Cache, err = New(Options{
		Slots: 1 << 10, Logger: slog.New(slog.NewTextHandler(&n.log, nil)), LookWait: time.Second,
		Sharing: &Sharing{Store: store, Secret: make([]byte, 32)},
	})
	if err != nil {
		t.Fatal(err)
	}
	src := &quietSource{take: take}
	db := n.Database("quiet", src)
	src.db.Store(&db)
	m, err := n.Middleware(HandlerOptions{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	n.h = m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.runs++
		db.Caller(r.Context(), nil).DependOn(adapter.Dependencies{AsOf: db.Seq(), Hashes: []uint64{1}})
		fmt.Fprint(w, "answer")
	}))
	time.Sleep(2 * time.Second) // the first look
	return n
}

func (n *sharingNode) get(t *testing.T, path string) (status string) {
	t.Helper()
	w := httptest.NewRecorder()
	n.h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	if w.Code != http.StatusOK || w.Body.String() != "answer" {
		t.Errorf("%s: %d %q", path, w.Code, w.Body)
	}
	return w.Header().Get("Cache-Status")
}

// TestSharedStoreFails: a shared store that fails in whatever way costs hits and a bounded
// time, is said once to fail, and is used again when it does not any more.
func TestSharedStoreFails(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, do := range map[string]func(ctx context.Context, set bool) error{
		"with an error": func(context.Context, bool) error { return failed },
		"late":          func(ctx context.Context, _ bool) error { <-ctx.Done(); return ctx.Err() },
		"never":         func(context.Context, bool) error { time.Sleep(time.Hour); return nil },
		"with a panic":  func(context.Context, bool) error { panic("store") },
		"when it is read only": func(_ context.Context, set bool) error {
			if set {
				return failed
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(testStore)
				a, b := newSharingNode(t, store, 0), newSharingNode(t, store, 0)
				b.get(t, "/")
				time.Sleep(time.Second)
				if status := a.get(t, "/"); !strings.Contains(status, ";hit") {
					t.Fatalf("%s, %+v, %+v", status, a.Stats().Shared, b.Stats().Shared)
				}
				store.does(do)
				waited := 0
				for i := range 100 {
					began := time.Now()
					a.get(t, fmt.Sprint("/", i))
					took := time.Since(began)
					if took > DefaultSharedWait {
						t.Errorf("a request took %v", took)
					}
					if took > 0 {
						waited++
					}
				}
				if waited > 10 {
					t.Errorf("%d requests have waited", waited)
				}
				time.Sleep(10 * time.Second)
				gets, sets := store.does(do)
				if reads := name != "when it is read only"; reads && gets > 20 || sets > 20 {
					t.Errorf("it was asked %d times and given %d entries", gets, sets)
				}
				if lines := strings.Count(a.log.String(), "level=WARN"); lines > 2 || lines == 0 {
					t.Errorf("%d warnings:\n%s", lines, a.log.String())
				}
				store.does(nil)
				time.Sleep(2 * time.Hour)
				b.get(t, "/well")
				time.Sleep(time.Second)
				a.get(t, "/again")
				time.Sleep(time.Minute)
				if status := a.get(t, "/well"); !strings.Contains(status, ";hit") {
					t.Errorf("when it is well again: %s, %+v", status, a.Stats().Shared)
				}
				if n := a.Stats().Shared; n.Failed == 0 || n.Dropped == 0 && name != "never" {
					t.Errorf("%+v", n)
				}
				_, _ = a.Close(), b.Close()
			})
		})
	}
}

// TestSharedStoreIsAskedBesideTheLook: who finds nothing in memory waits for the longer of
// the two.
func TestSharedStoreIsAskedBesideTheLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(testStore)
		a, b := newSharingNode(t, store, 15*time.Millisecond), newSharingNode(t, store, 0)
		b.get(t, "/")
		time.Sleep(time.Second + 500*time.Millisecond) // nobody looks
		store.does(func(_ context.Context, set bool) error {
			if !set {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
		began := time.Now()
		if status := a.get(t, "/"); !strings.Contains(status, ";hit") {
			t.Errorf("%s, %+v", status, a.Stats().Shared)
		}
		if took := time.Since(began); took != 15*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		gets, _ := store.does(nil)
		if a.get(t, "/"); gets != 1 {
			t.Errorf("%d gets", gets)
		}
		if gets, _ = store.does(nil); gets != 0 {
			t.Errorf("what is in memory was asked for %d times", gets)
		}
		_, _ = a.Close(), b.Close()
	})
}

func TestSharingOptions(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Sharing{
		"Store":    {Secret: make([]byte, 32)},
		"Secret":   {Store: new(testStore), Secret: make([]byte, 31)},
		"Wait":     {Store: new(testStore), Secret: make([]byte, 32), Wait: -1},
		"MaxBytes": {Store: new(testStore), Secret: make([]byte, 32), MaxBytes: -1},
	} {
		if _, err := New(Options{Sharing: &s}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
