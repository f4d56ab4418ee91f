package workload

import (
	"math/rand/v2"
	"sort"
)

// A Histogram says how many things have how much of something.
type Histogram struct {
	Width   int // of a bin
	Buckets []Bucket
}

// A Bucket is a bin: Count things have From or more, less than From + Width.
type Bucket struct{ From, Count int }

// Draw returns how much a thing has, drawn from the histogram.
func (h *Histogram) Draw(rng *rand.Rand) int {
	n := 0
	for _, b := range h.Buckets {
		n += b.Count
	}
	n = rng.IntN(n)
	for _, b := range h.Buckets {
		if n -= b.Count; n < 0 {
			return b.From + rng.IntN(h.Width)
		}
	}
	panic("unreachable")
}

// A Popularity picks things as often as their weights say.
type Popularity struct{ upTo []int }

// NewPopularity returns one for things with these weights, one of which is above
// zero.
func NewPopularity(weights []int) *Popularity {
	p := &Popularity{upTo: make([]int, len(weights))}
	sum := 0
	for i, w := range weights {
		sum += w
		p.upTo[i] = sum
	}
	return p
}

// Pick returns the index of a thing.
func (p *Popularity) Pick(rng *rand.Rand) int {
	n := rng.IntN(p.upTo[len(p.upTo)-1])
	return sort.Search(len(p.upTo), func(i int) bool { return p.upTo[i] > n })
}

// A Share is how often something is asked for.
type Share struct {
	Page    string
	Percent float64
}

// A Mix picks pages as often as their shares say.
type Mix struct {
	pages []Share
	of    *Popularity
}

// NewMix returns a mix. Shares count down to a thousandth of a percent.
func NewMix(pages []Share) *Mix {
	weights := make([]int, len(pages))
	for i, s := range pages {
		weights[i] = int(s.Percent*1000 + 0.5)
	}
	return &Mix{pages: pages, of: NewPopularity(weights)}
}

// Pick returns a page.
func (m *Mix) Pick(rng *rand.Rand) string { return m.pages[m.of.Pick(rng)].Page }
