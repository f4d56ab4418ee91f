package checker

import (
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// A pair is two keys that answers show together. The keys know what becomes of
// each of them; a pair keeps what was read of both at once.
type pair struct {
	keys  [2]*key
	mu    sync.Mutex
	reads ring
}

// couple gives each of the keys its neighbour, of which there must be one, and
// returns the pairs.
func couple(keys []*key) (pairs []*pair) {
	for i := 0; i < len(keys); i += 2 {
		first := min(i, len(keys)-2) // the last of an odd number has a neighbour that has another
		p := &pair{keys: [2]*key{keys[first], keys[first+1]}}
		pairs = append(pairs, p)
		for _, k := range keys[i:min(i+2, len(keys))] {
			k.pair = p
		}
	}
	return pairs
}

// beside returns the neighbour.
func (p *pair) beside(k *key) *key {
	if p.keys[0] == k {
		return p.keys[1]
	}
	return p.keys[0]
}

// read notes an answer whose both parts are fine.
func (p *pair) read(o, beside op) {
	o.two, o.other, o.beside = true, beside.key, beside.version
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads.add(o, keptReads)
}

// history returns the operations on both keys that are kept and needed, by their
// beginning, and whether they tell all that is needed to explain each other.
//
// It is put together from three looks, one after the other. That does no harm:
// what a joint read shows has begun to be written before, so that the later look
// at its key finds that write, or says that the history explains only what began
// later. Nor does it matter that the two keys' histories reach back to different
// times, because what explains a read of one key is never a write of the other.
//
// Answers that are wrong by themselves are left out: they have been counted.
func (p *pair) history() (ops []op, whole bool) {
	p.mu.Lock()
	ops = slices.Clone(p.reads.ops)
	p.mu.Unlock()
	var both []op
	for _, k := range p.keys {
		own, since, whole := k.window()
		if !whole {
			return nil, false
		}
		ops = slices.DeleteFunc(ops, func(o op) bool { return o.start <= since })
		both = append(both, own...)
	}
	if len(ops) == 0 {
		// Registers that are linearizable one by one are so together, as long as
		// nobody reads them together.
		return nil, true
	}
	ops = append(ops, slices.DeleteFunc(both, func(o op) bool { return o.kind != Fine })...)
	slices.SortFunc(ops, byStart)
	return decisive(ops), true
}

// decisive leaves out each read during the whole of which another one went on
// that showed the same, and which is thus explained by whatever explains that
// one. The worst case of the checker is exponential in what goes on at once.
func decisive(ops []op) []op {
	var list []op
	for i := range ops {
		if !needless(ops, i) {
			list = append(list, ops[i])
		}
	}
	return list
}

// needless reports whether another operation explains the one at an index. Of
// those that explain each other, the first does.
func needless(ops []op, at int) bool {
	o := &ops[at]
	for i := at - 1; i >= 0 && ops[i].start == o.start; i-- {
		if ops[i].explains(o) {
			return true
		}
	}
	for i := at + 1; i < len(ops) && ops[i].start <= o.end; i++ {
		if ops[i].explains(o) && !o.explains(&ops[i]) {
			return true
		}
	}
	return false
}

// explains reports whether o, a read, went on within r, another one, and shows
// all that r shows.
func (o *op) explains(r *op) bool {
	return !o.write && !r.write && r.start <= o.start && o.end <= r.end &&
		o.shows(r.key, r.version) && (!r.two || o.shows(r.other, r.beside))
}

// shows reports whether a read shows a key in a version, or a write wrote it.
func (o *op) shows(key int, version int64) bool {
	return o.key == key && o.version == version || o.two && o.other == key && o.beside == version
}

// samplePair checks what is kept of two keys. A history that is impossible
// already for one of them does not count as one of both.
func (r *run) samplePair(p *pair) {
	ops, whole := p.history()
	if !whole || len(ops) == 0 {
		return
	}
	r.histories.Add(1)
	r.together.Add(1)
	keys := []int{p.keys[0].id, p.keys[1].id}
	switch linearizable(ops, time.Second, keys...) {
	case porcupine.Illegal:
	case porcupine.Unknown:
		r.undecided.Add(1)
		return
	case porcupine.Ok:
		return
	}
	for _, key := range keys {
		switch own := alone(ops, key); linearizable(own, time.Second, key) {
		case porcupine.Illegal:
			r.impossible(key, own)
			return
		case porcupine.Unknown:
			r.undecided.Add(1)
			return
		case porcupine.Ok:
		}
	}
	r.found(Skewed, func() *Violation {
		v := &Violation{Kind: Skewed, Keys: keys, ops: essence(ops, keys)}
		for _, o := range v.ops {
			if o.two && o.end > v.bad.end {
				v.bad = o
			}
		}
		v.bad.kind = Skewed
		return v
	})
}

// alone returns what a history of two keys says of one of them.
func alone(ops []op, key int) (list []op) {
	for _, o := range ops {
		if o.two && o.other == key {
			o.key, o.version = o.other, o.beside
		}
		if o.key == key {
			o.two = false
			list = append(list, o)
		}
	}
	return list
}

// essence returns as few operations of an impossible history as it finds that
// are impossible already. It leaves out reads, and writes of what nobody has
// read, because neither makes a possible history impossible.
func essence(ops []op, keys []int) []op {
	deadline := time.Now().Add(2 * time.Second)
	for size := len(ops) / 2; size > 0; size /= 2 {
		for to := len(ops); to > 0 && time.Now().Before(deadline); to -= size {
			to = min(to, len(ops))
			fewer := without(ops, max(0, to-size), to)
			if len(fewer) < len(ops) && linearizable(fewer, 100*time.Millisecond, keys...) == porcupine.Illegal {
				ops = fewer
			}
		}
	}
	return ops
}

// without leaves out what can be of the operations between two indexes.
func without(ops []op, from, to int) []op {
	list := slices.Clone(ops[:from])
	kept := slices.Concat(ops[:from], ops[to:])
	for _, o := range ops[from:to] {
		read := func(r op) bool { return !r.write && r.shows(o.key, o.version) }
		if o.write && slices.ContainsFunc(kept, read) {
			list = append(list, o)
		}
	}
	return append(list, ops[to:]...)
}
