package unstale_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// TestRefusedCodings: a frame outside may compress for whoever names a coding,
// even for who refuses it. What the cache says of bytes has to be true then, too.
func TestRefusedCodings(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	inner := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) { write(w, "0123456789") }))
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			outerGzip(inner).ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	if a := s.get("/"); strings.HasPrefix(a.header.Get("Etag"), "W/") {
		t.Errorf("a weak tag without need: %v", a.header)
	}
	for range 2 {
		a := s.get("/", "Accept-Encoding: gzip;q=0")
		if tag := a.header.Get("Etag"); !strings.HasPrefix(tag, "W/") || a.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("a strong tag of what is compressed: %v", a.header)
		}
	}
	if a := s.get("/", "Accept-Encoding: gzip;q=0", "Range: bytes=2-4"); a.code != http.StatusOK || unzipped(a) != "0123456789" {
		t.Errorf("a part of what is compressed: %d %v", a.code, a.header)
	}
}
