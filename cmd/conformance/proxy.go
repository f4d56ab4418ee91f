package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/rfc9111"
)

// A proxy is a cache in front of a reverse proxy, and listens.
type proxy struct {
	url       string
	cache     *unstale.Cache
	transport *http.Transport
	server    *http.Server
	done      chan struct{} // closed when the server has ended
}

// startProxy starts a proxy to origin on a port of its own. heuristic stores, by
// Last-Modified, also what says nothing about how long it is fresh.
func startProxy(origin *url.URL, heuristic bool) (*proxy, error) {
	cache, err := unstale.New(unstale.Options{
		Slots:  1 << 16,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	cached, err := cache.Middleware(unstale.HandlerOptions{
		Policies:        map[string]unstale.Policy{"": {StoreErrors: true}},
		IfModifiedSince: heuristic,
		IgnoreFields:    []string{"Test-Id", "Test-Name", "Req-Num"}, // by which the suite tells its requests apart
	})
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 128}
	p := &proxy{
		url:       "http://" + l.Addr().String(),
		cache:     cache,
		transport: transport,
		server: &http.Server{
			Handler:           cached(forward(origin, transport, heuristic)),
			ReadHeaderTimeout: time.Minute,
			ErrorLog:          log.New(io.Discard, "", 0),
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(p.done)
		_ = p.server.Serve(l) // ends with ErrServerClosed
	}()
	return p, nil
}

func (p *proxy) stop() {
	_ = p.server.Close() // whoever asks has gone
	<-p.done
	p.transport.CloseIdleConnections()
	_ = p.cache.Close() // the memory store's, which does not fail
}

// forward returns a reverse proxy that tells the cache, of each answer, whether
// anything is known about how long it is true.
func forward(origin *url.URL, transport http.RoundTripper, heuristic bool) http.Handler {
	p := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(origin) },
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the suite's server hangs up on purpose
		ModifyResponse: func(res *http.Response) error {
			declare(res, heuristic, time.Now())
			return nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// ReverseProxy flushes answers of unknown length at once. What is flushed is
		// not stored.
		p.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}

// declare says that an answer depends on the origin where the origin has bounded
// its life, or where there is a heuristic for that (RFC 9111 §4.2.2). About any
// other answer nothing is known, so that it is not stored.
func declare(res *http.Response, heuristic bool, now time.Time) {
	ctx := res.Request.Context()
	if _, explicit := rfc9111.Lifetime(res.Header, now); explicit {
		unstale.DependOn(ctx, "origin")
		return
	}
	modified, err := http.ParseTime(res.Header.Get("Last-Modified"))
	if heuristic && err == nil && modified.Before(now) {
		unstale.DependOn(ctx, "origin")
		unstale.ExpireAfter(ctx, now.Sub(modified)/10)
	}
}
