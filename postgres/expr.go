package postgres

import (
	"slices"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// condition resolves what decides whether a row counts.
func (s *scope) condition(n *nodetree.Node) sqldep.Expr {
	if n == nil {
		return sqldep.Other{}
	}
	yes := func(n *nodetree.Node, is int64) sqldep.Expr {
		x := s.expr(n)
		p, ok := x.(sqldep.Param)
		if c, column := x.(sqldep.Column); column && familyOfColumn(&c.Item.Table.Columns[c.Number]) == familyBool {
			return sqldep.Equal{X: c, Y: sqldep.Const{Value: literal{pgBool, shape.Int(is)}}}
		} else if ok && n.OID("paramtype") == pgBool {
			return sqldep.Equal{X: p, Y: sqldep.Const{Value: literal{pgBool, shape.Int(is)}}}
		}
		return sqldep.Other{x}
	}
	switch n.Tag {
	case "VAR", "PARAM":
		return yes(n, 1)
	case "BOOLEXPR":
		args := n.Nodes("args")
		if n.Text("boolop") == "not" && len(args) == 1 {
			switch args[0].Tag {
			case "VAR", "PARAM":
				return yes(args[0], 0)
			case "DISTINCTEXPR":
				return s.same(args[0])
			}
		}
	case "BOOLEANTEST":
		switch arg := n.Node("arg"); n.Text("booltesttype") {
		case "0": // IS TRUE
			return s.condition(arg)
		case "2": // IS FALSE
			if arg != nil && arg.Tag == "VAR" {
				return yes(arg, 0)
			}
		}
	}
	return s.expr(n)
}

// expr resolves an expression.
func (s *scope) expr(n *nodetree.Node) sqldep.Expr {
	if n == nil {
		s.failed = true
		return sqldep.Unclear{}
	}
	switch n.Tag {
	case "VAR":
		return s.column(n)
	case "CONST":
		return sqldep.Const{Value: s.catalogue.constant(n)}
	case "PARAM":
		if id, ok := n.Int("paramid"); ok && id > 0 && n.Text("paramkind") == "0" {
			return sqldep.Param{Number: int(id)}
		}
		return sqldep.Other{}
	case "RELABELTYPE":
		// The same bytes: text and varchar, and what a domain is made of.
		x, f := s.expr(n.Node("arg")), familyOf(n.OID("resulttype"))
		switch c := x.(type) {
		case sqldep.Column:
			if is := familyOfColumn(&c.Item.Table.Columns[c.Number]); is == f && f != familyNone || is == familyEnum {
				return c
			}
		case sqldep.Const, sqldep.Param:
			return c
		}
		return sqldep.Other{x}
	case "FUNCEXPR":
		// A wider integer is the same number.
		if args := n.Nodes("args"); len(args) == 1 && slices.Contains(widening, n.OID("funcid")) {
			return s.expr(args[0])
		}
	case "OPEXPR":
		op := n.OID("opno")
		if args := n.Nodes("args"); len(args) == 2 {
			if by, ok := comparisons[op]; ok {
				return s.atMost(by, n.OID("inputcollid"), s.side(args[0]), s.side(args[1]), nil)
			}
			if equalities[op] != familyNone || s.catalogue.citext.equals[op] {
				return s.equality(n, args[0], args[1])
			}
		}
	case "ROWCOMPAREEXPR":
		return s.rows(n)
	case "SCALARARRAYOPEXPR":
		if args := n.Nodes("args"); n.True("useOr") && len(args) == 2 {
			return s.in(n, args[0], args[1])
		}
	case "NULLTEST":
		if n.Text("nulltesttype") == "0" && !n.True("argisrow") {
			return sqldep.IsNull{X: s.expr(n.Node("arg"))}
		}
	case "BOOLEXPR":
		if op := n.Text("boolop"); op == "and" || op == "or" {
			var e sqldep.Expr
			for _, arg := range n.Nodes("args") {
				if x := s.condition(arg); e == nil {
					e = x
				} else {
					e = sqldep.Bool{Or: op == "or", X: e, Y: x}
				}
			}
			if e != nil {
				return e
			}
		}
	case "AGGREF":
		return s.aggregate(n)
	case "WINDOWFUNC":
		return sqldep.Call{Class: sqldep.Window, Args: []sqldep.Expr{s.children(n)}}
	case "SUBLINK":
		return s.subquery(n)
	case "QUERY":
		s.failed = true // where none is expected
	}
	return s.children(n)
}

// widening are the functions that make wider integers.
var widening = []uint32{313, 481, 754} // int4(int2), int8(int4), int8(int2)

// exact are the functions that make of one value that is no column another one that is
// the same in canonical form.
var exact = []uint32{1740, 1781, 1782, 311} // numeric(int4), numeric(int8), numeric(int2), float8(float4)

// side resolves one side of an equality.
func (s *scope) side(n *nodetree.Node) sqldep.Expr {
	if args := n.Nodes("args"); n.Tag == "FUNCEXPR" && len(args) == 1 && slices.Contains(exact, n.OID("funcid")) {
		switch x := s.expr(args[0]).(type) {
		case sqldep.Const, sqldep.Param:
			return x
		}
	}
	return s.expr(n)
}

// children returns what a node is made of.
func (s *scope) children(n *nodetree.Node) (parts sqldep.Other) {
	for _, f := range n.Fields {
		parts = append(parts, s.parts(f.Value)...)
	}
	return parts
}

// parts returns the expressions in a value.
func (s *scope) parts(v any) (parts sqldep.Other) {
	switch v := v.(type) {
	case nodetree.List:
		for _, item := range v.Items {
			parts = append(parts, s.parts(item)...)
		}
	case *nodetree.Node:
		parts = append(parts, s.expr(v))
	}
	return parts
}

// equal returns an equality of two expressions by the operator of a node, as far as
// values of one family are compared.
func (s *scope) equal(n *nodetree.Node, x, y sqldep.Expr) sqldep.Expr {
	f := equalities[n.OID("opno")]
	if f == familyNone || f.collated() && n.OID("inputcollid") >= 16384 || !isOf(f, x) || !isOf(f, y) {
		return sqldep.Other{x, y} // a user's collation may take different texts for equal
	}
	return sqldep.Equal{X: x, Y: y}
}

// isOf reports whether a side of an equality is a column of the family, or something
// that is one value.
func isOf(f family, e sqldep.Expr) bool {
	switch e := e.(type) {
	case sqldep.Column:
		return familyOfColumn(&e.Item.Table.Columns[e.Number]) == f
	case sqldep.Const, sqldep.Param:
		return true
	}
	return false
}

// in returns that a value equals an element of a list.
func (s *scope) in(n, left, right *nodetree.Node) sqldep.Expr {
	if in, ok := s.foldedIn(n, left, right); ok {
		return in
	}
	x := s.side(left)
	other := func() sqldep.Expr { return sqldep.Other{x, s.expr(right)} }
	list := right
	for list.Tag == "RELABELTYPE" && list.Node("arg") != nil {
		list = list.Node("arg")
	}
	in := sqldep.In{X: x}
	switch list.Tag {
	case "PARAM":
		e, ok := s.expr(list).(sqldep.Param)
		if !ok || elements[list.OID("paramtype")] == 0 {
			return other()
		}
		e.Each = true
		in.List = []sqldep.Expr{e}
	case "ARRAYEXPR":
		if list.True("multidims") {
			return other()
		}
		for _, element := range list.Nodes("elements") {
			in.List = append(in.List, s.side(element))
		}
	default:
		return other()
	}
	for _, y := range in.List {
		if _, ok := s.equal(n, x, y).(sqldep.Equal); !ok {
			return other()
		}
	}
	return in
}

// aggregate resolves the call of an aggregate. Whatever order it meets rows in, its value
// is a right answer.
func (s *scope) aggregate(n *nodetree.Node) sqldep.Expr {
	if n.Text("agglevelsup") != "0" {
		s.failed = true
	}
	call := sqldep.Call{Class: sqldep.OrderFree, Args: []sqldep.Expr{s.children(n)}}
	args := n.Nodes("args")
	f := s.known[n.OID("aggfnoid")]
	least := f.name == "min"
	if !f.system || !least && f.name != "max" || len(args) != 1 || n.Get("aggfilter") != nil || n.Get("aggdistinct") != nil || n.Get("aggorder") != nil {
		return call
	}
	if c, ok := s.expr(args[0].Node("expr")).(sqldep.Column); ok && familyOf(n.OID("aggtype")) == familyOfColumn(&c.Item.Table.Columns[c.Number]) {
		call.Args = []sqldep.Expr{c}
		if call.Extreme = sqldep.Greatest; least {
			call.Extreme = sqldep.Least
		}
	}
	return call
}

// subquery resolves a query in an expression.
func (s *scope) subquery(n *nodetree.Node) sqldep.Expr {
	q := n.Node("subselect")
	if q == nil {
		s.failed = true
		return sqldep.Unclear{}
	}
	kind := n.Text("subLinkType")
	inner, _ := s.resolver.query(q, s, s.to)
	sub := sqldep.Subquery{Query: inner, Set: kind == linkExists || kind == linkAll || kind == linkAny}
	if test := n.Node("testexpr"); test != nil {
		return sqldep.Other{s.expr(test), sub}
	}
	return sub
}

// column resolves the use of a column.
func (s *scope) column(n *nodetree.Node) sqldep.Expr {
	of := s
	for range intOf(n, "varlevelsup") {
		if of = of.outer; of == nil {
			s.failed = true
			return sqldep.Unclear{}
		}
	}
	entries, entry, number := of.query.Nodes("rtable"), intOf(n, "varno"), int(intOf(n, "varattno"))
	if entry < 1 || int(entry) > len(entries) {
		s.failed = true
		return sqldep.Unclear{}
	}
	if it := of.items[int(entry)]; it != nil {
		return of.columnOf(it, number)
	}
	var aliases nodetree.List
	switch e := entries[entry-1]; e.Text("rtekind") {
	case kindJoin:
		aliases, _ = e.Get("joinaliasvars").(nodetree.List)
	case kindGroup:
		aliases, _ = e.Get("groupexprs").(nodetree.List)
	default:
		s.failed = true
		return sqldep.Unclear{}
	}
	if number == 0 {
		return of.parts(aliases)
	}
	if number >= 1 && number <= len(aliases.Items) {
		if e, ok := aliases.Items[number-1].(*nodetree.Node); ok && e != n {
			return of.expr(e)
		}
	}
	s.failed = true
	return sqldep.Unclear{}
}

// columnOf returns a column of an item, or all of them for 0.
func (s *scope) columnOf(it *item, number int) sqldep.Expr {
	switch {
	case it.table != nil && number == 0:
		var all sqldep.Other
		for c := range it.Table.Columns {
			all = append(all, sqldep.Column{Item: it.Item, Number: c})
		}
		return all
	case it.table != nil:
		if i := it.table.column(number); i >= 0 {
			return sqldep.Column{Item: it.Item, Number: i}
		}
		s.failed = true
		return sqldep.Unclear{}
	case it.inner == nil:
		return sqldep.Other{} // what it is made of stands elsewhere
	case it.part && number == 0:
		return it.inner.parts(it.inner.query.Get("targetList"))
	}
	target := it.inner.target(number)
	if target == nil {
		if number != 0 {
			s.failed = true
		}
		return sqldep.Other{}
	}
	if !it.part && target.Tag != "VAR" && target.Tag != "RELABELTYPE" {
		return sqldep.Other{} // it was looked at where it stands
	}
	e := it.inner.expr(target)
	if c, ok := e.(sqldep.Column); ok {
		return c
	}
	switch {
	case !it.part:
		return sqldep.Other{}
	case it.left:
		return sqldep.Other{e} // or NULL
	}
	return e
}
