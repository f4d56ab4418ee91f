package unstale_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
)

// spy is a Store that shows the keys of what was set, and the entries.
type spy struct {
	mu      sync.Mutex
	entries map[string]*unstale.Entry
}

func (s *spy) Get(key string) *unstale.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[key]
}

func (s *spy) Set(key string, e *unstale.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = make(map[string]*unstale.Entry)
	}
	s.entries[key] = e
}

func (s *spy) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

func (s *spy) Range(f func(string, *unstale.Entry) bool) {
	s.mu.Lock()
	entries := maps.Clone(s.entries)
	s.mu.Unlock()
	for key, e := range entries {
		if !f(key, e) {
			return
		}
	}
}

func (s *spy) Stats() unstale.StoreStats { return unstale.StoreStats{Entries: len(s.entries)} }

func (s *spy) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.entries))
}

// seen is what a handler can learn from a request's URL.
type seen struct {
	host, path, escaped, raw, uri string
	query                         url.Values
}

// A looker sends requests to one handler of one cache.
type looker struct {
	store spy
	h     http.Handler
	seen  seen // by the handler, last
}

func newLooker(tb testing.TB) *looker {
	tb.Helper()
	l := new(looker)
	c, err := unstale.New(unstale.Options{Store: &l.store, Slots: 16})
	if err != nil {
		tb.Fatal(err)
	}
	l.h = c.Handler(known(func(_ http.ResponseWriter, r *http.Request) {
		l.seen = seen{r.Host, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.RequestURI, r.URL.Query()}
	}))
	return l
}

// look sends a request for a raw target ("/path?query") and returns the place of
// the answer and what the handler saw.
func (l *looker) look(tb testing.TB, host, rawTarget string) (place string, s seen, ok bool) {
	tb.Helper()
	u, err := url.ParseRequestURI(rawTarget)
	if err != nil {
		return "", seen{}, false
	}
	r := &http.Request{
		Method: http.MethodGet, URL: u, Host: host, RequestURI: rawTarget, Header: http.Header{}, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	clear(l.store.entries)
	l.h.ServeHTTP(httptest.NewRecorder(), r.WithContext(tb.Context()))
	keys := l.store.keys()
	if len(keys) != 1 {
		tb.Fatalf("%q: keys %q", rawTarget, keys)
	}
	return keys[0], l.seen, true
}

// nameOf returns the name in a place.
func nameOf(place string) string {
	name, _, _ := strings.Cut(place, "\n")
	return name
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct{ target, key string }{
		{"/", "/"},
		{"/cards/1", "/cards/1"},
		{"/cards/%31", "/cards/1"},
		{"/a%7Eb~c", "/a~b~c"},
		{"/a%2fb", "/a%2Fb"},
		{"/a/b", "/a/b"},
		{"/a%252Fb", "/a%252Fb"},
		{"/*", "/%2A"},
		{"/%2a", "/%2A"},
		{"/a:b@c!$&'()+,;=", "/a%3Ab%40c%21%24%26%27%28%29%2B%2C%3B%3D"},
		{"/a%20b", "/a%20b"},
		{"/ä/%C3%A4", "/%C3%A4/%C3%A4"},
		{"/%ff", "/%FF"},
		{"/a//b/../c/", "/a//b/../c/"},
		{"/%3F", "/%3F"},

		{"/?", "/"},
		{"/?a=1", "/?a=1"},
		{"/?a", "/?a="},
		{"/?=", "/?="},
		{"/?=v", "/?=v"},
		{"/?&&", "/"},
		{"/?b=2&a=1", "/?a=1&b=2"},
		{"/?a=2&b=0&a=1", "/?a=2&a=1&b=0"},
		{"/?a=1&&b=2&", "/?a=1&b=2"},
		{"/?%61=%31", "/?a=1"},
		{"/?q=a+b", "/?q=a%20b"},
		{"/?q=a%20b", "/?q=a%20b"},
		{"/?q=a%2Bb", "/?q=a%2Bb"},
		{"/?q=a=b", "/?q=a%3Db"},
		{"/?q=*", "/?q=%2A"},
		{"/?q=ä", "/?q=%C3%A4"},
		{"/?q=/?", "/?q=%2F%3F"},
		{"/?b=1;c=2&a=%31", "/?a=1&b=1;c=2"},
		{"/?z=%zz&id=%37", "/?id=7&z=%zz"},
		{"/?z=%z*ä", "/?z=%z%2A%C3%A4"},
		{"/?%&%zz&a", "/?a=&%&%zz"},
		{"/?x=%3B", "/?x=%3B"},
	} {
		place, s, ok := newLooker(t).look(t, "A.Example:80", tt.target)
		if want := "unstale:http:GET a.example:80 " + tt.key; !ok || nameOf(place) != want {
			t.Errorf("%s: key %q, want %q", tt.target, nameOf(place), want)
		}
		if s.host != "a.example:80" {
			t.Errorf("the handler saw host %q", s.host)
		}
	}
}

// Inside http.StripPrefix a handler sees less of the URL than the client asked
// for. Two mounts do not share answers, the name of an answer is what the client
// asked for, and the handler sees what it would see without a cache.
func TestMounts(t *testing.T) {
	c := newCache(t, unstale.Options{})
	mux := http.NewServeMux()
	for _, mount := range []string{"/v1", "/v2"} {
		mux.Handle(mount+"/", http.StripPrefix(mount, c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.Header().Set("Location", mount+"/b")
				w.WriteHeader(http.StatusCreated)
			}
			fmt.Fprint(w, mount, " ", r.URL, " ", r.RequestURI)
		}))))
	}
	s := newServer(t, mux)
	for range 2 {
		for _, mount := range []string{"/v1", "/v2"} {
			for _, path := range []string{"/a?x=1", "/b"} {
				if a := s.get(mount + path); a.body != mount+" "+path+" "+mount+path {
					t.Errorf("%q", a.body)
				}
			}
		}
	}
	s.get("/v1/a?x=1").wantHit(t)
	if err := c.Invalidate(t.Context(), unstale.Pattern("*/v1/{p}*", "a")); err != nil {
		t.Fatal(err)
	}
	s.get("/v1/a?x=1").wantMiss(t)
	s.get("/v2/a?x=1").wantHit(t)
	s.do(http.MethodPost, "/v2/a?x=1")
	s.get("/v2/a?x=1").wantMiss(t)
	s.get("/v2/b").wantMiss(t)
	s.get("/v1/b").wantHit(t)
}

func TestHostsAndSchemes(t *testing.T) {
	var h counter
	c := newCache(t, unstale.Options{})
	plain, tls := newServer(t, c.Handler(&h)), newServer(t, c.Handler(&h), true)
	plain.get("/", "Host: a.example").wantMiss(t)
	plain.get("/", "Host: A.EXAMPLE").wantHit(t)
	plain.get("/", "Host: b.example").wantMiss(t)
	tls.get("/", "Host: a.example").wantMiss(t)
	tls.get("/", "Host: A.example").wantHit(t)
	plain.get("/", "Host: a.example").wantHit(t)
}

// FuzzKey holds keys to what they are for: whatever two targets have the same
// key, a handler sees the same; what it sees means what the client wrote; and
// the canonical form is its own.
func FuzzKey(f *testing.F) {
	for _, pair := range [][2]string{
		{"/a?x=1&y=2", "/a?y=2&x=%31"},
		{"/a%2Fb", "/a/b"},
		{"/%7E*", "/~%2A"},
		{"/?a=1;b=2", "/?a=1%3Bb=2"},
		{"/?z=%zz&b&a", "/?a&b&z=%zz"},
		{"/?q=a+b", "/?q=a%20b"},
		{"/?a=2&a=1", "/?a=1&a=2"},
		{"/?&", "/"},
		{"/?%=*&%=%2A", "/?%=%2A&%=*"},
		{"/ä?ö=ü", "/%C3%A4?%C3%B6=%C3%BC"},
		{"http://a.example/x", "/x"},
		{"/a%20@b", "/a @b"},
		{"/a\n@b", "/a%0A@b"},
		{"*", "/*"},
		{"/%2F%2f//", "/////"},
		{"a:b", "a:c"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		l := newLooker(t)
		keyA, seenA, okA := l.look(t, "h", a)
		keyB, seenB, okB := l.look(t, "h", b)
		if okA && okB && keyA == keyB && !equalSeen(seenA, seenB) {
			t.Errorf("%q and %q have the key %q, but a handler sees %+v and %+v", a, b, keyA, seenA, seenB)
		}
		if !okA {
			return
		}
		u, err := url.ParseRequestURI(a)
		if err != nil {
			t.Fatal(err)
		}
		if seenA.path != u.Path || !maps.EqualFunc(seenA.query, u.Query(), slices.Equal[[]string]) {
			t.Errorf("%q: a handler sees %+v instead of %q %v", a, seenA, u.Path, u.Query())
		}
		if strings.Count(seenA.escaped, "/") != strings.Count(u.EscapedPath(), "/") {
			t.Errorf("%q: segments of %q", a, seenA.escaped)
		}
		if _, err := url.ParseQuery(u.RawQuery); err != nil {
			if _, err := url.ParseQuery(seenA.raw); err == nil {
				t.Errorf("%q: malformed, but not as the handler sees it: %q", a, seenA.raw)
			}
		}
		if u.Scheme == "" && strings.HasPrefix(u.Path, "/") {
			again, seenAgain, ok := l.look(t, "h", seenA.uri)
			if !ok || again != keyA || !equalSeen(seenA, seenAgain) {
				t.Errorf("%q: canonical form %q has the key %q, not %q", a, seenA.uri, again, keyA)
			}
		}
	})
}

func equalSeen(a, b seen) bool {
	return a.host == b.host && a.path == b.path && a.escaped == b.escaped && a.raw == b.raw && a.uri == b.uri &&
		maps.EqualFunc(a.query, b.query, slices.Equal[[]string])
}
