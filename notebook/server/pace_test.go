package server

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// pipes is a listener whose connections are in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns the client's end of a connection to a server of the handler, at
// whatever pace it sends and takes. The test is in a bubble of its own time.
func dial(t *testing.T, handler http.HandlerFunc) net.Conn {
	t.Helper()
	listener, served := make(pipes, 1), make(chan struct{})
	server := &http.Server{Handler: paced(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	here, there := net.Pipe()
	listener <- there
	t.Cleanup(func() {
		_ = here.Close()
		close(listener)
		_ = server.Close()
		<-served
		time.Sleep(time.Second) // which the server gives the client to see why it closes
	})
	return here
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		piece int // bytes
		every time.Duration
		whole bool
	}{
		{"fast enough", 4 * pace, 3 * time.Second, true},
		{"a byte now and then", 1, time.Second, false},
		{"fast, and then nothing", 200 * pace, 2 * patience, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			const pieces = 60
			read := make(chan error, 1)
			conn := dial(t, func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				read <- err
			})
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			go func() {
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", pieces*test.piece)
				piece := strings.Repeat("x", test.piece)
				for range pieces {
					if _, err := io.WriteString(conn, piece); err != nil {
						return
					}
					select {
					case <-time.After(test.every):
					case <-t.Context().Done():
						return
					}
				}
			}()
			started := time.Now()
			err := <-read
			if took := time.Since(started); (err == nil) != test.whole || !test.whole && took > 2*patience {
				t.Errorf("%s: %v after %v", test.name, err, took)
			}
		})
	}
}

// A body that nobody reads holds its connection no longer.
func TestUnreadBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, func(http.ResponseWriter, *http.Request) {})
		go fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n123456789")
		started := time.Now()
		_, _ = io.Copy(io.Discard, conn)
		if took := time.Since(started); took > 2*patience {
			t.Errorf("it ended after %v", took)
		}
	})
}

func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		written := make(chan error, 1)
		conn := dial(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 10*pace))
			written <- err
		})
		started := time.Now()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // and takes nothing
		if err := <-written; err == nil || time.Since(started) > 2*patience {
			t.Errorf("%v after %v", err, time.Since(started))
		}
	})
}

// A request that takes long, and the next one on its connection, are nobody's
// slowness.
func TestPaceLeavesHandlersAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := dial(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			time.Sleep(3 * patience)
			fmt.Fprint(w, string(body), err, r.Context().Err())
			time.Sleep(3 * patience) // before the answer is flushed
		})
		in := bufio.NewReader(conn)
		for range 2 {
			go fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
			answer, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			if string(body) != "body<nil> <nil>" || err != nil {
				t.Errorf("%q, %v", body, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

// deadlines notes whether deadlines are set.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write bool
}

func (d *deadlines) SetReadDeadline(time.Time) error  { d.read = true; return nil }
func (d *deadlines) SetWriteDeadline(time.Time) error { d.write = true; return nil }

func TestEverythingIsPaced(t *testing.T) {
	t.Parallel()
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	s, err := New(Config{Cache: cache, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/x", strings.NewReader("body")))
	if w.Code != http.StatusNotFound || !w.read || !w.write {
		t.Errorf("%d: read %v, write %v", w.Code, w.read, w.write)
	}
}
