package unstale

import (
	"context"
	"fmt"
	"net/http"
)

// Identity returns what HandlerOptions.Identity said about the request that ctx belongs
// to: who asks, or "" for nobody. In a fill the asking is observed: the answer is
// kept for that identity alone, and depends on whatever the identity was found
// from. Without HandlerOptions.Identity, or with a context that belongs to no
// request, it returns "".
func Identity(ctx context.Context) string {
	s := scopeOf(ctx)
	if s == nil {
		return ""
	}
	return s.who()
}

// A client is whoever sent a request.
type client struct {
	asker
	identity func(*http.Request) (string, error) // HandlerOptions.Identity
	request  *http.Request                       // as it came, credentials included

	// Room for what is needed where the request passes by the cache.
	passing scope
	passes  scopedContext
	status  [1]string // the value of Cache-Status
}

func newClient(m *middleware, r *http.Request, route string) *client {
	c := &client{identity: m.Identity, request: r}
	c.named = m.Name != ""
	c.engine, c.realm, c.method, c.route, c.path = m.front.engine, m.realm, r.Method, route, r.URL.Path
	if m.Identity != nil {
		c.from = c
		c.known.Add(1)
	}
	if c.holdings = scopeOf(r.Context()).holdingsFor(c.engine); c.holdings == nil {
		c.holdings = &c.own
	}
	return c
}

// context and identify implement identifier.
func (c *client) context() context.Context { return c.request.Context() }
func (c *client) identify(ctx context.Context) (string, error) {
	return c.identity(c.request.WithContext(ctx))
}

// lookedOutside is called when a handler's fill finds a value in its context
// that was put there outside the cache. Such a value may say who asks, or by which
// listener.
func (s *scope) lookedOutside(key any) {
	if !s.engine.lasts(key) {
		s.fill.lookAtPassing()
	}
	switch {
	case key == http.LocalAddrContextKey:
		s.fill.choose(inputLocalAddr)
		return
	case key == http.ServerContextKey:
		s.fill.choose(inputServer)
		return
	case s.engine.neutral(key, true):
		return
	}
	s.engine.reportOnce(siteContext(key), fmt.Sprintf("unstale: a handler looked at a context value of type %T from outside the cache; this counts as asking who asks", key))
	s.askFor()
}

// askFor counts a look at what may say who asks as asking. Where nobody is known
// to ask, it is all that tells clients apart.
func (s *scope) askFor() {
	if s.who() == "" {
		s.fill.refuse(refusedContext)
	}
}
