package sqldep

import (
	"iter"
	"slices"

	"github.com/unstale/unstale/internal/shape"
)

// A block is a SELECT and what is known of it.
//
// It is filled in three passes: conjuncts collects what WHERE and ON say of its
// items; look carries known values over equalities and looks at every expression;
// close turns the tables into sources.
type block struct {
	*Select
	query    *Query // of which it is one
	analysis *analysis
	number   int     // of the blocks of the statement, from 1 on
	search   *search // nil: its tables are not sources yet
	purpose  purpose
	top      bool   // its rows are the statement's result
	shown    *block // the block whose result shows the one value of this one, or nil
	ordered  bool   // ORDER BY orders by columns, and totally

	facts
	uses
}

// Facts are what WHERE and ON say of the items.
type facts struct {
	equal    []equality
	constant map[Column]knowledge       // columns that equal a constant
	values   map[Column][]shape.Operand // what the column must equal one of
	bounds   map[Column]bounds          // between what it must lie
	choices  map[*Item][]*alternative   // one of which holds
	residual bool                       // they say more than what is in equal and values
	until    []Expr                     // what must be later than the present
}

// An equality says that two columns are equal without conversion in every row
// that matters to item, or to any item of the block.
type equality struct {
	x, y Column
	item *Item
}

// anyItem stands for all items of a block.
var anyItem *Item

// applies reports whether the equality says something about a column of a block.
func (e equality) applies(b *block, to Column) bool {
	return to.block() == b && (e.item == anyItem || e.item == to.Item)
}

// equals returns the two columns of every equality, in both orders.
func (f *facts) equals() iter.Seq2[equality, [2]Column] {
	return func(yield func(equality, [2]Column) bool) {
		for _, e := range f.equal {
			if !yield(e, [2]Column{e.x, e.y}) || !yield(e, [2]Column{e.y, e.x}) {
				return
			}
		}
	}
}

// equalTo returns the columns that an equality says to equal one of the block, in
// every row that matters to its item.
func (b *block) equalTo(c Column) iter.Seq2[equality, Column] {
	return func(yield func(equality, Column) bool) {
		for e, d := range b.equals() {
			if d[0] == c && e.applies(b, c) && !yield(e, d[1]) {
				return
			}
		}
	}
}

// compound reports whether the block is one of several in a compound.
func (b *block) compound() bool { return len(b.query.Selects) > 1 }

// outer returns the block around this one, or nil.
func (b *block) outer() *block {
	if b.Outer == nil {
		return nil
	}
	return b.Outer.block
}

// within reports whether c is this block or one around it.
func (b *block) within(c *block) bool {
	for ; b != nil; b = b.outer() {
		if b == c {
			return true
		}
	}
	return false
}

// conjuncts collects the equalities that an expression implies. They hold for
// every row that matters to the item, or to any.
func (b *block) conjuncts(e Expr, item *Item) {
	understood := true
	switch e := e.(type) {
	case nil:
	case Bool:
		switch {
		case !e.Or:
			b.conjuncts(e.X, item)
			b.conjuncts(e.Y, item)
		default:
			understood = b.either(e, item)
			b.residual = b.residual || !understood
			return
		}
	case Equal:
		understood = b.addEquality(e, item)
	case In:
		x, ok := selecting(e.X)
		understood = ok && len(e.List) > 0 && len(e.List) <= maxKeys && b.addValues(x, e.List, item)
	case Until:
		understood = false
		if item == anyItem {
			b.until = append(b.until, e.X)
		}
	case IsNull:
		// Where an outer join found nothing its columns are NULL, too.
		x, ok := e.X.(Column)
		understood = ok && b.addNull(x, item)
	case AtMost:
		b.residual = true
		if !b.addBound(e, item) {
			b.vague(e, item, coarseCondition)
		}
		return
	default:
		understood = false
	}
	b.residual = b.residual || !understood || folded(e)
	if !understood && !columns(e) {
		b.vague(e, item, coarseCondition)
	}
}

// folded reports whether an equality may say more than what is understood of it.
func folded(e Expr) bool {
	is := func(e Expr) bool {
		_, ok := e.(Folded)
		return ok
	}
	switch e := e.(type) {
	case Equal:
		return is(e.X) || is(e.Y)
	case In:
		return is(e.X)
	}
	return false
}

// columns reports whether an expression is an equality of two columns.
func columns(e Expr) bool {
	eq, ok := e.(Equal)
	if !ok {
		return false
	}
	_, isX := eq.X.(Column)
	_, isY := eq.Y.(Column)
	return isX && isY
}

// vague notes why a condition does not narrow what it looks at: the item for which
// it is there, or any, those of blocks around aside.
func (b *block) vague(e Expr, item *Item, reason string) {
	if e == nil {
		return
	}
	if c, ok := e.(Column); ok && (c.block() == b || !b.within(c.block())) && (item == anyItem || item == c.Item) {
		a := b.analysis
		if a.vague == nil {
			a.vague = make(map[*Item]string)
		}
		if a.vague[c.Item] == "" {
			a.vague[c.Item] = reason
		}
	}
	for _, part := range e.parts() {
		b.vague(part, item, reason)
	}
}

// addEquality adds "x = y". A constant is compared as the column has it. Two
// columns must share their type, or else values that differ could be equal. It
// reports whether that is all that the equality says.
func (b *block) addEquality(e Equal, item *Item) bool {
	x, isX := e.X.(Column)
	y, isY := e.Y.(Column)
	switch {
	case isX && isY:
		if alike(x, y) {
			b.equal = append(b.equal, equality{x, y, item})
		}
		return b.edge(e)
	}
	if c, ok := selecting(e.X); ok {
		return b.addValues(c, []Expr{e.Y}, item)
	}
	c, ok := selecting(e.Y)
	return ok && b.addValues(c, []Expr{e.X}, item)
}

// alike reports whether equal values of two columns are the same to both.
func alike(x, y Column) bool {
	return x.def().Type == y.def().Type && x.def().Comparable() && y.def().Comparable()
}

// edge reports whether "x = y" is an equality of two columns of this very block.
func (b *block) edge(e Equal) bool {
	x, isX := e.X.(Column)
	y, isY := e.Y.(Column)
	return isX && isY && x.block() == b && y.block() == b && alike(x, y)
}

// owner returns the block of which a column's values may be narrowed by what
// this block says of it for an item, or nil: this one, or one that an item is
// derived from.
func (b *block) owner(c Column, item *Item) *block {
	if c.block() == b {
		if item == anyItem || item == c.Item {
			return b
		}
		return nil
	}
	for _, it := range b.Items {
		if in := it.inner(); in != nil && (item == anyItem || item == it) && in.transparent(c) {
			return in.owner(c, anyItem)
		}
	}
	return nil
}

// transparent reports whether a condition on a column of the block's result
// holds as well for the rows that the result is made of.
func (b *block) transparent(c Column) bool {
	if b.Values > 0 || b.compound() || b.query.Cut || b.calls(func(f Call) bool { return f.Class == Window }) {
		return false
	}
	if len(b.DistinctOn) > 0 && !slices.Contains(b.DistinctOn, Expr(c)) {
		return false
	}
	grouped := len(b.GroupBy) > 0 || b.Having != nil || b.calls(func(f Call) bool { return f.Class != Scalar })
	return !grouped || c.block() == b && slices.ContainsFunc(b.GroupBy, func(e Expr) bool {
		group, ok := e.(Column)
		return ok && group == c
	})
}

// calls reports whether f is true for a call in the result, the order or a window.
func (b *block) calls(f func(Call) bool) bool {
	in := func(e Expr) bool { return calls(e, f) }
	return slices.ContainsFunc(b.Windows, in) || slices.ContainsFunc(b.Results, in) ||
		slices.ContainsFunc(b.OrderBy, func(o Order) bool { return in(o.By) })
}

// addValues adds that a column equals one of the list's constants. It reports
// whether the list holds nothing but constants that it knows how to compare.
func (b *block) addValues(c Column, list []Expr, item *Item) bool {
	owner := b.owner(c, item)
	if owner == nil {
		return false
	}
	operands, fit := make([]shape.Operand, len(list)), true
	for i, e := range list {
		var constant, fits bool
		operands[i], constant, fits = operandOf(e, c.def())
		if !constant {
			return false
		}
		fit = fit && fits
	}
	if len(list) == 1 && !operands[0].Each {
		if owner.constant == nil {
			owner.constant = make(map[Column]knowledge)
		}
		owner.constant[c] = max(owner.constant[c], knownBy(item))
	}
	if !fit {
		b.vague(c, item, coarseValue)
		return false
	}
	operands = runs(operands)
	if old, known := owner.values[c]; !known || count(operands) < count(old) {
		owner.setValues(c, operands)
	}
	return true
}

// manyValues is the number of values from which on parameters in a row are kept as one.
const manyValues = 16

// runs makes one operand of parameters in a row, if there are many: an application has a
// text for every length of a list.
func runs(list []shape.Operand) []shape.Operand {
	if len(list) < manyValues {
		return list
	}
	var out []shape.Operand
	for _, o := range list {
		bound := o.Name == "" && o.Literal.Kind() == shape.KindUnknown
		if n := len(out); bound && n > 0 && out[n-1].Number > 0 && max(out[n-1].Number, out[n-1].Last) == o.Number-1 {
			out[n-1].Last = o.Number
			continue
		}
		out = append(out, o)
	}
	return out
}

// count returns how many values operands stand for.
func count(list []shape.Operand) (n int) {
	for _, o := range list {
		n += max(o.Last-o.Number, 0) + 1
	}
	return n
}

// operandOf returns an expression as an operand for a column. constant reports
// whether it is a parameter or a constant at all; fits, whether it may be of the
// kind that the column holds.
func operandOf(e Expr, c *shape.Column) (o shape.Operand, constant, fits bool) {
	o.Type = c.Type
	switch e := e.(type) {
	case Param:
		o.Number, o.Name, o.Each = e.Number, e.Name, e.Each
		return o, true, c.Comparable()
	case Const:
		if e.Value != nil && c.Comparable() {
			o.Literal, fits = c.Type.Fit(e.Value)
		}
		return o, true, fits
	}
	return o, false, false
}

// addNull adds that a column is NULL. Where it belongs to the right side of a
// LEFT JOIN, that may mean that there is no row.
func (b *block) addNull(c Column, item *Item) bool {
	owner := b.owner(c, item)
	if owner == nil || !c.def().Comparable() || b.nullable(c, item) {
		return false
	}
	owner.setValues(c, []shape.Operand{{Literal: shape.Null()}})
	return true
}

// nullable reports whether a column may be NULL, where an expression is looked at
// for an item, because a LEFT JOIN found nothing, in this block or one that it
// derives an item from.
func (b *block) nullable(c Column, item *Item) bool {
	if c.block() == b {
		return item == anyItem && c.Item.Left
	}
	for _, it := range b.Items {
		if in := it.inner(); in != nil && in.owner(c, anyItem) != nil {
			return item == anyItem && it.Left || in.nullable(c, anyItem)
		}
	}
	return true
}

func (f *facts) setValues(c Column, v []shape.Operand) {
	if f.values == nil {
		f.values = make(map[Column][]shape.Operand)
	}
	f.values[c] = v
}

// given returns the single constant that a column equals.
func (f *facts) given(c Column) (shape.Operand, bool) {
	if v := f.values[c]; len(v) == 1 && count(v) == 1 && !v[0].Each {
		return v[0], true
	}
	return shape.Operand{}, false
}

// spread carries known values over equalities: a.id = b.a_id and a.id = 1 give
// b.a_id = 1. Values of the blocks around hold inside as well: a row for which
// they do not hold leaves that block in any case.
func (b *block) spread() {
	for again := true; again; {
		again = false
		for e, d := range b.equals() {
			to, from := d[0], d[1]
			owner := b.owner(to, e.item)
			v, known := from.block().values[from]
			null := len(v) == 1 && v[0].Literal.Kind() == shape.KindNull // it equals nothing
			if owner == nil || !known || null {
				continue
			}
			if old, has := owner.values[to]; !has || count(v) < count(old) {
				owner.setValues(to, v)
				again = true
			}
		}
	}
}
