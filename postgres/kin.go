package postgres

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// A statement on a table changes rows of every table below it, and tells so as of the
// table that it names, in that one's columns: partitions and children do not hear of it.
// A statement on a partition tells so as of the partition alone. So what changes under
// one table may concern each that has rows in common with it: those below, and those
// above any of these.

// maxKin bounds the tables for which is found out what a row is to them. Of more any may
// have changed.
const maxKin = 64

// A kinsman is a table that may have rows in common with another one.
type kinsman struct {
	*relation
	columns []int // of each column of the other one the same of this, by name, or -1
	exact   bool  // the other one has all columns of this, so that its images tell all
}

// settleKin says of each table whom its changes concern. parents are those that are
// directly above.
func (c *catalogue) settleKin(parents map[uint32][]uint32) {
	children := make(map[uint32][]uint32)
	for oid, above := range parents {
		for _, p := range above {
			children[p] = append(children[p], oid)
		}
	}
	var blind []*relation
	for oid, r := range c.tables {
		if parents[oid] == nil && children[oid] == nil {
			continue
		}
		if r.kind != "p" && children[oid] != nil { // a key is one among its own rows alone, and what is not NULL is so there
			r.Keys = nil
			for i := range r.Columns {
				r.Columns[i].NotNull = false
			}
		}
		shared := make(map[uint32]bool)
		for _, below := range closure(children, oid) {
			for _, above := range closure(parents, below) {
				shared[above] = true
			}
		}
		for other := range shared {
			t := c.tables[other]
			if t == nil {
				continue // it was made since, or is an index
			}
			if t.why != "" {
				blind = append(blind, r)
			}
			if other != oid {
				r.kin = append(r.kin, r.kinsman(t))
			}
		}
		slices.SortFunc(r.kin, func(a, b kinsman) int { return shape.CompareNames(a.Table, b.Table) })
	}
	for _, r := range blind {
		if r.why == "" {
			r.why = notAll
		}
	}
}

// closure returns a table and all that are reached from it.
func closure(next map[uint32][]uint32, oid uint32) []uint32 {
	all := []uint32{oid}
	for i := 0; i < len(all); i++ {
		for _, n := range next[all[i]] {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return all
}

// kinsman returns t as one that may have rows in common with r.
func (r *relation) kinsman(t *relation) kinsman {
	k := kinsman{relation: t, columns: make([]int, len(r.Columns))}
	same := 0
	for i := range r.Columns {
		k.columns[i] = slices.IndexFunc(t.Columns, func(c shape.Column) bool { return c.Name == r.Columns[i].Name })
		if j := k.columns[i]; j >= 0 && r.columns[i].typ == t.columns[j].typ {
			same++
		}
	}
	k.exact = same == len(t.Columns)
	return k
}

// add adds to the changes what a change of another table is to this one.
func (k *kinsman) add(to *shape.Changes, ch shape.Change) {
	if !k.exact { // there are columns of which nothing is known, which triggers may have changed
		to.AddUnknown(k.Table)
		return
	}
	mine := shape.Change{Table: k.Table, Old: k.image(ch.Old), New: k.image(ch.New)}
	for i, j := range k.columns {
		if j >= 0 && ch.Differs.Has(i) {
			mine.Differs.Add(j)
		}
	}
	if ch.Differs != 0 && mine.Differs == 0 {
		return // of columns that this one does not have
	}
	to.Add(mine)
}

func (k *kinsman) image(of []shape.Value) []shape.Value {
	if of == nil {
		return nil
	}
	values := make([]shape.Value, len(k.Columns))
	for i, j := range k.columns {
		if j >= 0 {
			values[j] = of[i]
		}
	}
	return values
}
