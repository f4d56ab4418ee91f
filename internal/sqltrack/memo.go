package sqltrack

import (
	"strings"
	"sync"
)

// maxTexts bounds the number of texts that a Memo remembers, MaxText the length of
// one.
const (
	maxTexts = 2000
	MaxText  = 64 << 10
)

// A Memo remembers a value for each SQL text. When it is full an arbitrary text
// makes room. The zero Memo is ready for use; it may be used concurrently.
type Memo[T any] struct {
	mu     sync.RWMutex
	values map[string]T
}

// Get returns what is remembered for a text.
func (m *Memo[T]) Get(sql string) (T, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.values[sql]
	return v, ok
}

// Put remembers a value for a text that is not too long.
func (m *Memo[T]) Put(sql string, v T) {
	if len(sql) > MaxText {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string]T)
	}
	if len(m.values) >= maxTexts {
		for other := range m.values {
			delete(m.values, other)
			break
		}
	}
	m.values[strings.Clone(sql)] = v
}
