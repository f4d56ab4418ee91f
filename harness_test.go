package unstale_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/unstale/unstale"
)

// server is a real one in front of a handler, and a client that speaks to it
// alone.
type server struct {
	*httptest.Server
	t      *testing.T
	client *http.Client
}

func newServer(t *testing.T, h http.Handler, http2 ...bool) *server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if len(http2) > 0 && http2[0] {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	client := s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if transport, ok := client.Transport.(*http.Transport); ok {
		transport.DisableCompression = true
	}
	return &server{s, t, client}
}

// answer is a response, read to its end.
type answer struct {
	code     int
	header   http.Header
	body     string
	trailer  http.Header
	informed []string // 1xx responses before it, with their Link fields
	failed   bool     // the response did not come, or was cut off
}

// do sends a request; fields are "Name: value".
func (s *server) do(method, path string, fields ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	return s.send(req)
}

func (s *server) send(req *http.Request) (a answer) {
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		a.informed = append(a.informed, fmt.Sprint(code, h["Link"]))
		return nil
	}}
	res, err := s.client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		a.failed = true
		return a
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	a.code, a.header, a.body, a.trailer, a.failed = res.StatusCode, res.Header, string(body), res.Trailer, err != nil
	return a
}

func (s *server) get(path string, fields ...string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, fields...)
}

// status is what Cache-Status says (RFC 9211).
type status struct {
	hit, stored, collapsed bool
	fwd, detail            string
	ttl                    int64
}

func (a answer) status(t *testing.T) status {
	t.Helper()
	list, err := httpsfv.UnmarshalList(a.header["Cache-Status"])
	if err != nil || len(list) == 0 {
		t.Fatalf("Cache-Status %q: %v", a.header["Cache-Status"], err)
	}
	item, ok := list[len(list)-1].(httpsfv.Item)
	if !ok || item.Value != httpsfv.Token("unstale") {
		t.Fatalf("Cache-Status %q is not of this cache", a.header["Cache-Status"])
	}
	var s status
	for _, name := range item.Params.Names() {
		v, _ := item.Params.Get(name)
		switch v := v.(type) {
		case bool:
			switch name {
			case "hit":
				s.hit = v
			case "stored":
				s.stored = v
			case "collapsed":
				s.collapsed = v
			}
		case httpsfv.Token:
			s.fwd = string(v)
		case string:
			s.detail = v
		case int64:
			s.ttl = v
		}
	}
	return s
}

// wantHit and wantMiss check where an answer came from, and return it.
func (a answer) wantHit(t *testing.T) answer {
	t.Helper()
	if s := a.status(t); !s.hit || s.fwd != "" {
		t.Errorf("not a hit: %q (body %.40q)", a.header["Cache-Status"], a.body)
	}
	return a
}

func (a answer) wantMiss(t *testing.T) answer {
	t.Helper()
	if s := a.status(t); s.hit || s.fwd == "" {
		t.Errorf("a hit: %q (body %.40q)", a.header["Cache-Status"], a.body)
	}
	return a
}

// wantRefused checks that an answer was not stored, for this reason.
func (a answer) wantRefused(t *testing.T, reason string) {
	t.Helper()
	if s := a.status(t); s.hit || s.stored || s.detail != "not stored: "+reason {
		t.Errorf("Cache-Status %q, want not stored: %s", a.header["Cache-Status"], reason)
	}
}

// known lets what h answers be stored: it depends on the tag "x".
func known(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "x")
		h(w, r)
	}
}

// counter is a storable handler whose answers tell how often it ran.
type counter struct{ n atomic.Int64 }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unstale.DependOn(r.Context(), "x")
	fmt.Fprintf(w, "n=%d", c.n.Add(1))
}

// cached returns a server for h behind a new cache.
func cached(t *testing.T, h http.Handler, options ...unstale.Options) (*server, *unstale.Cache) {
	t.Helper()
	var o unstale.Options
	if len(options) > 0 {
		o = options[0]
	}
	c := newCache(t, o)
	return newServer(t, c.Handler(h)), c
}

// background is a context that is known to belong to no fill.
func background() context.Context { return unstale.Outside(context.Background()) }

// response is a ResponseWriter without a network.
type response struct {
	header http.Header
	status int
	body   strings.Builder
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.body.Write(p)
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// pause delays a fill between its read and its end.
func pause() {
	if n := rand.IntN(4); n > 0 {
		time.Sleep(time.Duration(n) * 200 * time.Microsecond)
	}
}
