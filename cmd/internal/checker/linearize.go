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

// A state is the version of one key, or of two.
type state [2]int64

// registers is one key or two as registers whose values only rise, and which can
// be read together. What they hold at first is whatever the first read says.
func registers(keys ...int) porcupine.Model {
	named := len(keys) > 1
	return porcupine.Model{
		Init: func() any { return state{anyVersion, anyVersion} },
		Step: func(before, input, _ any) (bool, any) {
			now, _ := before.(state)
			o, _ := input.(op)
			this := 0
			if o.key != keys[0] {
				this = 1
			}
			if o.write {
				now[this] = max(now[this], o.version)
				return true, now
			}
			if !now.shows(this, o.version) || o.two && !now.shows(1-this, o.beside) {
				return false, before
			}
			if now[this] = o.version; o.two {
				now[1-this] = o.beside
			}
			return true, now
		},
		DescribeOperation: func(input, _ any) string {
			o, _ := input.(op)
			switch {
			case !o.write && o.kind != Fine:
				return fmt.Sprintf("%s (%s)", o.text(named), o.kind)
			case o.write && o.outcome == unknown:
				return o.text(named) + " (unknown outcome)"
			}
			return o.text(named)
		},
		DescribeState: func(now any) string {
			s, _ := now.(state)
			if !named {
				return number(s[0])
			}
			return fmt.Sprintf("key %d: %s, key %d: %s", keys[0], number(s[0]), keys[1], number(s[1]))
		},
	}
}

// shows reports whether a key may be read as a version.
func (s state) shows(key int, version int64) bool { return s[key] == anyVersion || s[key] == version }

// text says what was written or read, and of which key if it is one of two.
func (o op) text(named bool) string {
	verb := "read "
	if o.write {
		verb = "write "
	}
	if !named {
		return verb + number(o.version)
	}
	text := fmt.Sprintf("%skey %d: %s", verb, o.key, number(o.version))
	if o.two {
		text += fmt.Sprintf(", key %d: %s", o.other, number(o.beside))
	}
	return text
}

// number is a version for people.
func number(version int64) string {
	switch version {
	case absent:
		return "nothing"
	case anyVersion:
		return "any"
	}
	return strconv.FormatInt(version, 10)
}

// events are the operations as the checker of linearizability takes them.
func events(ops []op) []porcupine.Operation {
	list := make([]porcupine.Operation, 0, len(ops))
	for _, o := range ops {
		if o.kind == Torn || o.kind == OtherKey || o.kind == OtherOwner {
			continue // it is no read of this register
		}
		list = append(list, porcupine.Operation{ClientId: o.worker, Input: o, Call: int64(o.start), Return: int64(o.end)})
	}
	return list
}

// linearizable looks for an order of the operations on one key or two that
// explains what each read saw, and respects which operations ended before which
// began.
func linearizable(ops []op, timeout time.Duration, keys ...int) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(registers(keys...), events(ops), timeout)
}

// sample checks histories of keys picked at random, and in turn with them those
// of two keys that answers show together, until done is closed. It takes a small
// part of one processor's time, and up to a second of its own at the end.
func (r *run) sample(ctx context.Context, done <-chan struct{}) {
	rng := rand.New(rand.NewPCG(r.config.Seed, 1<<32))
	least := max(5*time.Millisecond, r.config.Duration/time.Duration(r.config.Histories))
	for n := 0; r.histories.Load() < int64(r.config.Histories); n++ {
		start := time.Now()
		if n%2 == 1 && len(r.pairs) > 0 {
			r.samplePair(r.pairs[rng.IntN(len(r.pairs))])
		} else {
			r.sampleOf(r.keys[rng.IntN(len(r.keys))])
		}
		select {
		case <-done:
			r.sweep()
			return
		case <-ctx.Done():
			return
		case <-time.After(max(least, 20*time.Since(start))):
		}
	}
}

// sweep checks what is kept of two keys at the end of a run that has found
// nothing, however short or slow it was.
func (r *run) sweep() {
	for i, start := 0, time.Now(); i < len(r.pairs) && time.Since(start) < time.Second; i++ {
		if r.wrong() > 0 || r.histories.Load() >= int64(r.config.Histories) {
			return
		}
		r.samplePair(r.pairs[i])
	}
}

// sampleOf checks what is kept of one key.
func (r *run) sampleOf(k *key) {
	ops, whole := k.history()
	if !whole || len(ops) == 0 {
		return
	}
	r.histories.Add(1)
	switch linearizable(ops, time.Second, k.id) {
	case porcupine.Illegal:
		r.impossible(k.id, ops)
	case porcupine.Unknown:
		r.undecided.Add(1)
	case porcupine.Ok:
	}
}

// impossible notes a history of one key that is not linearizable.
func (r *run) impossible(key int, ops []op) {
	end := time.Since(r.start)
	r.found(NotLinearizable, func() *Violation {
		return &Violation{Kind: NotLinearizable, Keys: []int{key}, bad: op{kind: NotLinearizable, start: ops[0].start, end: end}, ops: ops}
	})
}
