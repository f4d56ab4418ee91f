package versioned_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A naive is a cache as they are often written by hand. As it stands it is
// right: it holds a lock over each write and its invalidation, so that no read
// is under way meanwhile. The mistakes change one thing each.
type naive struct {
	next     http.Handler
	key      func(*http.Request) string                  // of the entry for a read
	concerns func(entry *http.Request, item string) bool // whether it falls with an item

	order   sync.RWMutex // held over a write, shared by reads
	mu      sync.Mutex
	entries map[string]*stored
}

type stored struct {
	request *http.Request
	reply   *httptest.ResponseRecorder
	at      time.Time
	old     bool
	version int64 // of the item, for the mistakes that count versions
}

func newNaive(next http.Handler) *naive {
	return &naive{next: next, key: wholeKey, concerns: concerns, entries: make(map[string]*stored)}
}

func wholeKey(r *http.Request) string { return r.URL.String() + " " + r.Header.Get("Authorization") }

// concerns says whether an answer shows an item.
func concerns(entry *http.Request, item string) bool {
	path := entry.URL.Path
	return strings.HasPrefix(path, "/shelves/") || itemOf(entry) == item ||
		strings.HasPrefix(path, "/both/"+item+"/")
}

// itemOf returns the item that a request is about, the second of two.
func itemOf(r *http.Request) string {
	if key := r.URL.Query().Get("key"); key != "" {
		return key
	}
	return r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
}

func cacheable(r *http.Request) bool {
	return r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/direct/")
}

// ask runs the service and keeps its answer.
func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func replay(w http.ResponseWriter, reply *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), reply.Header())
	w.WriteHeader(reply.Code)
	_, _ = w.Write(reply.Body.Bytes())
}

func (n *naive) get(key string) *stored {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.entries[key]
}

// put keeps an entry, or forgets it if it is nil.
func (n *naive) put(key string, e *stored) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e == nil {
		delete(n.entries, key)
		return
	}
	n.entries[key] = e
}

// each calls f for the entries that show an item.
func (n *naive) each(item string, f func(key string, e *stored)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, e := range n.entries {
		if n.concerns(e.request, item) {
			f(key, e)
		}
	}
}

func (n *naive) invalidate(item string) {
	n.each(item, func(key string, _ *stored) { delete(n.entries, key) })
}

// read answers from the cache, or fills it.
func (n *naive) read(w http.ResponseWriter, r *http.Request) {
	key := n.key(r)
	e := n.get(key)
	if e == nil {
		e = &stored{request: r, reply: ask(n.next, r), at: time.Now()}
		n.put(key, e)
	}
	replay(w, e.reply)
}

// ServeHTTP is the right way.
func (n *naive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		n.order.Lock()
		reply := ask(n.next, r)
		n.invalidate(itemOf(r))
		n.order.Unlock()
		replay(w, reply)
	case cacheable(r):
		n.order.RLock()
		defer n.order.RUnlock()
		n.read(w, r)
	default:
		n.order.RLock()
		defer n.order.RUnlock()
		n.next.ServeHTTP(w, r)
	}
}

// hasty is a cache without the lock, with a write of its own.
func hasty(next http.Handler, write func(*naive, http.ResponseWriter, *http.Request)) http.Handler {
	n := newNaive(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			write(n, w, r)
		case cacheable(r):
			n.read(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// lifetimeOnly never invalidates: entries live for 20 ms.
func lifetimeOnly(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cacheable(r) {
			next.ServeHTTP(w, r)
			return
		}
		if e := n.get(n.key(r)); e != nil && time.Since(e.at) > 20*time.Millisecond {
			n.put(n.key(r), nil)
		}
		n.read(w, r)
	})
}

// invalidateBefore deletes, then writes: a read in between keeps the old answer.
func invalidateBefore(_ *testing.T, next http.Handler) http.Handler {
	return hasty(next, func(n *naive, w http.ResponseWriter, r *http.Request) {
		n.invalidate(itemOf(r))
		next.ServeHTTP(w, r)
	})
}

// invalidateLate deletes when the writer has its answer already.
func invalidateLate(_ *testing.T, next http.Handler) http.Handler {
	return hasty(next, func(n *naive, w http.ResponseWriter, r *http.Request) {
		reply := ask(next, r)
		replay(w, reply)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Millisecond)
		n.invalidate(itemOf(r))
	})
}

// storeBlindly deletes at the right moment, and lets a slow read store its old
// answer afterwards.
func storeBlindly(_ *testing.T, next http.Handler) http.Handler {
	return hasty(next, func(n *naive, w http.ResponseWriter, r *http.Request) {
		reply := ask(next, r)
		n.invalidate(itemOf(r))
		replay(w, reply)
	})
}

// forgetQuery leaves the query out of the key.
func forgetQuery(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	n.key = func(r *http.Request) string { return r.URL.Path + " " + r.Header.Get("Authorization") }
	return n
}

// forgetOwner leaves out who asks.
func forgetOwner(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	n.key = func(r *http.Request) string { return r.URL.String() }
	return n
}

// forgetPath does not know that an item is found by its name, too.
func forgetPath(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	n.concerns = func(entry *http.Request, item string) bool {
		return entry.URL.Path != "/search" && concerns(entry, item)
	}
	return n
}

// forgetIfGone invalidates only for those who wait for their answer.
func forgetIfGone(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			n.ServeHTTP(w, r)
			return
		}
		n.order.Lock()
		defer n.order.Unlock()
		reply := ask(next, r.WithContext(context.WithoutCancel(r.Context())))
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Millisecond):
		}
		n.invalidate(itemOf(r))
		replay(w, reply)
	})
}
