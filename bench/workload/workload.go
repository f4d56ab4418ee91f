// Package workload is what the sites that the cache is measured with have in
// common: the requests of a trace, its clock, what is asked for how often, and
// a page in the making.
package workload

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale"
)

// A Workload is a site with its content, and who asks it for what. The same seed
// gives the same content and the same requests.
type Workload interface {
	// Name names the workload.
	Name() string
	// Fill makes the database in the file at path, and what else the site keeps
	// beside it.
	Fill(ctx context.Context, path string) error
	// Trace returns n requests to the site as Fill left it.
	Trace(n int) []Request
	// Application returns the site's code.
	Application(clock *Clock) Application
}

// An Application is the code of a site. It serves one database through one cache.
type Application interface {
	// Options returns the options with which its cache is made.
	Options() unstale.Options
	// Serve returns the site, the cache around it, which may be off but not nil.
	// The database is in the file at path. It is called once.
	Serve(ctx context.Context, db *sql.DB, path string, c *unstale.Cache) (http.Handler, error)
}

// A Request is one request of a trace.
type Request struct {
	Page    string // what kind of request it is
	Method  string
	Path    string // with the query
	Session string // who asks, as a bearer token; "" for nobody
	Type    string // of the body
	Body    string
}

// Get returns a request for a page.
func Get(page, path, session string) Request {
	return Request{Page: page, Method: http.MethodGet, Path: path, Session: session}
}

// Post returns a request that writes.
func Post(page, path, session string, form url.Values) Request {
	return Request{
		Page: page, Method: http.MethodPost, Path: path, Session: session,
		Type: "application/x-www-form-urlencoded", Body: form.Encode(),
	}
}

// HTTP returns the request as a server gets it.
func (r *Request) HTTP(ctx context.Context) (*http.Request, error) {
	q, err := http.NewRequestWithContext(ctx, r.Method, "http://site.test"+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	if r.Body == "" {
		q.Body, q.ContentLength = http.NoBody, 0
	} else {
		q.Header.Set("Content-Type", r.Type)
	}
	if r.Session != "" {
		q.Header.Set("Authorization", "Bearer "+r.Session)
	}
	return q, nil
}

// Session returns whose session a request carries.
func Session(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// Epoch is when a trace begins. It lies ahead of every real clock, so that an
// answer that ends by the clock of the trace does not end by the real one.
func Epoch() time.Time { return time.Date(2100, 1, 1, 12, 0, 0, 0, time.UTC) }

// A Clock is the clock of a trace, which goes on from request to request however
// long the machine takes for them. It is set, and asked when something ends, while no
// request is under way.
type Clock struct {
	Now  time.Time
	Ends time.Time // when the first answer made since it was set ends, zero if none does

	mu sync.Mutex // guards Ends while requests are under way
}

// ExpireAt says that the answer being made ends at t.
func (c *Clock) ExpireAt(ctx context.Context, t time.Time) {
	unstale.ExpireAt(ctx, t)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Ends.IsZero() || t.Before(c.Ends) {
		c.Ends = t
	}
}
