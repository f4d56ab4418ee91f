package shape

import (
	"bytes"
	"cmp"
	"slices"
)

// nodesShare is the share of the dependencies that are left which the nodes of one
// family may have: one in so many.
const nodesShare = 8

// Dependencies appends what the changes bump. The view must have been opened
// after the last change and be released after the bump. The tables of which the
// fewest rows changed come first, so that one with many takes nothing from them.
func (c *Changes) Dependencies(dst []uint64, v *View) []uint64 {
	h, p := v.shapes.hasher, &c.placing
	p.hasher, p.images, p.dependencies = h, v.shapes.Bounds.Placed, v.shapes.Bounds.Touched
	slices.SortFunc(c.list, func(a, b *Table) int {
		return cmp.Or(cmp.Compare(len(c.tables[a].rows), len(c.tables[b].rows)), CompareNames(a, b))
	})
	for _, t := range c.list {
		tc, shapes := c.tables[t], v.byTable[t.Name]
		if len(tc.rows) == 0 && tc.coarse == "" {
			continue // nothing changed after all
		}
		dst = append(dst, h.table(t))
		for _, along := range t.Along {
			dst = append(dst, h.table(along))
		}
		tc.read = len(shapes) > 0
		start := len(dst)
		for len(shapes) > 0 && tc.coarse == "" {
			n := 1
			for n < len(shapes) && shapes[n].akin(shapes[0].shapeKey) {
				n++
			}
			var why string
			if dst, why = p.touched(dst, t, tc.rows, shapes[:n]); why != "" {
				c.widen(tc, why)
			}
			shapes = shapes[n:]
		}
		if tc.coarse != "" {
			dst = append(dst[:start], h.coarse(t))
		}
	}
	if cap(p.list) > maxKept {
		*p = placing{}
	}
	return dst
}

// maxKept bounds the places for which there is room in the next commit, too.
const maxKept = 64

// A place is where changed rows lie in the sets of a family of shapes: those that
// differ in the same columns, all in one set. Where there is an order, it is that
// of the first of them: every range that holds another one holds that one, too. Where
// ranges have two ends, each row has a place.
type place struct {
	placeKey
	code Code // in the order; nil where there is none
}

type placeKey struct {
	set     set
	differs ColumnSet // the columns in which the rows differ
}

// fewPlaces are searched one by one.
const fewPlaces = 8

// A placing places changed rows, and knows how much more it may.
type placing struct {
	hasher
	images, dependencies int // that are left

	list  []place
	index map[placeKey]int // of list, if there are more than a few
	codes []byte           // of the places
	code  Code             // of the last image
}

// touched appends what changed rows bump in the sets of a family of shapes, or
// says why it cannot be told.
func (p *placing) touched(dst []uint64, t *Table, rows []Change, family []*shape) (_ []uint64, coarse string) {
	var relevant ColumnSet
	for _, sh := range family {
		relevant |= sh.relevant
	}
	p.list, p.codes = p.list[:0], p.codes[:0]
	placed := images(rows, relevant)
	if placed > p.images {
		return dst, coarseSets
	}
	p.images -= placed
	for i := range rows {
		if rows[i].difference().touch(relevant) && !p.add(t, &rows[i], family[0]) {
			return dst, coarseUnknown
		}
	}
	sets, nodes := p.count(family)
	n, ordered := nodes, family[0].order != noOrder
	entire := false // a set falls as a whole, not a part of its order
	switch {
	case ordered && nodes > p.dependencies/nodesShare:
		entire = true
		if family[0].between {
			p.compact()
			sets, _ = p.count(family)
		}
		n = sets
	case !ordered && nodes > p.dependencies:
		p.compact()
		n, _ = p.count(family)
	}
	if n > p.dependencies {
		return dst, coarseSets
	}
	p.dependencies -= n
	dst = slices.Grow(dst, n)
	var room [maxRowNodes]uint64
	for i := range p.list {
		at, hashes := &p.list[i], room[:0]
		switch {
		case !ordered:
			hashes = append(hashes, uint64(at.set))
		case entire:
			hashes = append(hashes, at.set.anywhere())
		case family[0].between:
			hashes = appendBeginnings(hashes, at.set, at.code)
		default:
			hashes = appendRowNodes(hashes, at.set, at.code)
		}
		for _, sh := range family {
			if at.differs.touch(sh.relevant) {
				for _, h := range hashes {
					dst = append(dst, sh.watching(h))
				}
			}
		}
	}
	return dst, ""
}

// count returns how many sets of shapes the places are in, and how many dependencies
// that makes.
func (p *placing) count(family []*shape) (sets, nodes int) {
	for i := range p.list {
		n := p.list[i].nodes(family[0].between)
		for _, sh := range family {
			if p.list[i].differs.touch(sh.relevant) {
				sets++
				nodes += n
			}
		}
	}
	return sets, nodes
}

// compact leaves one place of each set and difference, where there is no order.
func (p *placing) compact() {
	slices.SortFunc(p.list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.set, b.set), cmp.Compare(a.differs, b.differs))
	})
	p.list = slices.CompactFunc(p.list, func(a, b place) bool { return a.placeKey == b.placeKey })
}

// images returns how many images rows have that differ in some of the columns.
func images(rows []Change, relevant ColumnSet) (n int) {
	for i := range rows {
		if !rows[i].difference().touch(relevant) {
			continue
		}
		if rows[i].Old != nil {
			n++
		}
		if rows[i].New != nil && !rows[i].still() {
			n++
		}
	}
	return n
}

// add adds the places of a changed row. ok is false where an image does not tell.
func (p *placing) add(t *Table, ch *Change, sh *shape) (ok bool) {
	for i, image := range [2][]Value{ch.Old, ch.New} {
		if image == nil || i == 1 && ch.still() {
			continue
		}
		k := placeKey{differs: ch.difference()}
		if k.set, ok = sh.of(p.hasher, t, image); !ok {
			return false
		}
		if sh.order == noOrder {
			if n := len(p.list); n == 0 || p.list[n-1].placeKey != k { // more of it is harmless, and cheaper than to look for
				p.list = append(p.list, place{placeKey: k})
			}
			continue
		}
		if p.code, ok = t.Columns[sh.order].place(p.code, image[sh.order]); !ok {
			return false
		}
		if sh.descending {
			p.code.turn()
		}
		var at *place
		var known bool
		if sh.between {
			at, known = p.next(k)
		} else {
			at, known = p.at(k)
		}
		if !known || bytes.Compare(p.code, at.code) < 0 {
			start := len(p.codes)
			p.codes = append(p.codes, p.code...)
			at.code = p.codes[start:len(p.codes):len(p.codes)]
		}
	}
	return true
}

// at returns the place of a set and a difference, which is a new one if there is
// none.
func (p *placing) at(k placeKey) (at *place, known bool) {
	if n := len(p.list); n > 0 && p.list[n-1].placeKey == k {
		return &p.list[n-1], true
	}
	if len(p.list) > fewPlaces {
		if i, ok := p.index[k]; ok {
			return &p.list[i], true
		}
	} else if i := slices.IndexFunc(p.list, func(at place) bool { return at.placeKey == k }); i >= 0 {
		return &p.list[i], true
	}
	p.list = append(p.list, place{placeKey: k})
	switch n := len(p.list); {
	case n == fewPlaces+1:
		if p.index == nil {
			p.index = make(map[placeKey]int)
		}
		clear(p.index)
		for i := range p.list {
			p.index[p.list[i].placeKey] = i
		}
	case n > fewPlaces:
		p.index[k] = n - 1
	}
	return &p.list[len(p.list)-1], false
}

// next returns a place for the last image, which is none of the others unless the one
// before has the same code. Of ranges with two ends none holds all others.
func (p *placing) next(k placeKey) (at *place, known bool) {
	if n := len(p.list); n > 0 && p.list[n-1].placeKey == k && bytes.Equal(p.list[n-1].code, p.code) {
		return &p.list[n-1], true
	}
	p.list = append(p.list, place{placeKey: k})
	return &p.list[len(p.list)-1], false
}

// nodes returns how many dependencies of one shape the place has.
func (at *place) nodes(between bool) int {
	switch {
	case at.code == nil:
		return 1
	case between:
		return len(at.code)
	}
	return rowNodes(at.code)
}

// of returns the set of the shape's family in which an image lies.
func (sh *shape) of(h hasher, t *Table, image []Value) (s set, ok bool) {
	s = sh.start
	for _, c := range sh.columns {
		if number(c) >= len(image) {
			return 0, false
		}
		if s, ok = h.add(s, image[number(c)], t.typeOf(c)); !ok {
			return 0, false
		}
	}
	return s, sh.order < len(image)
}
