package unstale_test

import (
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
)

// FuzzAppendField decodes what is digested, which proves that no two lists of
// fields share their bytes.
func FuzzAppendField(f *testing.F) {
	f.Add("accept", "text/html", "", "\x00\x01a")
	f.Add("", "\x01", "\x02\x00", "x-a")
	f.Fuzz(func(t *testing.T, name, x, y, z string) {
		fields := []struct {
			name  string
			lines []string
		}{{name, []string{x}}, {x, nil}, {y, []string{""}}, {z, []string{x, y, z}}}
		var b []byte
		for _, field := range fields {
			b = unstale.AppendField(b, field.name, field.lines)
		}
		number := func() int {
			n, size := binary.Uvarint(b)
			if size <= 0 {
				t.Fatalf("no number at %q", b)
			}
			b = b[size:]
			return int(n)
		}
		text := func() string {
			n := number()
			s := string(b[:n])
			b = b[n:]
			return s
		}
		for _, field := range fields {
			if got := text(); got != field.name {
				t.Fatalf("name %q, want %q", got, field.name)
			}
			var lines []string
			for range number() {
				lines = append(lines, text())
			}
			if !slices.Equal(lines, field.lines) {
				t.Fatalf("lines %q, want %q", lines, field.lines)
			}
		}
		if len(b) > 0 {
			t.Fatalf("ends in %q", b)
		}
	})
}

// noting is a store that notes what it is given.
type noting struct {
	*unstale.Memory
	mu   sync.Mutex
	keys []string
}

func (s *noting) Set(key string, e *unstale.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key)
	s.Memory.Set(key, e)
}

// TestKeysHoldNoValues: what selects an answer is in its key as a digest, whose
// length tells nothing either.
func TestKeysHoldNoValues(t *testing.T) {
	t.Parallel()
	memory, err := unstale.NewMemory(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	store := &noting{Memory: memory}
	c, handler := newService(t, unstale.Options{Store: store}, unstale.HandlerOptions{Policies: sharedRoute, Identity: func(*http.Request) (string, error) { return "somebody-secret", nil }})
	db := newToy(c)
	inner := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		if r.URL.Path == "/mine" {
			unstale.Identity(r.Context())
		}
		w.Header().Set("Vary", "User-Agent")
		write(w, w.Header().Get("X-Nonce"))
	}))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Nonce", "nonce-secret")
		r.SetPathValue("tenant", "tenant-secret")
		inner.ServeHTTP(w, r)
	})
	for _, path := range []string{"/all", "/mine"} {
		for _, more := range []string{"", strings.Repeat("x", 2000)} {
			for range 2 {
				get(h, path, "X-Theme: theme-secret"+more, "User-Agent: agent-secret"+more, "Accept: accept-secret", "Authorization: token-secret")
			}
		}
	}
	if len(store.keys) == 0 {
		t.Error("nothing was stored")
	}
	for _, key := range store.keys {
		if strings.Contains(key, "secret") || len(key) > 120 {
			t.Errorf("%q", key)
		}
	}
}
