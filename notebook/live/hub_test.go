package live_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/unstale/unstale/notebook/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A news is what everybody is told: the texts that were published, each client
// only the last one that he has not been told.
type news struct {
	mu      sync.Mutex
	text    string
	err     error
	changed chan struct{}
}

func (n *news) publish(text string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text, n.err = text, err
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

func (n *news) feed(owner string) live.Feed {
	told := ""
	return live.Feed{
		Owner: owner, Life: time.Hour,
		Changed: func() <-chan struct{} {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.changed == nil {
				n.changed = make(chan struct{})
			}
			return n.changed
		},
		Next: func(context.Context) ([]byte, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.err != nil || n.text == told {
				return nil, n.err
			}
			told = n.text
			return []byte(told), nil
		},
	}
}

// A stage is a hub behind a server. Its connections are pipes: what one side
// writes waits until the other side reads.
type stage struct {
	*testing.T
	hub     *live.Hub
	dial    func(context.Context) (net.Conn, error)
	results chan error // what Serve returned
}

type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func newStage(t *testing.T, o live.Options, feed func() live.Feed) *stage {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	s := &stage{T: t, hub: live.NewHub(o), results: make(chan error, 100)}
	s.dial = func(ctx context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		select {
		case p.conns <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.hub.Serve(w, r, feed())
		if errors.Is(err, live.ErrBusy) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		s.results <- err
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(p)
	}()
	t.Cleanup(func() {
		s.hub.Close()
		_ = server.Close()
		<-served
	})
	return s
}

// connect returns a client, and the status of the answer if there is none.
func (s *stage) connect() (*websocket.Conn, int) {
	s.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx) }, DisableKeepAlives: true}
	conn, w, err := websocket.Dial(s.Context(), "ws://pipe/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	switch {
	case err == nil:
		s.Cleanup(func() { _ = conn.CloseNow() })
		return conn, 0
	case w == nil:
		s.Fatal(err)
	}
	return nil, w.StatusCode
}

func (s *stage) wantText(c *websocket.Conn, want string) {
	s.Helper()
	_, got, err := c.Read(s.Context())
	if err != nil || string(got) != want {
		s.Fatalf("told %q, want %q: %v", got, want, err)
	}
}

func (s *stage) wantClose(c *websocket.Conn, want websocket.StatusCode) {
	s.Helper()
	if _, got, err := c.Read(s.Context()); websocket.CloseStatus(err) != want {
		s.Fatalf("told %q, %v; want the end with %v", got, err, want)
	}
}

func (s *stage) wantResult(want error) {
	s.Helper()
	if got := <-s.results; !errors.Is(got, want) {
		s.Errorf("Serve returned %v, want %v", got, want)
	}
}

func TestTellsOnConnectAndAfterEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{text: "one"}
		s := newStage(t, live.Options{}, func() live.Feed { return n.feed("ann") })
		a, _ := s.connect()
		b, _ := s.connect()
		for _, text := range []string{"one", "two", "three"} {
			n.publish(text, nil)
			s.wantText(a, text)
			s.wantText(b, text)
		}
		_ = a.Close(websocket.StatusNormalClosure, "")
		s.wantResult(nil)
		n.publish("four", nil)
		s.wantText(b, "four")
	})
}

// Nobody signals, as when another process writes: the next look finds it.
func TestLooksAlsoUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{text: "one"}
		s := newStage(t, live.Options{Interval: time.Minute}, func() live.Feed { return n.feed("ann") })
		c, _ := s.connect()
		s.wantText(c, "one")
		n.mu.Lock()
		n.text = "two"
		n.mu.Unlock()
		started := time.Now()
		s.wantText(c, "two")
		if took := time.Since(started); took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

func TestEnds(t *testing.T) {
	failure := errors.New("the disk is full")
	for _, test := range []struct {
		name   string
		end    func(*stage, *news)
		want   websocket.StatusCode
		result error
	}{
		{"refused", func(_ *stage, n *news) { n.publish("", errors.Join(live.ErrRefused, failure)) }, websocket.StatusPolicyViolation, nil},
		{"failed", func(_ *stage, n *news) { n.publish("", failure) }, websocket.StatusInternalError, failure},
		{"closed", func(s *stage, _ *news) { go s.hub.Close() }, websocket.StatusGoingAway, nil},
		{"its time has come", func(*stage, *news) { time.Sleep(time.Hour) }, websocket.StatusPolicyViolation, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &news{text: "one"}
				s := newStage(t, live.Options{}, func() live.Feed { return n.feed("ann") })
				c, _ := s.connect()
				s.wantText(c, "one")
				read := make(chan struct{})
				go func() { // somebody must read to answer pings
					defer close(read)
					s.wantClose(c, test.want)
				}()
				test.end(s, n)
				<-read
				s.wantResult(test.result)
			})
		})
	}
}

// A client that does not read, or does not answer, is dropped when his time is
// up, and until then nobody waits for him.
func TestSilentClientsAreDropped(t *testing.T) {
	for _, test := range []struct {
		name    string
		silence time.Duration // from the last word to the end
		change  bool
	}{
		{"does not read what he is told", time.Second, true},
		{"does not answer a ping", time.Minute + time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &news{text: "one"}
				owner := "slow"
				s := newStage(t, live.Options{Patience: time.Second, Interval: time.Minute}, func() live.Feed { return n.feed(owner) })
				slow, _ := s.connect()
				s.wantText(slow, "one")
				owner = "quick"
				quick, _ := s.connect()
				s.wantText(quick, "one")
				synctest.Wait()
				started := time.Now()
				if test.change {
					n.publish("two", nil)
					s.wantText(quick, "two")
					if took := time.Since(started); took != 0 {
						t.Errorf("somebody waited %v for a client that does not read", took)
					}
				}
				go func() { _, _, _ = quick.Read(context.Background()) }() // answers pings
				s.wantResult(nil)
				if took := time.Since(started); took != test.silence {
					t.Errorf("he was dropped after %v, want %v", took, test.silence)
				}
				_ = slow.CloseNow()
			})
		})
	}
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{text: "one"}
		owner := "ann"
		s := newStage(t, live.Options{Total: 3, PerOwner: 2}, func() live.Feed { return n.feed(owner) })
		first, _ := s.connect()
		s.connect()
		want := func(status int) {
			t.Helper()
			if c, got := s.connect(); got != status {
				t.Errorf("status %d, connected: %v; want %d", got, c != nil, status)
			}
		}
		want(http.StatusServiceUnavailable) // a third of ann's
		s.wantResult(live.ErrBusy)
		owner = "bob"
		want(0)
		owner = "cid"
		want(http.StatusServiceUnavailable) // a fourth of all
		s.wantResult(live.ErrBusy)
		s.wantText(first, "one")
		_ = first.Close(websocket.StatusNormalClosure, "")
		s.wantResult(nil)
		owner = "ann"
		want(0) // one has left
		s.hub.Close()
		want(http.StatusServiceUnavailable)
	})
}

// What a client says is not listened to, and not kept.
func TestChatterIsDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &news{text: "one"}
		s := newStage(t, live.Options{}, func() live.Feed { return n.feed("ann") })
		c, _ := s.connect()
		s.wantText(c, "one")
		for range 10 {
			if err := c.Write(t.Context(), websocket.MessageText, []byte("ping")); err != nil {
				t.Fatal(err)
			}
		}
		n.publish("two", nil)
		s.wantText(c, "two")
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			_ = c.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20))
		}()
		s.wantClose(c, websocket.StatusMessageTooBig)
		<-wrote
		s.wantResult(nil)
	})
}

func TestWhatIsNoWebSocketIsAnswered(t *testing.T) {
	t.Parallel()
	h := live.NewHub(live.Options{})
	defer h.Close()
	w := httptest.NewRecorder()
	if err := h.Serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), (&news{}).feed("")); err != nil {
		t.Error(err)
	}
	if body, _ := io.ReadAll(w.Body); w.Code != http.StatusUpgradeRequired || !strings.Contains(string(body), "WebSocket") {
		t.Errorf("%d %s", w.Code, body)
	}
}
