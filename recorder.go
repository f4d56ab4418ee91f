package unstale

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A recorder is the ResponseWriter that a fill writes to. It keeps the answer
// back until the handler returns, so that it can be judged, given an entity tag
// and answered in part. An answer that cannot wait (flushed, hijacked, with
// trailers, too large) is streamed from that moment on, as without the cache.
type recorder struct {
	ctx    context.Context // of the fill: ends when nobody waits for it
	w      http.ResponseWriter
	max    int64
	stream func(reason string) // called once, before the answer is streamed
	hold   func() bool         // reports whether nothing of the answer may reach the client; nil: never
	held   bool                // it did, when something was about to

	header   http.Header  // what the handler sees: what stood there, and what it made of that
	outside  outside      // what stood there
	changes  storedHeader // what the handler made of it until WriteHeader
	touched  http.Header  // the fields concerned as they were then, names in canonical form
	status   int          // 0 before WriteHeader
	silent   bool         // the handler returned without a status and without a byte
	declared int64        // Content-Length, or -1
	written  int64        // what the handler tried to write
	refused  bool         // some of that, because the handler had declared less
	body     []byte       // kept back, or the copy
	mode     recorderMode
}

type recorderMode uint8

const (
	keeping   recorderMode = iota // nothing but 1xx has reached the client
	streaming                     // what is written goes to the client
	hijacked                      // the connection belongs to the handler
)

func newRecorder(ctx context.Context, w http.ResponseWriter, max int64, stream func(reason string)) *recorder {
	header := w.Header().Clone()
	if header == nil {
		header = make(http.Header)
	}
	return &recorder{ctx: ctx, w: w, max: max, stream: stream, header: header, outside: whatStands(header), declared: -1}
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status)) // as net/http does
	}
	if r.mode == hijacked {
		r.w.WriteHeader(status) // net/http has something to say about it
		return
	}
	if r.status != 0 {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		r.inform(status)
		return
	}
	r.status = status
	r.freeze(r.header)
	switch {
	case status == http.StatusSwitchingProtocols, hasTrailers(r.touched):
		r.startStreaming(refusedStreamed)
	case r.declared > r.max && bodyAllowed(status):
		r.startStreaming(refusedTooLarge)
	}
}

// freeze notes what the handler made of the header, which is h now.
func (r *recorder) freeze(h http.Header) {
	r.changes, r.touched = r.outside.difference(h)
	length := r.touched["Content-Length"]
	if length == nil {
		length = h["Content-Length"]
	}
	if len(length) > 0 {
		if n, err := strconv.ParseInt(length[0], 10, 64); err == nil && n >= 0 {
			r.declared = n
		}
	}
}

// inform sends an informational response (RFC 9110 §15.2) with the fields that
// the handler has set so far, and takes those out of the client's header again.
func (r *recorder) inform(status int) {
	if r.hold != nil && r.hold() {
		return
	}
	h := r.w.Header()
	changes, _ := r.outside.difference(r.header)
	before := make(http.Header, len(changes))
	for i := range changes {
		if values, ok := h[changes[i].name]; ok {
			before[changes[i].name] = values
		}
	}
	changes.applyTo(h, 0)
	r.w.WriteHeader(status)
	for i := range changes {
		if values, ok := before[changes[i].name]; ok {
			h[changes[i].name] = values
		} else {
			delete(h, changes[i].name)
		}
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.mode == hijacked {
		return 0, http.ErrHijacked
	}
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !bodyAllowed(r.status) {
		return 0, http.ErrBodyNotAllowed
	}
	r.written += int64(len(p)) // counted even if refused: then the body is not the one declared
	if r.refused {
		return 0, http.ErrContentLength // what was refused counts, as in net/http
	}
	if r.mode == streaming {
		return r.w.Write(p)
	}
	if r.declared >= 0 && r.written > r.declared {
		r.refused = true
		return 0, http.ErrContentLength
	}
	if r.written > r.max {
		r.startStreaming(refusedTooLarge)
		return r.w.Write(p)
	}
	if r.body == nil && r.declared > 0 {
		r.body = make([]byte, 0, r.declared)
	}
	r.body = append(r.body, p...)
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (r *recorder) WriteString(s string) (int, error) { return r.Write([]byte(s)) }

// ReadFrom implements io.ReaderFrom: once the answer is streamed, the client's
// writer may use what the operating system has for it.
func (r *recorder) ReadFrom(src io.Reader) (n int64, err error) {
	buf := make([]byte, 32<<10)
	for r.mode == keeping {
		k, err := src.Read(buf)
		if k > 0 {
			m, err := r.Write(buf[:k])
			n += int64(m)
			if err != nil {
				return n, err
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	m, err := io.Copy(r.w, src)
	r.written += m
	return n + m, err
}

// startStreaming sends what was kept back and lets the rest through.
func (r *recorder) startStreaming(reason string) {
	if r.mode != keeping {
		return
	}
	r.divert()
	r.mode = streaming
	r.stream(reason)
	r.send()
	if len(r.body) > 0 {
		_, _ = r.w.Write(r.body) // the client's leaving shows at the next write
	}
	r.overrun()
	r.body = nil
}

// divert lets what is held go nowhere from now on.
func (r *recorder) divert() {
	if r.hold != nil && r.hold() {
		r.held = true
		r.w = &nowhere{header: r.w.Header().Clone()}
	}
}

// overrun writes a byte more than was declared where all of that has been written
// and the handler has tried to write more, so that net/http does what it does then.
func (r *recorder) overrun() {
	if int64(len(r.body)) == r.declared && r.written > r.declared {
		_, _ = r.w.Write([]byte{0})
	}
}

// send sends the status and the header.
func (r *recorder) send() {
	r.changes.applyTo(r.w.Header(), 0)
	r.w.WriteHeader(r.status)
}

// finish ends an answer that is not kept back: trailers are in the header only
// now.
func (r *recorder) finish() {
	if r.mode == hijacked {
		return
	}
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
		r.silent = true
	}
	if mayHaveTrailers(r.header) {
		if _, touched := r.outside.difference(r.header); hasTrailers(touched) {
			r.startStreaming(refusedStreamed)
		}
	}
	if r.mode == streaming {
		r.sendTrailers()
	}
}

// sendTrailers hands the values of trailers to the client's writer, which looks
// for them once the handler is done.
func (r *recorder) sendTrailers() {
	h := r.w.Header()
	for name, values := range r.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			h[name] = values
		}
	}
	for _, line := range h["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values, ok := r.header[name]; ok {
				h[name] = values
			}
		}
	}
}

// incomplete reports whether the handler tried to write another number of bytes
// than it had declared.
func (r *recorder) incomplete() bool {
	return r.declared >= 0 && r.written != r.declared && bodyAllowed(r.status)
}

// hasTrailers reports whether the header says that trailers follow.
func hasTrailers(h http.Header) bool {
	if h["Trailer"] != nil {
		return true
	}
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// mayHaveTrailers reports whether hasTrailers may hold for fields of the header,
// under their canonical names.
func mayHaveTrailers(h http.Header) bool {
	for name := range h {
		if len(name) >= len("Trailer") && strings.EqualFold(name[:len("Trailer")], "Trailer") {
			return true
		}
	}
	return false
}

// Flush implements http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() }

// FlushError is Flush as http.ResponseController wants it. Where the client's
// writer cannot flush, nothing has happened.
func (r *recorder) FlushError() error {
	if !canFlush(r.w) {
		return http.ErrNotSupported
	}
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	r.startStreaming(refusedStreamed)
	return http.NewResponseController(r.w).Flush()
}

// canFlush reports whether http.ResponseController finds a way to flush w.
func canFlush(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// Hijack implements http.Hijacker.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if r.mode == keeping {
		r.divert()
	}
	if r.status != 0 {
		r.startStreaming(refusedStreamed)
	}
	conn, rw, err := http.NewResponseController(r.w).Hijack()
	if err == nil {
		if r.mode == keeping {
			r.stream(refusedStreamed)
		}
		r.mode = hijacked
	}
	return conn, rw, err
}

// SetReadDeadline is for http.ResponseController.
func (r *recorder) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(r.w).SetReadDeadline(t)
}

// SetWriteDeadline is for http.ResponseController.
func (r *recorder) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(r.w).SetWriteDeadline(t)
}

// EnableFullDuplex is for http.ResponseController.
func (r *recorder) EnableFullDuplex() error {
	return http.NewResponseController(r.w).EnableFullDuplex()
}

// Push implements http.Pusher.
func (r *recorder) Push(target string, o *http.PushOptions) error {
	if p, ok := r.w.(http.Pusher); ok {
		return p.Push(target, o)
	}
	return http.ErrNotSupported
}

// CloseNotify is what http.CloseNotifier asks for. It is deprecated, but there
// are frameworks that insist on it when they stream.
func (r *recorder) CloseNotify() <-chan bool { return closeNotify(r.ctx) }

// closeNotify returns a channel that receives a value when ctx ends.
func closeNotify(ctx context.Context) <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(ctx, func() { gone <- true })
	return gone
}

// bodyAllowed reports whether an answer with this status may have a body.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
