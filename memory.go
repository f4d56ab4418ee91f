package unstale

import (
	"fmt"
	"math"

	"github.com/maypok86/otter/v2"
	otterstats "github.com/maypok86/otter/v2/stats"
)

// DefaultMaxBytes is the bound of the memory store when Options leave it open.
const DefaultMaxBytes = 256 << 20

// Memory is the default Store: in this process, bounded in bytes. What it evicts
// follows W-TinyLFU, which keeps what is asked for often.
type Memory struct {
	cache    *otter.Cache[string, *Entry]
	counter  *otterstats.Counter
	maxBytes int64
}

// NewMemory returns a store that holds entries of maxBytes in all, counted by
// Entry.Size, which includes headers, dependencies, keys and bookkeeping.
func NewMemory(maxBytes int64) (*Memory, error) {
	if maxBytes <= 0 {
		return nil, fmt.Errorf("unstale: memory store of %d bytes", maxBytes)
	}
	counter := otterstats.NewCounter()
	cache, err := otter.New(&otter.Options[string, *Entry]{
		MaximumWeight: uint64(maxBytes),
		Weigher: func(_ string, e *Entry) uint32 {
			return uint32(e.Size()) // Set sees to it that it fits
		},
		StatsRecorder: counter,
		// Upkeep runs where it falls due: the store owns no goroutine.
		Executor: func(f func()) { f() },
	})
	if err != nil {
		return nil, fmt.Errorf("unstale: memory store: %w", err)
	}
	return &Memory{cache, counter, maxBytes}, nil
}

// Get implements Store.
func (m *Memory) Get(key string) *Entry {
	e, _ := m.cache.GetIfPresent(key)
	return e
}

// Set implements Store. An entry larger than the whole store, or than 4 GiB, is
// not kept.
func (m *Memory) Set(key string, e *Entry) {
	if e.Size() > min(m.maxBytes, math.MaxUint32) {
		m.cache.Invalidate(key)
		return
	}
	m.cache.Set(key, e)
}

// Delete implements Store.
func (m *Memory) Delete(key string) { m.cache.Invalidate(key) }

// Range implements Store.
func (m *Memory) Range(f func(key string, e *Entry) bool) {
	for key, e := range m.cache.All() {
		if !f(key, e) {
			return
		}
	}
}

// Stats implements Store.
func (m *Memory) Stats() StoreStats {
	return StoreStats{
		Entries:   m.cache.EstimatedSize(),
		Bytes:     int64(m.cache.WeightedSize()),
		MaxBytes:  m.maxBytes,
		Evictions: m.counter.Snapshot().Evictions,
	}
}
