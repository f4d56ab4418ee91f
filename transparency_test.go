package unstale_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/unstale/unstale"
)

// transparent are handlers whose answers a cache must not change.
var transparent = map[string]http.HandlerFunc{
	"plain":        func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
	"nothing":      func(http.ResponseWriter, *http.Request) {},
	"empty write":  func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) },
	"status only":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
	"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
	"body where none is allowed": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(http.ErrAbortHandler)
		}
	},
	"not found":    http.NotFound,
	"server error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) },
	"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there?a=b", http.StatusFound) },
	"moved": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/there", http.StatusMovedPermanently)
	},
	"html is sniffed": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<!doctype html><p>x")
	},
	"binary is sniffed": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("\x89PNG\r\n\x1a\n\x00\x00")) },
	"not sniffed": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<!doctype html>")
	},
	"encoded is not sniffed": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		io.WriteString(w, "<!doctype html>")
	},
	"length declared": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
	},
	"too little": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "hello")
	},
	"too much": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hel")
		if _, err := io.WriteString(w, "lo and more"); !errors.Is(err, http.ErrContentLength) {
			panic(http.ErrAbortHandler)
		}
		if _, err := io.WriteString(w, "lo"); !errors.Is(err, http.ErrContentLength) {
			panic(http.ErrAbortHandler)
		}
	},
	"enough, then too much": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
		if _, err := io.WriteString(w, " world"); !errors.Is(err, http.ErrContentLength) {
			panic(http.ErrAbortHandler)
		}
	},
	"superfluous status": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "short and stout")
	},
	"invalid status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(99) },
	"fields after the header": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Before", "1")
		w.WriteHeader(http.StatusOK)
		w.Header().Set("X-Before", "2")
		w.Header().Set("X-After", "1")
		io.WriteString(w, "x")
	},
	"several cookies": func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		io.WriteString(w, "x")
	},
	"several lines": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-List"] = []string{"a", "b, c"}
		w.Header().Add("Link", "</a>; rel=x")
		w.Header().Add("Link", "</b>; rel=y")
		io.WriteString(w, "x")
	},
	"field written past the methods": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-lower"] = []string{"1"}
		io.WriteString(w, "x")
	},
	"many writes": func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1000 {
			fmt.Fprintf(w, "line %d\n", i)
		}
	},
	"copied": func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, strings.NewReader(strings.Repeat("copy ", 20_000)))
	},
	"copied in bytes": func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
	},
	"copied from a broken source": func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.Copy(w, iotest.ErrReader(errors.New("broken"))); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	},
	"copied too much": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		if _, err := io.Copy(w, strings.NewReader("hello world")); err == nil {
			panic(http.ErrAbortHandler)
		}
	},
	"content": func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader("0123456789"))
	},
	"large": func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("large "), 50_000)) // above MaxBody
		io.WriteString(w, "end")
	},
	"large and declared": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "300000")
		io.Copy(w, io.LimitReader(zeros{}, 300_000))
	},
	"flushed": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Early", "1")
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "1")
		io.WriteString(w, "b")
	},
	"flushed by controller": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
		io.WriteString(w, "b")
	},
	"controller": func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		soon := time.Now().Add(time.Minute)
		err := errors.Join(c.SetReadDeadline(soon), c.SetWriteDeadline(soon))
		fmt.Fprint(w, err, c.EnableFullDuplex())
	},
	"declared trailer": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, X-Other")
		w.Header().Set("X-Sum", "early")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "late")
		w.Header().Set("X-Undeclared", "no")
	},
	"undeclared trailer": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	},
	"undeclared trailer, not flushed": func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("x"), 10_000))
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	},
	"undeclared trailer, set first": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
		io.WriteString(w, "body")
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Link", "</script.js>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, "x")
	},
	"aborted":                  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"aborted after a write":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x"); panic(http.ErrAbortHandler) },
	"panicked":                 func(http.ResponseWriter, *http.Request) { panic("oops") },
	"panicked after the flush": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); panic("oops") },
	"range made by the handler": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-1/4")
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, "ab")
	},
	"connection closed": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "x")
	},
	"push or not": func(w http.ResponseWriter, _ *http.Request) {
		if p, ok := w.(http.Pusher); ok {
			_ = p.Push("/x", nil)
		}
		io.WriteString(w, "x")
	},
}

// inside are what handlers make of a field, and outside what frames do.
var inside = map[string]func(h http.Header, name, value string){
	"set":        http.Header.Set,
	"add":        http.Header.Add,
	"delete":     func(h http.Header, name, _ string) { h.Del(name) },
	"lower case": func(h http.Header, name, value string) { h[strings.ToLower(name)] = []string{value} },
	"nil":        func(h http.Header, name, _ string) { h[name] = nil },
	"both cases": func(h http.Header, name, value string) {
		h.Set(name, value)
		h[strings.ToLower(name)] = []string{value}
	},
	"set to the same": func(h http.Header, name, _ string) { h[name] = slices.Clone(h[name]) },
	"edit": func(h http.Header, name, value string) {
		if lines := h[name]; len(lines) > 0 {
			lines[0] = value
		}
	},
}

// sharedFields are set by handlers and by frames, to other values each.
var sharedFields = []struct{ name, inside, outside string }{
	{"Content-Type", "text/inside", "text/outside"},
	{"Cache-Control", "max-age=30", "public, max-age=60"},
	{"Etag", `"inside"`, `"outside"`},
	{"Vary", "User-Agent", "Origin"},
	{"Set-Cookie", "inside=1", "outside=1"},
	{"X-Frame-Options", "DENY", "SAMEORIGIN"},
}

// touching are handlers that do something to one of the fields each.
func touching() map[string]http.HandlerFunc {
	handlers := make(map[string]http.HandlerFunc)
	for _, f := range sharedFields {
		for verb, do := range inside {
			if strings.Contains(verb, "case") && f.name == "Content-Type" {
				continue // net/http does not see that one is there, and adds another
			}
			handlers[verb+" "+f.name] = func(w http.ResponseWriter, _ *http.Request) {
				do(w.Header(), f.name, f.inside)
				io.WriteString(w, "hello")
			}
		}
	}
	return handlers
}

// outerShared is a frame that does something to each of the fields.
func outerShared(verb string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, f := range sharedFields {
				if strings.Contains(verb, "case") && (f.name == "Content-Type" || slices.Contains(ours, f.name)) {
					continue // neither net/http nor the cache sees that one is there, and adds another
				}
				inside[verb](w.Header(), f.name, f.outside)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// outerTwice is a frame that adds two values to each of the fields of which there
// may be two.
func outerTwice(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range sharedFields {
			w.Header().Add(f.name, f.outside)
			if f.name != "Content-Type" && f.name != "Etag" {
				w.Header().Add(f.name, f.outside+"-2")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// browserFields are what a browser sends with each request.
var browserFields = []string{
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
	"Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: de-CH,de;q=0.9,en;q=0.8", "Connection: keep-alive",
	"Priority: u=0, i", "Referer: http://a.example/", "Sec-Ch-Ua-Platform: Linux", "Sec-Fetch-Dest: document",
	"Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: same-origin", "Upgrade-Insecure-Requests: 1", "User-Agent: Mozilla/5.0 (X11)",
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// ours are the fields that a cache may add where there are none.
var ours = []string{"Cache-Status", "Etag", "Age", "Cache-Control", "Accept-Ranges"}

func compare(t *testing.T, what string, plain, cached answer) {
	t.Helper()
	plain.header, cached.header = maps.Clone(plain.header), maps.Clone(cached.header)
	for _, name := range ours {
		if plain.header[name] == nil {
			delete(cached.header, name)
		}
	}
	delete(plain.header, "Date") // says when it was sent
	delete(cached.header, "Date")
	if plain.header["Content-Length"] == nil || cached.header["Content-Length"] == nil { // chunks
		delete(plain.header, "Content-Length")
		delete(cached.header, "Content-Length")
	}
	// A body that is cut off may be cut off anywhere.
	if plain.failed != cached.failed || !plain.failed && plain.body != cached.body {
		t.Errorf("%s: body %.60q (failed: %t), without the cache %.60q (failed: %t)",
			what, cached.body, cached.failed, plain.body, plain.failed)
	}
	if plain.code != cached.code && !(plain.failed && cached.code*plain.code == 0) {
		t.Errorf("%s: status %d, without the cache %d", what, cached.code, plain.code)
	}
	same := func(what string, a, b http.Header) {
		t.Helper()
		if !maps.EqualFunc(a, b, slices.Equal[[]string]) {
			t.Errorf("%s: %v, without the cache %v", what, b, a)
		}
	}
	if !plain.failed {
		same(what+": header", plain.header, cached.header)
		same(what+": trailer", plain.trailer, cached.trailer)
	}
}

// A frame is what stands outside of a cache, or of the handlers themselves.
type frame struct {
	name   string
	wrap   func(http.Handler) http.Handler
	http2  bool
	mode   unstale.Mode
	noHead bool
	except []string // handlers that it breaks, or changes by itself, without a cache
}

var frames = []frame{
	{name: "http1"},
	{name: "http2", http2: true},
	{name: "report only", mode: unstale.ModeReportOnly},
	{name: "fields", wrap: outerFields},
	{name: "same fields", wrap: outerShared("set")},
	{name: "same fields, twice", wrap: outerTwice},
	{name: "same fields, lower case", wrap: outerShared("lower case")},
	{name: "same fields, both cases", wrap: outerShared("both cases")},
	{name: "same fields, without values", wrap: outerShared("nil")},
	{
		name: "timeout", wrap: func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "late") },
		// Its writer cannot flush, and its header is not fixed by WriteHeader.
		except: []string{
			"flushed", "flushed by controller", "undeclared trailer", "panicked after the flush",
			"fields after the header", "declared trailer", "body where none is allowed", "early hints", "controller",
		},
	},
	{
		name: "compression", wrap: outerGzip, noHead: true, // a hit writes no body that it could compress
		// It takes away the Content-Length that net/http would enforce, and does not
		// fix the header in WriteHeader.
		except: []string{"too much", "copied too much", "enough, then too much", "too little", "fields after the header"},
	},
}

func TestTransparency(t *testing.T) {
	for _, f := range frames {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			_, handler := newService(t, unstale.Options{MaxBody: 100_000, Logger: slog.New(slog.DiscardHandler)}, unstale.HandlerOptions{Policies: map[string]unstale.Policy{"": {Mode: f.mode}}})
			wrap := f.wrap
			if wrap == nil {
				wrap = func(h http.Handler) http.Handler { return h }
			}
			handlers := touching()
			maps.Copy(handlers, transparent)
			mux := http.NewServeMux()
			for name, h := range handlers {
				mux.HandleFunc("/"+escaped(name), known(h))
			}
			plain, cached := newServer(t, wrap(mux), f.http2), newServer(t, wrap(handler(mux)), f.http2)
			for name := range handlers {
				if slices.Contains(f.except, name) {
					continue
				}
				path := "/" + escaped(name)
				for who, fields := range map[string][]string{"": nil, ", browser": browserFields} {
					name := name + who
					want, first := plain.get(path, fields...), cached.get(path, fields...)
					compare(t, name, want, first)
					if !slices.Equal(want.informed, first.informed) {
						t.Errorf("%s: informed %q, without the cache %q", name, first.informed, want.informed)
					}
					compare(t, name+", again", want, cached.get(path, fields...))
					if f.noHead {
						continue
					}
					// A fill knows no HEAD, so a handler that fails half-way may get further.
					if head := plain.do(http.MethodHead, path, fields...); !want.failed && !head.failed {
						compare(t, name+", HEAD", head, cached.do(http.MethodHead, path, fields...))
					}
				}
			}
		})
	}
}

func escaped(name string) string { return strings.ReplaceAll(name, " ", "-") }

// outerFields is what CORS and request ids do outside of a cache.
func outerFields(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://a.example")
		w.Header().Set("Vary", "Origin")
		w.Header().Set("X-Request-Id", "7")
		next.ServeHTTP(w, r)
	})
}

// outerGzip compresses what is written, whatever the client accepts.
func outerGzip(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z := &gzipWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(z, r)
		z.close()
	})
}

// gzipWriter decides, as such writers do, when there is something to compress.
type gzipWriter struct {
	http.ResponseWriter
	status int
	said   bool // by WriteHeader
	sent   bool
	z      *gzip.Writer // nil: not compressed
}

func (g *gzipWriter) WriteHeader(status int) {
	if status < 200 {
		g.ResponseWriter.WriteHeader(status)
	} else if !g.said { // the first counts, as in net/http
		g.said, g.status = true, status
	}
}

func (g *gzipWriter) start(p []byte) {
	if g.sent {
		return
	}
	g.sent = true
	h := g.Header()
	if len(p) > 0 && h.Get("Content-Encoding") == "" && g.status != http.StatusNoContent && g.status != http.StatusNotModified {
		if _, ok := h["Content-Type"]; !ok {
			h.Set("Content-Type", http.DetectContentType(p))
		}
		h.Del("Content-Length")
		h.Set("Content-Encoding", "gzip")
		g.z = gzip.NewWriter(g.ResponseWriter)
	}
	g.ResponseWriter.WriteHeader(g.status)
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	g.start(p)
	if g.z == nil {
		return g.ResponseWriter.Write(p)
	}
	return g.z.Write(p)
}

func (g *gzipWriter) Flush() {
	g.start(nil)
	if g.z != nil {
		g.z.Flush()
	}
	_ = http.NewResponseController(g.ResponseWriter).Flush()
}

func (g *gzipWriter) Unwrap() http.ResponseWriter { return g.ResponseWriter }

func (g *gzipWriter) close() {
	g.start(nil)
	if g.z != nil {
		g.z.Close()
	}
}

func TestFileServer(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(dir))
	c := newCache(t, unstale.Options{})
	plain, cached := newServer(t, files), newServer(t, c.Handler(files))
	for _, path := range []string{"/a.txt", "/", "/nowhere", "/a.txt/"} {
		compare(t, path, plain.get(path), cached.get(path))
	}
	ranged := []string{"Range: bytes=2-4"}
	compare(t, "range", plain.get("/a.txt", ranged...), cached.get("/a.txt", ranged...))
}
