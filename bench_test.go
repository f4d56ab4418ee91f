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

// BenchmarkHandlerHit is a GET of 4 KiB with 16 dependencies, without a server: from
// a program, for one identity, and from a browser behind a proxy.
func BenchmarkHandlerHit(b *testing.B) {
	few := []string{"Accept: */*", "User-Agent: benchmark"}
	browser := []string{
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Accept-Encoding: gzip, deflate, br, zstd",
		"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8", "Connection: keep-alive", "Cookie: _ga=GA1.1.1; theme=dark", "Priority: u=0, i",
		"Referer: http://example.com/", "Sec-Ch-Ua-Mobile: ?0", "Sec-Ch-Ua-Platform: Linux", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate",
		"Sec-Fetch-Site: same-origin", "Upgrade-Insecure-Requests: 1", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "X-Forwarded-For: 192.0.2.1",
	}
	// What Chromium sends when somebody types an address.
	navigation := []string{
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
		"Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-US,en;q=0.9", "Connection: keep-alive",
		`Sec-Ch-Ua: "Chromium";v="156", "Not?A_Brand";v="24"`, "Sec-Ch-Ua-Mobile: ?0", `Sec-Ch-Ua-Platform: "Linux"`,
		"Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Sec-Fetch-User: ?1", "Upgrade-Insecure-Requests: 1",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
	}
	for _, test := range []struct {
		name    string
		options unstale.HandlerOptions
		fields  []string
	}{
		{"shared", unstale.HandlerOptions{}, few},
		{"own", unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken}, few},
		{"navigation", unstale.HandlerOptions{}, navigation},
		{"browser", unstale.HandlerOptions{IgnoreCookies: []string{"_ga", "theme"}}, browser},
	} {
		b.Run(test.name, func(b *testing.B) {
			c, handler := newService(b, unstale.Options{}, test.options)
			body := []byte(strings.Repeat("x", 4<<10))
			h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				unstale.DependOn(r.Context(), "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p")
				unstale.Identity(r.Context())
				w.Header().Set("Content-Type", "text/plain")
				_, _ = w.Write(body)
			}))
			r := request(http.MethodGet, "/api/persona/public?page=1&page_size=20", test.fields...)
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

// TestHitAllocations: what a hit on an answer of many fields allocates does not
// grow with them.
func TestHitAllocations(t *testing.T) {
	c := newCache(t, unstale.Options{})
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "a")
		for _, name := range strings.Fields("Content-Language X-A X-B X-C X-D X-E X-F") {
			w.Header()[name] = []string{"one", "two"}
		}
		_, _ = w.Write([]byte("body"))
	}))
	r, w := request(http.MethodGet, "/x"), &discard{header: make(http.Header)}
	n := testing.AllocsPerRun(200, func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	})
	if n > 3 {
		t.Errorf("%v allocations", n)
	}
	if got := w.header["X-F"]; len(got) != 2 || got[1] != "two" || len(w.header["Cache-Status"]) != 1 || w.header.Get("Age") != "0" {
		t.Errorf("%v", w.header)
	}
}

// TestIdentityHitAllocations: finding out who asks, and what is kept for them,
// allocates three times besides.
func TestIdentityHitAllocations(t *testing.T) {
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "a")
		write(w, unstale.Identity(r.Context()))
	}))
	r, w := request(http.MethodGet, "/x", "Authorization: me"), &discard{header: make(http.Header)}
	n := testing.AllocsPerRun(200, func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	})
	if n > 6 {
		t.Errorf("%v allocations", n)
	}
	if s := c.Stats().Routes[""]; s.MissCount() != 1 || s.Hits < 200 {
		t.Errorf("%+v", s)
	}
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) WriteHeader(int)             {}
func (w *discard) Write(p []byte) (int, error) { return len(p), nil }
