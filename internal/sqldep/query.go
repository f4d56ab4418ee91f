package sqldep

import (
	"database/sql/driver"
	"hash/maphash"
	"slices"
)

// A Query is a Plan whose shapes are registered. It does not change and may be
// used concurrently.
type Query struct {
	plan   *Plan
	hasher hasher
	reads  []queryRead
}

// A queryRead is a read with what can be computed once.
type queryRead struct {
	*read
	table  uint64   // hash of table(t)
	coarse []uint64 // the dependencies when no row narrows it; all of them for a whole read
	shapes []*shape // of read.rows, in their order
}

// use prepares a read. The caller holds mu.
func (s *Shapes) use(r *read) queryRead {
	q := queryRead{read: r, table: s.hasher.table(r.table)}
	if r.whole {
		q.coarse = []uint64{q.table}
		return q
	}
	q.coarse = r.appendSet([]uint64{s.hasher.coarse(r.table)}, s.hasher, s.hasher.whole(r.table.Name))
	for i := range r.rows {
		q.shapes = append(q.shapes, s.register(r.table.Name, r.rows[i].columns))
	}
	return q
}

// appendSet appends what the read depends on in one set. A read of all columns,
// the most common one, needs a single dependency.
func (r *read) appendSet(dst []uint64, h hasher, s set) []uint64 {
	if len(r.columns) == r.table.visible {
		return append(dst, h.touch(s))
	}
	dst = append(dst, h.member(s))
	for _, c := range r.columns {
		dst = append(dst, h.column(s, c))
	}
	return dst
}

// Plan returns the plan.
func (q *Query) Plan() *Plan { return q.plan }

// Dependencies appends what a run of the query with these arguments depends on.
// asOf is the engine's sequence number taken before the transaction began in
// which the query reads; the call must precede the read. The plan must be
// cacheable.
func (q *Query) Dependencies(dst []uint64, asOf uint64, args []driver.NamedValue) []uint64 {
	for i := range q.reads {
		dst = q.reads[i].dependencies(dst, q.hasher, asOf, args)
	}
	return dst
}

func (r *queryRead) dependencies(dst []uint64, h hasher, asOf uint64, args []driver.NamedValue) []uint64 {
	if len(r.rows) == 0 {
		return append(dst, r.coarse...)
	}
	start := len(dst)
	dst = append(dst, r.coarse[0])
	for i := range r.rows {
		s, ok := r.rows[i].set(h, r.read.table.Name, args)
		if !ok {
			return append(dst[:start], r.coarse...)
		}
		dst = r.appendSet(dst, h, s)
	}
	if slices.ContainsFunc(r.shapes, func(s *shape) bool { return asOf < s.birth.Load() }) {
		dst = append(dst, r.table)
	}
	return dst
}

// set returns the set of the row for these arguments. ok is false where a value
// is of another kind than the column holds, so that it might equal values that
// hash differently.
func (w *row) set(h hasher, table string, args []driver.NamedValue) (s set, ok bool) {
	var m maphash.Hash
	h.begin(&m, table, w.columns)
	for i := range w.values {
		v, ok := w.values[i].value(args)
		if !ok {
			return 0, false
		}
		h.add(&m, v)
	}
	return set(m.Sum64()), true
}
