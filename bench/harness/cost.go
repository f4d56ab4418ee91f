package harness

import (
	"syscall"
	"time"

	"github.com/unstale/unstale/bench/report"
)

// A Piece is what one piece of work took, in nanoseconds: on the clock, and of
// the processor, which counts whatever this process did meanwhile.
type Piece struct{ Wall, Processor float64 }

// Timed does n pieces of work and returns what one of them took; nothing where
// there are none.
func Timed(n int, do func(i int) error) (p Piece, err error) {
	if n == 0 {
		return p, nil
	}
	used, err := processorTime()
	if err != nil {
		return p, err
	}
	start := time.Now()
	for i := range n {
		if err := do(i); err != nil {
			return p, err
		}
	}
	elapsed := time.Since(start)
	end, err := processorTime()
	return Piece{float64(elapsed) / float64(n), float64(end-used) / float64(n)}, err
}

// A Cost is pieces of work by round.
type Cost struct{ Wall, Processor report.Series }

// Add adds a round.
func (c *Cost) Add(p Piece) {
	c.Wall = append(c.Wall, p.Wall)
	c.Processor = append(c.Processor, p.Processor)
}

// Measure adds a round of n pieces of work.
func (c *Cost) Measure(n int, do func(i int) error) error {
	p, err := Timed(n, do)
	c.Add(p)
	return err
}

// processorTime returns what this process has used, user and system.
func processorTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
