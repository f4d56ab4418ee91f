package unstale

import (
	"context"
	"time"
)

// A SharedStore keeps entries of several processes, as bytes. Like a [Store] it decides
// nothing about truth: each process judges every entry that it is given, by what the
// database says, so that one that was lost, is late, came back, or lies under another's
// key costs a hit and no more. Nothing is invalidated through it. The bytes are sealed:
// what somebody else has put there is not believed.
//
// All methods may be called concurrently, and return soon after ctx has ended. A store that
// is an io.Closer is closed with the cache. Package storetest holds the contract as a test.
type SharedStore interface {
	// Get returns the bytes that were set under key, as far as is known the latest, or nil.
	// A miss is not an error. The caller must not change the bytes, and the store must not,
	// either.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set keeps the bytes under key, for ttl at most, in place of what was there. An error
	// means that they may not have been kept. The store must not change the bytes, nor keep
	// them when it has returned.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// Defaults of Sharing.
const (
	DefaultSharedWait     = 20 * time.Millisecond
	DefaultSharedMaxBytes = 1 << 20
)

// Sharing has a cache share its entries with other processes, on this machine or
// elsewhere, that run the same program on the same database. It takes a database whose
// changes all of them hear of, as package postgres does; without one, or with several,
// nothing is shared. Memory stays in front: what is found there is served without asking the
// shared store.
//
// What others may be given is what depends on that database alone. Answers that depend on
// a tag, on another source, or on the time stay in memory, as do those of handlers without a
// [HandlerOptions.Name].
type Sharing struct {
	// Store is where the entries are. Required.
	Store SharedStore

	// Secret seals entries. Whoever has it may give answers to everybody, and read those of
	// everybody; whoever has not can do neither, whatever they can do to the store. At
	// least 32 bytes that nobody can guess, the same in all processes. Required.
	Secret []byte

	// Deployment tells apart processes that answer otherwise although they run the same
	// program: by their configuration, their templates, their files. It must name whatever an answer may
	// depend on and that is in neither the program nor the database.
	Deployment string

	// Version says which builds of the program agree. Without it those do that are the same
	// binary, byte by byte, which is the safe answer: another build may answer otherwise. It
	// is required where a process cannot read its own binary, on systems other than Linux.
	Version string

	// Wait bounds how long a request waits for the shared store. Default 20 ms. A store that
	// is late again and again is not asked for a while.
	Wait time.Duration

	// MaxBytes bounds an entry as it is stored, and as it is unpacked from there four times that. What is larger stays
	// in memory. Default 1 MiB.
	MaxBytes int
}

// SharedStats count what became of a shared store. A cache that shares nothing has none.
type SharedStats struct {
	Asked   uint64 // requests and loads that asked it, because memory had nothing valid
	Found   uint64 // entries that it had
	Taken   uint64 // of these, entries that were judged as this process's own from then on
	Refused uint64 // of these, entries that could not be judged, or were nobody's: damaged, of another build, database or schema
	Late    uint64 // requests and loads that did not wait for its answer, or did not ask because it fails
	Failed  uint64 // calls that failed, or were not answered in time
	Stored  uint64 // entries that were given to it
	Dropped uint64 // entries that might have been given to it, and were not: it fails, is slow, or they are too large
}
