package unstale_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// BenchmarkLoadHit is a Load of a small result with four dependencies.
func BenchmarkLoadHit(b *testing.B) {
	c := newCache(b, unstale.Options{})
	fn := func(ctx context.Context) (int, error) {
		unstale.DependOn(ctx, "a", "b", "c", "d")
		return 1, nil
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unstale.Load(ctx, c, "user:1", fn); err != nil {
			b.Fatal(err)
		}
	}
	if s := c.Stats().Loads; s.Misses != 1 {
		b.Fatalf("%+v", s)
	}
}

// BenchmarkHandlerHit is a GET of 4 KiB with 16 dependencies, without a server.
func BenchmarkHandlerHit(b *testing.B) {
	for name, o := range map[string]unstale.Options{"shared": {}, "own": {Identity: byToken}} {
		b.Run(name, func(b *testing.B) {
			c := newCache(b, o)
			body := []byte(strings.Repeat("x", 4<<10))
			h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				unstale.DependOn(r.Context(), "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p")
				unstale.Identity(r.Context())
				w.Header().Set("Content-Type", "text/plain")
				_, _ = w.Write(body)
			}))
			r := request(http.MethodGet, "/api/persona/public?page=1&page_size=20", "Accept: */*", "User-Agent: benchmark")
			w := &discard{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
			if n := c.Stats().Routes[""].MissCount(); n != 1 {
				b.Fatalf("%d misses", n)
			}
		})
	}
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) WriteHeader(int)             {}
func (w *discard) Write(p []byte) (int, error) { return len(p), nil }
