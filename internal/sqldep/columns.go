package sqldep

import "math/bits"

// A columnSet is a set of columns of a table. From maxColumn on they share one
// place, so that a set may say too much but never too little.
type columnSet uint64

const maxColumn = 63

func (s *columnSet) add(c int) { *s |= 1 << min(c, maxColumn) }

func (s columnSet) has(c int) bool { return s&(1<<min(c, maxColumn)) != 0 }

// columnsOf returns a set of columns.
func columnsOf(list ...int) (s columnSet) {
	for _, c := range list {
		s.add(c)
	}
	return s
}

// all reports whether the set has every column of a table of which a row image
// can differ.
func (s columnSet) all(t *Table) bool {
	return bits.OnesCount64(uint64(s)) > maxColumn || t.everyColumn()&^s == 0
}

// everyColumn returns the columns that an image shows.
func (t *Table) everyColumn() (s columnSet) {
	for c := range t.Columns {
		if t.Columns[c].Generated != Virtual {
			s.add(c)
		}
	}
	return s
}
