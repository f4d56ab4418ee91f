package shape

import "math/bits"

// A ColumnSet is a set of columns of a table. From MaxColumn on they share one
// place, so that a set may say too much but never too little.
type ColumnSet uint64

// MaxColumn is the first of them.
const MaxColumn = 63

// Add adds a column.
func (s *ColumnSet) Add(c int) { *s |= 1 << min(c, MaxColumn) }

// Has reports whether the set has a column.
func (s ColumnSet) Has(c int) bool { return s&(1<<min(c, MaxColumn)) != 0 }

// All reports whether the set has every column of a table of which a row image
// can differ.
func (s ColumnSet) All(t *Table) bool {
	return bits.OnesCount64(uint64(s)) > MaxColumn || t.Every()&^s == 0
}

// Every returns the columns that an image shows.
func (t *Table) Every() (s ColumnSet) {
	for c := range t.Columns {
		if t.Columns[c].Generated != Virtual {
			s.Add(c)
		}
	}
	return s
}
