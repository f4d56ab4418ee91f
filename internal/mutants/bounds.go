package main

// bounds are mistakes in what widens where there is too much, which tests of one
// package find by their names: others seldom have as much. Those of one package
// stand together.
var bounds = []excess{
	{"the last of many rows stands for all", "internal/shape", "TestTouchedAsByEachRow", []edit{
		{"internal/shape/touched.go", "bytes.Compare(p.code, at.code) < 0", "bytes.Compare(p.code, at.code) > 0"},
	}},
	{"a range does not lie in its set", "internal/shape", "TestTouchedIsBounded", []edit{
		{"internal/shape/span.go", "	dst = append(dst, s.anywhere())\n", ""},
	}},
	{"what a commit touches has no bound", "internal/shape", "TestTouchedIsBounded|TestTouchedFewFirst", []edit{
		{"internal/shape/touched.go", "p.dependencies < 0 {", "false {"},
		{"internal/shape/touched.go", "nodes > p.dependencies/nodesShare {", "false {"},
	}},
	{"a table with too many sets falls in part", "internal/shape", "TestTouchedFewFirst", []edit{
		{"internal/shape/touched.go", "dst = append(dst[:start], h.coarse(t))", "dst = dst[:start]"},
	}},
	{"tables with many rows come first", "internal/shape", "TestTouchedFewFirst", []edit{
		{"internal/shape/touched.go", "cmp.Compare(len(c.tables[a].rows), len(c.tables[b].rows))", "cmp.Compare(len(c.tables[b].rows), len(c.tables[a].rows))"},
	}},
}
