package hit

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/unstale/unstale/bench/harness"
)

// A Plain is a handler that sets a header and writes a body, both known
// beforehand: the least that a server can do to give an answer.
type Plain struct {
	header http.Header
	names  []string
	body   []byte
}

// NewPlain returns a handler that answers a body.
func NewPlain(header http.Header, body []byte) *Plain {
	return &Plain{header.Clone(), slices.Collect(maps.Keys(header)), body}
}

// set gives the header value by value, as a handler does.
func (p *Plain) set(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	for _, name := range p.names {
		h.Set(name, p.header[name][0])
	}
	_, _ = w.Write(p.body)
}

// ServeHTTP gives the header in slices made beforehand, which saves net/http's
// allocations and is more than most handlers go to.
func (p *Plain) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	for _, name := range p.names {
		h[name] = p.header[name]
	}
	_, _ = w.Write(p.body)
}

// served returns the header of a hit in process as the one that net/http's own
// writer gets: with a length, with ranges, and with a tag that stands for these
// bytes alone.
func served(a *harness.Answer) http.Header {
	h := a.Header().Clone()
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Etag", strings.TrimPrefix(h.Get("Etag"), "W/"))
	return h
}
