package unstale

import (
	"sync/atomic"
	"time"

	"github.com/unstale/unstale/internal/ledger"
	"github.com/unstale/unstale/internal/rfc9111"
)

// An Entry is a stored answer or function result with what it depends on. It
// never changes, that its fall is counted aside, and only the engine reads it; a
// Store passes it on.
type Entry struct {
	engine  *engine // whose ledger the record is for; nil for a signpost and what passes
	record  ledger.Record
	kind    entryKind
	created time.Time
	expires time.Time
	size    int64

	// asked says that the fill looked at who asks: the entry is for one
	// identity, and its key holds which.
	asked bool

	// exactly says that the fill saw the request's credentials: the entry is for
	// whoever sends the same, and its key holds a digest of them. asked is set, too.
	exactly bool

	// ages says that the application or the operator lets the entry be out of date
	// until it expires.
	ages bool

	// passing says that the fill looked at what may have ended with its request, so
	// that the handler is not run again after another one.
	passing bool

	status  int          // of a response
	header  storedHeader // of a response: what the handler made of end-to-end fields that may be replayed
	etag    string       // of a response: the handler's
	weakTag string       // of a response: the cache's own, in its weak form, where the handler gave none
	sniffed string       // of a response: the content type that its body looks like
	length  string       // of a response: of its body, in digits
	silent  bool         // of a response: the handler left it to whoever is outside to say even the status
	adds    additions    // of a response: what the header lacks where nothing stands outside
	repeats storedHeader // of a response: fields outside of which it repeats a value, as they must stand there again
	age     time.Duration
	body    []byte // of a response, or the JSON of a function result

	choice  choice   // of a signpost
	selects []string // names of the inputs that selected it, besides the URI, those that always do, and who asks

	notes notes // where the record's slots come from, if that is remembered

	route   *routeCounters // of the request that made it; nil for a function result
	took    time.Duration  // what its handler took
	lineage *lineage       // where entries are shared

	worth *worth // of its place, which it shares with those before and after it; nil where no source has to be asked

	fell atomic.Bool // it has been counted that something made it fall
}

type entryKind uint8

const (
	kindResponse entryKind = iota
	kindValue
	kindSignpost
	kindPass // in place of a response that was streamed
)

// A choice says which inputs besides the URI select among the answers stored for
// it. It only ever grows, so that what is stored under a narrower choice becomes
// unreachable rather than wrong.
type choice struct {
	vary  []string // request fields that some answer named in Vary, and other inputs that some depended on, sorted
	asked bool     // some answer looked at who asks
}

// Size returns what the entry costs in memory, in bytes: body, header fields,
// dependencies, keys and an allowance for maps and bookkeeping.
func (e *Entry) Size() int64 { return e.size }

// What an entry costs besides its variable parts, measured on 64-bit Linux with
// the memory store's own bookkeeping.
const (
	entryOverhead  = 416
	lineOverhead   = 48
	originOverhead = 64
	stringOverhead = 16

	lineageOverhead = 48
)

// A storedHeader is what a handler made of the header that it found: the
// difference between the two, to be made again of whatever header stands there
// when the entry is served. The lines of one field follow one another, fields are
// sorted by name. Lines and values lie side by side in memory, so that a hit on an
// entry that was not asked for lately waits for few places of it, and a list is
// walked faster than a map.
type storedHeader []headerLine

type headerLine struct {
	name, value string
	does        lineEffect
}

// lineEffect is what a line does to the field of its name.
type lineEffect uint8

const (
	lineAdds    lineEffect = iota // its value is added
	lineSets                      // its value takes the place of those before it
	lineEmpties                   // the field is there without a value, for net/http not to add it
	lineDeletes                   // the field is not there
)

// additions are the fields that the cache adds where nobody else has: a set of
// bits.
type additions uint8

const (
	addsTag additions = 1 << iota
	addsBound
	addsType
	addsRanges
	addsLength
)

// An audience is for whom an entry is kept.
type audience uint8

const (
	forAll         audience = iota
	forIdentity             // for whoever asks
	forCredentials          // for whoever sends exactly these
)

// audience returns for whom the entry is.
func (e *Entry) audience() audience {
	switch {
	case e.exactly:
		return forCredentials
	case e.asked:
		return forIdentity
	default:
		return forAll
	}
}

// weigh computes the size of an entry stored under key.
func (e *Entry) weigh(key string) {
	n := entryOverhead + 2*len(key) + cap(e.body) + 4*cap(e.record.Slots) + len(e.etag) + len(e.weakTag)
	for _, k := range e.record.Keys {
		n += len(k) + stringOverhead
	}
	for _, header := range [...]storedHeader{e.header, e.repeats} {
		for i := range header {
			n += lineOverhead + len(header[i].name) + len(header[i].value)
		}
	}
	for _, o := range e.notes.origins {
		if !o.Weighed.Swap(true) { // entries share it
			n += originOverhead + len(o.Statement) + len(o.Source)
		}
	}
	for _, list := range [...][]string{e.choice.vary, e.selects} {
		for _, v := range list {
			n += stringOverhead + len(v)
		}
	}
	if e.lineage != nil {
		n += lineageOverhead + stringOverhead*len(e.lineage.kinds) // the texts are the adapter's
	}
	e.size = int64(n + 8*cap(e.notes.list) + 8*cap(e.notes.origins))
}

// tag returns the entity tag of a response, or "".
func (e *Entry) tag() string {
	if e.etag != "" {
		return e.etag
	}
	return e.weakTag
}

// fresh reports whether the entry has been made by now, and its lifetime has not
// ended.
//
// Two clocks must agree to that. The one on the wall may be set, and an answer
// that holds until noon does not hold when it shows noon, nor was one that was
// made after noon made for a quarter to. The monotonic one, where times have its
// reading, is never set, but it stands still while the machine sleeps.
func (e *Entry) fresh(now time.Time) bool {
	wall := now.Round(0)
	return now.Before(e.expires) && wall.Before(e.expires) && !wall.Before(e.created)
}

// remaining returns what is left of the entry's lifetime, by the clock that
// leaves less.
func (e *Entry) remaining(now time.Time) time.Duration {
	return min(e.expires.Sub(now), e.expires.Sub(now.Round(0)))
}

// ageAt returns the age of a response, by the clock that makes it older.
func (e *Entry) ageAt(now time.Time) time.Duration {
	return max(rfc9111.CurrentAge(e.age, e.created, now), rfc9111.CurrentAge(e.age, e.created, now.Round(0)))
}
