package postgres

import (
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// dialect is what the analysis knows of PostgreSQL.
var dialect = sqldep.Dialect{
	Integer:     familyTypes[familyInt],
	Table:       func(t *shape.Table) string { return t.Name },
	Quote:       func(name string) string { return pgx.Identifier{name}.Sanitize() },
	Placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
	AnyOrder:    true,
}

// resolve returns the query with what is understood of it. What is not understood as a
// whole, because there is more in it than tables, inner joins and left ones, is all
// rows of each table, with the columns that are read.
func (r *reading) resolve(tree *nodetree.Node) *sqldep.Query {
	s := &selecting{reading: r, query: tree, Select: new(sqldep.Select)}
	if s.from() && s.rest() {
		return &sqldep.Query{Selects: []*sqldep.Select{s.Select}, Cut: s.Limit != nil || s.Offset != nil, Merged: s.Distinct}
	}
	all := &sqldep.Select{Results: []sqldep.Expr{sqldep.Unclear{}}}
	for oid := range r.tables {
		all.Add(&sqldep.Item{Table: r.catalogue.tables[oid].Table})
	}
	return &sqldep.Query{Selects: []*sqldep.Select{all}}
}

// A selecting is a SELECT that is being resolved.
type selecting struct {
	*sqldep.Select
	reading *reading
	query   *nodetree.Node
	items   map[int]*sqldep.Item // by range table entry
	unclear bool
}

// The kinds of joins that are understood (JoinType).
const (
	joinInner = 0
	joinLeft  = 1
)

// from resolves the FROM and WHERE clauses. ok is false where there is something in
// them that is not understood.
func (s *selecting) from() (ok bool) {
	q := s.query
	for _, name := range []string{"setOperations", "cteList", "windowClause", "groupingSets", "rowMarks", "mergeActionList"} {
		if q.Get(name) != nil {
			return false
		}
	}
	if q.True("hasSubLinks") || q.True("hasTargetSRFs") || q.True("hasWindowFuncs") {
		return false
	}
	s.items = make(map[int]*sqldep.Item)
	tree := q.Node("jointree")
	var conditions []*nodetree.Node
	for _, n := range tree.Nodes("fromlist") {
		if !s.join(n, &conditions) {
			return false
		}
	}
	if n := tree.Node("quals"); n != nil {
		conditions = append(conditions, n)
	}
	for _, n := range conditions {
		s.Where = and(s.Where, s.expr(n))
	}
	return len(s.items) > 0 && !s.unclear
}

func and(x, y sqldep.Expr) sqldep.Expr {
	if x == nil {
		return y
	}
	return sqldep.Bool{X: x, Y: y}
}

// join adds the items of one element of a FROM clause, and the conditions of inner
// joins.
func (s *selecting) join(n *nodetree.Node, conditions *[]*nodetree.Node) (ok bool) {
	switch n.Tag {
	case "RANGETBLREF":
		return s.item(n) != nil
	case "JOINEXPR":
		kind, known := n.Int("jointype")
		left, right := n.Node("larg"), n.Node("rarg")
		if !known || left == nil || right == nil || kind != joinInner && kind != joinLeft || !s.join(left, conditions) {
			return false
		}
		if kind == joinInner {
			if !s.join(right, conditions) {
				return false
			}
			if on := n.Node("quals"); on != nil {
				*conditions = append(*conditions, on)
			}
			return true
		}
		if right.Tag != "RANGETBLREF" {
			return false
		}
		it := s.item(right)
		if it == nil {
			return false
		}
		it.Left = true
		if on := n.Node("quals"); on != nil {
			it.On = s.expr(on)
		}
		return true
	}
	return false
}

// item adds a table.
func (s *selecting) item(n *nodetree.Node) *sqldep.Item {
	number, ok := n.Int("rtindex")
	entries := s.query.Nodes("rtable")
	if !ok || number < 1 || int(number) > len(entries) {
		return nil
	}
	entry := entries[number-1]
	kind, _ := entry.Int("rtekind")
	t := s.reading.catalogue.tables[entry.OID("relid")]
	if kind != rteRelation || t == nil || entry.Get("tablesample") != nil || entry.Get("securityQuals") != nil {
		return nil
	}
	it := &sqldep.Item{Table: t.Table}
	s.items[int(number)] = it
	s.Add(it)
	return it
}

// rest resolves everything else.
func (s *selecting) rest() (ok bool) {
	q := s.query
	byReference := make(map[string]sqldep.Expr)
	for _, entry := range q.Nodes("targetList") {
		e := s.expr(entry.Node("expr"))
		byReference[entry.Text("ressortgroupref")] = e
		if entry.True("resjunk") {
			continue
		}
		s.Results = append(s.Results, e)
		column, _ := e.(sqldep.Column)
		s.Outputs = append(s.Outputs, column)
	}
	for _, g := range q.Nodes("groupClause") {
		s.GroupBy = append(s.GroupBy, orOther(byReference[g.Text("tleSortGroupRef")]))
	}
	for _, o := range q.Nodes("sortClause") {
		// In an order that is not known yet.
		s.OrderBy = append(s.OrderBy, sqldep.Order{By: sqldep.Other{orOther(byReference[o.Text("tleSortGroupRef")])}, Nulls: true})
	}
	s.Distinct = len(q.Nodes("distinctClause")) > 0
	if n := q.Node("havingQual"); n != nil {
		s.Having = s.expr(n)
	}
	if n := q.Node("limitCount"); n != nil {
		s.Limit = s.expr(n)
	}
	if n := q.Node("limitOffset"); n != nil {
		s.Offset = s.expr(n)
	}
	return !s.unclear
}

func orOther(e sqldep.Expr) sqldep.Expr {
	if e == nil {
		return sqldep.Unclear{}
	}
	return e
}

// expr resolves an expression.
func (s *selecting) expr(n *nodetree.Node) sqldep.Expr {
	if n == nil {
		s.unclear = true
		return sqldep.Unclear{}
	}
	switch n.Tag {
	case "VAR":
		return s.column(n)
	case "CONST":
		return sqldep.Const{Value: constant(n)}
	case "PARAM":
		if kind, _ := n.Int("paramkind"); kind == 0 {
			if id, ok := n.Int("paramid"); ok && id > 0 {
				return sqldep.Param{Number: int(id)}
			}
		}
	case "RELABELTYPE":
		// Text and varchar are the same bytes.
		if t, _ := n.Int("resulttype"); t == pgText || t == pgVarchar {
			return s.expr(n.Node("arg"))
		}
	case "FUNCEXPR":
		// A wider integer is the same number.
		if args := n.Nodes("args"); len(args) == 1 && slices.Contains(widening, n.OID("funcid")) {
			return s.expr(args[0])
		}
	case "OPEXPR":
		if x, y, ok := s.sides(n, n.Nodes("args")); ok {
			return sqldep.Equal{X: x, Y: y}
		}
	case "SCALARARRAYOPEXPR":
		if args := n.Nodes("args"); n.True("useOr") && len(args) == 2 && args[1].Tag == "ARRAYEXPR" {
			in := sqldep.In{}
			for _, element := range args[1].Nodes("elements") {
				x, y, ok := s.sides(n, []*nodetree.Node{args[0], element})
				if !ok {
					return s.other(n)
				}
				in.X, in.List = x, append(in.List, y)
			}
			if in.X != nil {
				return in
			}
		}
	case "NULLTEST":
		if kind, ok := n.Int("nulltesttype"); ok && kind == 0 && !n.True("argisrow") {
			return sqldep.IsNull{X: s.expr(n.Node("arg"))}
		}
	case "BOOLEXPR":
		if op := n.Text("boolop"); op == "and" || op == "or" {
			var e sqldep.Expr
			for _, arg := range n.Nodes("args") {
				if x := s.expr(arg); e == nil {
					e = x
				} else {
					e = sqldep.Bool{Or: op == "or", X: e, Y: x}
				}
			}
			return orOther(e)
		}
	case "AGGREF":
		// Whatever its order is, it is a right answer.
		return sqldep.Call{Class: sqldep.OrderFree, Args: []sqldep.Expr{s.other(n)}}
	}
	return s.other(n)
}

// widening are the functions that make wider integers.
var widening = []uint32{313, 481, 754} // int4(int2), int8(int4), int8(int2)

// sides returns the sides of an equality by which values of one family are compared.
func (s *selecting) sides(n *nodetree.Node, args []*nodetree.Node) (x, y sqldep.Expr, ok bool) {
	f, known := equalities[n.OID("opno")]
	if !known || len(args) != 2 || f == familyText && n.OID("inputcollid") >= 16384 {
		return nil, nil, false // a user's collation may take different texts for equal
	}
	x, y = s.expr(args[0]), s.expr(args[1])
	return x, y, s.isOf(f, x) && s.isOf(f, y)
}

// isOf reports whether a side of an equality is a column of the family, or something
// that is one value.
func (s *selecting) isOf(f family, e sqldep.Expr) bool {
	switch e := e.(type) {
	case sqldep.Column:
		return e.Item.Table.Columns[e.Number].Type == shape.Type(familyTypes[f])
	case sqldep.Const, sqldep.Param:
		return true
	}
	return false
}

// other is an expression of which nothing is known but its parts.
func (s *selecting) other(n *nodetree.Node) sqldep.Expr {
	var parts sqldep.Other
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case nodetree.List:
			for _, item := range v.Items {
				walk(item)
			}
		case *nodetree.Node:
			switch v.Tag {
			case "VAR", "PARAM", "AGGREF", "OPEXPR", "FUNCEXPR", "BOOLEXPR":
				if v != n {
					parts = append(parts, s.expr(v))
					return
				}
			case "QUERY", "SUBLINK", "WINDOWFUNC":
				s.unclear = true
			}
			for _, f := range v.Fields {
				walk(f.Value)
			}
		}
	}
	walk(n)
	return parts
}

// column resolves the use of a column.
func (s *selecting) column(n *nodetree.Node) sqldep.Expr {
	levels, ok1 := n.Int("varlevelsup")
	entryNumber, ok2 := n.Int("varno")
	number, ok3 := n.Int("varattno")
	entries := s.query.Nodes("rtable")
	if !ok1 || !ok2 || !ok3 || levels != 0 || entryNumber < 1 || int(entryNumber) > len(entries) {
		s.unclear = true
		return sqldep.Unclear{}
	}
	if it := s.items[int(entryNumber)]; it != nil {
		t := s.reading.catalogue.tables[entries[entryNumber-1].OID("relid")]
		if i := t.column(int(number)); number > 0 && i >= 0 {
			return sqldep.Column{Item: it, Number: i}
		}
		s.unclear = true
		return sqldep.Unclear{}
	}
	var aliases nodetree.List
	switch kind, _ := entries[entryNumber-1].Int("rtekind"); kind {
	case rteJoin:
		aliases, _ = entries[entryNumber-1].Get("joinaliasvars").(nodetree.List)
	case rteGroup:
		aliases, _ = entries[entryNumber-1].Get("groupexprs").(nodetree.List)
	}
	if number >= 1 && int(number) <= len(aliases.Items) {
		if e, ok := aliases.Items[number-1].(*nodetree.Node); ok && e != n {
			return s.expr(e)
		}
	}
	s.unclear = true
	return sqldep.Unclear{}
}

// constant returns the value of a constant: an int64, a string or a bool, or nil if it
// is not understood.
func constant(n *nodetree.Node) any {
	held, _ := n.Get("constvalue").(nodetree.List)
	if n.True("constisnull") || len(held.Items) != 2 {
		return nil
	}
	length, _ := held.Items[0].(string)
	list, _ := held.Items[1].(nodetree.List)
	var b []byte
	for _, item := range list.Items {
		text, _ := item.(string)
		v, err := strconv.Atoi(text)
		if err != nil || v < -128 || v > 255 {
			return nil
		}
		b = append(b, byte(v))
	}
	if length != strconv.Itoa(len(b)) && !n.True("constbyval") {
		return nil
	}
	// The server's bytes are those of its machine: of any but a little-endian one, which
	// all are on which it runs today, nothing is understood.
	switch typ := n.OID("consttype"); typ {
	case pgBool:
		if len(b) == 8 {
			return b[0] != 0
		}
	case pgInt2, pgInt4, pgInt8:
		if len(b) == 8 {
			var v uint64
			for i := range 8 {
				v |= uint64(b[i]) << (8 * i)
			}
			switch typ {
			case pgInt2:
				return int64(int16(v))
			case pgInt4:
				return int64(int32(v))
			}
			return int64(v)
		}
	case pgText, pgVarchar:
		if len(b) >= 4 && b[0]&3 == 0 && int(uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)>>2 == len(b) {
			return string(b[4:])
		}
	case pgUUID:
		if len(b) == 16 {
			return hex.EncodeToString(b)
		}
	}
	return nil
}
