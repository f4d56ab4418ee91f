package unstale

import (
	"context"
	"net/http"
	"sync/atomic"
)

// A front is what all handlers of a cache share: how requests are told apart, and
// what is remembered of them beside what is stored.
type front struct {
	*engine
	layout        requestLayout
	apart         *apart
	shadows       *shadows
	servers       servers
	hitTexts      *hitTexts
	middlewares   atomic.Uint64 // calls of Middleware without a name
	unnamed       atomic.Uint64 // handlers without a name
	plain         *middleware   // of Handler
	native        atomic.Value  // reflect.Type of the ResponseWriter of net/http that was seen last
	verifications verifications
}

func newFront(e *engine) *front {
	f := &front{engine: e, layout: newRequestLayout(), apart: newApart(), shadows: newShadows(), hitTexts: newHitTexts()}
	f.plain = f.newMiddleware(HandlerOptions{Route: func(*http.Request) string { return "" }})
	f.verifications.ctx, f.verifications.cancel = context.WithCancel(context.Background())
	return f
}
