package unstale_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// eventually bounds how long a test waits for what must happen.
const eventually = 10 * time.Second

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(eventually):
		t.Fatalf("waited in vain for: %s", what)
	}
}

// Each event reaches the client while the handler waits for the client to have
// read it.
func TestEventsArriveOneByOne(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		next := make(chan struct{})
		c := newCache(t, unstale.Options{})
		s := newServer(t, c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				select {
				case <-next:
				case <-r.Context().Done():
				}
			}
		})), http2)
		for range 2 { // the second passes by
			res, err := s.client.Get(s.URL + "/events")
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(res.Body)
			for i := range 3 {
				line, err := lines.ReadString('\n')
				if want := fmt.Sprintf("data: %d\n", i); line != want || err != nil {
					t.Fatalf("%q, %v", line, err)
				}
				_, _ = lines.ReadString('\n')
				next <- struct{}{}
			}
			if _, err := lines.ReadByte(); err != io.EOF {
				t.Error(err)
			}
			res.Body.Close()
		}
	}
}

// A stream ends with its client, also if others had waited for what it might
// become; they are served streams of their own, at once.
func TestStreamsEndWithTheirClients(t *testing.T) {
	started, ended := make(chan struct{}, 10), make(chan struct{}, 10)
	flush := make(chan struct{})
	s, c := cached(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		<-flush
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	ctx, cancel := context.WithCancel(t.Context())
	open := func(ctx context.Context) {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events", nil)
		if res, err := s.client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
	go open(ctx)
	within(t, "the first stream", started)
	others, leave := context.WithCancel(t.Context())
	defer leave()
	for range 3 {
		go open(others)
	}
	waitFor(t, c, 4)
	close(flush)
	for range 3 {
		within(t, "streams of those who waited", started)
	}
	cancel()
	within(t, "the end of the first stream", ended)
	leave()
	for range 3 {
		within(t, "the end of the others", ended)
	}
}

// A fill that goes on for others after its client has left ends when it turns
// out to be a stream, which is nobody's but that client's.
func TestDesertedStreamsEnd(t *testing.T) {
	g := newGate()
	s, c := cached(t, g)
	ctx, leave := context.WithCancel(t.Context())
	leader, joiner := clients{t: t, s: s}, clients{t: t, s: s}
	leader.get(ctx, "/")
	g.wait(t)
	joiner.get(t.Context(), "/")
	waitFor(t, c, 2)
	leave()
	waitFor(t, c, 1)
	ended := make(chan struct{})
	g.proceed <- func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	}
	g.proceed <- say("my own")
	within(t, "the end of the stream", ended)
	leader.wait()
	if a := joiner.wait()[0]; a.body != "my own" {
		t.Errorf("%q", a.body)
	}
}

// Hijack hands over the connection, and what is written to it is what arrives.
func TestHijack(t *testing.T) {
	for _, request := range []string{
		"GET /raw HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET /raw HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
		"POST /raw HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
	} {
		s, _ := cached(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
			rw.Flush()
			line, _ := rw.ReadString('\n')
			fmt.Fprint(rw, "echo "+line)
			rw.Flush()
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
				t.Error(err)
			}
		}))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(eventually))
		fmt.Fprint(conn, request)
		r := bufio.NewReader(conn)
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(res, err)
		}
		res.Body.Close()
		fmt.Fprint(conn, "hello\n")
		if line, err := r.ReadString('\n'); line != "echo hello\n" {
			t.Errorf("%q, %v", line, err)
		}
	}
}

// net/http's own switching of protocols, by status.
func TestSwitchingProtocolsByStatus(t *testing.T) {
	s, _ := cached(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Upgrade", "echo")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, "raw\n")
		rw.Flush()
	}))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusSwitchingProtocols || string(b) != "raw\n" {
		t.Errorf("%d %q", res.StatusCode, b)
	}
}

// Frameworks such as gin insist on the deprecated http.CloseNotifier when they
// stream.
func TestCloseNotify(t *testing.T) {
	type closeNotifier interface{ CloseNotify() <-chan bool }
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		gone := make(chan struct{})
		s, _ := cached(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			<-w.(closeNotifier).CloseNotify()
			close(gone)
		}))
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, method, s.URL, nil)
		res, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		within(t, "CloseNotify of "+method, gone)
		res.Body.Close()
	}
}

// A body above MaxBody streams through whole; while the URI is let pass, the
// handler itself sees ranges and conditions.
func TestLargeBodies(t *testing.T) {
	body := strings.Repeat("0123456789", 2000)
	for name, h := range map[string]http.HandlerFunc{
		"declared": func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "a.bin", time.Time{}, strings.NewReader(body))
		},
		"found out": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				http.ServeContent(w, r, "a.bin", time.Time{}, strings.NewReader(body))
				return
			}
			for i := 0; i < len(body); i += 1000 {
				io.WriteString(w, body[i:i+1000])
			}
		},
		"copied": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				http.ServeContent(w, r, "a.bin", time.Time{}, strings.NewReader(body))
				return
			}
			io.Copy(w, struct{ io.Reader }{strings.NewReader(body)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := cached(t, known(h), unstale.Options{MaxBody: 10_000})
			first := s.get("/a.bin")
			first.wantRefused(t, "too large")
			if first.body != body || first.failed {
				t.Errorf("%d bytes of %d", len(first.body), len(body))
			}
			part := s.get("/a.bin", "Range: bytes=15000-15009")
			if part.code != http.StatusPartialContent || part.body != "0123456789" || part.status(t).detail != "streams" {
				t.Errorf("%d %.20q %q", part.code, part.body, part.header["Cache-Status"])
			}
			if a := s.get("/a.bin", "Cache-Control: only-if-cached"); a.code != http.StatusGatewayTimeout {
				t.Errorf("only-if-cached: %d", a.code)
			}
		})
	}
}

// Nobody waits for the handler of a large download to be done.
func TestLargeBodiesArriveAtOnce(t *testing.T) {
	read := make(chan struct{})
	s, _ := cached(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "30000000")
		chunk := make([]byte, 1_000_000)
		w.Write(chunk)
		select {
		case <-read:
		case <-time.After(eventually):
			t.Error("kept back although its length was declared")
		}
		for range 29 {
			w.Write(chunk)
		}
	}))
	res, err := s.client.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 500_000)); err != nil {
		t.Fatal(err)
	}
	close(read)
	if n, err := io.Copy(io.Discard, res.Body); n != 29_500_000 {
		t.Error(n, err)
	}
}
