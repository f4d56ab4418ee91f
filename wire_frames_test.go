package unstale_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A wireMoment is what handlers and frames know besides the request. Both worlds
// share it; exchanges follow one another.
type wireMoment struct {
	number  atomic.Int64      // of the exchange
	handler atomic.Int64      // that answers it
	state   atomic.Int64      // what tag "x" stands for
	places  map[string]string // names of listeners and servers, the same in both worlds

	expected, arrived atomic.Int64 // requests at once: handlers wait until all are there
}

// wait gives those who ask at the same time a chance to join. It proves nothing:
// that some joined is counted.
func (m *wireMoment) wait() {
	if m.expected.Load() <= 1 {
		return
	}
	for i := 0; m.arrived.Load() < m.expected.Load() && i < 1000; i++ {
		time.Sleep(20 * time.Microsecond)
	}
	time.Sleep(200 * time.Microsecond)
}

// nonce is a value that differs in each exchange and that no request contains.
func (m *wireMoment) nonce() string { return fmt.Sprintf("nonce-%06d", m.number.Load()) }

// A wireFrame is something that stands outside of the cache.
type wireFrame struct {
	do    string // a key of wireFrames
	name  string // of a field of the answer
	value string // constant, or a source: see wireMoment.value
}

func (f wireFrame) String() string {
	s := f.do
	for _, part := range []string{f.name, f.value} {
		if part != "" {
			s += fmt.Sprintf(" %q", part)
		}
	}
	return s
}

// value returns what a frame sets: what a request field says, or a nonce, or a
// constant. A field that is absent leads to a value, too, since a handler that
// repeats nothing repeats nothing of eight bytes.
func (m *wireMoment) value(source string, r *http.Request) string {
	if name, ok := strings.CutPrefix(source, "from "); ok {
		if v := r.Header.Get(name); v != "" {
			return v
		}
		return "none-given"
	}
	switch source {
	case "nonce":
		return m.nonce()
	case "sometimes": // in every other exchange nothing is done
		return []string{"", "sometimes-there"}[m.number.Load()%2]
	case "parity": // two values, so that each comes again
		return fmt.Sprint("parity-", m.number.Load()%2+10)
	}
	return source
}

// wireFrames are the frames by name.
var wireFrames = map[string]func(f wireFrame, m *wireMoment, next http.Handler) http.Handler{
	"set": before(func(f wireFrame, h http.Header, v string) { h.Set(f.name, v) }),
	"add": before(func(f wireFrame, h http.Header, v string) { h.Add(f.name, v) }),
	// Of an outer frame's, because frames are in a row.
	"delete":      before(func(f wireFrame, h http.Header, _ string) { h.Del(f.name) }),
	"without any": before(func(f wireFrame, h http.Header, _ string) { h[f.name] = nil }),
	"set late": func(f wireFrame, m *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			w.Header().Set(f.name, m.value(f.value, r))
		})
	},
	"append": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			_, _ = io.WriteString(w, "<!-- by the house -->")
		})
	},
	"compress late": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		zipping := outerGzip(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Accept-Encoding")
			if slices.Contains(wireEncodings(r.Header), "gzip") {
				zipping.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	},
	"compress at once": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Accept-Encoding")
			if !slices.Contains(wireEncodings(r.Header), "gzip") {
				next.ServeHTTP(w, r)
				return
			}
			z := &wireZipper{ResponseWriter: w}
			next.ServeHTTP(z, r)
			if z.z != nil {
				z.z.Close()
			}
		})
	},
	"timeout": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		return http.TimeoutHandler(next, time.Minute, "late")
	},
	"strip": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler { return http.StripPrefix("/p", next) },
	"mux": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/p/{one}/{rest...}", next)
		mux.Handle("/{one}/{rest...}", next)
		return mux
	},
	"muxes in turn": func(_ wireFrame, m *wireMoment, next http.Handler) http.Handler {
		one, other := http.NewServeMux(), http.NewServeMux()
		one.Handle("/{one}/{rest...}", next)
		other.Handle("/{tenant}/{one}", next)
		other.Handle("/{tenant}/{one}/{rest...}", next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.number.Load()%2 == 0 {
				one.ServeHTTP(w, r)
				return
			}
			other.ServeHTTP(w, r)
		})
	},
	"path value": func(f wireFrame, m *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.SetPathValue("tenant", m.value(f.value, r))
			next.ServeHTTP(w, r)
		})
	},
	"context value": func(f wireFrame, m *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, withValue(r, m.value(f.value, r)))
		})
	},
	"wrap": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
		})
	},
	"wrap, unwrappable": func(_ wireFrame, _ *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(wireWrapper{w}, r)
		})
	},
}

// before returns a frame that does something to the header first.
func before(do func(f wireFrame, h http.Header, v string)) func(wireFrame, *wireMoment, http.Handler) http.Handler {
	return func(f wireFrame, m *wireMoment, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if v := m.value(f.value, r); v != "" || f.value != "sometimes" {
				do(f, w.Header(), v)
			}
			next.ServeHTTP(w, r)
		})
	}
}

type wireWrapper struct{ http.ResponseWriter }

func (w wireWrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// wireZipper decides in WriteHeader, by the type, as chi's middleware does.
type wireZipper struct {
	http.ResponseWriter
	decided bool
	z       *gzip.Writer
}

func (z *wireZipper) WriteHeader(status int) {
	h := z.Header()
	if status >= 200 && !z.decided {
		z.decided = true
		kind, _, _ := strings.Cut(h.Get("Content-Type"), "/")
		if h.Get("Content-Encoding") == "" && (kind == "text" || kind == "application") {
			h.Set("Content-Encoding", "gzip")
			h.Del("Content-Length")
			z.z = gzip.NewWriter(z.ResponseWriter)
		}
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *wireZipper) Write(p []byte) (int, error) {
	if !z.decided {
		z.WriteHeader(http.StatusOK)
	}
	if z.z == nil {
		return z.ResponseWriter.Write(p)
	}
	return z.z.Write(p)
}

func (z *wireZipper) Flush() {
	if !z.decided {
		z.WriteHeader(http.StatusOK)
	}
	if z.z != nil {
		z.z.Flush()
	}
	_ = http.NewResponseController(z.ResponseWriter).Flush()
}

func (z *wireZipper) Unwrap() http.ResponseWriter { return z.ResponseWriter }

// unzipped returns the body of an answer that a frame compressed.
func unzipped(a answer) string {
	if a.header.Get("Content-Encoding") != "gzip" {
		return a.body
	}
	z, err := gzip.NewReader(bytes.NewReader([]byte(a.body)))
	if err != nil {
		return a.body
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return a.body
	}
	return string(b)
}

// has reports whether the case has one of these frames.
func (c *wireCase) has(do ...string) bool {
	return slices.ContainsFunc(c.frames, func(f wireFrame) bool { return slices.Contains(do, f.do) })
}

// serve returns the service behind a cache: handlers is what Cache.Handler
// makes of one.
func (c *wireCase) serve(m *wireMoment, cached func(http.Handler) http.Handler) http.Handler {
	doors := make([]http.Handler, len(c.handlers))
	for i, h := range c.handlers {
		door := cached(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.wait()
			h.serve(w, r, m)
		}))
		for _, f := range slices.Backward(c.frames) {
			door = wireFrames[f.do](f, m, door)
		}
		doors[i] = door
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.arrived.Add(1)
		doors[m.handler.Load()].ServeHTTP(w, r)
	})
}
