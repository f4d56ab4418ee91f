package unstale_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/storetest"
)

func openMemory(t *testing.T, maxBytes int64) unstale.Store {
	t.Helper()
	m, err := unstale.NewMemory(maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) { storetest.TestStore(t, openMemory) }

func TestMemoryNeedsABound(t *testing.T) {
	for _, n := range []int64{0, -1} {
		if _, err := unstale.NewMemory(n); err == nil {
			t.Errorf("a store of %d bytes", n)
		}
	}
}

// The bound is one of memory, not of bodies: what Size says is what the heap
// grows by, for small answers as for large ones.
func TestSizesAreWhatEntriesCost(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		n, body, tags, field int
	}{
		{"small", 3_000, 20, 1, 0},
		{"4 KiB", 1_000, 4096, 1, 0},
		{"many dependencies", 500, 100, 200, 0},
		{"many fields", 1_000, 100, 1, 20},
		{"large", 30, 500_000, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCache(t, unstale.Options{MaxBytes: 1 << 30, Slots: 1 << 16})
			body := []byte(strings.Repeat("x", tt.body))
			h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for i := range tt.tags {
					unstale.DependOn(r.Context(), unstale.Tag(fmt.Sprint(r.URL.Path, i)))
				}
				for i := range tt.field {
					w.Header().Set(fmt.Sprint("X-Field-", i), fmt.Sprint("value ", i))
				}
				w.Write(body[:len(body)/2]) // in two, so that the buffer grows
				w.Write(body[len(body)/2:])
			}))
			before := heap()
			for i := range tt.n {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprint("/cards/", i), nil))
			}
			grown := float64(heap() - before)
			st := c.Stats().Store
			if st.Entries != tt.n {
				t.Fatalf("%+v", st)
			}
			if ratio := float64(st.Bytes) / grown; ratio < 0.85 || ratio > 1.5 {
				t.Errorf("%d entries cost %.0f bytes each and are counted as %d each", tt.n, grown/float64(tt.n), st.Bytes/int64(tt.n))
			} else {
				t.Logf("%.0f bytes each, counted as %d: %.2f", grown/float64(tt.n), st.Bytes/int64(tt.n), ratio)
			}
			runtime.KeepAlive(c)
		})
	}
}

// heap returns the bytes of live objects.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
