// Package adapter is what the engine and an adapter of a database say to each
// other: what was read, for whom, and what is about to change. Programs that use
// the cache need none of it.
//
// The engine implements [Database] and [Caller]; an adapter gets a Database from
// unstale.Cache.Database and calls it. All methods may be called concurrently.
//
// A dependency is a hash of 64 bits, under a key of the database's own, of which
// nothing else is known here. What is read depends on some, a commit touches some,
// and what was made of a touched one is not served any more.
package adapter

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
)

// A Database is an adapter's end of a cache.
type Database interface {
	// Seq returns the engine's sequence number, the age of a read. An adapter takes
	// it before a read transaction begins and hands it on with whatever is read in it.
	Seq() uint64

	// Caller says on whose behalf a statement with ctx runs. Where ctx does not tell,
	// it is the one on whose behalf the transaction was begun in which the statement
	// runs: within, or nil. Fills of other caches, which do not hear of this
	// database's changes, become unstorable.
	Caller(ctx context.Context, within Caller) Caller

	// Mark puts in flux what a commit touches: it is neither served nor stored until
	// Settle. An adapter calls it before the commit can become visible, or else
	// before its source has caught up with it (see unstale.Source). Settle must follow.
	Mark(c Commit) Flux

	// MarkAll puts everything that was read from the database in flux, for a change
	// that no dependency describes, such as one of the schema. Settle then
	// invalidates it. The cause appears in logs and statistics.
	MarkAll(cause string) Flux

	// MarkEverything is MarkAll for a change that may concern other databases of the
	// cache, too, such as a commit to one that is attached.
	MarkEverything(cause string) Flux

	// Lost invalidates everything that was read from the database, because changes
	// may have been missed. They must be visible by now to every read that begins from
	// now on; where that is not known, MarkAll, and Settle when it is.
	Lost(cause string)

	// Coarse counts a run of a statement that was handled coarser than its text would
	// allow, or not at all, with the reason in few words.
	Coarse(statement, reason string)

	// SharedKey returns the key of hashes where entries are shared with other processes,
	// the same in all of them, so that who stores an entry and who is given it name what it
	// depends on alike. ok is false where no entry is shared.
	SharedKey() (key [16]byte, ok bool)
	// Tick takes a new sequence number, with which nothing falls: whatever is given that
	// number, or a later one, by Seq began after the call.
	Tick() uint64

	// Logger returns what an operator should know goes to.
	Logger() *slog.Logger

	// Close takes the database out of the cache and invalidates everything that was
	// read from it, because nobody watches for its changes any longer. What is read
	// from it afterwards is not stored.
	Close()
}

// A Prompt is a source that answers CatchUp at once, from memory. Every request asks
// it in place.
type Prompt interface{ Prompt() }

// A Holder is a source that holds something, such as a connection, which it lets go
// when the cache is closed. No look is under way then, and none follows.
type Holder interface{ Release() error }

// A Claimer is a source that says what it promises, for people.
type Claimer interface{ Claim() Claim }

// A Claim is what a source promises, and of what.
type Claim struct {
	Tier     string   // a letter or a word
	Text     string   // in a sentence
	Followed []string // tables
	Coarse   []string // of those, tables of which everything falls at each change
	Blind    []string // what is not followed, and why
}

// A Shared is a source that several caches follow, and by which they hear of what is
// invalidated elsewhere. So it is asked whatever an entry is made from.
type Shared interface {
	// ID tells it from others, and is the same for all that follow it.
	ID() string
}

// A Positioned source is a Shared one that says as of when an entry is, so that others
// that follow it can judge the entry: see [Placed].
type Positioned interface {
	Shared
	// Position says in a text for others what is contained in an entry of which nothing
	// was read before the sequence number asOf, and no part was made before made. ok is
	// false where that cannot be told.
	Position(asOf, made uint64) (position []byte, ok bool)
	// Place says what an entry with a position is to the caller, who has asked the source
	// to catch up before. kinds are those of its dependencies. ok is false where it cannot be judged.
	Place(position []byte, kinds []string) (p Placed, ok bool)
}

// Placed says where an entry that another process made stands among what this one knows.
type Placed struct {
	// AsOf: each change of the source that the entry lacks was told here with a greater
	// sequence number, or will be.
	AsOf uint64
	// Made: nothing that the entry consists of was made before this sequence number was
	// taken here. 0 if that is not known.
	Made uint64
	// Hashes are dependencies that it has here besides its own, because changes told after
	// AsOf may not have been described in the terms of these.
	Hashes []uint64
}

// A Caller is on whose behalf a statement runs: a fill, something outside of any
// fill, or nobody knows, because the context carries no mark. What the last says
// counts for every fill that is open, and what it holds for every call of Load.
type Caller interface {
	// Begin precedes a statement, and returns the caller to speak for it until End:
	// where nobody knows for whom it is, it is for all fills that are open now, and
	// those that begin before End.
	Begin() Caller
	// End follows the statement's last row. Only the first call has an effect.
	End()

	// Needs returns what is to be found out about what the statement reads.
	Needs() Needs
	// DependOn adds dependencies. It is called before the statement runs.
	DependOn(d Dependencies)
	// Later announces dependencies that are known only when rows have been read. done
	// takes them; it must be called once, at any time. Until then what the fill
	// computes cannot be stored; where nobody knows for whom the statement is, what
	// ends until then depends on most, which are needed only if Needs says so.
	Later(most Dependencies) (done func(Dependencies))
	// WhenAsked says, instead of DependOn, how to find out what a statement depends on
	// of which only Most is needed, or why nothing that reads it may be stored. find is
	// called at most once, by any goroutine, perhaps after End. It must not wait for
	// the statement's connection.
	WhenAsked(find func() (d Dependencies, refused string))

	// Refuse makes what the fill computes unstorable, for a reason in few words.
	// Where nobody knows for whom the statement is, all fills that are open. The
	// statement is its text if what it reads can never be stored, which is reported
	// once, and "" otherwise.
	Refuse(reason, statement string)
	// Wrote says that the statement writes, and whether it returns rows. A fill
	// becomes unstorable, because a GET that writes has to run each time; it is
	// reported once by call site. Freshness does not need it, unless rows are returned.
	Wrote(rows bool)

	// Took says that the caller took a connection that others may wait for. Until
	// GaveBack, which must follow, Load waits for nobody. It is for the caller as it is,
	// whatever Begin returned.
	Took()
	GaveBack()
	// Began says that the caller begins a transaction that may see one state of the
	// database throughout, that of asOf or a later one. Until ended is called, once,
	// Load serves nothing that was made after asOf, and waits for nobody.
	Began(asOf uint64) (ended func())
	// Changed says that a transaction of the caller has changed something. Until ended
	// is called, once, Load neither serves nor stores.
	Changed() (ended func())
}

// Needs are what is to be found out about what a statement reads.
type Needs uint8

// The needs of a Caller.
const (
	Nothing Needs = iota // no fill collects
	Most                 // what it depends on at most, as cheaply as can be
	All                  // what it depends on, as precisely as can be
	Both                 // All, and Most where not all is known before its rows are read
)

// Dependencies are what was read, no earlier than AsOf. They belong to the cache
// once it has been given them.
type Dependencies struct {
	AsOf   uint64 // taken before the transaction began in which it was read
	Hashes []uint64
	From   []From // where the hashes come from: each stands for the next of them; not more than there are

	// Kinds name, where entries are shared, how commits have to be described for the hashes
	// to be bumped, in texts that others understand who follow the database.
	Kinds []string
	// Alone says that nobody else can tell when what was read is not so any more.
	Alone bool
}

// From says where some dependencies come from.
type From struct {
	*Origin
	Count int
}

// An Origin is a statement, and what of it matters.
type Origin struct {
	Statement string // the text, or ""
	Source    string // such as "cards[owner=?1]{title}"

	Weighed atomic.Bool // in the size of some entry; the engine's

	coarse atomic.Pointer[string]
}

// SetCoarse says why what the statement depends on there is coarser than its text
// allows, at least now and then: in the words of [Database.Coarse], which is called
// for each such run.
func (o *Origin) SetCoarse(reason string) {
	if reason != o.Coarse() {
		o.coarse.Store(&reason)
	}
}

// Coarse returns why it is, or "".
func (o *Origin) Coarse() string {
	if p := o.coarse.Load(); p != nil {
		return *p
	}
	return ""
}

// maxOrigin bounds the texts of an origin, in bytes.
const maxOrigin = 2000

// NewOrigin returns an origin, of which texts are cut. An adapter makes it once for
// each statement and source and keeps it, because entries share it.
func NewOrigin(statement, source string) *Origin {
	return &Origin{Statement: Cut(statement, maxOrigin), Source: Cut(source, maxOrigin)}
}

// Cut returns a text for people, or its first bytes if it has more than a limit.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(strings.Clone(s[:limit]), "") + "…"
}

// A Commit is a transaction that changed something.
type Commit struct {
	Cause   string   // as for MarkAll, if it is no transaction after all; "" if it is
	Touched []uint64 // hashes of dependencies
	Rows    int      // that changed, as far as was seen
	By      Caller   // on whose behalf; nil if that is not known
	Coarse  []string // why a table is touched as a whole, in few words; once for each such table that is read

	// Describe calls row with rows that changed, at most limit of them, and returns
	// how many more there are. Operation is "insert", "update" or "delete", or "" if
	// rows of the table changed and it is touched as a whole, for a reason that coarse
	// says. It is called before Mark returns, if changes are remembered. Nil: nothing
	// is known.
	Describe func(limit int, row func(table, operation, key string, columns []string, coarse string)) (more int)
}

// A Flux is what a commit has put in flux.
type Flux interface {
	// Settle invalidates what was made of it and ends the flux, whatever became of
	// the commit: it must be visible to every read that begins from now on, or have
	// failed. Only the first call has an effect.
	Settle()
}
