package server

import (
	"io"
	"net/http"
	"time"
)

// How slow clients may be: they send and take so many bytes in a second on the
// average, and may pause for the patience.
const (
	pace     = 8 << 10
	patience = 30 * time.Second
)

// atPace returns how long so many bytes take at the pace.
func atPace(bytes int64) time.Duration { return time.Duration(bytes) * time.Second / pace }

// paced cuts off those who send a body, or take an answer, more slowly than they
// may. Deadlines move with progress: how much there is makes no difference.
func paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &pacedWriter{ResponseWriter: w, conn: http.NewResponseController(w)}
		p.expect(0)
		if r.Body != nil && r.Body != http.NoBody {
			body := &pacedBody{ReadCloser: r.Body, conn: p.conn, started: time.Now()}
			body.expect()
			paced := *r
			paced.Body = body
			r = &paced
		}
		next.ServeHTTP(p, r)
		if !p.hijacked {
			p.expect(0) // for what is still to be flushed
		}
	})
}

// pacedBody is a body that has to come at the pace.
type pacedBody struct {
	io.ReadCloser
	conn     *http.ResponseController
	started  time.Time
	received int64
}

// expect sets the deadline. A writer that has none has no slow client either.
func (b *pacedBody) expect() {
	deadline := b.started.Add(patience + atPace(b.received))
	if soon := time.Now().Add(patience); soon.Before(deadline) {
		deadline = soon // what came fast is no credit for later
	}
	_ = b.conn.SetReadDeadline(deadline)
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.received += int64(n)
	if err == nil { // at the end the server has removed the deadline: what follows is not this request's
		b.expect()
	}
	return n, err
}

// pacedWriter is an answer that has to be taken at the pace.
type pacedWriter struct {
	http.ResponseWriter
	conn     *http.ResponseController
	hijacked bool
}

// expect sets the deadline for so many bytes.
func (w *pacedWriter) expect(bytes int) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(patience + atPace(int64(bytes))))
}

// WriteHeader implements http.ResponseWriter.
func (w *pacedWriter) WriteHeader(status int) {
	w.hijacked = status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *pacedWriter) Write(p []byte) (int, error) {
	w.expect(len(p))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what is underneath.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
