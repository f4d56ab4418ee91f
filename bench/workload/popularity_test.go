package workload

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPopularity(t *testing.T) {
	t.Parallel()
	weights := []int{0, 3, 0, 0, 6, 1, 0}
	p := NewPopularity(weights)
	rng := rand.New(rand.NewPCG(1, 2))
	counts := make([]int, len(weights))
	const n = 100_000
	for range n {
		counts[p.Pick(rng)]++
	}
	for i, w := range weights {
		if got, want := float64(counts[i])/n, float64(w)/10; math.Abs(got-want) > 0.01 || w == 0 && counts[i] > 0 {
			t.Errorf("%d: %g, want %g", i, got, want)
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	h := Histogram{Width: 10, Buckets: []Bucket{{0, 9}, {50, 1}}}
	rng := rand.New(rand.NewPCG(1, 2))
	low := 0
	for range 10_000 {
		v := h.Draw(rng)
		if v < 10 {
			low++
		} else if v < 50 || v >= 60 {
			t.Fatal(v)
		}
	}
	if low < 8800 || low > 9200 {
		t.Error(low)
	}
}

func TestMix(t *testing.T) {
	t.Parallel()
	m := NewMix([]Share{{"a", 99.979}, {"b", 0.021}})
	rng := rand.New(rand.NewPCG(1, 2))
	b := 0
	for range 100_000 {
		if m.Pick(rng) == "b" {
			b++
		}
	}
	if b < 5 || b > 50 {
		t.Error(b)
	}
}
