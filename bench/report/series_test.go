package report

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	s := Series{4, 1, 3, 2, 5}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 3, 0.75: 4, 0.9: 4.6, 1: 5} {
		if got := s.Quantile(q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if s[0] != 4 {
		t.Error("the order of the rounds is lost")
	}
	if got := (Series{}).Median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}

// TestConfidence draws many series from a known distribution and counts how often
// the interval holds its median.
func TestConfidence(t *testing.T) {
	t.Parallel()
	if low, high := (Series{3, 1, 2}).Confidence(); low != 1 || high != 3 {
		t.Errorf("%v to %v", low, high)
	}
	if low, _ := (Series{}).Confidence(); !math.IsNaN(low) {
		t.Error(low)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	const trials = 2000
	for _, n := range []int{10, 60, 200} {
		held, narrow := 0, 0
		for range trials {
			s := make(Series, n)
			for i := range s {
				s[i] = rng.ExpFloat64()
			}
			low, high := s.Confidence()
			if low <= math.Ln2 && math.Ln2 <= high {
				held++
			}
			if low > s.Quantile(0) {
				narrow++
			}
		}
		if share := float64(held) / trials; share < 0.94 || n > 10 && share > 0.99 {
			t.Errorf("of %d rounds: holds the median in %.3f", n, share)
		}
		if n > 10 && narrow < trials {
			t.Errorf("of %d rounds: the interval is the whole range", n)
		}
	}
}

// TestRatioByRound has two sides that slow down together: their ratio, made
// round by round, does not vary.
func TestRatioByRound(t *testing.T) {
	t.Parallel()
	a, b := Series{2, 20, 200}, Series{1, 10, 100}
	if got := a.Over(b).String(); got != "2 (2 to 2)" {
		t.Error(got)
	}
	if got := a.Minus(b); got[2] != 100 {
		t.Error(got)
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 7: "7", 0.8512: "0.85", 12.345: "12.3", 1234.5: "1234", math.NaN(): "-"} {
		if got := Digits(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
