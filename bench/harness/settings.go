// Package harness is what the measurements share: processes of their own, loads
// over HTTP, answers in process, and the cost of a piece of work.
package harness

import (
	"context"
	"time"
)

// Settings is how the command was called.
type Settings struct {
	Seed        uint64
	Scale       float64       // how many rounds to run, as a multiple of the usual number
	Entries     int           // resident in the largest store
	Connections int           // of the load on a server
	Round       time.Duration // over HTTP
	Load        time.Duration // of the notebook by the clock, and of its check
	Rate        float64       // requests in a second of that load
	Profile     string        // file for processor profiles; may be empty
	Writes      string        // shares of writes of the throughput in percent, separated by commas
	Sites       string        // of the throughput, separated by commas; empty: all
}

// Rounds returns how many rounds to run where n are usual.
func (s *Settings) Rounds(n int) int { return max(3, int(float64(n)*s.Scale)) }

// Interleave runs every arm once per round, each round in the opposite order of
// the one before, so that no arm always follows the same other.
func Interleave(ctx context.Context, rounds, arms int, run func(arm int) error) error {
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
