package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/hit"
)

// What is compared. A kind is a process of ours: a cache around the answers, or
// the bare handler, which is the limit and what stands behind the proxies.
const (
	kindBare    = "net/http, no cache"
	kindGin     = "gin-cache"
	kindFiber   = "Fiber's cache"
	kindRedis   = "Redis, read through"
	kindUnstale = "unstale"
)

// settings and ready open the talk with such a process; then it does what each
// order says.
type (
	settings struct {
		Kind     string
		Seed     uint64
		Lifetime time.Duration // of the answers to /race/N
		Redis    string        // address, for kindRedis
	}
	ready struct{ Addr string }
	order struct {
		Do       string // of the orders below
		N, First int
	}
	reply struct {
		Runs int64         // of the handler, so far
		Took harness.Piece // by one of N
	}
)

// The orders.
const (
	orderCount   = "count"
	orderHold    = "hold"       // the next answer to /race/N, once it has read
	orderAwait   = "await"      // until it is held
	orderRelease = "release"    // it
	orderWrite   = "write"      // N, which /race/N shows from then on
	orderFall    = "fall"       // the entry of /race/N
	orderDelete  = "delete"     // N entries from First on, each by its key
	orderMatch   = "delete all" // N times: every entry whose key matches a pattern, all keys being tried
)

// An answering is what every peer answers, however it is served:
//
//	/page     a page of hit.PageSize
//	/item/N   a few bytes
//	/race/N   what was written last
type answering struct {
	page     string
	plain    *hit.Plain // /page at the least cost
	lifetime time.Duration
	read     func(context.Context) (string, error) // what was written last
	runs     atomic.Int64
	gate     gate
}

// A said is an answer before it is served.
type said struct {
	body   string
	maxAge int // seconds
	name   string
}

func (a *answering) answer(ctx context.Context, path string) (said, error) {
	a.runs.Add(1)
	id, isItem := strings.CutPrefix(path, "/item/")
	switch {
	case isItem:
		return said{"value " + id, 86400, "item-" + id}, nil
	case strings.HasPrefix(path, "/race/"):
		v, err := a.read(ctx)
		a.gate.pass()
		return said{v, int(a.lifetime / time.Second), path}, err
	default:
		return said{a.page, 86400, "page"}, nil
	}
}

// header returns the fields of an answer.
func (s said) header() [4][2]string {
	return [4][2]string{
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Length", strconv.Itoa(len(s.body))},
		{"Cache-Control", "max-age=" + strconv.Itoa(s.maxAge)}, {"Xkey", s.name},
	}
}

// ServeHTTP implements http.Handler.
func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/page" {
		a.runs.Add(1)
		a.plain.ServeHTTP(w, r)
		return
	}
	s, err := a.answer(r.Context(), r.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, f := range s.header() {
		w.Header().Set(f[0], f[1])
	}
	_, _ = w.Write([]byte(s.body))
}

// A gate holds one answer back when it is told to.
type gate struct {
	armed          atomic.Bool
	held, released chan struct{}
}

func newGate() gate { return gate{held: make(chan struct{}), released: make(chan struct{})} }

func (g *gate) pass() {
	if g.armed.CompareAndSwap(true, false) {
		g.held <- struct{}{}
		<-g.released
	}
}

// A backend is a kind at work.
type backend struct {
	answering
	value  atomic.Int64
	serve  func(net.Listener) error
	stop   func() error
	write  func(v int) error
	fall   func(id int) error // of /race/N; nil: nothing to do
	remove func(id int) error // nil: cannot
	match  func(id int) error // nil: cannot
}

// newBackend returns a bare handler, to be wrapped.
func newBackend(s settings) *backend {
	b := &backend{answering: answering{page: hit.Text(s.Seed, hit.PageSize), lifetime: s.Lifetime, gate: newGate()}}
	whole, err := b.answer(context.Background(), "/page")
	if err != nil {
		panic(err) // nothing is read for it
	}
	header := make(http.Header)
	for _, f := range whole.header() {
		header.Set(f[0], f[1])
	}
	b.plain = hit.NewPlain(header, []byte(whole.body))
	b.read = func(context.Context) (string, error) { return strconv.FormatInt(b.value.Load(), 10), nil }
	b.write = func(v int) error { b.value.Store(int64(v)); return nil }
	b.handle(b)
	return b
}

// handle has the backend served by net/http.
func (b *backend) handle(h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	b.serve, b.stop = server.Serve, server.Close
}

// Role is a process with a cache around the answers, or with the bare handler.
var Role = harness.Role{Name: "peer", Serve: serve}

func serve(t *harness.Talk) (err error) {
	var s settings
	if err := t.Settings(&s); err != nil {
		return err
	}
	kinds := map[string]func(settings) (*backend, error){
		kindBare: func(s settings) (*backend, error) { return newBackend(s), nil },
		kindGin:  ginBackend, kindFiber: fiberBackend, kindRedis: redisBackend, kindUnstale: unstaleBackend,
	}
	make, ok := kinds[s.Kind]
	if !ok {
		return fmt.Errorf("no kind %q", s.Kind)
	}
	b, err := make(s)
	if err != nil {
		return err
	}
	l, err := harness.Listen()
	if err != nil {
		return errors.Join(err, b.stop())
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	go b.serve(l) //nolint:errcheck // returns when the server is closed
	return harness.Obey(t, ready{l.Addr().String()}, b.obey)
}

var errCannot = errors.New("it cannot do that")

func (b *backend) obey(o order) (r reply, err error) {
	each := func(do func(id int) error) (harness.Piece, error) {
		if do == nil {
			return harness.Piece{}, errCannot
		}
		return harness.Timed(o.N, func(i int) error { return do(o.First + i) })
	}
	switch o.Do {
	case orderCount:
	case orderHold:
		b.gate.armed.Store(true)
	case orderAwait:
		select {
		case <-b.gate.held:
		case <-time.After(10 * time.Second):
			err = os.ErrDeadlineExceeded
		}
	case orderRelease:
		b.gate.released <- struct{}{}
	case orderWrite:
		err = b.write(o.N)
	case orderFall:
		if b.fall != nil {
			err = b.fall(o.N)
		}
	case orderDelete:
		r.Took, err = each(b.remove)
	case orderMatch:
		r.Took, err = each(b.match)
	default:
		err = errCannot
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", o.Do, err)
	}
	r.Runs = b.runs.Load()
	return r, nil
}
