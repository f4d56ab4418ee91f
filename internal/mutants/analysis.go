package main

// analysis are mistakes in the analysis of SQL and in the capture of rows, which
// the differential test finds.
var analysis = []mistake{
	{
		"the old image is dropped", "sqlite/capture.go",
		"t.Table, d.Op)\n",
		"t.Table, d.Op)\n	if d.Op == opUpdate {\n		c.Old = nil\n	}\n",
	},
	{
		"the new image is dropped", "sqlite/capture.go",
		"t.Table, d.Op)\n",
		"t.Table, d.Op)\n	if d.Op == opUpdate {\n		c.New = nil\n	}\n",
	},
	{
		"a row that moves stays", "internal/shape/changes.go",
		"|| ch.New == nil || ch.Moved {",
		"|| ch.New == nil {",
	},
	{
		"a column is forgotten", "internal/shape/shapes.go",
		"sh.relevant = k.watched | sh.placed\n",
		"sh.relevant = k.watched&^(1<<2) | sh.placed\n",
	},
	{
		"OR is read as AND", "internal/sqldep/block.go",
		"case !e.Or:",
		"case true:",
	},
	{
		"OR of two columns is read as of one", "internal/sqldep/either.go",
		"&& column != c {",
		"&& column != c && false {",
	},
	{
		"NOT IN is read as IN", "sqlite/internal/dialect/expr.go",
		"case e.Not:",
		"case false:",
	},
	{
		"ON is read as WHERE", "internal/sqldep/analyze.go",
		"b.conjuncts(it.On, it) // ON",
		"b.conjuncts(it.On, anyItem) // ON",
	},
	{
		"IS NULL overlooks LEFT JOIN", "internal/sqldep/block.go",
		"|| b.nullable(c, item) {",
		"{",
	},
	{
		"the LIMIT of an inner query is overlooked", "internal/sqldep/block.go",
		"|| b.query.Cut || b.calls(",
		"|| b.calls(",
	},
	{
		"columns of two types are equal", "internal/sqldep/block.go",
		"return x.def().Type == y.def().Type &&",
		"return",
	},
	{
		"NOCASE is ignored", "sqlite/internal/dialect/types.go",
		"return lower(s), strings",
		"return s, strings",
	},
	{
		"RTRIM is ignored", "sqlite/internal/dialect/types.go",
		"return strings.TrimRight(s, \" \"), true",
		"return s, true",
	},
	{
		"the last row of a page does not count", "internal/shape/span.go",
		"		h = mix(h, uint64(d))\n	}\n	return append(dst, mix(h, leaf))",
		"		h = mix(h, uint64(d))\n	}\n	return dst",
	},
	{
		"a page that is not full counts as full", "internal/shape/run.go",
		"r.rows < s.limit)",
		"false)",
	},
	{
		"DESC is ignored", "internal/sqldep/sources.go",
		"Descending: first.Descending",
		"Descending: false",
	},
	{
		"NULLS LAST is ignored", "internal/sqldep/sources.go",
		"&& (!first.Nulls || first.Last) {",
		"{",
	},
	{
		"the rows of a join are forgotten", "internal/shape/run.go",
		"		r.list = append(r.list, s.found...)\n",
		"",
	},
	{
		"rows that were not read count as read", "internal/shape/run.go",
		"(all || !s.Entire):",
		"(all || true):",
	},
	{
		"foreign keys are believed", "internal/shape/run.go",
		"case s.Unless && parents:",
		"case s.Unless && (parents || true):",
	},
	{
		"foreign keys that are not enforced raise no doubt", "sqlite/session.go",
		"return s.native.foreignKeys() && !s.loose && !s.failed",
		"return true",
	},
	{
		"ties are overlooked", "internal/sqldep/sources.go",
		"all = all || !fixed",
		"all = all && !fixed",
	},
	{
		"a function that stands in a DEFAULT and in the text is dropped", "sqlite/internal/dialect/defaults.go",
		"if p.unclear || p.words[function] {",
		"if p.unclear {",
	},
	{
		"'now' among the arguments is not noticed", "sqlite/rows.go",
		"r.stmt == 0 || r.session.native.clocked(r.stmt)",
		"r.stmt == 0",
	},
	{
		"what is above is below", "sqlite/internal/dialect/compare.go",
		"return sqldep.AtMost{X: y, Y: x}",
		"return sqldep.AtMost{X: x, Y: y, More: nil}",
	},
	{
		"of two bounds one of which holds the first one does", "internal/shape/range.go",
		"if widest == nil || bytes.Compare(code, widest) == sign {",
		"if widest == nil {",
	},
	{
		"a side of OR is forgotten", "internal/sqldep/either.go",
		"	for _, one := range list {\n",
		"	for _, one := range list[:1] {\n",
	},
	{
		"a side of OR that says nothing is overlooked", "internal/sqldep/either.go",
		"		if len(all) < len(list) {\n",
		"		if len(all) == 0 {\n",
	},
	{
		"a guard that may hold is dropped", "internal/sqldep/guard.go",
		"	return false\n}",
		"	return true\n}",
	},
	{
		"an optional filter that is not given selects", "internal/shape/guard.go",
		"return ok && v.kind != KindNull",
		"return ok",
	},
	{
		"coalesce has no other value", "sqlite/internal/dialect/compare.go",
		"return or(sqldep.Equal{X: c, Y: value}, sqldep.IsNull{X: c})",
		"return sqldep.Equal{X: c, Y: value}",
	},
	{
		"IS is read as =", "sqlite/internal/dialect/compare.go",
		"return or(sqldep.Equal{X: x, Y: parameter(y)}, sqldep.IsNull{X: x})",
		"return sqldep.Equal{X: x, Y: parameter(y)}",
	},
	{
		"lower() is overlooked", "sqlite/internal/dialect/types.go",
		"s, whole := foldCase(v.Text())",
		"s, whole := v.Text(), true",
	},
	{
		"a list of keys ends early", "internal/shape/plan.go",
		"n <= w.Values[i].Last; n++ {",
		"n < w.Values[i].Last; n++ {",
	},
	{
		"texts of numbers are texts", "sqlite/internal/dialect/types.go",
		"&& mayBeNumber(arg) {",
		"&& arg == \"\" {",
	},
	{
		"a shape is used before its birth", "internal/shape/query.go",
		"|| d.asOf < sh.birth.Load() {",
		"|| false && d.asOf < sh.birth.Load() {",
	},
}

// rare are the cases that show what few cases show: the search begins there. Where
// one no longer does, because the cases changed, a search with -limit=10m tells
// whether another does.
var rare = map[string]uint64{
	"rows that were not read count as read": 1945,
}
