package sqltrack

import (
	"slices"
	"testing"

	"github.com/unstale/unstale/internal/shape"
)

func TestEnds(t *testing.T) {
	t.Parallel()
	s := shape.NewShapes([16]byte{}, func() uint64 { return 1 })
	var e Ends
	if _, ok := e.add(s, 5); ok {
		t.Error("something ends when nobody knows how late it is")
	}
	e.pass(s, 1)
	var want []uint64
	for _, moment := range []int64{7, 5, 7, 9} {
		d, ok := e.add(s, moment)
		if !ok {
			t.Fatalf("%d has not passed", moment)
		}
		if moment < 8 && !slices.Contains(want, d) {
			want = append(want, d)
		}
	}
	if ended := e.pass(s, 4); len(ended) > 0 {
		t.Errorf("%d ended early", len(ended))
	}
	ended := e.pass(s, 7)
	slices.Sort(ended)
	slices.Sort(want)
	if !slices.Equal(ended, want) {
		t.Errorf("%v ended, want %v", ended, want)
	}
	// Whoever adds what has passed already would wait for ever.
	if _, ok := e.add(s, 7); ok {
		t.Error("something ends that has ended")
	}
	for moment := range int64(maxEnds) {
		e.add(s, 100+moment)
	}
	if _, ok := e.add(s, 1_000_000); ok {
		t.Error("there is no bound")
	}
	if _, ok := e.add(s, 100); !ok {
		t.Error("what is waited for already needs no room")
	}
}
