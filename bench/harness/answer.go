package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// NewRequest is a GET as a server would have read it.
func NewRequest(path string) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		panic(err) // a path of our own
	}
	r.RequestURI = path
	r.Host = Host
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("User-Agent", "bench")
	return r
}

// An Answer is what a handler gave in process.
type Answer struct {
	Status int
	Body   []byte
	header http.Header
}

// Ask answers a request in process and keeps the answer.
func Ask(h http.Handler, r *http.Request) *Answer {
	a := &Answer{header: make(http.Header)}
	h.ServeHTTP(a, r)
	return a
}

// Warm fills the cache with the answer to r and returns it as a hit.
func Warm(h http.Handler, r *http.Request) (*Answer, error) {
	Ask(h, r)
	a := Ask(h, r)
	if !a.Hit() || a.Status != http.StatusOK {
		return nil, fmt.Errorf("%s: no hit: %d %q", r.URL.Path, a.Status, a.header.Get("Cache-Status"))
	}
	return a, nil
}

// Header implements http.ResponseWriter.
func (a *Answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *Answer) WriteHeader(status int) {
	if a.Status == 0 {
		a.Status = status
	}
}

// Write implements http.ResponseWriter.
func (a *Answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.Body = append(a.Body, b...)
	return len(b), nil
}

// Hit reports whether the answer came from the cache.
func (a *Answer) Hit() bool { return a.Status != 0 && Hit(a.header) }

// Hit reports whether an answer with this header came from the cache.
func Hit(header http.Header) bool {
	status := header["Cache-Status"]
	return len(status) == 1 && strings.HasPrefix(status[0], "unstale;hit")
}

// A Sink is the cheapest ResponseWriter there can be.
type Sink struct {
	Status, Bytes int
	header        http.Header
}

// Ask answers a request and forgets the header of the answer before.
func (s *Sink) Ask(h http.Handler, r *http.Request) {
	if s.header == nil {
		s.header = make(http.Header, 16)
	}
	clear(s.header)
	h.ServeHTTP(s, r)
}

// Header implements http.ResponseWriter.
func (s *Sink) Header() http.Header { return s.header }

// WriteHeader implements http.ResponseWriter.
func (s *Sink) WriteHeader(status int) { s.Status = status }

// Write implements http.ResponseWriter.
func (s *Sink) Write(b []byte) (int, error) {
	s.Bytes += len(b)
	return len(b), nil
}

// WriteText answers a text.
func WriteText(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, body)
}

// Serve serves a handler at an address of its own until it is stopped.
func Serve(h http.Handler) (addr string, stop func() error, err error) {
	l, err := Listen()
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go server.Serve(l) //nolint:errcheck // returns when the server is closed
	return l.Addr().String(), server.Close, nil
}

// Listen listens at an address of its own.
func Listen() (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
}
