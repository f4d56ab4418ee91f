// Package ledger decides whether something computed earlier is still true.
//
// It is one global sequence number and a fixed table of slots. A dependency
// hashes to a slot; the slot holds the sequence number of its last change and,
// beside it, the number of commits in flux that touch it. No dependency is ever
// created, listed or freed, and a collision can only invalidate too much.
//
// The protocol, with the argument why nothing stale passes:
//
//   - A fill takes asOf (Seq) before it reads anything and collects slots while
//     it reads. What it made is kept as a Record.
//   - A write calls Mark just before its commit can become visible, Bump when
//     the commit is visible and before the client is told, Release last.
//   - Check, at the moment of serving, finds for every slot first nothing in
//     flux and then a version not above asOf.
//
// If a record lacks a write, then the fill read before the commit became
// visible, so its asOf was taken before the write's Bump and the bumped version
// is above it. Between the commit and the Bump the mark is set. Hence a record
// that lacks a visible write is refused from the Mark on, whichever order the
// slots are looked at in: versions only grow, so a record that passes was true
// at the moment the first slot was looked at, which lies inside the request.
//
// A fill that uses a stored result takes on the sequence number read just before
// that result was found valid. Therefore a change must be in flux from before it
// takes its sequence number until it is published: otherwise the result could
// pass Check between the two, and what is made from it would carry the number of
// a change that it lacks. Ban and RaiseFloor see to that themselves, Bump leaves
// it to the Mark before it.
//
// Some slots, to which no hash leads, are wholes: one stands for everything that was
// read from one database, and whatever read anything there has it among its slots.
// So a change that no other slot describes, a schema's for one, and knowledge that
// may have been lost are a write to the whole, by the same protocol and argument,
// and concern nothing that was made from elsewhere. The floor is left for what
// concerns everything there is.
//
// The package is pure: no I/O, no clock, no goroutines. Every load and store of
// shared memory goes through the step hook, so that a test can split execution
// at each of them.
package ledger

import (
	"slices"
	"sync/atomic"
)

// DefaultSlots is the size of the table when New is given 0: 2^22 slots.
const DefaultSlots = 1 << 22

// maxFlux bounds the places for marks. They are few at any moment, so that they
// need less room than versions do.
const maxFlux = 1 << 20

// Wholes is how many slots stand for a whole each. They are above all others.
const Wholes = 256

// Slot is the place of a dependency in the table.
type Slot uint32

// Ledger is the engine's knowledge of what changed when. All methods may be
// called concurrently.
type Ledger struct {
	mask     uint64
	fluxMask Slot
	versions []atomic.Uint64 // by slot: the sequence number of the last change
	flux     []atomic.Int32  // by slot & fluxMask, and then by whole: the Marks not released

	seq      atomic.Uint64
	floor    atomic.Uint64
	marks    atomic.Int64 // calls of Mark and MarkAll not released
	fluxAll  atomic.Int64 // calls of MarkAll not released
	patterns atomic.Pointer[patterns]

	step func() // called before every access to shared memory; nil outside tests
}

// New returns a ledger with at least the given number of slots, rounded up to a
// power of two; 0 means DefaultSlots. A slot takes 8 bytes, and up to 4 MiB go to
// marks.
func New(slots int) *Ledger {
	if slots <= 0 {
		slots = DefaultSlots
	}
	n := 1
	for n < slots {
		n <<= 1
	}
	l := &Ledger{mask: uint64(n - 1), versions: make([]atomic.Uint64, n+Wholes), flux: make([]atomic.Int32, min(n, maxFlux)+Wholes)}
	l.fluxMask = Slot(len(l.flux) - Wholes - 1)
	l.seq.Store(1) // 0 is older than everything
	l.patterns.Store(&patterns{})
	return l
}

func (l *Ledger) pause() {
	if l.step != nil {
		l.step()
	}
}

// Slot returns the slot of a dependency's hash.
func (l *Ledger) Slot(hash uint64) Slot { return Slot(hash & l.mask) }

// Whole returns a slot to which no hash leads. There are Wholes of them; of more,
// some share one.
func (l *Ledger) Whole(i int) Slot { return Slot(l.mask) + 1 + Slot(i%Wholes) }

// IsWhole reports whether a slot stands for a whole.
func (l *Ledger) IsWhole(s Slot) bool { return uint64(s) > l.mask }

// marksOn returns the number of Marks of a slot that are not released. Slots may
// share one; a whole shares its with nobody.
func (l *Ledger) marksOn(s Slot) *atomic.Int32 {
	if l.IsWhole(s) {
		return &l.flux[l.fluxMask+s-Slot(l.mask)]
	}
	return &l.flux[s&l.fluxMask]
}

// Seq returns the present sequence number: the asOf of a fill that starts now.
func (l *Ledger) Seq() uint64 {
	l.pause()
	return l.seq.Load()
}

// Tick takes a new sequence number with which nothing changes.
func (l *Ledger) Tick() uint64 { return l.next() }

// next takes a new sequence number.
func (l *Ledger) next() uint64 {
	l.pause()
	return l.seq.Add(1)
}

// Mark puts slots in flux: nothing that depends on them is valid until as many
// Releases followed. Call it before the commit can become visible.
func (l *Ledger) Mark(slots []Slot) {
	l.pause()
	l.marks.Add(1)
	for _, s := range slots {
		l.pause()
		l.marksOn(s).Add(1)
	}
}

// Bump gives slots a new version, which it returns. Call it when the change is
// visible to every new read and before anybody is told that it happened. The
// slots must be marked, even when what changed is no commit.
func (l *Ledger) Bump(slots []Slot) uint64 {
	seq := l.next()
	for _, s := range slots {
		l.raise(&l.versions[s], seq)
	}
	return seq
}

// Release takes back one Mark of the same slots. Call it after Bump, or without
// Bump when the change is known not to have happened.
func (l *Ledger) Release(slots []Slot) {
	for _, s := range slots {
		l.pause()
		l.marksOn(s).Add(-1)
	}
	l.pause()
	l.marks.Add(-1)
}

// MarkAll puts everything in flux until ReleaseAll.
func (l *Ledger) MarkAll() {
	l.pause()
	l.marks.Add(1)
	l.pause()
	l.fluxAll.Add(1)
}

// ReleaseAll takes back one MarkAll.
func (l *Ledger) ReleaseAll() {
	l.pause()
	l.fluxAll.Add(-1)
	l.pause()
	l.marks.Add(-1)
}

// RaiseFloor invalidates everything whose asOf lies before this call. It is for
// changes that no slot describes and for knowledge that may have been lost.
func (l *Ledger) RaiseFloor() uint64 {
	l.MarkAll()
	defer l.ReleaseAll()
	seq := l.next()
	l.raise(&l.floor, seq)
	return seq
}

// raise is an atomic maximum: a late writer must not take back a newer version.
func (l *Ledger) raise(v *atomic.Uint64, seq uint64) {
	for {
		l.pause()
		old := v.Load()
		if old >= seq {
			return
		}
		l.pause()
		if v.CompareAndSwap(old, seq) {
			return
		}
	}
}

// Record is what the ledger must know of a result to judge it later. Its fields
// are not changed once it can be reached by more than one goroutine.
type Record struct {
	// AsOf is the sequence number before which nothing the result was made of
	// was read.
	AsOf uint64
	// Slots are the slots of its dependencies.
	Slots []Slot
	// Keys are the names under which patterns can find it: its own key and the
	// keys of the stored results it was made from.
	Keys []string

	// vetted is the sequence number up to which patterns are known not to match
	// Keys; it only grows.
	vetted atomic.Uint64
}

// Verdict says what Check found.
type Verdict uint8

// The verdicts of Check.
const (
	Valid      Verdict = iota
	InFlux             // a commit that touches a dependency is under way
	Changed            // a dependency changed after AsOf
	BelowFloor         // everything before the floor is invalid, or everything of a whole
	Banned             // a pattern newer than AsOf matches a key, or may have
)

// Check judges a record as of now. Valid means: at some moment during this
// call, no change had become visible that the record lacks.
func (l *Ledger) Check(r *Record) Verdict {
	// First nothing in flux, then the version: the other way round, a commit
	// could bump and release between the two looks. Most of the time nothing is in
	// flux at all; then one look stands for all slots.
	l.pause()
	quiet := l.marks.Load() == 0
	if !quiet {
		l.pause()
		if l.fluxAll.Load() != 0 {
			return InFlux
		}
	}
	l.pause()
	if r.AsOf < l.floor.Load() {
		return BelowFloor
	}
	for _, s := range r.Slots {
		if !quiet {
			l.pause()
			if l.marksOn(s).Load() != 0 {
				return InFlux
			}
		}
		l.pause()
		if l.versions[s].Load() > r.AsOf {
			if l.IsWhole(s) {
				return BelowFloor
			}
			return Changed
		}
	}
	return l.checkPatterns(r)
}

// Unnamed reports whether nothing of a record was invalidated by its name after AsOf, be it
// by one of its slots or by a pattern: Check without the floor. It says nothing of what is
// told later.
func (l *Ledger) Unnamed(r *Record) bool {
	l.pause()
	if l.fluxAll.Load() != 0 {
		return false
	}
	for _, s := range r.Slots {
		l.pause()
		if l.marksOn(s).Load() != 0 {
			return false
		}
		l.pause()
		if l.versions[s].Load() > r.AsOf {
			return false
		}
	}
	return l.checkPatterns(r) == Valid
}

// Slots returns how many slots hashes lead to.
func (l *Ledger) Slots() int { return int(l.mask) + 1 }

// Version returns the sequence number at which a slot last changed.
func (l *Ledger) Version(s Slot) uint64 { return l.versions[s].Load() }

// Cause returns the sequence number of the change for which Check gave this
// verdict, or 0 if it cannot be told. A slot knows its last change alone: of
// several changed slots it is the one whose last change came first.
func (l *Ledger) Cause(r *Record, v Verdict) (seq uint64) {
	switch v {
	case BelowFloor:
		if floor := l.floor.Load(); floor > r.AsOf {
			return floor
		}
		fallthrough
	case Changed:
		for _, s := range r.Slots {
			if version := l.versions[s].Load(); version > r.AsOf && (seq == 0 || version < seq) {
				seq = version
			}
		}
	case Banned:
		for _, b := range l.patterns.Load().list {
			if b.seq > r.AsOf && b.matches(r) {
				return b.seq
			}
		}
	}
	return seq
}

// InFlux returns the sum of all marks that have not been released. It is for
// tests and metrics: it walks the table.
func (l *Ledger) InFlux() int64 {
	n := l.fluxAll.Load()
	for i := range l.flux {
		n += int64(l.flux[i].Load())
	}
	return n
}

// Compact sorts slots and removes duplicates in place.
func Compact(slots []Slot) []Slot {
	slices.Sort(slots)
	return slices.Compact(slots)
}
