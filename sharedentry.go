package unstale

import (
	"encoding/binary"
	"time"

	"github.com/unstale/unstale/internal/ledger"
)

// A lineage is what has to be known of an entry for others to judge it.
type lineage struct {
	kinds []string // by which commits have to be described, as the adapter names them
	made  uint64   // no part of it was made before this sequence number
	alone bool     // it depends on what others do not hear of
	taken bool     // from the shared store
}

// A foreign is an entry as another process describes it. Times are by this one's clock.
type foreign struct {
	entry    *Entry
	position []byte
	kinds    []string
}

// Bounds of what is read.
const (
	maxForeignList = 1 << 16 // items of a list
)

// encodeEntry writes an entry down, of whose slots the first so many count: the others are
// wholes, which are numbered differently elsewhere.
func encodeEntry(e *Entry, slots int, position []byte, now time.Time) []byte {
	w := writer{b: make([]byte, 0, len(e.body)+1024)}
	w.byte(byte(e.kind))
	w.strings(e.choice.vary)
	w.bool(e.choice.asked)
	if e.kind == kindSignpost {
		return w.b
	}
	w.text(string(position))
	w.strings(e.lineage.kinds)
	w.bool(e.asked)
	w.bool(e.exactly)
	w.int(e.created.UnixNano())
	w.int(e.expires.Round(0).UnixNano())
	w.int(int64(e.remaining(now)))
	w.uint(uint64(slots))
	last := ledger.Slot(0)
	for _, s := range e.record.Slots[:slots] { // ascending
		w.uint(uint64(s - last))
		last = s
	}
	w.strings(e.record.Keys)
	w.int(int64(e.status))
	w.bool(e.silent)
	w.header(e.header)
	w.header(e.repeats)
	for _, s := range []string{e.etag, e.weakTag, e.sniffed, e.length} {
		w.text(s)
	}
	w.byte(byte(e.adds))
	w.int(int64(e.age))
	w.strings(e.selects)
	w.b = append(w.b, e.body...)
	return w.b
}

// decodeEntry is the reverse of encodeEntry, for an engine. ok is false for whatever is no
// entry.
func (c *engine) decodeEntry(b []byte, now time.Time) (f foreign, ok bool) {
	r := reader{b: b}
	e := &Entry{}
	e.kind = entryKind(r.byte())
	e.choice.vary = r.strings()
	e.choice.asked = r.bool()
	if e.kind == kindSignpost {
		return foreign{entry: e}, !r.bad && len(r.b) == 0
	}
	f.position = []byte(r.text())
	f.kinds = r.strings()
	e.engine = c
	e.asked = r.bool()
	e.exactly = r.bool()
	created, expires, remaining := r.int(), r.int(), r.int()
	n := r.count(1)
	e.record.Slots = make([]ledger.Slot, 0, n+2)
	last := uint64(0)
	for i := range n {
		step := r.uint()
		if i > 0 && step == 0 || step >= uint64(c.ledger.Slots())-last {
			r.bad = true
			break
		}
		last += step
		e.record.Slots = append(e.record.Slots, ledger.Slot(last))
	}
	e.record.Keys = r.strings()
	e.status = int(r.int())
	e.silent = r.bool()
	e.header = r.header()
	e.repeats = r.header()
	for _, s := range []*string{&e.etag, &e.weakTag, &e.sniffed, &e.length} {
		*s = r.text()
	}
	e.adds = additions(r.byte())
	e.age = time.Duration(r.int())
	e.selects = r.strings()
	e.body = r.rest()
	if r.bad || len(e.record.Keys) == 0 || e.age < 0 {
		return f, false
	}
	switch {
	case e.kind == kindValue:
	case e.kind != kindResponse || e.status < 200 || e.status > 999:
		return f, false
	}
	// The lesser counts of the time at which it ends and the time that it lasts: clocks
	// differ. It was made by a clock that may be ahead of this one; then it is not served yet.
	left := min(time.Unix(0, expires).Sub(now.Round(0)), time.Duration(remaining))
	if left <= 0 || left > maxForeignLife {
		return f, false
	}
	e.expires = now.Add(left)
	e.created = now.Add(time.Unix(0, created).Sub(now.Round(0)))
	f.entry = e
	return f, e.fresh(now)
}

// maxForeignLife bounds the life of an entry from elsewhere, so that times can be added.
const maxForeignLife = 10 * 365 * 24 * time.Hour

// A writer writes down what a reader reads.
type writer struct{ b []byte }

func (w *writer) byte(v byte)   { w.b = append(w.b, v) }
func (w *writer) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)   { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) text(s string) { w.b = appendText(w.b, s) }

func (w *writer) bool(v bool) {
	if v {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

func (w *writer) strings(list []string) {
	w.uint(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *writer) header(h storedHeader) {
	w.uint(uint64(len(h)))
	for i := range h {
		w.text(h[i].name)
		w.text(h[i].value)
		w.byte(byte(h[i].does))
	}
}

// A reader reads what a writer wrote. Whatever else it is given, it says that it is bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) bool() bool {
	v := r.byte()
	r.bad = r.bad || v > 1
	return v == 1
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count returns the length of a list of items of at least so many bytes.
func (r *reader) count(least int) int {
	n := r.uint()
	if n > maxForeignList+1 || n > uint64(len(r.b)/least) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// rest returns what is left, which belongs to the entry from now on.
func (r *reader) rest() []byte { return r.b[:len(r.b):len(r.b)] }

func (r *reader) strings() []string {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.text()
	}
	return list
}

func (r *reader) header() storedHeader {
	n := r.count(3)
	if n == 0 {
		return nil
	}
	h := make(storedHeader, n)
	for i := range h {
		h[i].name, h[i].value, h[i].does = r.text(), r.text(), lineEffect(r.byte())
		r.bad = r.bad || h[i].does > lineDeletes
	}
	return h
}
