package main

import (
	"bufio"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/unstale/unstale"
)

// Cached returns the cache as a gin middleware, for some routes of an engine;
// unstale needs none for all of them: cache.Handler(engine). What stands after it
// in the chain does not run on a hit. gin has one chain for each request, so that
// o needs a Name, which tells the cache which of them are the same: one name for
// an engine.
//
// Handlers read with c.Request.Context(). To pass c itself as the context, set
// engine.ContextWithFallback, or the reads cannot be tracked.
func Cached(cache *unstale.Cache, o unstale.HandlerOptions) (gin.HandlerFunc, error) {
	cached, err := cache.Middleware(o)
	if err != nil {
		return nil, err
	}
	return func(c *gin.Context) {
		outer, request := c.Writer, c.Request
		ran := false
		cached(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ran = true
			inner := &writer{ResponseWriter: outer, inner: w}
			c.Writer, c.Request = inner, r
			c.Next()
			inner.WriteHeaderNow()
		})).ServeHTTP(outer, request)
		c.Writer, c.Request = outer, request
		if !ran {
			c.Abort() // a hit: the rest of the chain has nothing to do
		}
	}, nil
}

// writer is a gin.ResponseWriter that writes to what the cache gave.
type writer struct {
	gin.ResponseWriter // the client's, for what the cache has no opinion on
	inner              http.ResponseWriter
	status             int
	size               int
	wrote              bool
}

func (w *writer) Header() http.Header { return w.inner.Header() }
func (w *writer) Written() bool       { return w.wrote }
func (w *writer) Size() int           { return w.size }

func (w *writer) Status() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader sets the status; like gin's own, it sends nothing yet.
func (w *writer) WriteHeader(status int) {
	if !w.wrote && status > 0 {
		w.status = status
	}
}

// WriteHeaderNow sends the header.
func (w *writer) WriteHeaderNow() {
	if !w.wrote {
		w.wrote = true
		w.inner.WriteHeader(w.Status())
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeaderNow()
	n, err := w.inner.Write(p)
	w.size += n
	return n, err
}

func (w *writer) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *writer) Flush() {
	w.WriteHeaderNow()
	_ = http.NewResponseController(w.inner).Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.inner).Hijack()
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.inner }
