// Package console is a page that shows what a cache does and says why: which routes
// hit and what that saves, which writes make which answers fall, which statements are
// handled coarsely, what one answer is made of, and what the sources promise.
//
//	mux.Handle("/console/", console.Handler(cache, console.Options{}))
//
// It is an [http.Handler] to mount where the operator wants it, at a path that ends in
// "/", outside of the cache or on a route that is off; nothing listens by itself. It
// only shows, needs no network and no build step, and is live while somebody looks.
// Bodies are never shown; values, keys and identities only to whom Options.ExplainTo
// lets see them. docs/console.md describes each figure; they have one name in the
// page, in its JSON and in Prometheus.
package console
