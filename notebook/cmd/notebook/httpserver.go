package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// grace is how long requests may go on after the notebook was told to stop.
const grace = 30 * time.Second

// An httpServer answers requests from start to stop.
type httpServer struct {
	http   *http.Server
	failed chan error // why it cannot go on; http.ErrServerClosed once stopped
}

// start serves on the listener, which the server closes when it stops.
func start(listener net.Listener, handler http.Handler) *httpServer {
	s := &httpServer{
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
		},
		failed: make(chan error, 1),
	}
	go func() { s.failed <- s.http.Serve(listener) }()
	return s
}

// servers answer requests together.
type servers []*httpServer

// wait serves until ctx ends, and then stops. Where one cannot go on, none does.
func (all servers) wait(ctx context.Context) error {
	failed := make(chan error, len(all))
	for _, s := range all {
		go func() { failed <- <-s.failed }()
	}
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("cannot go on serving: %w", err), all.stop(ctx))
	case <-ctx.Done():
		return all.stop(ctx)
	}
}

// stop stops all of them.
func (all servers) stop(ctx context.Context) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.stop(ctx))
	}
	return errors.Join(errs...)
}

// stop takes no new connections and lets the requests under way finish within
// the grace time, whether or not ctx has ended.
func (s *httpServer) stop(ctx context.Context) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := s.http.Shutdown(limit); err != nil {
		return errors.Join(fmt.Errorf("requests were still under way after %v and were cut off", grace), s.http.Close())
	}
	return nil
}
