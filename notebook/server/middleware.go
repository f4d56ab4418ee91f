package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/service"
)

const requestIDField = "X-Request-Id"

// bodyLimit returns how large the body of a request may be, in bytes.
func (s *Server) bodyLimit(r *http.Request) int64 {
	if r.Method == http.MethodPost {
		if limit, ok := s.Mux.limits[s.Mux.Route(r)]; ok {
			return limit
		}
	}
	return service.MaxBody
}

// outermost returns the handler in front of everything: it names the request,
// logs it, bounds its body, and says which pages may read the answer.
func (s *Server) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		r = s.prepare(r)
		r.Body = http.MaxBytesReader(w, r.Body, s.bodyLimit(r))
		l := &loggedWriter{ResponseWriter: w, id: r.Header.Get(requestIDField), share: func(h http.Header) {
			s.always(h)
			s.shareFields(h, r)
		}}
		defer func() {
			s.finish(l, r, started, recover())
		}()
		switch {
		case s.preflight(l, r):
		case !notebook.IsText(r.URL.Path): // it names nothing, and no database can be asked for it
			s.NotFound(l, r)
		default:
			next.ServeHTTP(l, r)
		}
	})
}

// prepare returns a copy of the request with a request id, with the language
// that will be answered in as its Accept-Language, and at / with the form as its
// Accept: the cache then keeps one variant of each, not one per browser.
func (s *Server) prepare(r *http.Request) *http.Request {
	p := new(http.Request)
	*p = *r
	p.Header = r.Header.Clone()
	if id := r.Header.Get(requestIDField); !plainID(id) {
		p.Header.Set(requestIDField, uuid.NewString())
	}
	p.Header.Set("Accept-Language", string(answersIn(r.URL.Path, strings.Join(r.Header.Values("Accept-Language"), ","))))
	if r.URL.Path == "/" { // there alone something depends on it
		p.Header.Set("Accept", map[bool]string{true: "text/html", false: "application/json"}[WantsPage(r)])
	}
	return p
}

// finish answers for a panic, and writes the request's line to the log.
func (s *Server) finish(l *loggedWriter, r *http.Request, started time.Time, panicked any) {
	attrs := []slog.Attr{
		slog.String("request_id", l.id), slog.String("method", r.Method), slog.String("path", shownPath(r.URL.Path)),
	}
	if cause, ok := panicked.(error); panicked != nil && !(ok && errors.Is(cause, http.ErrAbortHandler)) {
		s.Logger.LogAttrs(r.Context(), slog.LevelError, "panic", append(attrs,
			slog.String("error", fmt.Sprint(panicked)), slog.String("stack", string(debug.Stack())))...)
		if l.status == 0 {
			NewFailure(CallerFrom(r), http.StatusInternalServerError, "DATABASE_ERROR", "INTERNAL_ERROR", TextInternal, nil).Write(l)
			panicked = nil
		}
	}
	if l.status == 0 && panicked == nil {
		l.WriteHeader(http.StatusOK) // an answer with nothing in it is one, too
	}
	s.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", append(attrs,
		slog.Int("status", l.status), slog.Int64("bytes", l.bytes), slog.Duration("took", time.Since(started)),
		slog.String("cache", l.Header().Get("Cache-Status")))...)
	if panicked != nil {
		panic(http.ErrAbortHandler) // the answer has begun: cut it off, so that it does not look whole
	}
}

// loggedWriter notes what is answered, names the request in the answer, and says
// who may read it.
type loggedWriter struct {
	http.ResponseWriter
	id     string
	share  func(http.Header)
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *loggedWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
		w.Header().Set(requestIDField, w.id)
		w.share(w.Header())
		tellPage(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *loggedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what is underneath.
func (w *loggedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// plainID reports whether a request id that a client sent can go into logs.
func plainID(id string) bool {
	return id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	})
}
