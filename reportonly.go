package unstale

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/internal/rfc9111"
)

// reportOnly answers in report-only mode: the handler runs every time, sees the
// request as it came and writes to the client itself; what it reads is tracked,
// its answer stored, and what would have been a hit is counted and compared.
func (g *get) reportOnly() {
	c := g.front
	// Kept apart: a handler that sees credentials may answer what nobody else is
	// to see, and another route may serve the same URI.
	place := g.primary + "\n(report)"
	would, key, at, why := c.find(g.r.Context(), place, g)
	now, coarse := at.time, c.history.coarse(key, why)
	if would != nil && g.accepts(would, now) != missNone {
		would = nil
	}
	outer := g.r.Context()
	f := g.begin()
	s := g.scope(f)
	ctx := &fillContext{withoutValues{outer}, context.WithoutCancel(outer), s, s.lookedOutside}
	detail := "report only: " + string(why)
	if would != nil {
		detail = "report only: would hit"
		g.route.wouldHit.Add(1)
	}
	g.w.Header().Add("Cache-Status", rfc9111.CacheStatus{Forward: rfc9111.ForwardBypass, Detail: detail}.String())
	g.route.bypassed.add(bypassReport, 1)
	w := newWitness(outer, g.w, c.options.MaxBody)
	began := time.Now()
	func() {
		defer f.end()
		r := g.r.WithContext(ctx)
		r.Header = g.r.Header.Clone() // what it edits is to select nothing
		f.numbered(func() { g.next.ServeHTTP(w, r) })
	}()
	rec, took := w.finish(), time.Since(began)
	switch {
	case rec.mode != keeping:
		f.refuse(refusedStreamed)
	case rec.written > c.options.MaxBody:
		f.refuse(refusedTooLarge)
	case outer.Err() != nil:
		f.refuse(refusedLeft)
	}
	if !plainGet(g.r) {
		return // an answer in part says nothing of the whole
	}
	if would != nil && rec.mode == keeping && rec.written <= c.options.MaxBody {
		if what := difference(would, rec); what != "" && c.catchUp(outer, g, would) == missNone && c.judge(would, clock.Now()) == missNone {
			g.route.wouldDiffer.Add(1)
			part, _, _ := strings.Cut(what, " ") // the rest may be somebody's
			g.reportDifference("unstale: report only: what would have been a hit differs from what the handler answers", would, part)
		}
	}
	now = clock.Now()
	e, vary, refused := g.seal(f, rec, now)
	defer g.shadow(f, e, rec, refused)
	if refused != "" {
		c.refused(g.route, refused, f.dueTo(), took)
		return
	}
	if c.judge(e, now) == missNone {
		c.put(place, c.keep(place, g, e, vary), e)
		g.route.refill(why, coarse, took)
	}
}

// bypassReport is why a request passes in report-only mode.
const bypassReport = "report only"

// plainGet reports whether the answer to r is a whole one.
func plainGet(r *http.Request) bool {
	for _, name := range [...]string{
		"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
	} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	return r.Method == http.MethodGet
}

// withoutValues is a context that ends with another and has none of its values.
type withoutValues struct{ context.Context }

func (withoutValues) Value(any) any { return nil }

// A witness is the ResponseWriter of report-only mode: the handler writes to the
// client's, and the witness keeps a copy.
type witness struct {
	http.ResponseWriter
	ctx context.Context
	rec recorder // what a fill's recorder would have seen
}

func newWitness(ctx context.Context, w http.ResponseWriter, max int64) *witness {
	return &witness{ResponseWriter: w, ctx: ctx, rec: recorder{max: max, declared: -1, outside: whatStands(w.Header())}}
}

// WriteHeader implements http.ResponseWriter.
func (w *witness) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.note(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// note notes status and header when the first of them is final.
func (w *witness) note(status int) {
	if w.rec.status != 0 {
		return
	}
	w.rec.status = status
	w.rec.freeze(w.Header())
	if status == http.StatusSwitchingProtocols || hasTrailers(w.rec.touched) {
		w.rec.mode = streaming
	}
}

// Write implements http.ResponseWriter.
func (w *witness) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.rec.written += int64(len(p))
	if w.rec.written <= w.rec.max && err == nil {
		w.rec.body = append(w.rec.body, p...)
	} else {
		w.rec.body = nil
	}
	if err != nil {
		w.rec.mode = streaming // cut off
	}
	return n, err
}

// ReadFrom implements io.ReaderFrom: whatever goes to the client is seen.
func (w *witness) ReadFrom(src io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{w}, src)
}

// Flush implements http.Flusher.
func (w *witness) Flush() { _ = w.FlushError() }

// FlushError is Flush as http.ResponseController wants it.
func (w *witness) FlushError() error {
	if !canFlush(w.ResponseWriter) {
		return http.ErrNotSupported
	}
	w.note(http.StatusOK)
	w.rec.mode = streaming
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker.
func (w *witness) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.rec.mode = hijacked
	}
	return conn, rw, err
}

// Push implements http.Pusher.
func (w *witness) Push(target string, o *http.PushOptions) error {
	if p, ok := w.ResponseWriter.(http.Pusher); ok {
		return p.Push(target, o)
	}
	return http.ErrNotSupported
}

// CloseNotify is what http.CloseNotifier asks for.
func (w *witness) CloseNotify() <-chan bool { return closeNotify(w.ctx) }

// Unwrap is for http.ResponseController.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish returns what was seen.
func (w *witness) finish() *recorder {
	if _, touched := w.rec.outside.difference(w.Header()); w.rec.mode == keeping && hasTrailers(touched) {
		w.rec.mode = streaming
	}
	if w.rec.mode != hijacked {
		w.note(http.StatusOK)
	}
	return &w.rec
}
