package main

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// A series is one figure as the rounds gave it, in their order.
type series []float64

// quantile returns the value below which a share q of the series lies,
// interpolated; NaN for an empty series.
func (s series) quantile(q float64) float64 {
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

func (s series) median() float64 { return s.quantile(0.5) }

// confidence returns the order statistics between which the true median lies with
// a probability of at least 95%, if the rounds are independent: the binomial
// distribution's, by its normal approximation. Of fewer than six rounds they are
// the least and the greatest value, and that is less probable.
func (s series) confidence() (low, high float64) {
	if len(s) == 0 {
		return math.NaN(), math.NaN()
	}
	sorted, n := slices.Sorted(slices.Values(s)), float64(len(s))
	k := max(0, int(math.Floor(n/2-1.96*math.Sqrt(n)/2))-1)
	return sorted[k], sorted[len(sorted)-1-k]
}

// in returns the median and, in brackets, the quartiles, divided by unit.
func (s series) in(unit float64) string {
	return fmt.Sprintf("%s (%s to %s)", digits(s.median()/unit), digits(s.quantile(0.25)/unit), digits(s.quantile(0.75)/unit))
}

func (s series) String() string { return s.in(1) }

// over divides round by round.
func (s series) over(t series) series {
	return s.with(t, func(a, b float64) float64 { return a / b })
}

// minus subtracts round by round.
func (s series) minus(t series) series {
	return s.with(t, func(a, b float64) float64 { return a - b })
}

func (s series) with(t series, f func(a, b float64) float64) series {
	out := make(series, min(len(s), len(t)))
	for i := range out {
		out[i] = f(s[i], t[i])
	}
	return out
}

// digits prints three significant digits.
func digits(v float64) string {
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

// interleave runs every arm once per round, each round in the opposite order of
// the one before, so that no arm always follows the same other.
func interleave(ctx context.Context, rounds, arms int, run func(arm int) error) error {
	for round := range rounds {
		for i := range arms {
			arm := i
			if round%2 == 1 {
				arm = arms - 1 - i
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := run(arm); err != nil {
				return err
			}
		}
	}
	return nil
}
