package sqltrack

import "sync"

// A Memo remembers so many texts, of so many bytes, none of them longer than MaxText.
const (
	maxTexts     = 2000
	maxTextBytes = 4 << 20
	MaxText      = 64 << 10
)

// A Memo remembers a value for each SQL text. When it is full arbitrary texts
// make room. The zero Memo is ready for use; it may be used concurrently.
type Memo[T any] struct {
	mu     sync.RWMutex
	values map[string]T
	bytes  int // of the texts
}

// Get returns what is remembered for a text.
func (m *Memo[T]) Get(sql string) (T, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.values[sql]
	return v, ok
}

// Put remembers a value for a text that is not too long, and keeps the text, which
// should hold on to nothing larger.
func (m *Memo[T]) Put(sql string, v T) {
	if len(sql) > MaxText {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = make(map[string]T)
	}
	m.forget(sql)
	for other := range m.values {
		if len(m.values) < maxTexts && m.bytes+len(sql) <= maxTextBytes {
			break
		}
		m.forget(other)
	}
	m.values[sql] = v
	m.bytes += len(sql)
}

// forget forgets a text, if it is known. The caller holds mu.
func (m *Memo[T]) forget(sql string) {
	if _, ok := m.values[sql]; ok {
		delete(m.values, sql)
		m.bytes -= len(sql)
	}
}
