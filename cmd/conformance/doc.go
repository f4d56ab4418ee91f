// Command conformance holds the library to the public test suite for HTTP caches
// (https://cache-tests.fyi): it puts the cache around a reverse proxy, that in
// front of the suite's own server, lets the suite's client ask through it, and
// prints how many tests pass.
//
//	make conformance                                          the suite as npm has it
//	make conformance CONFORMANCEFLAGS=-heuristic              with heuristic freshness, too
//	make conformance CONFORMANCEFLAGS='-suite ~/cache-tests'  a copy that is on disk
//
// Each required test that does not pass has to be named in reasons.txt, with the
// reason. One that is not, and fewer passes than -floor, make the command fail.
//
// A test counts as unjudged where the suite itself does not judge: a test that it
// depends on did not pass, or what prepares it did not go as planned.
//
// The proxy is for measuring, not for service: it forwards no client addresses,
// and hides from httputil.ReverseProxy that it could flush.
package main
