package main

// bounds are mistakes in what widens where there is too much, which tests of one
// package find by their names: others seldom have as much. Those of one package
// stand together.
var bounds = []excess{
	{"the last of many rows stands for all", "internal/shape", "TestTouchedAsByEachRow", []edit{
		{"internal/shape/touched.go", "bytes.Compare(p.code, at.code) < 0", "bytes.Compare(p.code, at.code) > 0"},
	}},
	{"of many rows between two ends the first stands for all", "internal/shape", "TestTouchedAsByEachRow", []edit{
		{"internal/shape/touched.go", "		if sh.between {\n			at, known", "		if false {\n			at, known"},
	}},
	{"of bounds that hold together the widest counts", "internal/shape", "TestRange", []edit{
		{"internal/shape/range.go", "bytes.Compare(code, v.high) < 0", "bytes.Compare(code, v.high) > 0"},
	}},
	{"many filters are a table", "internal/shape", "TestManyFilters", []edit{
		{"internal/shape/query.go", "			d.wider(s, sets, args)\n", "			d.rely(s, nil)\n"},
	}},
	{"one of many filters selects by another one's value", "internal/shape", "TestManyFilters", []edit{
		{"internal/shape/query.go", "at := slices.Index(sets[0].Columns, sh.columns[0])", "at := len(sets[0].Columns) - 1"},
	}},
	{"a range with two ends ends early", "internal/shape", "TestNodesMeetWhereTheRowIsBetween", []edit{
		{"internal/shape/span.go", "	for _, e := range high[i+1:] {\n", "	for _, e := range high[i+1:i+1] {\n"},
	}},
	{"a range does not lie in its set", "internal/shape", "TestTouchedIsBounded", []edit{
		{"internal/shape/span.go", "	dst = append(dst, s.anywhere())\n	for _, d := range c {", "	for _, d := range c {"},
	}},
	{"what a commit touches has no bound", "internal/shape", "TestTouchedIsBounded|TestTouchedFewFirst", []edit{
		{"internal/shape/touched.go", "if n > p.dependencies {", "if false {"},
		{"internal/shape/touched.go", "case ordered && nodes > p.dependencies/nodesShare:", "case false:"},
	}},
	{"a set counts as often as it has rows", "internal/shape", "TestTouchedCountsSetsOnce", []edit{
		{"internal/shape/touched.go", "	case !ordered && nodes > p.dependencies:\n		p.compact()\n", "	case false:\n		p.compact()\n"},
	}},
	{"a table with too many sets falls in part", "internal/shape", "TestTouchedFewFirst", []edit{
		{"internal/shape/touched.go", "dst = append(dst[:start], h.coarse(t))", "dst = dst[:start]"},
	}},
	{"tables with many rows come first", "internal/shape", "TestTouchedFewFirst", []edit{
		{"internal/shape/touched.go", "cmp.Compare(len(c.tables[a].rows), len(c.tables[b].rows))", "cmp.Compare(len(c.tables[b].rows), len(c.tables[a].rows))"},
	}},
	{"images have no bound in bytes", "internal/shape", "TestImagesAreBounded", []edit{
		{"internal/shape/changes.go", "case c.bytes > maxImages:", "case false:"},
	}},
	{"images lack what orders rows", "internal/shape", "TestKept", []edit{
		{"internal/shape/shapes.go", "		sh.placed.Add(k.order)\n", "		sh.relevant.Add(k.order)\n"},
	}},
	{"room for a row is a changed row", "internal/shape", "TestKept", []edit{
		{"internal/shape/touched.go", "if len(tc.rows) == 0 && tc.coarse == \"\" {", "if false {"},
	}},
	{"a shape leaves and nothing falls", "internal/shape", "TestShapesNeverLetAStaleReadPass", []edit{
		{"internal/shape/shapes.go", "	settle := s.Leave(t.Name, s.hasher.coarse(t))\n	defer settle()\n", ""},
	}},
	{"a shape that has left is believed", "internal/shape", "TestShapesNeverLetAStaleReadPass|TestShapesLeave", []edit{
		{"internal/shape/shapes.go", "			sh.birth.Store(never)\n			sh.left", "			sh.left"},
	}},
	{"shapes leave that are used", "internal/shape", "TestShapesLeave", []edit{
		{"internal/shape/shapes.go", "sh.used.Swap(false) || first", "first"},
	}},
	{"a list watches what another one does", "internal/shape", "TestManyLists", []edit{
		{"internal/shape/shapes.go", "		k.watched = allColumns\n", "		k.watched = 0\n"},
	}},
	{"what has passed is waited for", "internal/sqltrack", "TestEnds", []edit{
		{"internal/sqltrack/ends.go", "	if !e.began || moment <= e.passed || !e", "	if !e.began || !e"},
	}},
	{"texts have no bound in bytes", "internal/sqltrack", "TestMemoIsBounded", []edit{
		{"internal/sqltrack/memo.go", " && m.bytes+len(sql) <= maxTextBytes {", " {"},
	}},
	{"an ordinary table belongs to a virtual one", "sqlite/internal/dialect", "TestChangesOfAShadowTable", []edit{
		{"sqlite/internal/dialect/schema.go", "v.Virtual && (t.Shadow || v.opaque) {", "v.Virtual {"},
	}},
	{"another module's table is an ordinary one", "sqlite/internal/dialect", "TestChangesOfAShadowTable", []edit{
		{"sqlite/internal/dialect/schema.go", "(t.Shadow || v.opaque)", "t.Shadow"},
	}},
	{"blanks count where case does not", "sqlite/internal/dialect", "TestFoldedTypes", []edit{
		{"sqlite/internal/dialect/types.go", `case "", "BINARY", "NOCASE":`, `case "", "BINARY", "NOCASE", "RTRIM":`},
	}},
	{"a number is a text where case does not count", "sqlite/internal/dialect", "TestFoldedTypes", []edit{
		{"sqlite/internal/dialect/types.go", "if affinityOf(declared, strict) == affinityText {", "if true {"},
	}},
	{"the last values of two rows are compared", "sqlite/internal/dialect", "TestStatementsOfApplications", []edit{
		{
			"sqlite/internal/dialect/compare.go", "return sqldep.AtMost{X: left[0], Y: right[0], More: more}",
			"return sqldep.AtMost{X: left[len(left)-1], Y: right[len(right)-1], More: append(more, left[0], right[0])}",
		},
	}},
	{"optional filters are all given", "sqlite/internal/dialect", "TestStatementsOfApplications", []edit{
		{"internal/sqldep/guard.go", "	return false\n}", "	return true\n}"},
	}},
	{"a probe reads what it likes", "sqlite", "TestProbeIsBounded|TestProbesReadNoMoreThanQueries", []edit{
		{"sqlite/probe.go", "n.db, int32(work), *", "n.db, 0, *"},
	}},
	{"a probe that was ended has found all", "sqlite", "TestProbeIsBounded", []edit{
		{"sqlite/probe.go", "return nil, max(n.steps(stmt), work), false", "return all, n.steps(stmt), true"},
	}},
	{"probes are not paid for", "sqlite", "TestProbesReadNoMoreThanQueries", []edit{
		{"internal/shape/probe.go", "	c.left -= took\n", ""},
	}},
	{"queries pay for no probes", "sqlite", "TestProbesReadNoMoreThanQueries", []edit{
		{"internal/shape/probe.go", "min(q.credit.left+work>>", "min(q.credit.left+0*work>>"},
	}},
	{"long values of one length are one", "sqlite", "TestRowImages", []edit{
		{"sqlite/rowimage.go", "okY && bytes.Equal(x, y)", "okY && (len(x) == len(y) || bytes.Equal(x, y))"},
	}},
	{"every column is kept", "sqlite", "TestImagesAreSmall", []edit{
		{"sqlite/rowimage.go", "if !room.Keep.Has(c) {", "if false {"},
	}},
	{"the time zone in which times are written is overlooked", "sqlite", "TestTimesAsArguments", []edit{
		{"sqlite/times.go", `d.given.Get("_timezone") != ""`, "false"},
	}},
	{"what an image does not hold is a value", "sqlite", "TestAskedWhileOpen", []edit{
		{"internal/shape/hash.go", "!ok || v.kind == KindUnknown {", "!ok && v.kind != KindUnknown {"},
	}},
}
