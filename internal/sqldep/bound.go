package sqldep

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// Bounds are what conditions say of the place of a column's values in its order.
type bounds struct{ low, high []shape.Bound }

func (s *bounds) add(t bounds) {
	s.low, s.high = append(s.low, t.low...), append(s.high, t.high...)
}

// addBound adds "x <= y". It reports whether that narrows something.
func (b *block) addBound(e AtMost, item *Item) bool {
	c, v, ok := bounded(e)
	if !ok {
		return false
	}
	owner := b.owner(c, item)
	if owner == nil {
		return false
	}
	owner.bound(c, v)
	return true
}

func (f *facts) bound(c Column, v bounds) {
	if f.bounds == nil {
		f.bounds = make(map[Column]bounds)
	}
	of := f.bounds[c]
	of.add(v)
	f.bounds[c] = of
}

// bounded returns the column in "x <= y" and what that says of it, if the other side
// is a constant.
func bounded(e AtMost) (c Column, v bounds, ok bool) {
	c, high := e.X.(Column)
	value := e.Y
	if !high {
		if c, ok = e.Y.(Column); !ok {
			return c, v, false
		}
		value = e.X
	}
	if c.Item.Table == nil || !ordered(c.def()) {
		return c, v, false
	}
	o, _, fits := operandOf(value, c.def())
	if !fits {
		return c, v, false
	}
	if high {
		v.high = []shape.Bound{{o}}
	} else {
		v.low = []shape.Bound{{o}}
	}
	return c, v, true
}

// between returns the range to which bounds narrow the item, or nil: that of the
// column by which the span is ordered, or else of one with two ends.
func (b *block) between(it *Item, span *shape.Span, said map[Column]bounds) *shape.Range {
	best, ends := -1, 0
	for c := range it.Table.Columns {
		v, ok := said[Column{it, c}]
		if !ok {
			continue
		}
		n := min(len(v.low), 1) + min(len(v.high), 1)
		if span != nil && span.Column == c {
			n = 3
		}
		if n > ends {
			best, ends = c, n
		}
	}
	if best < 0 {
		return nil
	}
	v := said[Column{it, best}]
	return &shape.Range{Column: best, Low: slices.Clone(v.low), High: slices.Clone(v.high)}
}
