package sqltrack

import (
	"fmt"
	"strings"
	"testing"
)

// A Memo is bounded, by the number of texts, by their bytes, and by the length of
// each.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	for _, length := range []int{10, 1000, 20_000, MaxText} {
		var m Memo[int]
		text := func(i int) string { return fmt.Sprint(strings.Repeat("x", length-4-i%3), 1000+i%9000) }
		last := maxTexts + 50
		for i := range last + 1 {
			m.Put(text(i), i)
			m.Put(text(i), i) // again
		}
		bytes := 0
		for text := range m.values {
			bytes += len(text)
		}
		if bytes != m.bytes {
			t.Errorf("of %d bytes: %d are counted, want %d", length, m.bytes, bytes)
		}
		if n := len(m.values); n > maxTexts || bytes > maxTextBytes || n < maxTexts && bytes < maxTextBytes-length {
			t.Errorf("of %d bytes: %d texts are remembered, of %d bytes", length, n, bytes)
		}
		if got, ok := m.Get(text(last)); !ok || got != last {
			t.Errorf("of %d bytes: the last one is %d, %v", length, got, ok)
		}
	}
	var m Memo[int]
	long := strings.Repeat("x", MaxText+1)
	m.Put(long, 1)
	if _, ok := m.Get(long); ok {
		t.Error("a text that is too long is remembered")
	}
}
