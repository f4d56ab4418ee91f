// Command proof lets the checker loose on a service behind unstale while things
// go wrong: the service is killed at random moments and between any two steps of
// a write, its disk is slow or full, others lock its database or write to it, its
// memory is short, its handlers panic, its clients leave. Not one answer may be
// stale, across all restarts.
//
//	make proof                    ten million reads from the cache
//	make proof PROOFFLAGS=-quick  all faults, some seconds each
//
// The service is a process of its own, made from this same binary; requests go
// over HTTP on the loopback interface. It is built with the tag "failpoints", and
// needs a Unix. A run first proves the instrument: a service that forgets what it
// has acknowledged when it is killed must be found out.
//
// Not covered: power failures, which lose what the operating system has not
// written yet, and steps of the clock. The latter matter to lifetimes alone,
// which only ever end an answer's use: truth is a matter of sequence numbers.
package main
