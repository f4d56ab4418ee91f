// Package rfc9111 holds the rules of a shared HTTP cache as pure functions:
// what may be stored and for how long (RFC 9111), when a stored response
// answers a request (Vary, request directives), how conditional and range
// requests are answered from it (RFC 9110), what an unsafe request invalidates,
// and how all this is reported (RFC 9211).
//
// There is no I/O, no clock and no shared state; every function may be called
// concurrently, and none changes its arguments. Nothing here panics, whatever
// the bytes of a header field.
//
// Where the standard leaves a choice, the one is taken that cannot give a wrong
// answer, at the price of a miss or of a complete response:
//
//   - There is no heuristic freshness. The caller decides what a response
//     without explicit lifetime is worth.
//   - A response that says no-cache is not stored, because a handler in the
//     same process cannot be asked to validate. The qualified forms of no-cache
//     and private count as the unqualified ones.
//   - Nothing stale is ever served, so max-stale, must-revalidate and the
//     stale-* directives have no effect on serving.
//   - A malformed Cache-Control field prevents storing, a malformed validator
//     matches nothing, a malformed Range is not there.
//   - A field line that Vary selects matches only the same bytes in the same
//     lines, since a handler may look at exactly that.
package rfc9111
