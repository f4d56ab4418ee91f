// Command proof lets the checker loose on a service behind unstale while things
// go wrong: the service is killed at random moments and between any two steps of
// a write, its disk is slow or full, others lock its database or write to it, its
// memory is short, its handlers panic, its clients leave, its clock is set on and
// back by up to decades. Not one answer may be stale, across all restarts, and
// none may be served that has ended by the clock.
//
//	make proof                    ten million reads from the cache, in an hour or so
//	make proof PROOFFLAGS=-quick  all faults, some seconds each
//	make mutants                  the mistakes in the library that it has to find
//
// The service is a process of its own, made from this same binary; requests go
// over HTTP on the loopback interface. It is built with the tag "failpoints", and
// needs a Unix. A run first proves the instrument: a service that forgets what it
// has acknowledged when it is killed must be found out.
//
// Outside of the cache every answer gets a nonce and fields that handlers name,
// too; a service from which one leaves without them ends with an error. One of the
// items is selected by a request field that the library does not know.
//
// The clock that is set is that of package failpoint, which has no monotonic
// reading then: a step acts on every time that the library compares, which is
// more than one of the system's clock does. Each step must end answers, and each
// scenario needs its reads from the cache, so that neither a clock that nobody
// reads nor one after which nothing is served would go unnoticed.
//
// Not covered: power failures, which lose what the operating system has not
// written yet.
package main
