// Package checker finds out whether a service gives stale answers. It writes
// rising versions through the service, reads them back over many connections,
// and holds each answer against what was acknowledged, and what anybody had
// seen, before its request was sent.
//
// # What is checked
//
// Each key is a register whose value only rises. A write is in one of three
// states: acknowledged (2xx), refused (4xx: nothing was written), or of unknown
// outcome (everything else: it may be there, or come to be there, or not). An
// answer that shows a version is wrong if
//
//   - a newer version was acknowledged before the request was sent: [Stale];
//   - somebody was given a newer version before the request was sent: [Backwards];
//   - nobody has sent that version yet: [Invented];
//   - it shows two versions that one write wrote together: [Torn];
//   - it is about another key, or for somebody else: [OtherKey], [OtherOwner].
//
// This takes two loads before a request and a few comparisons after it, so it is
// done for every read. That there is no such key (404, 410) counts as an answer
// older than all versions. Beside it, the last operations on each key are kept, and
// samples of them are given to a checker of linearizability that knows nothing
// of the above: [NotLinearizable].
//
// # Two keys in one answer
//
// A read may show two keys, which are written independently. All of the above
// holds for each of them, and yet the two may never have been so together: one
// was overwritten before the other was written, or of two answers each shows a
// write that the other lacks. No bar finds that. So what is kept of two neighbours
// is sampled, too, with the writes and reads of each and the reads of both, and
// given to the checker of linearizability as one object whose state is a pair of
// versions: [Skewed], if each key by itself has an order that explains it and both
// have none. Reads of one key belong to it, because they tell which write came
// first; without any read of both there is nothing to look for, since what is
// linearizable key by key is so together.
//
// The report shows of such a history only what is needed to make it impossible.
//
// # What is asked of the service
//
// One process of the checker is the only writer of its keys. It has one write of
// a key under way at a time, and goes on to the next version when it has the
// answer, or has given up waiting for it. A write that was given up must not
// overwrite a later one when it comes through at last; a service sees to that by
// comparing, as in UPDATE … WHERE version < ?.
package checker
