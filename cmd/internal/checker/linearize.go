package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// anyVersion is the state of a register that nobody has read since the history
// begins.
const anyVersion int64 = -1 << 62

// register is a register whose value only rises. What it holds at first is
// whatever the first read says.
func register() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return anyVersion },
		Step: func(state, input, output any) (bool, any) {
			now, _ := state.(int64)
			o, _ := input.(op)
			if o.write {
				return true, max(now, o.version)
			}
			return now == anyVersion || now == o.version, o.version
		},
		DescribeOperation: func(input, _ any) string {
			o, _ := input.(op)
			switch {
			case !o.write && o.kind != Fine:
				return fmt.Sprintf("read %s (%s)", number(o.version), o.kind)
			case !o.write:
				return "read " + number(o.version)
			case o.outcome == unknown:
				return fmt.Sprintf("write %d (unknown outcome)", o.version)
			}
			return fmt.Sprintf("write %d", o.version)
		},
		DescribeState: func(state any) string {
			if state == anyVersion {
				return "any"
			}
			v, _ := state.(int64)
			return number(v)
		},
	}
}

// number is a version for people.
func number(version int64) string {
	if version == absent {
		return "nothing"
	}
	return strconv.FormatInt(version, 10)
}

// linearizable looks for an order of the operations that explains what each
// read saw, and respects which operations ended before which began.
func linearizable(ops []op, timeout time.Duration) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	history := make([]porcupine.Operation, 0, len(ops))
	for _, o := range ops {
		if o.kind == Torn || o.kind == OtherKey || o.kind == OtherOwner {
			continue // it is no read of this register
		}
		history = append(history, porcupine.Operation{ClientId: o.worker, Input: o, Call: int64(o.start), Return: int64(o.end)})
	}
	return porcupine.CheckOperationsVerbose(register(), history, timeout)
}

// sample checks histories of keys picked at random until done is closed. It
// takes a small part of one processor's time.
func (r *run) sample(ctx context.Context, done <-chan struct{}) {
	rng := rand.New(rand.NewPCG(r.config.Seed, 1<<32))
	for r.histories.Load() < int64(r.config.Histories) {
		k := r.keys[rng.IntN(len(r.keys))]
		start := time.Now()
		r.sampleOf(k)
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-time.After(max(5*time.Millisecond, 20*time.Since(start))):
		}
	}
}

// sampleOf checks what is kept of one key.
func (r *run) sampleOf(k *key) {
	ops, whole := k.history()
	if !whole || len(ops) == 0 {
		return
	}
	r.histories.Add(1)
	switch result, _ := linearizable(ops, time.Second); result {
	case porcupine.Illegal:
		r.violated(k, op{kind: NotLinearizable, start: ops[0].start, end: time.Since(r.start)}, bar{}, ops)
	case porcupine.Unknown:
		r.undecided.Add(1)
	case porcupine.Ok:
	}
}
