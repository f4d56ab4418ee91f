package main

import (
	"syscall"
	"time"
)

// A piece is what one piece of work took, in nanoseconds: on the clock, and of
// the processor, which counts whatever this process did meanwhile.
type piece struct{ Wall, Processor float64 }

// timed does n pieces of work and returns what one of them took; nothing where
// there are none.
func timed(n int, do func(i int) error) (p piece, err error) {
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
	return piece{float64(elapsed) / float64(n), float64(end-used) / float64(n)}, err
}

// A cost is pieces of work by round.
type cost struct{ wall, processor series }

func (c *cost) add(p piece) {
	c.wall = append(c.wall, p.Wall)
	c.processor = append(c.processor, p.Processor)
}

// measure adds a round of n pieces of work.
func (c *cost) measure(n int, do func(i int) error) error {
	p, err := timed(n, do)
	c.add(p)
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
