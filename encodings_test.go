package unstale_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// TestEncodingsInAFill: a fill sees what a client accepts in one form, and clients
// with one form share an answer.
func TestEncodingsInAFill(t *testing.T) {
	t.Parallel()
	for want, fields := range map[string][]string{
		"br, gzip, zstd": {"gzip, deflate, br, zstd", "zstd,gzip;q=0.5, BR", "*", "identity;q=0.1, *;q=0.2"},
		"br, gzip":       {"gzip, deflate, br", "*, zstd;q=0", "br|gzip"},
		"gzip":           {"gzip", "gzip, deflate", "x-gzip", "br;q=0, gzip", "br;q=0.000, GZIP ; q=1"},
		"none":           {"", "identity", "gzip;q=0", "gzip;q=much", "deflate", "*;q=0"},
	} {
		c := newCache(t, unstale.Options{})
		db := newToy(c)
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "x")
			if lines, ok := r.Header["Accept-Encoding"]; ok {
				write(w, strings.Join(lines, "|"))
				return
			}
			write(w, "none")
		}))
		for i, value := range fields {
			r := request(http.MethodGet, "/")
			r.Header["Accept-Encoding"] = strings.Split(value, "|")
			serve(h, r).want(t, want, i > 0)
		}
		get(h, "/").want(t, "none", want == "none")
	}
}

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
