package console

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Bounds of those who look on.
const (
	maxStreams  = 16
	every       = time.Second      // between events
	writeWithin = 10 * time.Second // then nobody reads any more
	lasts       = 5 * time.Minute  // then a browser asks anew, and May is asked again
)

// streams are those who look on. They end with the cache, and with the server that
// serves them, which would otherwise wait for them when it is shut down.
type streams struct {
	mu      sync.Mutex
	open    int
	servers map[*http.Server]chan struct{}
}

// enter reports whether there is room for one more. What it returns is closed when its
// server is shut down; nil if that is not known.
func (s *streams) enter(r *http.Request) (down <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxStreams {
		return nil, false
	}
	s.open++
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	if server == nil {
		return nil, true
	}
	c, known := s.servers[server]
	if !known {
		c = make(chan struct{})
		if s.servers == nil {
			s.servers = make(map[*http.Server]chan struct{})
		}
		s.servers[server] = c
		server.RegisterOnShutdown(sync.OnceFunc(func() { close(c) }))
	}
	return c, true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// stream sends each panel when it looks otherwise than before, as server-sent events.
func (c *console) stream(w http.ResponseWriter, r *http.Request) {
	down, ok := c.streams.enter(r)
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("%d others look on.", maxStreams), http.StatusServiceUnavailable)
		return
	}
	defer c.streams.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy is not to wait for more
	if r.Method == http.MethodHead {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	ends := time.NewTimer(lasts)
	defer ends.Stop()
	to := http.NewResponseController(w)
	sent := make(map[string]string)
	_, _ = fmt.Fprint(w, "retry: 1000\n\n")
	for {
		v := c.view(r)
		_ = to.SetWriteDeadline(time.Now().Add(writeWithin)) // not everything that stands outside can
		var event bytes.Buffer
		for _, name := range panels() {
			html := render(name, v)
			if sent[name] == html {
				continue
			}
			sent[name] = html
			event.WriteString("event: panel\n")
			for line := range bytes.Lines([]byte(html)) {
				event.WriteString("data: " + string(bytes.TrimRight(line, "\r\n")) + "\n")
			}
			event.WriteString("\n")
		}
		if event.Len() == 0 {
			event.WriteString(": nothing new\n\n")
		}
		if _, err := w.Write(event.Bytes()); err != nil {
			return
		}
		if err := to.Flush(); err != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-down:
			return
		case <-ends.C:
			return
		case <-c.watcher.Ended():
			return
		}
	}
}
