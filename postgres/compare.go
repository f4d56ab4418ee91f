package postgres

import (
	"strconv"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// A comparison is what an operator of an order says: that its left side is below the
// right one, or above it, or perhaps equal.
type comparison struct {
	family family
	above  bool
}

// comparisons are the operators <, <=, >= and > whose sides are of one family, by oid.
var comparisons = func() map[uint32]comparison {
	of := make(map[uint32]comparison)
	for f, sides := range map[family][2][]uint32{
		familyBool: {{58, 1694}, {59, 1695}},
		familyInt: {
			{412, 1870, 418, 1864, 95, 534, 37, 535, 97, 414, 1872, 420, 1866, 522, 540, 80, 541, 523},
			{413, 1871, 419, 1865, 520, 536, 76, 537, 521, 415, 1873, 430, 1867, 524, 542, 82, 543, 525},
		},
		familyNumeric:     {{1754, 1755}, {1756, 1757}},
		familyFloat:       {{622, 1122, 1132, 672, 624, 1124, 1134, 673}, {623, 1123, 1133, 674, 625, 1125, 1135, 675}},
		familyText:        {{664, 665}, {666, 667}},
		familyBpchar:      {{1058, 1059}, {1060, 1061}},
		familyBytea:       {{1957, 1958}, {1959, 1960}},
		familyUUID:        {{2974, 2976}, {2975, 2977}},
		familyDate:        {{1095, 1096}, {1097, 1098}},
		familyTimestamp:   {{2062, 2063}, {2064, 2065}},
		familyTimestamptz: {{1322, 1323}, {1324, 1325}},
		familyEnum:        {{3518, 3520}, {3519, 3521}},
	} {
		for i, list := range sides {
			for _, oid := range list {
				of[oid] = comparison{f, i == 1}
			}
		}
	}
	return of
}()

// atMost returns what a comparison of two expressions says of the first's place, which
// holds by the order of a column if that is sorted by the collation that compares. More is
// what else decides if they are equal.
func (s *scope) atMost(by comparison, collation uint32, x, y sqldep.Expr, more sqldep.Other) sqldep.Expr {
	if !isOf(by.family, x) || !isOf(by.family, y) || by.family.collated() && !(s.sortedBy(x, collation) && s.sortedBy(y, collation)) {
		return append(sqldep.Other{x, y}, more...)
	}
	if by.above {
		x, y = y, x
	}
	return sqldep.AtMost{X: x, Y: y, More: more}
}

// sortedBy reports whether an expression is no column that is sorted by another collation.
func (s *scope) sortedBy(e sqldep.Expr, collation uint32) bool {
	c, ok := e.(sqldep.Column)
	if !ok {
		return true
	}
	r := s.catalogue.relations[c.Item.Table]
	return r != nil && r.columns[c.Number].collation == collation
}

// rows returns a comparison of two rows, of which the first values that are not equal
// decide.
func (s *scope) rows(n *nodetree.Node) sqldep.Expr {
	left, right := n.Nodes("largs"), n.Nodes("rargs")
	operators, collations := oids(n.Get("opnos")), oids(n.Get("inputcollids"))
	if len(left) == 0 || len(left) != len(right) || len(left) != len(operators) || len(left) != len(collations) {
		return s.children(n)
	}
	var more sqldep.Other
	for i := 1; i < len(left); i++ {
		more = append(more, s.expr(left[i]), s.expr(right[i]))
	}
	x, y := s.side(left[0]), s.side(right[0])
	by, ok := comparisons[operators[0]]
	if !ok {
		return append(sqldep.Other{x, y}, more...)
	}
	return s.atMost(by, collations[0], x, y, more)
}

// oids returns the items of a list of them.
func oids(v any) (list []uint32) {
	of, _ := v.(nodetree.List)
	for _, item := range of.Items {
		text, _ := item.(string)
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil
		}
		list = append(list, uint32(n))
	}
	return list
}

// equality returns an equality of two expressions, which is what the node's operator is,
// or something that follows from it:
//
//   - lower(column) = lower(value), where one of both may do, or upper: see foldedType;
//   - coalesce(column, constant) = value: the column equals the value, or is NULL;
//   - column = coalesce(parameter, column), an optional filter: the parameter is NULL, or
//     the column equals it.
func (s *scope) equality(n, left, right *nodetree.Node) sqldep.Expr {
	for range 2 {
		if e := s.coalesced(n, left, right); e != nil {
			return e
		}
		left, right = right, left
	}
	if c, value, ok := s.foldedTo(n, left, right); ok {
		return sqldep.Equal{X: c, Y: value}
	}
	x, y := s.side(left), s.side(right)
	if equalities[n.OID("opno")] == familyNone {
		return sqldep.Other{x, y}
	}
	if constant(x) && constant(y) && !s.alike(left, right) {
		return sqldep.Other{x, y}
	}
	return s.equal(n, x, y)
}

// coalesced returns what follows if the left side is coalesce(x, y), or nil.
func (s *scope) coalesced(n, left, right *nodetree.Node) sqldep.Expr {
	args := left.Nodes("args")
	if left.Tag != "COALESCEEXPR" || len(args) != 2 || !single(args[0]) || !single(args[1]) || !single(right) {
		return nil
	}
	first, second, value := s.side(args[0]), s.side(args[1]), s.side(right)
	c, ok := first.(sqldep.Column)
	if ok && constant(second) && constant(value) {
		if e, ok := s.equal(n, c, value).(sqldep.Equal); ok {
			return sqldep.Bool{Or: true, X: e, Y: sqldep.IsNull{X: c}}
		}
		return nil
	}
	p, optional := first.(sqldep.Param)
	c, ok = second.(sqldep.Column)
	if of, same := value.(sqldep.Column); optional && ok && same && c == of {
		if e, ok := s.equal(n, c, p).(sqldep.Equal); ok {
			return sqldep.Bool{Or: true, X: sqldep.IsNull{X: p}, Y: e}
		}
	}
	return nil
}

// single reports whether an expression is a column, a constant or a parameter, perhaps
// converted.
func single(n *nodetree.Node) bool {
	for {
		switch args := n.Nodes("args"); {
		case n.Tag == "VAR" || n.Tag == "CONST" || n.Tag == "PARAM":
			return true
		case n.Tag == "RELABELTYPE" && n.Node("arg") != nil:
			n = n.Node("arg")
		case n.Tag == "FUNCEXPR" && len(args) == 1:
			n = args[0]
		default:
			return false
		}
	}
}

// constant reports whether an expression is the same for all rows.
func constant(e sqldep.Expr) bool {
	switch e := e.(type) {
	case sqldep.Const:
		return true
	case sqldep.Param:
		return !e.Each
	}
	return false
}

// alike reports whether two constants or parameters have values that are equal by the
// operator between them if and only if they are in canonical form. A column says so of
// what it is compared with; between two that are none the types have to.
func (s *scope) alike(x, y *nodetree.Node) bool {
	f, g := constantFamily(x), constantFamily(y)
	return f != familyNone && f == g
}

// constantFamily returns the family of a constant or parameter that is converted within
// it, or familyNone.
func constantFamily(n *nodetree.Node) family {
	args := n.Nodes("args")
	switch {
	case n.Tag == "CONST":
		return familyOf(n.OID("consttype"))
	case n.Tag == "PARAM":
		return familyOf(n.OID("paramtype"))
	case n.Tag == "RELABELTYPE" && n.Node("arg") != nil:
		if f := familyOf(n.OID("resulttype")); f == constantFamily(n.Node("arg")) {
			return f
		}
	case n.Tag == "FUNCEXPR" && len(args) == 1:
		if f := familyOf(n.OID("funcresulttype")); f == constantFamily(args[0]) {
			return f
		}
	}
	return familyNone
}

// The functions lower(text) and upper(text).
const (
	lowerText = 870
	upperText = 871
)

// foldedTo returns the column that an equality compares with a constant without regard
// to the case of ASCII letters: by lower or upper on either side, or because that is what
// citext does.
func (s *scope) foldedTo(n, left, right *nodetree.Node) (c sqldep.Folded, value sqldep.Expr, ok bool) {
	op := n.OID("opno")
	is := s.catalogue.citext.equals[op]
	if !is && (equalities[op] != familyText || n.OID("inputcollid") >= 16384 || !folds(left) && !folds(right)) {
		return c, nil, false
	}
	if !single(left) || !single(right) {
		return c, nil, false
	}
	for range 2 {
		if c, ok := s.folded(left); ok {
			if value := s.expr(unfold(right)); constant(value) {
				return c, value, true
			}
		}
		left, right = right, left
	}
	return c, nil, false
}

// folds reports whether an expression is that of lower or upper.
func folds(n *nodetree.Node) bool {
	id := n.OID("funcid")
	return n.Tag == "FUNCEXPR" && (id == lowerText || id == upperText) && len(n.Nodes("args")) == 1
}

// unfold returns what lower and upper are applied to.
func unfold(n *nodetree.Node) *nodetree.Node {
	for folds(n) {
		n = n.Nodes("args")[0]
	}
	return n
}

// folded returns a column of texts, of which it is known how they compare without regard
// to case.
func (s *scope) folded(n *nodetree.Node) (c sqldep.Folded, ok bool) {
	n = unfold(n)
	for n.Tag == "RELABELTYPE" && n.Node("arg") != nil {
		n = n.Node("arg")
	}
	column, ok := s.expr(n).(sqldep.Column)
	if !ok || column.Item.Table == nil {
		return c, false
	}
	def := &column.Item.Table.Columns[column.Number]
	return sqldep.Folded{Column: column}, def.Folded != nil && def.Generated == shape.NotGenerated
}

// foldedIn returns that such a column equals an element of a list.
func (s *scope) foldedIn(n, left, list *nodetree.Node) (in sqldep.In, ok bool) {
	op := n.OID("opno")
	if !s.catalogue.citext.equals[op] && (equalities[op] != familyText || n.OID("inputcollid") >= 16384 || !folds(left)) || !single(left) {
		return in, false
	}
	c, ok := s.folded(left)
	if !ok {
		return in, false
	}
	in.X = c
	switch e, _ := s.expr(list).(sqldep.Param); {
	case list.Tag == "PARAM" && elements[list.OID("paramtype")] == pgText:
		e.Each = true
		in.List = []sqldep.Expr{e}
	case list.Tag == "ARRAYEXPR" && !list.True("multidims"):
		for _, element := range list.Nodes("elements") {
			if !single(element) {
				return in, false
			}
			value := s.expr(unfold(element))
			if !constant(value) {
				return in, false
			}
			in.List = append(in.List, value)
		}
	}
	return in, len(in.List) > 0
}

// same returns "column IS NOT DISTINCT FROM value": it equals the value, or is NULL.
func (s *scope) same(n *nodetree.Node) sqldep.Expr {
	args := n.Nodes("args")
	if len(args) == 2 && single(args[0]) && single(args[1]) {
		for range 2 {
			c, ok := s.side(args[0]).(sqldep.Column)
			if value := s.side(args[1]); ok && constant(value) {
				if e, ok := s.equal(n, c, value).(sqldep.Equal); ok {
					return sqldep.Bool{Or: true, X: e, Y: sqldep.IsNull{X: c}}
				}
			}
			args[0], args[1] = args[1], args[0]
		}
	}
	return s.children(n)
}
