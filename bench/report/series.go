package report

import (
	"fmt"
	"math"
	"slices"
)

// A Series is one figure as the rounds gave it, in their order.
type Series []float64

// Quantile returns the value below which a share q of the series lies,
// interpolated; NaN for an empty series.
func (s Series) Quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// Median returns the value in the middle.
func (s Series) Median() float64 { return s.Quantile(0.5) }

// Confidence returns the order statistics between which the true median lies with
// a probability of at least 95%, if the rounds are independent: the binomial
// distribution's, by its normal approximation. Of fewer than six rounds they are
// the least and the greatest value, and that is less probable.
func (s Series) Confidence() (low, high float64) {
	if len(s) == 0 {
		return math.NaN(), math.NaN()
	}
	sorted, n := slices.Sorted(slices.Values(s)), float64(len(s))
	k := max(0, int(math.Floor(n/2-1.96*math.Sqrt(n)/2))-1)
	return sorted[k], sorted[len(sorted)-1-k]
}

// In returns the median and, in brackets, the quartiles, divided by unit.
func (s Series) In(unit float64) string {
	return fmt.Sprintf("%s (%s to %s)", Digits(s.Median()/unit), Digits(s.Quantile(0.25)/unit), Digits(s.Quantile(0.75)/unit))
}

func (s Series) String() string { return s.In(1) }

// Over divides round by round.
func (s Series) Over(t Series) Series {
	return s.with(t, func(a, b float64) float64 { return a / b })
}

// Minus subtracts round by round.
func (s Series) Minus(t Series) Series {
	return s.with(t, func(a, b float64) float64 { return a - b })
}

func (s Series) with(t Series, f func(a, b float64) float64) Series {
	out := make(Series, min(len(s), len(t)))
	for i := range out {
		out[i] = f(s[i], t[i])
	}
	return out
}

// Under divides a number by each figure.
func (s Series) Under(n float64) Series {
	return s.with(s, func(a, _ float64) float64 { return n / a })
}

// Digits prints three significant digits.
func Digits(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 100 || a == math.Trunc(a):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
