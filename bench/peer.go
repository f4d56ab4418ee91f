package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
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

// peerSettings and peerReady open the talk with such a process; then it does
// what each peerOrder says.
type (
	peerSettings struct {
		Kind     string
		Seed     uint64
		Lifetime time.Duration // of the answers to /race/N
		Redis    string        // address, for kindRedis
	}
	peerReady struct{ Addr string }
	peerOrder struct {
		Do       string // of the orders below
		N, First int
	}
	peerReply struct {
		Processor time.Duration // used since the start
		Runs      int64         // of the handler
		Took      piece         // by one of N
	}
)

// The orders.
const (
	orderCollect = "collect garbage" // and count
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
//	/page     a page of pageSize
//	/item/N   a few bytes
//	/race/N   what was written last
type answering struct {
	page     string
	plain    plain // /page at the least cost
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
		a.plain.share(w, r)
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
func newBackend(s peerSettings) *backend {
	b := &backend{answering: answering{page: text(s.Seed, pageSize), lifetime: s.Lifetime, gate: newGate()}}
	whole, err := b.answer(context.Background(), "/page")
	if err != nil {
		panic(err) // nothing is read for it
	}
	b.plain = plain{header: make(http.Header), body: []byte(whole.body)}
	for _, f := range whole.header() {
		b.plain.names = append(b.plain.names, f[0])
		b.plain.header.Set(f[0], f[1])
	}
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

// servePeer is the process.
func servePeer(in *json.Decoder, out *json.Encoder) (err error) {
	var s peerSettings
	if err := in.Decode(&s); err != nil {
		return err
	}
	kinds := map[string]func(peerSettings) (*backend, error){
		kindBare: func(s peerSettings) (*backend, error) { return newBackend(s), nil },
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
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, b.stop())
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	go b.serve(l) //nolint:errcheck // returns when the server is closed
	if err := out.Encode(peerReady{l.Addr().String()}); err != nil {
		return err
	}
	for {
		var o peerOrder
		if err := in.Decode(&o); err != nil {
			return err
		}
		reply, err := b.obey(o)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", s.Kind, o.Do, err)
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}

var errCannot = errors.New("it cannot do that")

func (b *backend) obey(o peerOrder) (reply peerReply, err error) {
	each := func(do func(id int) error) (piece, error) {
		if do == nil {
			return piece{}, errCannot
		}
		return timed(o.N, func(i int) error { return do(o.First + i) })
	}
	switch o.Do {
	case orderCollect:
		runtime.GC()
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
		reply.Took, err = each(b.remove)
	case orderMatch:
		reply.Took, err = each(b.match)
	default:
		err = errCannot
	}
	if err != nil {
		return reply, err
	}
	reply.Runs = b.runs.Load()
	reply.Processor, err = processorTime()
	return reply, err
}
