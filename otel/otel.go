// Package otel says on a request's span what the cache did with it: whether it was a
// hit, why not, and on which route.
//
//	handler := otel.Handler(cache.Handler(mux), route)
//
// It is a module of its own, so that whoever traces nothing requires nothing.
package otel

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of a span.
const (
	HitKey    = attribute.Key("unstale.hit")    // whether the answer was served from an entry
	ReasonKey = attribute.Key("unstale.reason") // why not, in the words of Cache-Status; a cause, which may hold values, is left out
	RouteKey  = attribute.Key("unstale.route")  // by HandlerOptions.Route
)

// Handler returns a handler that calls next, which is the cache or stands around it, and
// notes what Cache-Status says of the answer on the span that the request's context has.
// So it stands inside of whatever starts spans. route is that of HandlerOptions, or nil. Of
// a request without a span that is recorded nothing is asked.
func Handler(next http.Handler, route func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := trace.SpanFromContext(r.Context())
		if span.IsRecording() {
			defer func() { note(span, w.Header()["Cache-Status"], r, route) }() // after a panic, too
		}
		next.ServeHTTP(w, r)
	})
}

func note(span trace.Span, said []string, r *http.Request, route func(*http.Request) string) {
	for i := len(said) - 1; i >= 0; i-- { // the last is the nearest
		hit, reason, ours := parse(said[i])
		if !ours {
			continue
		}
		span.SetAttributes(HitKey.Bool(hit))
		if !hit && reason != "" {
			span.SetAttributes(ReasonKey.String(reason))
		}
		if route != nil {
			span.SetAttributes(RouteKey.String(route(r)))
		}
		return
	}
}

// notStored begins what is said of an answer that was not stored; its reason follows.
const notStored = "not stored: "

// parse reads a member of Cache-Status, as this cache writes it.
func parse(member string) (hit bool, reason string, ours bool) {
	rest, ours := strings.CutPrefix(member, "unstale;")
	if !ours {
		return false, "", false
	}
	hit = rest == "hit" || strings.HasPrefix(rest, "hit;")
	_, detail, found := strings.Cut(rest, `detail="`)
	if !found {
		return hit, "", true
	}
	detail, _, _ = strings.Cut(detail, `"`)
	if why, ok := strings.CutPrefix(detail, notStored); ok {
		why, _, _ = strings.Cut(why, ": ")
		return hit, notStored + why, true
	}
	detail, _, _ = strings.Cut(detail, ": ") // what follows is a cause
	return hit, detail, true
}
