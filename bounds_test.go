package unstale_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/unstale/unstale"
)

// TestStrangersAreNotRemembered: whatever many strangers send, what the cache
// remembers of it besides entries is bounded. It runs alone, since it looks at the
// heap.
func TestStrangersAreNotRemembered(t *testing.T) {
	c := newCache(t, unstale.Options{MaxBytes: 1 << 20, History: -1, Slots: 1 << 10})
	mux := http.NewServeMux()
	mux.Handle("/{id}/x", c.Handler(known(func(w http.ResponseWriter, r *http.Request) { write(w, r.PathValue("id")) })))
	var heap [2]runtime.MemStats
	long := strings.Repeat("p", 60_000)
	var all sync.WaitGroup
	runtime.GC()
	runtime.ReadMemStats(&heap[0])
	for client := range 4 {
		all.Go(func() {
			for i := range 3000 {
				id := fmt.Sprint(client, "-", i)
				get(mux, "/"+id+"/x", "X-Unknown: "+id, "X-U-"+id+": 1", "Accept: "+long[:900]).want(t, id, false)
				if i%100 == 0 {
					get(mux, "/a/x", long+id+": 1")
					get(mux, "/a/x", "X-Unknown: "+long)
				}
			}
		})
	}
	all.Wait()
	digests, names, apart := unstale.Remembered(c)
	if digests > 2*2048 || names > 2048 || apart > 2048 {
		t.Errorf("%d digests, %d names, %d fields are remembered", digests, names, apart)
	}
	runtime.GC()
	runtime.GC() // what had finalizers
	runtime.ReadMemStats(&heap[1])
	if grown := int64(heap[1].HeapAlloc) - int64(heap[0].HeapAlloc); grown > 16<<20 {
		t.Errorf("%d MiB more heap", grown>>20)
	}
}

// TestWhatIsTooMuchPasses: a host or fields that would cost more than the answer.
func TestWhatIsTooMuchPasses(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(http.ResponseWriter, *http.Request) {}))
	var fields []string
	for i := range 65 {
		fields = append(fields, fmt.Sprintf("X-%d: 1", i))
	}
	host := request(http.MethodGet, "/")
	host.Host = strings.Repeat("h", 9000)
	for why, r := range map[string]*http.Request{
		"many unknown fields": request(http.MethodGet, "/", fields...), "long target": host,
	} {
		for range 2 {
			if got := serve(h, r); !strings.Contains(got.status, why) {
				t.Errorf("%s: %s", why, got.status)
			}
		}
	}
	get(h, "/", fields[:64]...).want(t, "", false)
	get(h, "/", fields[:64]...).want(t, "", true)
}

// TestSoundingFields: what only sounds like a credential is hidden, and that is
// told once where it may be a mistake.
func TestSoundingFields(t *testing.T) {
	t.Parallel()
	var book logbook
	_, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{Policies: sharedRoute, Identity: byToken})
	h := handler(known(func(w http.ResponseWriter, r *http.Request) { write(w, r.Header.Get("X-Page-Token")) }))
	for range 3 {
		get(h, "/", "X-Page-Token: 2")
		get(h, "/", "X-Api-Key: 2")
	}
	if n := book.count("sounds like a credential"); n != 1 || book.count("X-Page-Token") != 1 {
		t.Errorf("told %d times: %s", n, book.String())
	}
}

// TestLanguageIsAdvised: an answer in some language, by whatever it was chosen, is
// told of once by route.
func TestLanguageIsAdvised(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fields  map[string]string
		options unstale.HandlerOptions
		told    int
	}{
		{map[string]string{"Content-Language": "en"}, unstale.HandlerOptions{}, 1},
		{map[string]string{"Content-Language": "en", "Vary": "Accept-Language"}, unstale.HandlerOptions{}, 0},
		{map[string]string{"Content-Language": "en"}, unstale.HandlerOptions{SelectFields: []string{"accept-language"}}, 0},
		{nil, unstale.HandlerOptions{}, 0},
	} {
		var book logbook
		_, handler := newService(t, unstale.Options{Logger: book.logger()}, test.options)
		h := handler(known(func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range test.fields {
				w.Header().Set(name, value)
			}
		}))
		for _, path := range []string{"/", "/", "/other"} {
			get(h, path)
		}
		if n := book.count("Content-Language"); n != test.told {
			t.Errorf("%v: told %d times", test.fields, n)
		}
	}
}
