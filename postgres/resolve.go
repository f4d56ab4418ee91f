package postgres

import (
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// dialect is what the analysis knows of PostgreSQL, but for how a catalogue's tables are
// written.
var dialect = sqldep.Dialect{
	Moment:      columnTypes[0][familyTimestamptz],
	Integer:     columnTypes[0][familyInt],
	Untyped:     untypedType{},
	Quote:       func(name string) string { return pgx.Identifier{name}.Sanitize() },
	Placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
	Any:         func(placeholder string) string { return "= ANY (" + placeholder + ")" },
	AnyOrder:    true,
	Levels:      true,
}

// maxSelects is the number of SELECTs, with common table expressions counted once for
// each use, above which a statement is not understood.
const maxSelects = 64

// A resolver makes the resolved tree of what the server prints.
type resolver struct {
	*reading
	selects  int
	deriving []*nodetree.Node        // the common table expressions that are being read
	resolved map[*nodetree.Node]bool // range table entries of tables
	until    map[*nodetree.Node]bool // where it says when the result ends
	failed   bool
}

// resolve returns the query with what is understood of it. What is not understood as a
// whole is all rows of each table, with the columns that are read. until is where it looks
// at the clock only to say when the result ends.
func (r *reading) resolve(tree *nodetree.Node) (_ *sqldep.Query, until map[*nodetree.Node]bool) {
	f := &resolver{reading: r, resolved: make(map[*nodetree.Node]bool), until: make(map[*nodetree.Node]bool)}
	q, _ := f.query(tree, nil, nil)
	if !f.failed && f.complete(tree) {
		return q, f.until
	}
	all := &sqldep.Select{Results: []sqldep.Expr{sqldep.Unclear{}}}
	for oid := range r.tables {
		all.Add(&sqldep.Item{Table: r.catalogue.tables[oid].Table})
	}
	return &sqldep.Query{Selects: []*sqldep.Select{all}}, nil
}

// complete reports whether every table in a tree was resolved.
func (r *resolver) complete(v any) bool {
	switch v := v.(type) {
	case nodetree.List:
		for _, item := range v.Items {
			if !r.complete(item) {
				return false
			}
		}
	case *nodetree.Node:
		if kind, ok := v.Int("rtekind"); ok && kind == rteRelation && !r.resolved[v] {
			if t := r.catalogue.tables[v.OID("relid")]; t == nil || t.kind != "v" { // rules of views name the view
				return false
			}
		}
		for _, f := range v.Fields {
			if !r.complete(f.Value) {
				return false
			}
		}
	}
	return true
}

// A scope is a query with the items of its FROM clause. Several may fill one Select: a
// subquery that is nothing but tables and conditions is a part of the query around it.
type scope struct {
	*resolver
	outer *scope // the query around it
	query *nodetree.Node
	to    *sqldep.Select // nil: it is a compound
	items map[int]*item  // by range table entry
}

// An item is an element of a FROM clause.
type item struct {
	*sqldep.Item
	table *relation // of a table
	inner *scope    // of a query that is a single SELECT
	part  bool      // that is a part of the query around
	left  bool      // of a LEFT JOIN's right side, too: there it may be missing
}

// query returns a query in the scope around it. outer is the SELECT whose columns it may
// use. The scope is that of a single SELECT, or nil.
func (r *resolver) query(n *nodetree.Node, around *scope, outer *sqldep.Select) (*sqldep.Query, *scope) {
	if kind, ok := n.Int("commandType"); !ok || kind != 1 {
		r.failed = true
	}
	if r.selects++; r.selects > maxSelects || r.failed {
		r.failed = true
		return &sqldep.Query{}, nil
	}
	s := &scope{resolver: r, outer: around, query: n, items: make(map[int]*item)}
	if set := n.Node("setOperations"); set != nil {
		q := &sqldep.Query{Cut: n.Node("limitCount") != nil || n.Node("limitOffset") != nil}
		s.compound(q, set, outer)
		r.failed = r.failed || contains(n.Get("limitCount"), "SUBLINK") || contains(n.Get("limitOffset"), "SUBLINK")
		return q, nil
	}
	s.to = &sqldep.Select{Outer: outer}
	s.from()
	s.rest()
	return &sqldep.Query{Selects: []*sqldep.Select{s.to}, Cut: s.to.Limit != nil || s.to.Offset != nil, Merged: s.to.Distinct}, s
}

// contains reports whether there is a node of a kind in a value.
func contains(v any, tag string) bool {
	switch v := v.(type) {
	case nodetree.List:
		for _, item := range v.Items {
			if contains(item, tag) {
				return true
			}
		}
	case *nodetree.Node:
		if v.Tag == tag {
			return true
		}
		for _, f := range v.Fields {
			if contains(f.Value, tag) {
				return true
			}
		}
	}
	return false
}

// compound adds the queries of set operations, each as a SELECT from it.
func (s *scope) compound(q *sqldep.Query, n *nodetree.Node, outer *sqldep.Select) {
	switch n.Tag {
	case "SETOPERATIONSTMT":
		q.Merged = q.Merged || !n.True("all") || n.Text("op") != "1" // all but UNION ALL
		for _, arg := range []*nodetree.Node{n.Node("larg"), n.Node("rarg")} {
			if arg == nil {
				s.failed = true
				return
			}
			s.compound(q, arg, outer)
		}
	case "RANGETBLREF":
		entry := s.entry(n)
		if entry == nil || entry.Node("subquery") == nil {
			s.failed = true
			return
		}
		inner, _ := s.resolver.query(entry.Node("subquery"), s, outer)
		half := &sqldep.Select{Outer: outer}
		half.Add(&sqldep.Item{Query: inner})
		q.Selects = append(q.Selects, half)
	default:
		s.failed = true
	}
}

// entry returns the range table entry of a reference, or nil.
func (s *scope) entry(ref *nodetree.Node) *nodetree.Node {
	entries := s.query.Nodes("rtable")
	if n, ok := ref.Int("rtindex"); ok && n >= 1 && int(n) <= len(entries) {
		return entries[n-1]
	}
	return nil
}

// rest resolves what follows the FROM and WHERE clauses.
func (s *scope) rest() {
	q, to := s.query, s.to
	byReference := make(map[string]*nodetree.Node)
	for _, entry := range q.Nodes("targetList") {
		if ref := entry.Text("ressortgroupref"); ref != "0" {
			byReference[ref] = entry.Node("expr")
		}
		if entry.True("resjunk") {
			continue
		}
		e := s.expr(entry.Node("expr"))
		to.Results = append(to.Results, e)
		column, _ := e.(sqldep.Column)
		to.Outputs = append(to.Outputs, column)
	}
	by := func(clause *nodetree.Node) sqldep.Expr {
		if n := byReference[clause.Text("tleSortGroupRef")]; n != nil {
			return s.expr(n) // once more: a tree holds nothing twice
		}
		s.failed = true
		return sqldep.Unclear{}
	}
	if q.True("hasTargetSRFs") {
		to.Outputs = nil // a row may be shown often, or not at all
	}
	for _, g := range q.Nodes("groupClause") {
		e := by(g)
		if q.Get("groupingSets") != nil {
			e = sqldep.Other{e}
		}
		to.GroupBy = append(to.GroupBy, e)
	}
	if q.Get("groupingSets") != nil && len(to.GroupBy) == 0 {
		to.GroupBy = []sqldep.Expr{sqldep.Other{}}
	}
	for _, o := range q.Nodes("sortClause") {
		to.OrderBy = append(to.OrderBy, s.order(o, by(o)))
	}
	for _, d := range q.Nodes("distinctClause") {
		to.Distinct = true
		if q.True("hasDistinctOn") {
			to.DistinctOn = append(to.DistinctOn, by(d))
		}
	}
	for _, w := range q.Nodes("windowClause") {
		call := sqldep.Call{Class: sqldep.Window}
		for _, clause := range append(w.Nodes("partitionClause"), w.Nodes("orderClause")...) {
			call.Args = append(call.Args, by(clause))
		}
		for _, name := range []string{"startOffset", "endOffset"} {
			if n := w.Node(name); n != nil {
				call.Args = append(call.Args, s.expr(n))
			}
		}
		to.Windows = append(to.Windows, call)
	}
	if n := q.Node("havingQual"); n != nil {
		to.Having = s.expr(n)
	}
	to.Limit, to.Offset = s.bound("limitCount"), s.bound("limitOffset")
	if to.Limit != nil && q.Text("limitOption") != "0" { // WITH TIES
		to.Limit = sqldep.Other{to.Limit}
	}
}

// bound returns a LIMIT or an OFFSET, or nil for none, which NULL stands for as well.
func (s *scope) bound(name string) sqldep.Expr {
	n := s.query.Node(name)
	if n == nil || n.Tag == "CONST" && n.True("constisnull") {
		return nil
	}
	return s.expr(n)
}

// order returns a term of ORDER BY.
func (s *scope) order(clause *nodetree.Node, e sqldep.Expr) sqldep.Order {
	o, known := orders[clause.OID("sortop")]
	c, ok := e.(sqldep.Column)
	if !ok || !known || familyOfColumn(&c.Item.Table.Columns[c.Number]) != o.family {
		return sqldep.Order{By: sqldep.Other{e}, Nulls: true}
	}
	first := clause.True("nulls_first")
	return sqldep.Order{By: c, Descending: o.descending, Nulls: first != o.descending && !c.Item.Table.Columns[c.Number].NotNull, Last: !first}
}
