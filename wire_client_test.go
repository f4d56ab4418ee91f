package unstale_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A wireWorld is the servers and connections of one of the two worlds. They stay
// while services come and go, because starting them takes longer than a case.
type wireWorld struct {
	t       *testing.T
	service atomic.Pointer[http.Handler]
	clear   [2]*httptest.Server
	secret  [2]*httptest.Server

	mu      sync.Mutex
	conns   map[wireLane]*wireConn
	clients map[wireLane]*http.Client
}

// A wireLane is what has a connection to itself.
type wireLane struct {
	wireClient
	lane int
}

func newWireWorld(t *testing.T, places map[string]string) *wireWorld {
	w := &wireWorld{t: t, conns: make(map[wireLane]*wireConn), clients: make(map[wireLane]*http.Client)}
	serve := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.service.Load()).ServeHTTP(rw, r) })
	start := func(name string, run func(*httptest.Server)) *httptest.Server {
		s := httptest.NewUnstartedServer(serve)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.EnableHTTP2 = true
		run(s)
		places[fmt.Sprintf("%p", s.Config)], places[s.Listener.Addr().String()] = name, name
		return s
	}
	for i := range w.clear {
		w.clear[i] = start(fmt.Sprint("clear ", i), (*httptest.Server).Start)
		w.secret[i] = start(fmt.Sprint("secret ", i), (*httptest.Server).StartTLS)
	}
	t.Cleanup(func() {
		for _, c := range w.conns {
			c.Close()
		}
		for _, c := range w.clients {
			c.CloseIdleConnections()
		}
		for i := range w.clear {
			w.clear[i].Close()
			w.secret[i].Close()
		}
	})
	return w
}

// do sends a request and reads the answer to its end.
func (w *wireWorld) do(r wireRequest) answer {
	if r.client.version == "2" {
		return w.http2(r)
	}
	lane := wireLane{r.client, r.lane}
	w.mu.Lock()
	c, kept := w.conns[lane]
	delete(w.conns, lane)
	w.mu.Unlock()
	for {
		if c == nil {
			c, kept = w.dial(r.client), false
		}
		a, again := c.do(r)
		if again {
			w.mu.Lock()
			w.conns[lane] = c
			w.mu.Unlock()
		} else {
			c.Close()
		}
		if a.failed && a.code == 0 && kept { // the server had closed it, as it may
			c = nil
			continue
		}
		return a
	}
}

// A wireConn is a connection that speaks HTTP/1 as it is written in the case:
// net/http's client would tidy fields up.
type wireConn struct {
	net.Conn
	r *bufio.Reader
}

func (w *wireWorld) dial(c wireClient) *wireConn {
	w.t.Helper()
	server := w.clear[c.listener]
	if c.name != "" {
		server = w.secret[c.listener]
	}
	conn, err := (&net.Dialer{}).DialContext(w.t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	if c.name != "" {
		conn = tls.Client(conn, c.tls())
	}
	return &wireConn{conn, bufio.NewReader(conn)}
}

// tls returns the configuration of a client, to which any certificate is right.
func (c wireClient) tls() *tls.Config {
	config := &tls.Config{ServerName: c.name, InsecureSkipVerify: true}
	if c.old {
		config.MaxVersion = tls.VersionTLS12
	}
	return config
}

// do returns the answer, and whether the connection can be used again.
func (c *wireConn) do(r wireRequest) (a answer, again bool) {
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	version := r.client.version
	if version == "" {
		version = "1.1"
	}
	text := fmt.Sprintf("%s %s HTTP/%s\r\nHost: %s\r\n", r.method, r.path, version, r.host)
	for _, f := range r.fields {
		text += f + "\r\n"
	}
	if _, err := io.WriteString(c, text+"\r\n"); err != nil {
		return answer{failed: true}, false
	}
	for {
		res, err := http.ReadResponse(c.r, &http.Request{Method: r.method})
		if err != nil {
			a.failed = true
			return a, false
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			a.informed = append(a.informed, informed(res.StatusCode, res.Header))
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		a.code, a.header, a.body, a.trailer, a.failed = res.StatusCode, res.Header, string(body), res.Trailer, err != nil
		// What is left over belongs to no answer.
		return a, err == nil && !res.Close && r.client.version == "" && c.r.Buffered() == 0
	}
}

// informed is a 1xx response as text, without what may differ in it.
func informed(code int, h http.Header) string {
	h.Del("Date")
	h.Del("Cache-Status")
	return fmt.Sprint(code, " ", h)
}

func (w *wireWorld) http2(r wireRequest) (a answer) {
	lane := wireLane{r.client, r.lane}
	w.mu.Lock()
	client := w.clients[lane]
	if client == nil {
		client = &http.Client{
			Transport: &http.Transport{
				TLSClientConfig: r.client.tls(), ForceAttemptHTTP2: true, DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		w.clients[lane] = client
	}
	w.mu.Unlock()
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		a.informed = append(a.informed, informed(code, http.Header(h)))
		return nil
	}}
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(w.t.Context(), trace), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, w.secret[r.client.listener].URL+r.path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Host = r.host
	req.Header["User-Agent"] = nil
	for _, f := range r.fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			w.t.Error("no answer in time to", r.wireExchange)
		}
		a.failed = true
		return a
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	a.code, a.header, a.body, a.trailer, a.failed = res.StatusCode, res.Header, string(body), res.Trailer, err != nil
	return a
}
