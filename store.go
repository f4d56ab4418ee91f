package unstale

// A Store keeps entries. It decides what to keep and for how long, and nothing
// about truth: the engine judges every entry it gets back, so a Store may
// forget anything at any time, and what it still holds is never believed
// unseen. Package storetest holds the contract as a test.
//
// All methods may be called concurrently. An Entry does not change once it was
// given to Set; the Store shares it and must not copy it.
type Store interface {
	// Get returns the entry last set under key, or nil. A miss is not an error.
	Get(key string) *Entry
	// Set keeps e under key in place of what was there, or forgets both.
	Set(key string, e *Entry)
	// Delete forgets the entry under key.
	Delete(key string)
	// Range calls f for each entry until f returns false. It sees every entry
	// that was set before the call and is still held when it gets there.
	Range(f func(key string, e *Entry) bool)
	// Stats returns counters for metrics.
	Stats() StoreStats
}

// StoreStats are counters of a Store.
type StoreStats struct {
	Entries   int    // held now
	Bytes     int64  // what they cost, by Entry.Size
	MaxBytes  int64  // the bound; 0 means none
	Evictions uint64 // entries forgotten for lack of room
}
