// Package live tells clients over WebSocket what has changed, for as long as
// they may know. It knows neither what that is nor who they are.
//
// Every connection has two goroutines: one looks for something to tell whenever
// a change is signalled, and one reads, to notice pings, pongs and the end. So a
// client that does not read holds up nobody but himself, and changes that come
// faster than he reads are told together.
package live

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Errors of Serve and of Feed.Next.
var (
	// ErrRefused means that the client may not, or no longer, be told anything.
	ErrRefused = errors.New("live: refused")
	// ErrBusy means that there are as many connections as there may be, or that
	// the hub is closed.
	ErrBusy = errors.New("live: too many connections")
)

// Options bound what connections cost. A zero value means the default.
type Options struct {
	// Total is how many connections there may be. Default 1000.
	Total int
	// PerOwner is how many of them may belong to one owner. Default 10.
	PerOwner int
	// PerClient is how many of them one client may hold. Default 100.
	PerClient int
	// Strangers is how many connections there may be that are nobody's, besides the
	// others, and a tenth of it how many of them one client may hold. They end at
	// once, if the client plays along. Default 100.
	Strangers int
	// Patience is how long a client may take to accept a message or to answer a
	// ping before he is dropped. Default 10 s.
	Patience time.Duration
	// Interval is how often a client is pinged, and how often there is a look for
	// news that nobody has signalled. Default 30 s.
	Interval time.Duration
}

// A Feed is what one connection is told. Its functions are called by one
// goroutine at a time.
type Feed struct {
	// Owner is whose connection it is, "" for nobody's.
	Owner string
	// Client is who holds it, "" for one who is not counted.
	Client string
	// Changed returns a channel that is closed after the next change.
	Changed func() <-chan struct{}
	// Next returns what to tell now, nil for nothing new since the last call.
	// ErrRefused, also wrapped, closes the connection with status 1008, any other
	// error with 1011.
	Next func(context.Context) ([]byte, error)
	// Life is how long the client may be told anything at all.
	Life time.Duration
}

// maxRead bounds what a client may say at once, in bytes: nobody listens to it.
const maxRead = 4 << 10

// A Hub holds connections. All methods may be called concurrently.
type Hub struct {
	options Options
	closed  context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu               sync.Mutex // guards what follows, and running.Add against Close
	total, strangers int
	held             map[string]int // by owner, by client, and by who is nobody's
}

// NewHub returns a hub. The caller closes it.
func NewHub(o Options) *Hub {
	if o.Total == 0 {
		o.Total = 1000
	}
	if o.PerOwner == 0 {
		o.PerOwner = 10
	}
	if o.PerClient == 0 {
		o.PerClient = 100
	}
	if o.Strangers == 0 {
		o.Strangers = 100
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	if o.Interval == 0 {
		o.Interval = 30 * time.Second
	}
	h := &Hub{options: o, held: map[string]int{}}
	h.closed, h.end = context.WithCancel(context.Background())
	return h
}

// Close ends every connection with status 1001 and returns when the last one has
// ended, which a client can delay by some seconds. Connections that come later
// are refused. It may be called more than once.
func (h *Hub) Close() {
	h.mu.Lock()
	h.end()
	h.mu.Unlock()
	h.running.Wait()
}

// A place is what a connection takes of a bound.
type place struct {
	key  string
	most int
}

// places returns of what there must be one left for a connection, and the total that
// it counts for. Those that are nobody's take nothing from the others.
func (h *Hub) places(f Feed) (list []place, total *int, most int) {
	if f.Owner == "" {
		return []place{{"stranger " + f.Client, max(1, h.options.Strangers/10)}}, &h.strangers, h.options.Strangers
	}
	list = []place{{"owner " + f.Owner, h.options.PerOwner}}
	if f.Client != "" {
		list = append(list, place{"client " + f.Client, h.options.PerClient})
	}
	return list, &h.total, h.options.Total
}

// enter reports whether there may be one more connection for the feed, and counts
// it.
func (h *Hub) enter(f Feed) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, total, most := h.places(f)
	full := func(p place) bool { return h.held[p.key] >= p.most }
	if h.closed.Err() != nil || *total >= most || slices.ContainsFunc(list, full) {
		return false
	}
	*total++
	for _, p := range list {
		h.held[p.key]++
	}
	h.running.Add(1)
	return true
}

func (h *Hub) leave(f Feed) {
	h.mu.Lock()
	list, total, _ := h.places(f)
	*total--
	for _, p := range list {
		if h.held[p.key]--; h.held[p.key] == 0 {
			delete(h.held, p.key)
		}
	}
	h.mu.Unlock()
	h.running.Done()
}

// Serve makes the request a WebSocket connection and tells the client what the
// feed has, until one of them, the feed's life or the hub ends it. It returns
// when the connection is closed: nil, or why the feed failed. ErrBusy means that
// there is no connection and the request is still to be answered; after any other
// failure to connect it is answered.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, f Feed) error {
	if !h.enter(f) {
		return ErrBusy
	}
	defer h.leave(f)
	// The origin of the page is the caller's affair.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil // the client is told, and nobody else has to know
	}
	c := &connection{Hub: h, conn: conn, feed: f, read: make(chan struct{})}
	return c.serve()
}

// A connection is a client.
type connection struct {
	*Hub
	conn *websocket.Conn
	feed Feed
	read chan struct{} // closed when nothing can be read any more
}

func (c *connection) serve() error {
	// Not the request's context: it means nothing after the connection was taken
	// over.
	ctx, cancel := context.WithTimeout(context.Background(), c.feed.Life)
	defer cancel()
	go c.discard()
	defer func() { <-c.read }()
	defer func() { _ = c.conn.CloseNow() }() // without effect if it is closed
	err := c.tell(ctx)
	switch {
	case err == nil: // he has gone, or must be dropped
	case errors.Is(err, ErrRefused):
		c.close(websocket.StatusPolicyViolation, "not authorized")
		err = nil
	case errors.Is(err, errClosed):
		c.close(websocket.StatusGoingAway, "the server stops")
		err = nil
	default:
		c.close(websocket.StatusInternalError, "internal error")
	}
	return err
}

// close ends the connection in good order, if the client plays along.
func (c *connection) close(code websocket.StatusCode, reason string) {
	_ = c.conn.Close(code, reason) // what else could be done for a client who does not
}

var errClosed = errors.New("live: closed")

// tell sends what the feed has, until the client has gone (nil), is to go, or the
// feed fails.
func (c *connection) tell(ctx context.Context) error {
	ticker := time.NewTicker(c.options.Interval)
	defer ticker.Stop()
	for {
		changed := c.feed.Changed() // before the look: what changes later is signalled
		message, err := c.feed.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return ErrRefused
		case err != nil:
			return err
		case message != nil && !c.patiently(ctx, func(ctx context.Context) error { return c.conn.Write(ctx, websocket.MessageText, message) }):
			return nil
		}
		select {
		case <-changed:
		case <-ticker.C:
			if !c.patiently(ctx, c.conn.Ping) {
				return nil
			}
		case <-ctx.Done():
			return ErrRefused
		case <-c.closed.Done():
			return errClosed
		case <-c.read:
			return nil
		}
	}
}

// patiently reports whether the client let f succeed in time. The end of ctx does
// not interrupt it: a message cut in two could not be followed by the reason.
func (c *connection) patiently(ctx context.Context, f func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Patience)
	defer cancel()
	return f(ctx) == nil
}

// discard reads what the client says, which nobody wants to know, and with it the
// frames that hold the connection together.
func (c *connection) discard() {
	defer close(c.read)
	c.conn.SetReadLimit(maxRead)
	for {
		_, r, err := c.conn.Reader(context.Background())
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return
		}
	}
}
