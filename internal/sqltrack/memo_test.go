package sqltrack

import (
	"strings"
	"testing"
)

// A Memo is bounded, by the number of texts and by the length of each.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	var m Memo[int]
	for i := range maxTexts + 50 {
		m.Put(strings.Repeat("x", i%1000)+" "+string(rune(i)), i)
	}
	if n := len(m.values); n != maxTexts {
		t.Errorf("%d texts are remembered", n)
	}
	last := maxTexts + 49
	if got, ok := m.Get(strings.Repeat("x", last%1000) + " " + string(rune(last))); !ok || got != last {
		t.Errorf("the last one is %d, %v", got, ok)
	}
	long := strings.Repeat("x", MaxText+1)
	m.Put(long, 1)
	if _, ok := m.Get(long); ok {
		t.Error("a text that is too long is remembered")
	}
}
