package shape

import (
	"bytes"
	"database/sql/driver"
	"slices"
	"strings"
)

// A Range is the rows whose values in a column lie between bounds, or are one of them,
// in the order of the column.
type Range struct {
	Column    int
	Low, High []Bound // all of them hold; none: there is no bound on this side
}

// String returns the range for people and tests, such as "(?1<made<?2)".
func (r *Range) String(t *Table) string {
	side := func(list []Bound) string {
		var words []string
		for _, b := range list {
			var alternatives []string
			for _, o := range b {
				alternatives = append(alternatives, o.String())
			}
			words = append(words, strings.Join(alternatives, "|"))
		}
		return strings.Join(words, ",")
	}
	s := t.Columns[r.Column].Name
	if len(r.Low) > 0 {
		s = side(r.Low) + "<" + s
	}
	if len(r.High) > 0 {
		s += "<" + side(r.High)
	}
	return "(" + s + ")"
}

// A Bound is the widest of these values, one of which is a bound.
type Bound []Operand

// An interval is the places of a Range with the arguments of a run. An end that is nil
// is none.
type interval struct{ low, high Code }

// interval returns the tightest bounds that are known with these arguments.
func (r *Range) interval(t *Table, args []driver.NamedValue) (v interval) {
	c := &t.Columns[r.Column]
	for _, b := range r.Low {
		if code := b.place(c, args, -1); code != nil && bytes.Compare(code, v.low) > 0 {
			v.low = code
		}
	}
	for _, b := range r.High {
		if code := b.place(c, args, 1); code != nil && (v.high == nil || bytes.Compare(code, v.high) < 0) {
			v.high = code
		}
	}
	return v
}

// place returns the place of the bound, or nil if it is not known. sign is that of the
// side on which it lies.
func (b Bound) place(c *Column, args []driver.NamedValue, sign int) (widest Code) {
	for i := range b {
		v, ok := b[i].value(args)
		if !ok {
			return nil
		}
		code, ok := c.place(nil, v)
		if !ok {
			return nil
		}
		if widest == nil || bytes.Compare(code, widest) == sign {
			widest = code
		}
	}
	return widest
}

// bounded reports whether there is an end.
func (v interval) bounded() bool { return v.low != nil || v.high != nil }

// A lazyRange is the shapes of a source's rows in an order, by the ends of a range.
type lazyRange struct{ upTo, downTo, between lazyShape }

// use says what the shapes are.
func (l *lazyRange) use(k shapeKey, column int) {
	k.order = column
	l.upTo.key, l.downTo.key, l.between.key = k, k, k
	l.downTo.key.descending = true
	l.between.key.between = true
}

// of returns the shape for an interval.
func (l *lazyRange) of(v interval) *lazyShape {
	switch {
	case v.low == nil:
		return &l.upTo
	case v.high == nil:
		return &l.downTo
	}
	return &l.between
}

// within adds the rows of an interval in sets with these values, or in all if there are
// none. It returns false, and adds nothing, if that is not possible.
func (d *deps) within(s *querySource, l *lazyRange, sets []known, v interval) bool {
	sh := d.query.shape(l.of(v), s.Source.Table)
	if sh == nil {
		d.coarser(coarseShapes)
		return false
	}
	starts := make([]set, 0, max(1, len(sets)))
	for i := range sets {
		h, ok := sh.with(d.query.shapes.hasher, s.Source.Table, func(c int) (Value, bool) { return sets[i][c], true })
		if !ok {
			d.coarser(coarseArgument)
			return false
		}
		starts = append(starts, h)
	}
	if len(sets) == 0 {
		starts = append(starts, sh.start)
	}
	d.rely(s, sh)
	if v.high == nil {
		v.low = slices.Clone(v.low)
		v.low.turn()
	}
	for _, h := range starts {
		before := len(d.list)
		switch {
		case v.low == nil:
			d.list = appendRangeNodes(d.list, h, v.high)
		case v.high == nil:
			d.list = appendRangeNodes(d.list, h, v.low)
		default:
			d.list = appendBetweenNodes(d.list, h, v.low, v.high)
		}
		for i := before; i < len(d.list); i++ {
			d.list[i] = sh.watching(d.list[i])
		}
	}
	return true
}
