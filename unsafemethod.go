package unstale

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/unstale/unstale/internal/ledger"
	"github.com/unstale/unstale/internal/rfc9111"
)

// method lets a request with a method that is not cached pass. Unless the method
// is safe, an answer that is no error invalidates what the request and the answer
// name (RFC 9111 §4.4): before it leaves, so that whoever sees it sees its effect,
// and again when the handler is done.
func (h *handler) method(w http.ResponseWriter, r *http.Request, name string, route *routeCounters) {
	route.bypassed.add(bypassMethod, 1)
	w.Header().Add("Cache-Status", rfc9111.CacheStatus{Forward: rfc9111.ForwardMethod}.String())
	from := newClient(h.middleware, r, name)
	if rfc9111.SafeMethod(r.Method) {
		h.next.ServeHTTP(w, h.front.outside(r, from))
		return
	}
	u := &unsafeWriter{ResponseWriter: w, front: h.front, r: r, client: from, status: http.StatusOK}
	u.url = *publicURL(r)                     // a copy: handlers may rewrite r.URL in place
	defer func() { u.invalidate(u.status) }() // after a panic, too
	h.next.ServeHTTP(u, h.front.outside(r, from))
}

// unsafeWriter invalidates when the answer to an unsafe request leaves.
type unsafeWriter struct {
	http.ResponseWriter
	front   *front
	r       *http.Request
	client  *client
	url     url.URL // that the client asked for
	status  int
	wrote   bool
	counted bool // as an invalidation
}

// WriteHeader implements http.ResponseWriter.
func (u *unsafeWriter) WriteHeader(status int) {
	if status >= 200 && !u.wrote {
		u.wrote, u.status = true, status
		u.invalidate(status)
	}
	u.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (u *unsafeWriter) Write(p []byte) (int, error) {
	if !u.wrote {
		u.WriteHeader(http.StatusOK)
	}
	return u.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (u *unsafeWriter) Flush() { _ = u.FlushError() }

// FlushError is Flush as http.ResponseController wants it.
func (u *unsafeWriter) FlushError() error {
	if !canFlush(u.ResponseWriter) {
		return http.ErrNotSupported
	}
	if !u.wrote {
		u.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(u.ResponseWriter).Flush()
}

// ReadFrom implements io.ReaderFrom.
func (u *unsafeWriter) ReadFrom(src io.Reader) (int64, error) {
	if u.wrote {
		return io.Copy(u.ResponseWriter, src)
	}
	// A source that fails at once must leave the status open.
	n, err := io.CopyN(struct{ io.Writer }{u}, src, sniffLength)
	switch {
	case errors.Is(err, io.EOF):
		return n, nil
	case err != nil:
		return n, err
	}
	m, err := io.Copy(u.ResponseWriter, src)
	return n + m, err
}

// sniffLength is how much of a body net/http looks at for its type.
const sniffLength = 512

// Hijack implements http.Hijacker. What is written to the connection is not
// seen, so that the effect comes first.
func (u *unsafeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	u.invalidate(u.status)
	return http.NewResponseController(u.ResponseWriter).Hijack()
}

// CloseNotify is what http.CloseNotifier asks for.
func (u *unsafeWriter) CloseNotify() <-chan bool { return closeNotify(u.r.Context()) }

// Unwrap is for http.ResponseController.
func (u *unsafeWriter) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// invalidate drops every variant of the URIs that the exchange names, and the URI's
// own path under every query: PATCH /card?mask=title changes /card, and
// /card?lang=en, too.
func (u *unsafeWriter) invalidate(status int) {
	c := u.front
	var slots []ledger.Slot
	for i, target := range rfc9111.InvalidatedTargets(&u.url, u.r.Host, status, u.Header()) {
		own := i == 0
		if own {
			path := *target
			path.RawQuery = ""
			target = &path
		}
		if len(u.r.Host)+len(target.Path)+len(target.RawQuery) > maxTarget {
			continue // nothing is stored under it
		}
		t := targetOf(u.r.Host, u.r.TLS != nil, target)
		key := t.key(c.options.Prefix)
		if slots = append(slots, c.keySlot(key)); own {
			slots = append(slots, c.pathSlot(key))
		}
	}
	if len(slots) > 0 {
		c.apply(slots, nil, &Change{Cause: causeUnsafeMethod, Request: u.client.name()})
		if !u.counted {
			u.counted = true
			c.stats.invalidation(causeUnsafeMethod, 1)
		}
	}
}

// pathSlot is the slot on which every answer depends whose URI has a query and this
// key without it. What has none depends on its key.
func (c *front) pathSlot(key string) ledger.Slot { return c.ledger.Slot(c.hash(hashPath, key)) }
