package postgres

import (
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// The kinds of joins (JoinType).
const (
	joinInner = "0"
	joinLeft  = "1"
	joinFull  = "2"
	joinRight = "3"
)

// from adds the FROM and WHERE clauses of the query to its SELECT.
func (s *scope) from() {
	tree := s.query.Node("jointree")
	if tree == nil {
		s.failed = true
		return
	}
	for _, n := range tree.Nodes("fromlist") {
		s.join(n)
	}
	s.where(tree.Node("quals"))
}

// where adds a condition, which may be nil, that every row fulfils. EXISTS, and IN with a
// query, are joins as far as it matters: of how many rows there are for one nothing
// follows.
func (s *scope) where(n *nodetree.Node) {
	switch {
	case n == nil || s.failed || s.catalogue.yes(n):
	case n.Tag == "BOOLEXPR" && n.Text("boolop") == "and":
		for _, arg := range n.Nodes("args") {
			s.where(arg)
		}
	case n.Tag == "SUBLINK" && s.semijoin(n):
	case n.Tag == "OPEXPR" && s.later(n):
	default:
		s.to.Where = and(s.to.Where, s.condition(n))
	}
}

// later adds that a moment is later than the present, if that is what a condition says.
func (s *scope) later(n *nodetree.Node) bool {
	args := n.Nodes("args")
	if len(args) != 2 {
		return false
	}
	moment, present := args[0], args[1]
	switch n.OID("opno") {
	case 1324, 1325: // > and >= of timestamptz
	case 1322, 1323: // < and <=
		moment, present = present, moment
	default:
		return false
	}
	if !isPresent(present) || s.until[present] {
		return false
	}
	x := s.expr(moment)
	if !isOf(familyTimestamptz, x) {
		return false
	}
	s.until[present] = true
	s.to.Where = and(s.to.Where, sqldep.Until{X: x})
	return true
}

func and(x, y sqldep.Expr) sqldep.Expr {
	if x == nil {
		return y
	}
	return sqldep.Bool{X: x, Y: y}
}

// The kinds of subqueries in expressions (SubLinkType).
const (
	linkExists = "0"
	linkAll    = "1"
	linkAny    = "2"
)

// semijoin adds a subquery as a part of the query around it, if it is one of which only
// matters whether there is a row.
func (s *scope) semijoin(n *nodetree.Node) bool {
	q := n.Node("subselect")
	if q == nil || !plain(q) {
		return false
	}
	kind := n.Text("subLinkType")
	test := n.Node("testexpr")
	if kind == linkAny {
		args := test.Nodes("args")
		if test == nil || test.Tag != "OPEXPR" || len(args) != 2 || args[1].Tag != "PARAM" || args[1].Text("paramkind") != "2" {
			return false
		}
	} else if kind != linkExists {
		return false
	}
	inner := s.part(q, s.to)
	if kind == linkAny {
		args := test.Nodes("args")
		x, y := s.expr(args[0]), sqldep.Expr(sqldep.Other{})
		if target := inner.target(int(intOf(args[1], "paramid"))); target != nil {
			y = inner.expr(target)
		}
		s.to.Where = and(s.to.Where, s.equal(test, x, y))
	}
	return true
}

func intOf(n *nodetree.Node, name string) int64 {
	i, _ := n.Int(name)
	return i
}

// plain reports whether a query is nothing but tables, conditions and results.
func plain(q *nodetree.Node) bool {
	for _, name := range []string{"setOperations", "cteList", "windowClause", "groupClause", "groupingSets", "havingQual", "distinctClause", "limitCount", "limitOffset", "rowMarks"} {
		if q.Get(name) != nil {
			return false
		}
	}
	return q.Text("commandType") == "1" && !q.True("hasAggs") && !q.True("hasWindowFuncs") && !q.True("hasTargetSRFs") && !q.True("hasModifyingCTE") && q.Node("jointree") != nil
}

// part adds a plain query, of which this is the scope around, to a SELECT.
func (s *scope) part(q *nodetree.Node, to *sqldep.Select) *scope {
	inner := &scope{resolver: s.resolver, outer: s, query: q, to: to, items: make(map[int]*item)}
	if s.selects++; s.selects > maxSelects {
		s.failed = true
		return inner
	}
	inner.from()
	return inner
}

// target returns the expression of a result's column, or nil.
func (s *scope) target(number int) *nodetree.Node {
	for _, entry := range s.query.Nodes("targetList") {
		if intOf(entry, "resno") == int64(number) && !entry.True("resjunk") {
			return entry.Node("expr")
		}
	}
	return nil
}

// join adds one element of a FROM clause.
func (s *scope) join(n *nodetree.Node) {
	if s.failed {
		return
	}
	switch n.Tag {
	case "RANGETBLREF":
		s.reference(n)
		return
	case "JOINEXPR":
		left, right := n.Node("larg"), n.Node("rarg")
		if left == nil || right == nil {
			break
		}
		switch n.Text("jointype") {
		case joinInner:
			s.join(left)
			s.join(right)
			s.where(n.Node("quals"))
			return
		case joinLeft:
			s.join(left)
			s.outerJoin(right, n.Node("quals"))
			return
		case joinRight:
			s.join(right)
			s.outerJoin(left, n.Node("quals"))
			return
		case joinFull:
			s.fullJoin(left, right, n.Node("quals"))
			return
		}
	}
	s.failed = true
}

// outerJoin adds the right side of a LEFT JOIN: a table, or else what is derived from a
// SELECT of its own.
func (s *scope) outerJoin(n, on *nodetree.Node) {
	if n.Tag == "RANGETBLREF" {
		if it := s.missing(n); it != nil {
			it.On = and(it.On, s.condition(on))
			return
		}
	}
	it := &sqldep.Item{Query: &sqldep.Query{Selects: []*sqldep.Select{s.apart(n)}}, Left: true}
	s.to.Add(it)
	it.On = s.condition(on)
}

// missing adds an item to the right of a LEFT JOIN that is a table, or a plain query of
// one table, or returns nil.
func (s *scope) missing(n *nodetree.Node) *sqldep.Item {
	entry := s.entry(n)
	if entry == nil {
		return nil
	}
	it := &item{left: true}
	switch q := entry.Node("subquery"); {
	case entry.Text("rtekind") == kindRelation:
		it.Item, it.table = s.table(entry)
	case q != nil && plain(q) && len(q.Node("jointree").Nodes("fromlist")) == 1 && q.Node("jointree").Nodes("fromlist")[0].Tag == "RANGETBLREF":
		inner := &scope{resolver: s.resolver, outer: s, query: q, to: s.to, items: make(map[int]*item)}
		it.Item = inner.missing(q.Node("jointree").Nodes("fromlist")[0])
		if it.Item == nil {
			return nil
		}
		it.inner, it.part = inner, true
		if quals := q.Node("jointree").Node("quals"); quals != nil {
			it.On = and(it.On, inner.condition(quals))
		}
		s.items[int(intOf(n, "rtindex"))] = it
		return it.Item
	}
	if it.Item == nil {
		return nil
	}
	it.Left = true
	s.items[int(intOf(n, "rtindex"))] = it
	s.to.Add(it.Item)
	for _, q := range entry.Nodes("securityQuals") {
		it.On = and(it.On, s.condition(q))
	}
	return it.Item
}

// apart returns a SELECT from which the query derives an element of its FROM clause:
// whatever columns are read of its tables, it may show.
func (s *scope) apart(n *nodetree.Node) *sqldep.Select {
	inner := *s // with the same items
	inner.to = &sqldep.Select{Outer: s.to}
	inner.join(n)
	for _, it := range inner.to.Items {
		if it.Table == nil {
			continue
		}
		var read shape.ColumnSet
		for oid, columns := range s.tables {
			if s.catalogue.tables[oid].Table == it.Table {
				read = columns
			}
		}
		for c := range it.Table.Columns {
			if read.Has(c) {
				inner.to.Results = append(inner.to.Results, sqldep.Column{Item: it, Number: c})
			}
		}
	}
	return inner.to
}

// fullJoin adds a FULL JOIN. Of either side rows stay that no condition on the other one
// lets through: nothing narrows them.
func (s *scope) fullJoin(left, right, on *nodetree.Node) {
	q := &sqldep.Query{Cut: true}
	for _, n := range []*nodetree.Node{left, right} {
		q.Selects = append(q.Selects, s.apart(n))
	}
	it := &sqldep.Item{Query: q}
	s.to.Add(it)
	it.Args = []sqldep.Expr{s.condition(on)}
}

// reference adds an item of any kind.
func (s *scope) reference(n *nodetree.Node) {
	entry := s.entry(n)
	if entry == nil || entry.Get("tablesample") != nil {
		s.failed = true
		return
	}
	it := new(item)
	s.items[int(intOf(n, "rtindex"))] = it
	switch entry.Text("rtekind") {
	case kindRelation:
		if it.Item, it.table = s.table(entry); it.Item == nil {
			s.failed = true
			return
		}
		s.to.Add(it.Item)
		for _, q := range entry.Nodes("securityQuals") {
			s.where(q)
		}
	case kindSubquery:
		s.derive(it, entry.Node("subquery"), s, entry.True("lateral"))
	case kindCTE:
		s.expression(it, entry)
	case kindFunction, kindValues, kindTableFunction:
		it.Item = new(sqldep.Item)
		s.to.Add(it.Item)
		for _, name := range []string{"functions", "values_lists", "tablefunc"} {
			it.Args = append(it.Args, s.parts(entry.Get(name)))
		}
	case kindResult:
		it.Item = new(sqldep.Item)
		s.to.Add(it.Item)
	default:
		s.failed = true
	}
	if entry.Get("securityQuals") != nil && entry.Text("rtekind") != kindRelation {
		for _, q := range entry.Nodes("securityQuals") {
			s.where(q)
		}
	}
}

// The kinds of range table entries (RTEKind), as they are printed.
const (
	kindRelation      = "0"
	kindSubquery      = "1"
	kindJoin          = "2"
	kindFunction      = "3"
	kindTableFunction = "4"
	kindValues        = "5"
	kindCTE           = "6"
	kindResult        = "8"
	kindGroup         = "9"
)

// table returns an item for a table, or nil.
func (s *scope) table(entry *nodetree.Node) (*sqldep.Item, *relation) {
	t := s.catalogue.tables[entry.OID("relid")]
	if t == nil || entry.Get("tablesample") != nil {
		return nil, nil
	}
	s.resolved[entry] = true
	return &sqldep.Item{Table: t.Table}, t
}

// derive makes an item of a query, in the scope around that.
func (s *scope) derive(it *item, q *nodetree.Node, around *scope, lateral bool) {
	if q == nil {
		s.failed = true
		return
	}
	if plain(q) {
		it.part = true
		it.inner = around.part(q, s.to)
		return
	}
	outer := s.to
	if !lateral {
		outer = around.enclosing()
	}
	it.Item = new(sqldep.Item)
	it.Query, it.inner = s.resolver.query(q, around, outer)
	s.to.Add(it.Item)
}

// enclosing returns the SELECT around the query, whose columns a subquery in its FROM
// clause may use.
func (s *scope) enclosing() *sqldep.Select {
	if s.to != nil {
		return s.to.Outer
	}
	for o := s.outer; o != nil; o = o.outer {
		if o.to != nil {
			return o.to
		}
	}
	return nil
}

// expression adds a common table expression. One that refers to itself is made of
// nothing but what stands elsewhere.
func (s *scope) expression(it *item, entry *nodetree.Node) {
	around := s
	for range intOf(entry, "ctelevelsup") {
		if around = around.outer; around == nil {
			s.failed = true
			return
		}
	}
	for _, cte := range around.query.Nodes("cteList") {
		if cte.Text("ctename") != entry.Text("ctename") {
			continue
		}
		for _, d := range s.deriving {
			if d == cte {
				it.Item = new(sqldep.Item)
				s.to.Add(it.Item)
				return
			}
		}
		s.deriving = append(s.deriving, cte)
		s.derive(it, cte.Node("ctequery"), around, false)
		s.deriving = s.deriving[:len(s.deriving)-1]
		return
	}
	s.failed = true
}
