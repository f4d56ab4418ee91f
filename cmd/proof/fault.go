//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/unstale/unstale/internal/failpoint"
)

// A trial is one scenario under way.
type trial struct {
	dir     string
	servers []*server
	rng     *rand.Rand
	faults  *atomic.Int64 // how many have happened
}

// A fault makes things go wrong until its context ends.
type fault func(context.Context, *trial) error

// pause waits for a random time, and reports whether there is still something
// to do.
func (t *trial) pause(ctx context.Context, least, most time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(least + time.Duration(t.rng.Int64N(int64(most-least)))):
		return true
	}
}

// kills kills a server at random moments and starts it anew.
func kills(ctx context.Context, t *trial) error {
	for t.pause(ctx, 50*time.Millisecond, 800*time.Millisecond) {
		v := t.servers[t.rng.IntN(len(t.servers))]
		if err := v.restart(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		t.faults.Add(1)
	}
	return nil
}

// killsBetweenSteps has the server kill itself at one point of a write after the
// other, a random number of writes after each start.
func killsBetweenSteps(ctx context.Context, t *trial) error {
	v := t.servers[0]
	lives := context.WithoutCancel(ctx)
	if err := v.kill(); err != nil {
		return err
	}
	points := failpoint.Points()
	for i := 0; ; i++ {
		if err := v.start(lives, fmt.Sprintf("%s=kill/%d", points[i%len(points)], 1+t.rng.IntN(100))); err != nil {
			return err
		}
		select {
		case <-v.process.ended:
			if status, ok := v.process.state.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				return fmt.Errorf("the server ended by itself: %s", v.process.state)
			}
			if err := v.process.close(); err != nil {
				return err
			}
			t.faults.Add(1)
		case <-ctx.Done():
			return errors.Join(v.kill(), v.start(lives, ""))
		}
	}
}

// locks has another process take the database's lock again and again.
func locks(ctx context.Context, t *trial) error {
	p, err := spawn(context.WithoutCancel(ctx), "locker", filepath.Join(t.dir, database), "")
	if err != nil {
		return err
	}
	stopped := context.AfterFunc(ctx, func() { _ = p.in.Close() }) // then it ends, and so do its lines
	defer stopped()
	for lines := bufio.NewScanner(p.out); lines.Scan(); {
		t.faults.Add(1)
	}
	return p.end()
}

// fills fills the disk with a file and removes it.
func fills(ctx context.Context, t *trial) error {
	ballast := filepath.Join(t.dir, "ballast")
	for t.pause(ctx, 50*time.Millisecond, 200*time.Millisecond) {
		f, err := os.Create(ballast)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, zeros{})
		if err = errors.Join(ignore(err, syscall.ENOSPC), f.Close()); err != nil {
			return err
		}
		t.faults.Add(1)
		t.pause(ctx, 50*time.Millisecond, 200*time.Millisecond)
		if err := os.Remove(ballast); err != nil {
			return err
		}
	}
	return nil
}

// zeros is an endless file.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// limits bounds the files of the server to what they have now, and lifts that
// again.
func limits(ctx context.Context, t *trial) error {
	for t.pause(ctx, 50*time.Millisecond, 200*time.Millisecond) {
		if _, err := t.servers[0].tell("limit 1"); err != nil {
			return err
		}
		t.faults.Add(1)
		t.pause(ctx, 20*time.Millisecond, 100*time.Millisecond)
		if _, err := t.servers[0].tell("limit 0"); err != nil {
			return err
		}
	}
	return nil
}

// steps sets the clocks of the servers on and back, by seconds, minutes, hours or
// years. A step counts if stored answers were found to have ended since the last
// one.
func steps(ctx context.Context, t *trial) error {
	const year = 365 * 24 * time.Hour
	offsets, expired := make([]time.Duration, len(t.servers)), make([]uint64, len(t.servers))
	for idle := 0; t.pause(ctx, 20*time.Millisecond, 300*time.Millisecond); {
		i := t.rng.IntN(len(t.servers))
		unit := []time.Duration{time.Second, time.Minute, time.Hour, year}[t.rng.IntN(4)]
		step := unit + time.Duration(t.rng.Int64N(int64(59*unit)))
		if t.rng.IntN(2) == 0 {
			step = -step
		}
		offsets[i] += step
		if offsets[i].Abs() > 100*year {
			offsets[i] = 0
		}
		n, err := t.servers[i].tell("clock " + offsets[i].String())
		if err != nil {
			return err
		}
		ended := n > expired[i]
		expired[i] = n // less than before if the server was started anew
		if !ended {
			if idle++; idle == 200 {
				return errors.New("steps of the clock end no answer")
			}
			continue
		}
		idle = 0
		t.faults.Add(1)
	}
	return nil
}
