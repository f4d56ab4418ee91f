// Package unstale caches the answers of services that read a SQL database,
// without invalidation code and without stale answers.
//
//	cache, err := unstale.New(unstale.Options{})
//	db, err := sqlite.Open("app.db", cache) // a *sql.DB like any other
//	log.Fatal(http.ListenAndServe(addr, cache.Handler(mux)))
//
// # The promise
//
// A request that begins after a write was acknowledged is never answered from
// before that write. Once anyone has seen the new state, nobody is served the
// old one. An answer that depends on who asks reaches only those who may have
// it. Nothing in a handler names a key, a tag or a pattern: what an answer was
// made of is observed while it is made, and what a write changed is captured
// from the database itself. The conditions under which each of these holds are
// in docs/consistency.md.
//
// # The words
//
// A fill is one run of a handler, or of a function given to [Load], whose
// result may be stored. While it runs, its context collects its dependencies:
// what it was made of. The stored result is an entry. A write puts the
// dependencies it touches in flux before its commit becomes visible, bumps
// their versions when it is, and releases them before its client is told. An
// entry is valid if nothing it depends on is in flux or was bumped after its
// asOf, the sequence number taken before the fill read anything. Validity is
// judged whenever an entry is about to be served, never assumed.
//
// # What a handler may have to say
//
// What is not SQL is declared: [DependOn] names a tag that Invalidate will name
// when it changes, [ExpireAt] and [ExpireAfter] bound an answer that changes by
// the clock, [NoStore] keeps it out of the cache. An answer about which nothing
// is known is not stored.
//
// Who asks is an input like any other. Inside a fill the request carries no
// credentials; a handler that needs to know calls [Identity], and its answer is
// then kept for that identity alone. Where handlers read credentials themselves,
// HandlerOptions.ByCredentials names these, and answers are kept for exactly them.
// Without either, requests that carry credentials are not cached.
package unstale
